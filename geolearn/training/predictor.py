"""One shape in, an answer out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geolearn.data.prepared.meshes import to_z_up
from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, load_voxels
from geolearn.structures import Mesh, VoxelGrid
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

    def __call__(self, shape: Mesh | VoxelGrid | Tensor | PathLike) -> Prediction:
        """What the weights say of a shape, prepared as their training shapes were.

        Args:
            shape: a mesh (Z up, of any size), a grid, pictures (V, C, H, W) in [0, 1], or a mesh or voxel file.
        """
        known = shape if isinstance(shape, Mesh | VoxelGrid | Tensor) else read_shape(shape)
        return self.trained.method.predict(self.trained.net, known, self.trained.classes)


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


def read_shape(path: PathLike, up: str = "z") -> Mesh | VoxelGrid:
    """A mesh or voxel file, by its suffix; `up` is the axis that points up in a mesh file."""
    if Path(path).suffix.lower() in GRIDS:
        return load_voxels(path)
    mesh = load_mesh(path, attributes=False)
    return replace(mesh, verts=to_z_up(mesh.verts, up))


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
