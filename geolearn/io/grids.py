"""What every voxel reader returns, and the limits on what a file may ask for."""

from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged
from geolearn.typing import Array

# Grids compress well, so a small file may hold a large one. This much is let through.
_FREE_BYTES, _BYTES_PER_FILE_BYTE = 128 * 2**20, 100


class Grid(NamedTuple):
    """A cube of values [x, y, z], the corner of cell (0, 0, 0) and the edge of a cell."""

    values: Array
    origin: Array | tuple[float, float, float] = (0.0, 0.0, 0.0)
    voxel_size: float = 1.0


def check_size(num_bytes: int, file_bytes: int, source: str, place: str) -> None:
    """Refuse to unpack more bytes than the file justifies.

    Raises:
        MeshFormatError: more than 128 MiB + 100 x the size of the file.
    """
    if num_bytes > _FREE_BYTES + _BYTES_PER_FILE_BYTE * file_bytes:
        raise damaged(
            source,
            place,
            f"asks for {num_bytes >> 20} MB, which a file of {file_bytes} bytes does not justify",
            "Save so large a grid without compression (.npy)",
        )


def compresses(num_bytes: int) -> bool:
    """Whether a writer may compress a grid of this size, so that every compression of it can be read again."""
    return num_bytes <= _FREE_BYTES


def check_cube(shape: tuple[int, ...], source: str, place: str) -> None:
    """Refuse anything but (R, R, R) with R >= 1."""
    if len(shape) != 3 or len(set(shape)) != 1 or shape[0] < 1:
        raise damaged(
            source,
            place,
            f"expected a cube of R x R x R values, got shape {str(tuple(shape))[:80]}",
            "Save one grid a file, padded to a cube",
        )


def to_values(array: Array, source: str, place: str) -> Array:
    """Occupancy as bool, or float32: whole numbers must be 0 or 1, floating-point numbers finite.

    Raises:
        MeshFormatError: other whole numbers, NaN, infinity, beyond float32; says how many.
    """
    if array.dtype == bool:
        return array
    if array.dtype.kind in "iu":
        wrong = int(((array != 0) & (array != 1)).sum())
        if wrong:
            raise damaged(
                source,
                place,
                f"{wrong} of {array.size} whole numbers are neither 0 nor 1",
                "Save occupancy as 0 and 1, anything else as float32",
            )
        return array.view(bool) if array.dtype.itemsize == 1 else array != 0
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.astype(np.float32, copy=False)
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise damaged(source, place, f"{wrong} of {values.size} values are NaN, infinite or beyond float32")
    return values
