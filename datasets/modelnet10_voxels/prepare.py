"""One .npz with X_train, X_test (N, 30, 30, 30) of 0/1 and y_train, y_test -> packed columns per split."""

from pathlib import Path

import numpy as np

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.arrays import read_arrays, write_arrays
from geolearn.data.prepared.grids import columns_path, grid_facts, pack_z_up
from geolearn.data.prepared.index import Index
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    """`data` is the .npz, or a folder that holds it. One file, so `workers` has nothing to spread."""
    path = data / manifest.archives[0].filename if data.is_dir() else data
    arrays = read_arrays(path)
    splits, columns = {}, {}
    for split in manifest.splits:
        splits[split] = manifest.read_split(split)
        if f"X_{split}" not in arrays or f"y_{split}" not in arrays:
            raise DatasetError(f"{path}: expected the arrays X_{split} and y_{split}, got {sorted(arrays)}")
        values, labels = arrays[f"X_{split}"], arrays[f"y_{split}"]
        expected = (len(splits[split]), *[manifest.resolution] * 3)
        occupied = values.astype(bool)
        if values.shape != expected or not np.array_equal(values, occupied):
            raise DatasetError(
                f"{path}: X_{split}: expected 0/1 of shape {expected}, got {values.dtype} {values.shape}"
            )
        if not np.array_equal(labels, [label for _, label in splits[split]]):
            raise DatasetError(f"{path}: y_{split} differs from {manifest.split_files[split]}")
        columns[split] = pack_z_up(occupied, manifest.up)
        write_arrays(columns_path(destination, split), {"columns": columns[split]})
    return Index(splits, grid_facts(columns, splits))
