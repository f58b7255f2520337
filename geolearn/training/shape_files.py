"""Shapes of any kind that people have, files among them, as one of the three kinds that methods know."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.data.folders.reading import Up
from geolearn.data.folders.scan import File, scan_folder
from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, load_voxels
from geolearn.io.upright import customary_up, stand_up
from geolearn.models.doors import as_pictures
from geolearn.structures import Mesh, VoxelGrid
from geolearn.structures.foreign import as_mesh
from geolearn.typing import PathLike, Tensor

GRIDS = (".binvox", ".npz", ".npy", ".mat")
MESHES = (".off", ".obj", ".ply", ".stl", ".glb", ".gltf")


def as_shape(shape: Any) -> Mesh | VoxelGrid | Tensor:
    """A shape of any kind, or the file of one, as a mesh, a grid or pictures."""
    if isinstance(shape, str | os.PathLike):
        return read_shape(shape)
    if isinstance(shape, VoxelGrid):
        return shape
    if not isinstance(shape, Tensor | np.ndarray):
        return as_mesh(shape, "shape")
    values = torch.as_tensor(shape)
    if values.ndim == 3:
        return VoxelGrid(values)
    if values.ndim != 4:
        raise InvalidInputError(f"shape: expected a grid (R, R, R) or pictures (V, C, H, W), got {tuple(values.shape)}")
    pictures = as_pictures(values[None], torch.float32, "shape")[0]
    low, high = pictures.aminmax()
    if low < 0 or high > 1:
        raise InvalidInputError(f"shape: expected pictures in [0, 1], got {float(low):.4g}..{float(high):.4g}")
    return pictures


def read_shape(path: PathLike, up: Up = "auto") -> Mesh | VoxelGrid:
    """A mesh or voxel file, by its suffix.

    Args:
        up: the axis that points up in a mesh file: "x", "y", "z", or "auto", Y in OBJ and glTF and Z in the others.
    """
    if Path(path).suffix.lower() in GRIDS:
        return load_voxels(path)
    return stand_up(load_mesh(path, attributes=False), customary_up(path) if up == "auto" else up)


def shape_files(folder: Path) -> list[File]:
    """The mesh and voxel files of a folder, however deep, sorted by path.

    Raises:
        InvalidInputError: no folder, or none in it.
    """
    inside = [file for file in scan_folder(folder).files if file.suffix in (*GRIDS, *MESHES)] if folder.is_dir() else []
    if not inside:
        known = ", ".join((*MESHES, *GRIDS))
        raise InvalidInputError(f"{folder}: expected a file, or a folder with files of {known}")
    return inside


def find_shapes(paths: Sequence[PathLike]) -> list[Path]:
    """The files, and the mesh and voxel files in folders, sorted.

    Raises:
        InvalidInputError: a path that is not there, or a folder without shapes.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        found += [path] if path.is_file() else [path / file.path for file in shape_files(path)]
    return found
