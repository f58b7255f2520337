"""Grids as bit-packed columns: 32 cells in one integer, so a whole training set fits in a few megabytes.

A grid of R <= 32 cells a side is an int32 (R, R) table; bit k of entry [x, y] is the cell (x, y, z = k). Everything
that moves whole columns (rotation about the up axis, mirroring, shifting) then works on 32 cells at once.
"""

import numpy as np
import torch
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Bool, Int, Shaped, Tensor

MAX_RESOLUTION = 32


def pack(values: Bool[Tensor, "N R R R"] | Bool[Array, "N R R R"]) -> Int[Tensor, "N R R"]:
    """Occupancy grids as int32 columns.

    Raises:
        InvalidInputError: not bool, not cubes, or more than 32 cells a side.

    >>> grid = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    >>> grid[0, 1, 0] = torch.tensor([True, False])  # z = 0 is the lowest bit
    >>> pack(grid)
    tensor([[[0, 0],
             [1, 0]]], dtype=torch.int32)
    """
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype != np.bool_ or array.ndim != 4 or len(set(array.shape[1:])) != 1:
        raise InvalidInputError(f"values: expected bool (N, R, R, R), got {array.dtype} {array.shape}")
    _check_resolution(array.shape[-1])
    packed = np.packbits(array, axis=-1, bitorder="little")
    packed = np.pad(packed, [(0, 0)] * 3 + [(0, 4 - packed.shape[-1])])
    columns = torch.from_numpy(packed.view("<i4")[..., 0].astype(np.int32))
    return columns.to(values.device) if isinstance(values, Tensor) else columns


def unpack(columns: Int[Tensor, "B R R"], dtype: torch.dtype = torch.float32) -> Shaped[Tensor, "B 1 R R R"]:
    """Columns as a network's input: `dtype` (B, 1, R, R, R), 1 where occupied, on the columns' device.

    >>> unpack(torch.tensor([[[1, 2], [3, 0]]], dtype=torch.int32))[0, 0, 1, 0]  # 3 is both cells
    tensor([1., 1.])
    """
    check_columns(columns)
    resolution = columns.shape[-1]
    # A lookup of 8 cells per byte: three times faster than shifting and masking each cell.
    numbers = torch.arange(256, device=columns.device)
    table = (numbers[:, None] >> torch.arange(8, device=columns.device) & 1).to(dtype)
    cells = table.index_select(0, column_bytes(columns).reshape(-1))
    return cells.view(len(columns), 1, resolution, resolution, 32)[..., :resolution].contiguous()


def column_bytes(columns: Int[Tensor, "B R R"]) -> Int[Tensor, "B R R 4"]:
    """The four bytes of every column as int32, lowest cells first."""
    shifts = torch.arange(0, 32, 8, dtype=torch.int32, device=columns.device)
    return (columns[..., None] >> shifts) & 255


def resize_columns(columns: Int[Tensor, "B R R"], resolution: int) -> Int[Tensor, "B S S"]:
    """Pad with empty cells, or crop, about the centre. Cropping undoes padding.

    An odd difference puts the extra layer on the far side of each axis.

    >>> resize_columns(torch.tensor([[[1]]], dtype=torch.int32), 3)[0]  # the one cell is now the middle one of 27
    tensor([[0, 0, 0],
            [0, 2, 0],
            [0, 0, 0]], dtype=torch.int32)
    """
    check_columns(columns)
    _check_resolution(resolution)
    size = columns.shape[-1]
    if resolution >= size:
        low = (resolution - size) // 2
        high = resolution - size - low
        return F.pad(columns << low, (low, high, low, high))
    low = (size - resolution) // 2
    inside = slice(low, low + resolution)
    return (columns[:, inside, inside] >> low) & ((1 << resolution) - 1)


def check_columns(columns: Tensor) -> None:
    """Refuse anything but int32 (B, R, R) with 1 <= R <= 32."""
    if columns.dtype != torch.int32 or columns.ndim != 3 or columns.shape[1] != columns.shape[2]:
        raise InvalidInputError(
            f"columns: expected int32 (B, R, R) as pack() makes them, got {columns.dtype} {tuple(columns.shape)}"
        )
    _check_resolution(columns.shape[-1])


def _check_resolution(resolution: int) -> None:
    if not 1 <= resolution <= MAX_RESOLUTION:
        raise InvalidInputError(
            f"resolution: packed columns hold 1 to {MAX_RESOLUTION} cells a side, got {resolution}; "
            "use a ShapeDataset with Voxelize for finer grids"
        )
