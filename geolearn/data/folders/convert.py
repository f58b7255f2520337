"""The files of a folder -> prepared files, Z up, as those of every dataset; what cannot be read is named together.

A prepared file says which file it was made of (path, size, time of change) and how it was turned, so that only files
that are new or changed are read again, whatever else happens to the folder.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from geolearn.data.folders.files_by_kind import Shape
from geolearn.data.folders.reading import Reading
from geolearn.data.prepared.arrays import read_arrays, write_arrays
from geolearn.data.prepared.index import Entry, Index, repeated_samples
from geolearn.data.prepared.meshes import mesh_arrays
from geolearn.data.prepared.pictures import PIXELS, ReadViews, ShapeTask, convert_views
from geolearn.data.prepared.single_files import file_path, grid_arrays, points_arrays
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, MeshFormatError, printable
from geolearn.typing import Array

# Raised when files are prepared in another way, so that old ones are made again.
FORMAT = 1
SHOWN = 10
_MAKE: dict[str, Callable[[Path, str, str], dict[str, Array]]] = {
    "mesh": mesh_arrays,
    "points": points_arrays,
    "voxels": grid_arrays,
}


class FileTask(NamedTuple):
    """One file to prepare; `stamp` says what the result depends on."""

    kind: str
    source: Path
    target: Path
    up: str
    front: str
    stamp: str


class Prepared(NamedTuple):
    """What is said of a prepared file: a hash of its content, cells a side (0: no grid), and whether it is empty."""

    digest: bytes
    resolution: int
    empty: bool


def prepare_file(task: FileTask) -> Prepared:
    """Write one prepared file, unless it is there already."""
    stamp = np.frombuffer(task.stamp.encode(), np.uint8)
    arrays = _kept(task.target, stamp)
    if arrays is None:
        if not task.source.is_file():
            raise MeshFormatError(f"{printable(task.source)}: no regular file, or a link that leads nowhere")
        try:
            arrays = _MAKE[task.kind](task.source, task.up, task.front)
        except OSError as error:
            raise MeshFormatError(f"{printable(task.source)}: {error.strerror or error}") from error
        write_arrays(task.target, {**arrays, "stamp": stamp})
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name != "stamp":
            digest.update(name.encode() + str(arrays[name].shape).encode() + arrays[name].tobytes())
    resolution = int(arrays["resolution"][0]) if task.kind == "voxels" else 0
    return Prepared(digest.digest(), resolution, task.kind == "voxels" and not arrays["cells"].any())


def _kept(path: Path, stamp: Array) -> dict[str, Array] | None:
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
    except DatasetError:
        return None  # damaged while it was written
    return arrays if np.array_equal(arrays.get("stamp", np.empty(0)), stamp) else None


def convert_files(
    kind: str,
    root: Path,
    shapes: dict[str, Shape],
    splits: dict[str, list[Entry]],
    destination: Path,
    reading: Reading,
    workers: Workers,
    name: str,
) -> Index:
    """Prepare the files of all shapes (key to shape).

    Raises:
        DatasetError: files that cannot be read, unless they are to be left out, or grids of different sizes; says how
            many and names them.
    """
    tasks = []
    for key, shape in shapes.items():
        file, up = shape.files[0], reading.up_of(shape.files[0].suffix)
        stamp = json.dumps([FORMAT, file.path, file.size, file.mtime_ns, up, reading.front])
        tasks.append(FileTask(kind, root / file.path, file_path(destination, kind, key), up, reading.front, stamp))
    results, failures = workers.attempt(prepare_file, tasks, f"converting {name}")
    keys = list(shapes)
    made = {keys[number]: result for number, result in results.items()}
    facts = _left_out({shapes[keys[number]].name: reason for number, reason in failures.items()}, len(keys), reading)
    sizes = {found.resolution for found in made.values()}
    if kind == "voxels" and len(sizes) > 1:
        few = min(sizes, key=lambda size: sum(found.resolution == size for found in made.values()))
        odd = [shapes[key].name for key, found in made.items() if found.resolution == few]
        raise DatasetError(
            f"{name}: expected grids of one size, found {', '.join(f'{size}^3' for size in sorted(sizes))}; "
            f"{len(odd)} of {len(made)} have {few} cells a side, first {printable(', '.join(odd[:3]))}"
        )
    kept = {split: [entry for entry in entries if entry[0] in made] for split, entries in splits.items()}
    if kind == "voxels":
        facts["empty"] = [key for key, found in made.items() if found.empty]
    return Index(kept, facts | _duplicates({key: found.digest for key, found in made.items()}, kept))


def convert_pictures(
    root: Path,
    shapes: dict[str, Shape],
    splits: dict[str, list[Entry]],
    destination: Path,
    manifest: Any,
    channels: int,
    reading: Reading,
    workers: Workers,
) -> Index:
    """Prepare the pictures of all shapes (key to shape).

    Raises:
        DatasetError: as `convert_files`; also shapes with another number of pictures, or pictures of another size.
    """
    files = {key: [root / file.path for file in shape.files] for key, shape in shapes.items()}
    facts: dict[str, Any] = {}
    if reading.skip_broken:
        read = _TryViews(ReadViews(manifest.views, channels, manifest.resolution))
        _, failures = workers.attempt(read, [ShapeTask(*item) for item in files.items()], f"reading {manifest.name}")
        keys = list(files)
        bad = {keys[number]: reason for number, reason in failures.items()}
        facts = _left_out({shapes[key].name: reason for key, reason in bad.items()}, len(keys), reading)
        splits = {split: [entry for entry in entries if entry[0] not in bad] for split, entries in splits.items()}
    (destination / PIXELS).unlink(missing_ok=True)
    try:
        index = convert_views(splits, files, destination, manifest, workers, channels=channels)
    except DatasetError as error:
        raise DatasetError(f"{error}\nor leave them out with --skip-broken (skip_broken=True)") from error
    return Index(index.splits, {**index.facts, **facts})


class _TryViews(NamedTuple):
    """Reads the pictures of a shape and forgets them."""

    read: ReadViews

    def __call__(self, task: ShapeTask) -> None:
        self.read(task)


def _left_out(failures: dict[str, str], count: int, reading: Reading) -> dict[str, Any]:
    """What an index says of files that cannot be read.

    Raises:
        DatasetError: there are some, and they are not to be left out, or nothing would be left.
    """
    if not failures:
        return {}
    named = [printable(reason, lines=True) for reason in failures.values()]
    more = f"\n  ... and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    listed = "\n  ".join(named[:SHOWN]) + more
    if not reading.skip_broken:
        raise DatasetError(
            f"{len(failures)} of {count} files cannot be read; repair them, take them out, or leave them out with "
            f"--skip-broken (skip_broken=True):\n  {listed}"
        )
    if len(failures) == count:
        raise DatasetError(f"none of {count} files can be read:\n  {listed}")
    return {"left_out": [{"file": name, "reason": reason} for name, reason in failures.items()], "files": count}


def _duplicates(digests: dict[str, bytes], splits: dict[str, list[Entry]]) -> dict[str, Any]:
    """Which test shapes equal training shapes."""
    arrays = {split: [np.frombuffer(digests[key], np.uint8) for key, _ in entries] for split, entries in splits.items()}
    return {"duplicates": repeated_samples(arrays, splits)}
