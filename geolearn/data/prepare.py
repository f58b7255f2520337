"""From a raw archive or folder to a prepared folder: verify, convert in parallel, count, and fail on a difference.

A prepared folder is Z up and holds `index.json` and `meshes/<key>.npz`, or one `<split>.npz` of packed voxels, or
`views.npy`. It appears under its name only when it is complete; until then everything lies in a folder beside it, from
which an interrupted preparation continues. The bytes do not depend on the number of workers.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

from geolearn.data.archive import ARCHIVE_SUFFIXES, identify, remove_tree, unpack
from geolearn.data.locks import exclusive_lock
from geolearn.data.manifest import Manifest, load_manifest
from geolearn.data.places import find_raw, how_to_get, prepared_folder
from geolearn.data.prepared.index import check_counts, read_index
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError
from geolearn.typing import PathLike


def prepare_dataset(
    name: str,
    source: PathLike | None = None,
    root: PathLike | None = None,
    *,
    jobs: int = 1,
    backend: str = "loky",
    progress: bool | None = None,
) -> Path:
    """Prepare a dataset and return its folder; at once where that is done already.

    Args:
        source: the raw archive, a folder that contains it, or the folder it unpacks to; by default looked for in
            `$GEOLEARN_RAW`, `./data`, `raw` in the data home, and `../shared/data` beside a checkout.
        root: the data home; by default `$GEOLEARN_HOME` or `~/.cache/geolearn`. The result is `datasets/<name>` in it.
        jobs, backend, progress: see `Workers`.

    Raises:
        DatasetError: no raw data (says which file to get and where to put it), a wrong hash, a damaged or hostile
            archive, unreadable files (named), or counts that differ from the manifest.

    >>> prepare_dataset("procedural")
    Traceback (most recent call last):
    geolearn.errors.DatasetError: procedural is generated as it is used; there is nothing to prepare
    """
    manifest = load_manifest(name)
    if manifest.kind == "generated":
        raise DatasetError(f"{name} is generated as it is used; there is nothing to prepare")
    if manifest.is_folder:
        raise DatasetError(
            f"{name} is a folder of shapes, {manifest.folder / manifest.data}; it is prepared as it is used"
        )
    target = prepared_folder(name, root)
    if is_prepared(target, manifest):
        return target
    found = Path(source) if source is not None else find_raw(manifest, root)
    if found is None:
        raise DatasetError(f"{name} is not prepared at {target} and its raw data was not found; {how_to_get(manifest)}")
    if not found.exists():
        raise DatasetError(f"source: {found} does not exist; {how_to_get(manifest)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(target.with_name(f".{name}.lock")):
        if not is_prepared(target, manifest):  # another process may have done it while this one waited
            _prepare(manifest, found, target, Workers(jobs, backend, progress))
    return target


def is_prepared(folder: Path, manifest: Manifest) -> bool:
    """Whether a prepared folder is complete and of this manifest."""
    if not (folder / "index.json").is_file():
        return False
    try:
        read_index(folder, manifest)
    except DatasetError:
        return False
    return True


def _prepare(manifest: Manifest, source: Path, target: Path, workers: Workers) -> None:
    partial = target.with_name(f".{target.name}.partial")
    data, archive, identity = _locate(source, manifest)
    stamp = json.dumps({"manifest": manifest.digest, "source": identity})
    if not (partial / "stamp").is_file() or (partial / "stamp").read_text(encoding="utf-8") != stamp:
        remove_tree(partial)  # of another source or manifest
        partial.mkdir()
        (partial / "stamp").write_text(stamp, encoding="utf-8")
    if archive:
        unpack(archive, partial / "raw", max_bytes=manifest.max_unpacked_bytes)
        data = partial / "raw" / data
        if not data.is_dir():
            raise DatasetError(f"{archive}: expected the folder {data.relative_to(partial / 'raw')} in it, found none")
    prepared = partial / "prepared"
    prepared.mkdir(exist_ok=True)
    index = load_script(manifest).prepare(data, prepared, manifest, workers)
    check_counts(index, manifest)
    index.write(prepared, manifest)
    remove_tree(target)
    prepared.replace(target)
    remove_tree(partial)


def _locate(source: Path, manifest: Manifest) -> tuple[Path, Path | None, str]:
    """(the data, or its place inside the archive), the archive to unpack or None, and what identifies the source."""
    if source.is_dir():
        for archive in manifest.archives:
            if (source / archive.filename).is_file():
                return _locate(source / archive.filename, manifest)
        for archive in manifest.archives:
            if (source / archive.folder).is_dir():
                return source / archive.folder, None, str(source.resolve())
        return source, None, str(source.resolve())
    archive, digest = identify(source, manifest)
    if source.name.lower().endswith(ARCHIVE_SUFFIXES):
        return Path(archive.folder), source, digest
    return source, None, digest


def load_script(manifest: Manifest) -> ModuleType:
    """The dataset's own prepare.py: `prepare(data, destination, manifest, workers) -> Index`."""
    path = manifest.folder / "prepare.py"
    spec = importlib.util.spec_from_file_location(f"geolearn_prepare_{manifest.name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DatasetError(f"{path} is missing: the installation is incomplete, install geolearn again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
