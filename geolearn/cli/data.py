"""`geolearn data prepare`, `geolearn data download` and `geolearn data list`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geolearn.cli.data_check import Check
from geolearn.cli.output import say
from geolearn.cli.typed_names import check_dataset


@dataclass(frozen=True)
class Prepare:
    """Convert a downloaded archive or folder to the form that every loader reads.

    Verifies checksums and counts, converts in parallel, and can be interrupted and started again; the result is the
    same, byte for byte, for any number of jobs.

    For example:
        geolearn data prepare modelnet10 --from ModelNet10.zip
        geolearn data prepare modelnet10_voxels --from modelnet10_vox30.npz --root /data/geolearn
    """

    name: tyro.conf.Positional[str]
    """Name of a dataset; `geolearn data list` shows them."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """The archive or the unpacked folder; default: look for it in $GEOLEARN_RAW, ./data, and where
    `geolearn data download` puts it."""
    root: Path | None = None
    """Where prepared datasets are kept; default: $GEOLEARN_HOME or ~/.cache/geolearn."""
    jobs: int = -1
    """Parallel workers; -1: one per core."""
    backend: Literal["loky", "dask", "ray"] = "loky"
    """joblib backend: loky (processes on this machine), or dask or ray on a cluster."""

    def run(self) -> int:
        from geolearn.data import prepare_dataset

        prepared = prepare_dataset(
            self.name, self.source, root=self.root, jobs=self.jobs, backend=self.backend, progress=True
        )
        say(f"prepared: {prepared}")
        return 0


@dataclass(frozen=True)
class Download:
    """Download the archive of a dataset, where its owners offer it at a fixed address. Mind their terms.

    A download that broke off is continued by the same command; checksums are compared where they are known.

    For example:
        geolearn data download modelnet10
        geolearn data prepare modelnet10
    """

    name: tyro.conf.Positional[str]
    """Name of a dataset; `geolearn data list` shows them."""
    to: Path | None = None
    """The folder to put it in; default: raw in the data home, where `geolearn data prepare` looks for it."""
    root: Path | None = None
    """The data home; default: $GEOLEARN_HOME or ~/.cache/geolearn."""

    def run(self) -> int:
        check_dataset(self.name)
        from geolearn.data import download_dataset, load_manifest
        from geolearn.data.archive import ARCHIVE_SUFFIXES

        path = download_dataset(self.name, self.to, root=self.root, progress=True)
        say(f"downloaded: {path}")
        say(f"terms: {load_manifest(self.name).licence}")
        if path.name.lower().endswith(ARCHIVE_SUFFIXES):
            say(f"next: geolearn data prepare {self.name} --from {path}")
        else:
            say(f"next: unpack it, then geolearn data prepare {self.name} --from FOLDER")
        return 0


@dataclass(frozen=True)
class List:
    """List every dataset: what it is, how many shapes, and whether it is prepared here."""

    root: Path | None = None
    """Where prepared datasets are kept; default: $GEOLEARN_HOME or ~/.cache/geolearn."""

    def run(self) -> int:
        from geolearn.data import list_datasets
        from geolearn.reports.page import markdown_table

        print(markdown_table(list_datasets(root=self.root)), end="")
        return 0


DESCRIPTION = "Download and prepare datasets, list them, and check your own."
Data = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Download, tyro.conf.subcommand("download")]
    | Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)
