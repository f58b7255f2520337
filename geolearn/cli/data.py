"""`geolearn data prepare` and `geolearn data list`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.data_check import Check
from geolearn.cli.output import say


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
    """The archive or the unpacked folder; default: look for it in $GEOLEARN_RAW and ./data."""
    root: Path | None = None
    """Where prepared datasets are kept; default: $GEOLEARN_HOME or ~/.cache/geolearn."""
    jobs: int = -1
    """Parallel workers; -1: one per core."""
    backend: str = "loky"
    """joblib backend: loky (processes on this machine), or dask or ray on a cluster."""

    def run(self) -> int:
        from geolearn.data import prepare_dataset

        prepared = prepare_dataset(
            self.name, self.source, root=self.root, jobs=self.jobs, backend=self.backend, progress=True
        )
        say(f"prepared: {prepared}")
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


DESCRIPTION = "Prepare datasets, list them, and check your own."
Data = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)
