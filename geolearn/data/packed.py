"""Voxel splits as bit-packed columns: 32 cells in one integer, so a whole training set fits in a few megabytes.

A grid of R <= 32 cells a side is an int32 (R, R) table; bit k of entry [x, y] is the cell (x, y, z = k). Everything
that moves whole columns (rotation about the up axis, mirroring, shifting) then works on 32 cells at once.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Bool, Float, Int, Shaped, Tensor

MAX_RESOLUTION = 32


def pack(values: Bool[Tensor, "N R R R"] | Bool[Array, "N R R R"]) -> Int[Tensor, "N R R"]:
    """Occupancy grids as int32 columns.

    Raises:
        InvalidInputError: not bool, not cubes, or more than 32 cells a side.
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
    """Columns as a network's input: `dtype` (B, 1, R, R, R), 1 where occupied, on the columns' device."""
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


@dataclass(frozen=True, eq=False)
class PackedVoxels:
    """One split of a voxel dataset, in memory.

    Attributes:
        columns: int32 (N, R, R), see the module's text.
        labels: int64 (N,), class indices.
        keys: one per shape, in the order of the split.
        classes: class names in label order.
    """

    columns: Int[Tensor, "N R R"]
    labels: Int[Tensor, " N"]
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_columns(self.columns)
        if self.labels.dtype != torch.int64 or self.labels.shape != (len(self.columns),):
            raise InvalidInputError(
                f"labels: expected int64 ({len(self.columns)},), got {self.labels.dtype} {tuple(self.labels.shape)}"
            )
        if len(self.keys) != len(self.columns):
            raise InvalidInputError(f"keys: expected {len(self.columns)}, one per grid, got {len(self.keys)}")
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        return f"PackedVoxels({len(self)} x {self.resolution}^3, {len(self.classes)} classes, {self.columns.device})"

    @property
    def resolution(self) -> int:
        return self.columns.shape[-1]

    def to(self, device: torch.device | str) -> "PackedVoxels":
        return replace(self, columns=self.columns.to(device), labels=self.labels.to(device))

    def resized(self, resolution: int) -> "PackedVoxels":
        """Padded or cropped about the centre, e.g. 30 to 32."""
        return replace(self, columns=resize_columns(self.columns, resolution))

    def select(self, index: Int[Tensor, " M"] | list[int]) -> "PackedVoxels":
        """The shapes at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        where = chosen.to(self.columns.device)
        keys = tuple(self.keys[i] for i in chosen.tolist())
        return replace(self, columns=self.columns[where], labels=self.labels[where], keys=keys)

    def occupancy(self) -> Float[Tensor, "N 1 R R R"]:
        """All grids as float32; 128 KiB each at 32 cells a side, so mind the size of the split."""
        return unpack(self.columns)


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
