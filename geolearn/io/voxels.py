"""Voxel files in and out: `load_voxels` and `save_voxels`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from geolearn.errors import InvalidInputError, MeshFormatError, printable
from geolearn.io.arrays import read_npy, read_npz, write_npy, write_npz
from geolearn.io.binvox import read_binvox, write_binvox
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular, write_whole
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.grids import Grid
from geolearn.io.matlab import read_mat, write_mat
from geolearn.structures import VoxelGrid
from geolearn.typing import PathLike

_READERS: dict[str, Callable[[bytes, str], Grid]] = {
    "binvox": read_binvox,
    "mat": read_mat,
    "npy": read_npy,
    "npz": read_npz,
}
_WRITERS: dict[str, Callable[[Grid], bytes]] = {
    "binvox": write_binvox,
    "mat": write_mat,
    "npy": write_npy,
    "npz": write_npz,
}
VOXEL_FORMATS = tuple(_READERS)


def load_voxels(path: PathLike) -> VoxelGrid:
    """Read a voxel grid: binvox, a 3D ShapeNets .mat (`instance`), .npy or .npz.

    Values are indexed [x, y, z] as in the file (binvox, whose cells run x, z, y, is put in order). Bools and whole
    numbers are occupancy (0 or 1) and come as bool, floating-point numbers as float32. Where the file does not say
    where the grid lies (.npy; .mat and .npz of others) the origin is 0 and a cell is 1 wide.

    Raises:
        FileNotFoundError: there is no such file.
        MeshFormatError: damaged, not a cube, or another format; the message names file, place and remedy.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_voxels(VoxelGrid(torch.ones(2, 2, 2), voxel_size=0.5), f"{folder}/cube.npz")
    ...     load_voxels(f"{folder}/cube.npz")
    VoxelGrid(2^3 torch.float32, voxel_size 0.5)
    """
    path = Path(path)
    data = read_regular(path)
    source = printable(path)
    extension = path.suffix.lower().lstrip(".")
    if extension not in VOXEL_FORMATS:
        if not data:
            raise not_this_format(source, "a voxel grid", data)
        raise MeshFormatError(
            f"{source}: no voxel format has the extension {path.suffix!r} (known: {', '.join(VOXEL_FORMATS)}); the "
            f"content looks like {looks_like(data)}. Rename the file to the extension of its content."
        )
    grid = _READERS[extension](data, source)
    with np.errstate(over="ignore", invalid="ignore"):
        origin = np.asarray(grid.origin).astype(np.float32)
    if not np.isfinite(origin).all() or not 0 < grid.voxel_size < np.inf:
        raise damaged(
            source,
            "its place in the world",
            f"expected a finite origin and a voxel size > 0, got {origin.tolist()} and {grid.voxel_size}",
        )
    values = np.require(grid.values, requirements=["C", "W"])
    return VoxelGrid(torch.from_numpy(values), torch.from_numpy(origin), grid.voxel_size)


def save_voxels(grid: VoxelGrid, path: PathLike) -> None:
    """Write a voxel grid in the format of the extension: .binvox .mat .npy .npz.

    The file appears whole or not at all, and the same grid always gives the same bytes. Reading it back gives the same
    values, origin and voxel size; .npy alone holds only the values, and .binvox holds only occupancy and rounds the
    voxel size in its last bit.

    Raises:
        InvalidInputError: an unknown extension, or float values for .binvox.
        FileNotFoundError: the folder does not exist.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_voxels(VoxelGrid(torch.ones(2, 2, 2, dtype=torch.bool)), f"{folder}/cube.binvox")
    ...     Path(folder, "cube.binvox").read_bytes()[:9]
    b'#binvox 1'
    """
    path = Path(path)
    extension = path.suffix.lower().lstrip(".")
    if extension not in VOXEL_FORMATS:
        known = ", ".join(f".{name}" for name in VOXEL_FORMATS)
        raise InvalidInputError(f"path: expected an extension of {known}, got {path.name!r}")
    values = grid.values.detach().cpu().numpy()
    write_whole(path, _WRITERS[extension](Grid(values, grid.origin.cpu().numpy(), grid.voxel_size)))
