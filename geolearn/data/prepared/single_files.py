"""Point clouds and grids of folders of one's own: one prepared file each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from geolearn.data.packed.columns import MAX_RESOLUTION, pack
from geolearn.data.packed.fine_grids import PackedFineVoxels, pack_fine
from geolearn.data.packed.grids import PackedVoxels
from geolearn.data.packed.split import Targets
from geolearn.data.prepared.arrays import read_arrays
from geolearn.data.prepared.orientation import turn_grids, turn_positions
from geolearn.data.prepared.sources import Kind, Source
from geolearn.errors import DatasetError
from geolearn.structures import PointCloud, VoxelGrid
from geolearn.typing import Array

_FOLDERS = {"mesh": "meshes", "points": "points", "voxels": "grids"}


def file_path(root: Path, kind: str, key: str) -> Path:
    """Where a mesh, cloud or grid is kept."""
    return root / _FOLDERS[kind] / f"{key}.npz"


def points_arrays(path: Path, up: str, front: str) -> dict[str, Array]:
    """The points of a file, upright, as they are kept."""
    from geolearn.io import load_points  # late: reading prepared data needs no file formats

    return {"points": turn_positions(load_points(path).points, up, front).numpy()}


def grid_arrays(path: Path, up: str, front: str) -> dict[str, Array]:
    """The occupied cells of a file, upright, as they are kept: 8 in a byte, and how many a side."""
    from geolearn.io import load_voxels

    grid = load_voxels(path)
    cells = turn_grids(grid.occupancy.numpy()[None], up, front)[0]
    return {"cells": np.packbits(cells), "resolution": np.array([grid.resolution])}


@dataclass(frozen=True)
class PointSource(Source):
    """Point clouds, centred, the longest side of their box 1, Z up."""

    root: Path
    kind: ClassVar[Kind] = "points"

    def load(self, key: str) -> PointCloud:
        path = file_path(self.root, "points", key)
        arrays = read_arrays(path)
        if "points" not in arrays:
            raise DatasetError(f"{path}: expected the array points, got {sorted(arrays)}")
        points = torch.from_numpy(arrays["points"])
        low, high = points.amin(0), points.amax(0)
        longest = (high - low).max()
        return PointCloud((points - (low + high) / 2) / (longest if longest > 0 else 1), name=key)


@dataclass(frozen=True)
class GridSource(Source):
    """Grids that fill the unit cube about the origin, Z up."""

    root: Path
    kind: ClassVar[Kind] = "voxels"
    worth_keeping: ClassVar[bool] = False

    def load(self, key: str) -> VoxelGrid:
        path = file_path(self.root, "voxels", key)
        arrays = read_arrays(path)
        if not {"cells", "resolution"} <= arrays.keys():
            raise DatasetError(f"{path}: expected the arrays cells and resolution, got {sorted(arrays)}")
        size = int(arrays["resolution"][0])
        cells = np.unpackbits(arrays["cells"], count=size**3).astype(bool).reshape(size, size, size)
        return VoxelGrid(torch.from_numpy(cells), torch.full((3,), -0.5), 1 / size)

    def pack(self, keys: Sequence[str], targets: Targets, classes: Sequence[str]) -> PackedVoxels | PackedFineVoxels:
        cells = torch.stack([self.load(key).occupancy for key in keys])
        if cells.shape[-1] <= MAX_RESOLUTION:
            return PackedVoxels(pack(cells), targets, tuple(keys), tuple(classes))
        return PackedFineVoxels(pack_fine(cells), targets, tuple(keys), tuple(classes))
