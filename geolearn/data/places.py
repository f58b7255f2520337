"""Where things lie: raw data that people downloaded, prepared data, and the cache."""

import os
from pathlib import Path

from geolearn.data.manifest import Manifest, datasets_folder
from geolearn.typing import PathLike


def data_home(root: PathLike | None = None) -> Path:
    """The folder for everything geolearn keeps: `root`, else `$GEOLEARN_HOME`, else `~/.cache/geolearn`."""
    chosen = root or os.environ.get("GEOLEARN_HOME")
    return Path(chosen) if chosen else Path.home() / ".cache" / "geolearn"


def prepared_folder(name: str, root: PathLike | None = None) -> Path:
    """Where a dataset is prepared: `datasets/<name>` in the data home."""
    return data_home(root) / "datasets" / name


def cache_folder(name: str, root: PathLike | None = None) -> Path:
    """Where representations of a dataset are kept: `cache/<name>` in the data home."""
    return data_home(root) / "cache" / name


def raw_folders(root: PathLike | None = None) -> list[Path]:
    """Where raw data is looked for: `$GEOLEARN_RAW`, `./data`, `raw` in the data home, and `../shared/data` beside a
    checkout."""
    named = [Path(part) for part in os.environ.get("GEOLEARN_RAW", "").split(os.pathsep) if part]
    datasets = datasets_folder()
    beside = [datasets.parent.parent / "shared" / "data"] if datasets.name == "datasets" else []  # else: installed
    return [*named, Path("data"), data_home(root) / "raw", *beside]


def find_raw(manifest: Manifest, root: PathLike | None = None) -> Path | None:
    """The first archive of the manifest in `raw_folders()`, or one folder below them."""
    for folder in raw_folders(root):
        if folder.is_dir():
            below = sorted(path for path in folder.iterdir() if path.is_dir())
            for place in (folder, *below):
                for archive in manifest.archives:
                    if (place / archive.filename).is_file():
                        return place / archive.filename
    return None


def how_to_get(manifest: Manifest, *, by_hand: bool = False) -> str:
    """A sentence for people who have no raw data: which file, from where, to where, and the commands.

    Args:
        by_hand: without the command that downloads it.
    """
    loads = not by_hand and any(archive.url for archive in manifest.archives)
    command = f"run: geolearn data download {manifest.name}, or " if loads else ""
    choices = " or ".join(
        f"{archive.filename} from {archive.url}" if archive.url else archive.filename for archive in manifest.archives
    )
    folders = ", ".join(str(folder) for folder in raw_folders())
    return (
        f"{command}get {choices} (see {manifest.folder / 'README.md'}), then either put it in one of: {folders}; "
        f"or run: geolearn data prepare {manifest.name} --from PATH"
    )
