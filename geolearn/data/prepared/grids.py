"""Voxels of prepared datasets: one `<split>.npz` of packed columns, and how the prepare.py of a dataset makes them."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from geolearn.data.manifest import Manifest
from geolearn.data.packed.columns import pack
from geolearn.data.prepared.arrays import read_arrays, write_arrays
from geolearn.data.prepared.index import Entry, Index, repeated_samples
from geolearn.data.prepared.orientation import turn_grids
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, GeolearnError, MissingDependencyError
from geolearn.typing import Array, Bool, Int

FILES_PER_TASK = 120


class GridTask(NamedTuple):
    """Grid files to convert to one file of packed columns; `up` is the axis that points up in them."""

    sources: list[Path]
    target: Path
    up: str
    resolution: int


def convert_grids(
    splits: dict[str, list[Entry]],
    files: dict[str, list[Path]],
    destination: Path,
    manifest: Manifest,
    workers: Workers,
) -> Index:
    """One voxel file per entry -> one file of packed columns per split.

    Raises:
        DatasetError: files are missing, cannot be read, or have another resolution; names them.
    """
    everything = [path for listed in files.values() for path in listed]
    missing = [path.name for path in everything if not path.is_file()]
    if missing:
        folder = everything[0].parent
        raise DatasetError(f"{folder}: {len(missing)} of {len(everything)} files are missing, first {missing[:5]}")
    blocks = destination / "blocks"  # what an interrupted run continues from
    tasks, split_of = [], []
    for split, listed in files.items():
        for start in range(0, len(listed), FILES_PER_TASK):
            target = blocks / f"{split}_{start:07d}.npz"
            tasks.append(GridTask(listed[start : start + FILES_PER_TASK], target, manifest.up, manifest.resolution))
            split_of.append(split)
    workers.map(convert_grid_block, tasks, f"converting {manifest.name}")
    columns = {}
    for split in splits:
        parts = [read_arrays(task.target)["columns"] for task, of in zip(tasks, split_of, strict=True) if of == split]
        columns[split] = np.concatenate(parts)
        write_arrays(columns_path(destination, split), {"columns": columns[split]})
    shutil.rmtree(blocks)
    return Index(splits, grid_facts(columns, splits))


def convert_grid_block(task: GridTask) -> None:
    """Write the packed columns of one block of files, unless that is done."""
    from geolearn.io import load_voxels  # late: reading prepared data needs no file formats

    if task.target.is_file():
        try:
            if read_arrays(task.target)["columns"].shape == (len(task.sources), task.resolution, task.resolution):
                return
        except (DatasetError, KeyError):
            pass  # damaged while it was written: convert it again
    grids, bad = [], []
    for source in task.sources:
        try:
            grid = load_voxels(source)
        except MissingDependencyError:
            raise
        except GeolearnError as error:
            bad.append(str(error))
            continue
        if grid.resolution != task.resolution:
            bad.append(f"{source}: expected {task.resolution} cells a side, got {grid.resolution}")
        grids.append(grid.occupancy.numpy())
    if bad:
        raise DatasetError("\n  ".join(bad))
    write_arrays(task.target, {"columns": pack_z_up(np.stack(grids), task.up)})


def columns_path(root: Path, split: str) -> Path:
    return root / f"{split}.npz"


def pack_z_up(values: Bool[Array, "N R R R"], up: str) -> Int[Array, "N R R"]:
    """Grids indexed [x, y, z] as packed columns, turned as `to_z_up` turns positions."""
    return pack(turn_grids(values, up)).numpy()


def grid_facts(columns: dict[str, Array], splits: dict[str, list[Entry]]) -> dict[str, Any]:
    """What an index of voxels records: `empty` keys, and `duplicates` between test and training."""
    return {"empty": empty_grids(columns, splits), "duplicates": repeated_samples(columns, splits)}


def empty_grids(columns: dict[str, Array], splits: dict[str, list[Entry]]) -> list[str]:
    """Keys of grids without an occupied cell."""
    return [
        key
        for split, grids in columns.items()
        for (key, _), grid in zip(splits[split], grids, strict=True)
        if not grid.any()
    ]
