"""One shape in, an answer out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, load_voxels
from geolearn.io.upright import customary_up, stand_up
from geolearn.models.doors import as_pictures
from geolearn.structures import Mesh, VoxelGrid
from geolearn.structures.foreign import as_mesh
from geolearn.training.method import Prediction
from geolearn.training.testing import Trained, load_trained
from geolearn.typing import PathLike, Tensor

GRIDS = (".binvox", ".npz", ".npy", ".mat")
MESHES = (".off", ".obj", ".ply", ".stl", ".glb", ".gltf")


class Predictor:
    """Trained weights as a function of one shape; made by `load_predictor`.

    >>> load_predictor("voxnet-modelnet10")
    Predictor('voxnet-modelnet10', voxnet)
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    def __repr__(self) -> str:
        return f"Predictor({self.trained.name!r}, {self.trained.record['model']})"

    def __call__(self, shape: Any) -> Prediction:
        """What the weights say of a shape, prepared as their training shapes were.

        Args:
            shape: a mesh (Z up, of any size), also of trimesh, Open3D or PyTorch3D; a grid, also as an array (R, R, R);
                pictures (V, C, H, W) in [0, 1], or bytes; or a mesh or voxel file.
        """
        return self.trained.method.predict(self.trained.net, _known(shape), self.trained.classes)


def load_predictor(run_or_weights: PathLike) -> Predictor:
    """Trained weights as a function of one shape.

        load_predictor("voxnet-modelnet10")("chair.off").summary()

    Args:
        run_or_weights: a run folder, a weights file, or a name that ships with geolearn.

    Raises:
        UnknownNameError: no such weights.
        CheckpointError: damaged weights.

    >>> import trimesh
    >>> predict = load_predictor("voxnet-modelnet10")
    >>> top, leg = trimesh.creation.box((1, 0.6, 0.04)), trimesh.creation.box((0.1, 0.1, 0.7))
    >>> table = top + leg.apply_translation((0, 0, -0.35))
    >>> predict(Mesh.from_trimesh(table)).record()["classes"][0]
    'table'
    """
    return Predictor(load_trained(run_or_weights))


def _known(shape: Any) -> Mesh | VoxelGrid | Tensor:
    """A shape of any kind as one of the three that methods know."""
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


def read_shape(path: PathLike, up: str = "auto") -> Mesh | VoxelGrid:
    """A mesh or voxel file, by its suffix.

    Args:
        up: the axis that points up in a mesh file: "x", "y", "z", or "auto", Y in OBJ and glTF and Z in the others.
    """
    if Path(path).suffix.lower() in GRIDS:
        return load_voxels(path)
    return stand_up(load_mesh(path, attributes=False), customary_up(path) if up == "auto" else up)


def find_shapes(paths: Sequence[PathLike]) -> list[Path]:
    """The files, and the mesh and voxel files in folders, sorted.

    Raises:
        InvalidInputError: a path that is not there, or a folder without shapes.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_file():
            found.append(path)
            continue
        inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in (*GRIDS, *MESHES))
        if not inside:
            known = ", ".join((*MESHES, *GRIDS))
            raise InvalidInputError(f"{path}: expected a file, or a folder with files of {known}")
        found += inside
    return found
