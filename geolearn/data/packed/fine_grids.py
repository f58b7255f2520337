"""Voxel splits of more than 32 cells a side: one bit per cell, unpacked and moved one batch at a time.

A grid of 128 cells a side takes 256 KiB. `PackedVoxels` is the faster form, for up to 32 cells.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from geolearn.data.packed.split import Packed, Targets, check_targets, select_targets
from geolearn.data.packed.warps import VoxelAugment, Warp, source_cells, source_columns
from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Bool, Float, Int, Shaped, Tensor, UInt8

MAX_FINE_RESOLUTION = 128


def pack_fine(values: Bool[Tensor, "N R R R"] | Bool[Array, "N R R R"]) -> UInt8[Tensor, "N R R C"]:
    """Occupancy grids, eight cells along z in a byte, the lowest cell in the lowest bit.

    Raises:
        InvalidInputError: not bool, not cubes, or more than 128 cells a side.

    >>> grid = torch.zeros(1, 10, 10, 10, dtype=torch.bool)
    >>> grid[0, 2, 3, 9] = True
    >>> pack_fine(grid)[0, 2, 3].tolist()
    [0, 2]
    """
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype != np.bool_ or array.ndim != 4 or len(set(array.shape[1:])) != 1:
        raise InvalidInputError(f"values: expected bool (N, R, R, R), got {array.dtype} {array.shape}")
    if not 1 <= array.shape[-1] <= MAX_FINE_RESOLUTION:
        raise InvalidInputError(f"resolution: expected 1 to {MAX_FINE_RESOLUTION} cells a side, got {array.shape[-1]}")
    return torch.from_numpy(np.packbits(array, axis=-1, bitorder="little"))


@dataclass(frozen=True, eq=False)
class PackedFineVoxels(Packed):
    """One split of grids of up to 128 cells a side, in memory; batches as those of `PackedVoxels`.

    Attributes:
        bits: uint8 (N, R, R, ceil(R / 8)), see `pack_fine`.
        targets, keys, classes: see `Packed`.

    >>> grids = torch.zeros(2, 40, 40, 40, dtype=torch.bool)
    >>> packed = PackedFineVoxels(pack_fine(grids), torch.tensor([0, 1]), ("a", "b"), ("cup", "mug"))
    >>> len(packed), tuple(packed.bits.shape)
    (2, (2, 40, 40, 5))
    """

    bits: UInt8[Tensor, "N R R C"]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = self.bits.shape[1] if self.bits.ndim == 4 else 0
        if self.bits.dtype != torch.uint8 or tuple(self.bits.shape[1:]) != (size, size, -(-size // 8)):
            raise InvalidInputError(
                f"bits: expected uint8 (N, R, R, ceil(R / 8)) as pack_fine() makes them, got {self.bits.dtype} "
                f"{tuple(self.bits.shape)}"
            )
        check_targets(self.targets, self.keys, len(self.bits))
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.bits)

    def __repr__(self) -> str:
        return f"PackedFineVoxels({len(self)} x {self.resolution}^3, {len(self.classes)} classes, {self.bits.device})"

    @property
    def resolution(self) -> int:
        return self.bits.shape[1]

    def to(self, device: torch.device | str) -> "PackedFineVoxels":
        targets = self.targets.to(device) if isinstance(self.targets, Tensor) else self.targets
        return replace(self, bits=self.bits.to(device), targets=targets)

    def select(self, index: Int[Tensor, " M"] | list[int]) -> "PackedFineVoxels":
        """The shapes at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        keys = tuple(self.keys[i] for i in chosen.tolist())
        bits = self.bits[chosen.to(self.bits.device)]
        return replace(self, bits=bits, targets=select_targets(self.targets, chosen), keys=keys)

    def draw(self, augment: VoxelAugment, generator: torch.Generator) -> Warp:
        """One random warp for each grid."""
        return augment.draw(len(self), generator)

    def take(
        self, index: Int[Tensor, " B"], drawn: Warp | None = None, *, device: Any = None, dtype: Any = None
    ) -> Shaped[Tensor, "B 1 R R R"]:
        """The grids at `index`, unpacked and warped."""
        cells = unpack_fine(self.bits[index.to(self.bits.device)].to(device))
        if drawn is not None:
            cells = warp_cells(cells, Warp(*(parameter.to(cells.device) for parameter in drawn)))
        return cells[:, None].to(dtype or torch.float32)

    def occupancy(self) -> Float[Tensor, "N 1 R R R"]:
        """All grids as float32; 8 MiB each at 128 cells a side, so mind the size of the split."""
        return unpack_fine(self.bits)[:, None].float()


def unpack_fine(bits: UInt8[Tensor, "B R R C"]) -> UInt8[Tensor, "B R R R"]:
    """Cells, 0 or 1, of packed grids."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return (bits[..., None] >> shifts & 1).flatten(-2)[..., : bits.shape[1]]


def warp_cells(cells: UInt8[Tensor, "B R R R"], warp: Warp) -> UInt8[Tensor, "B R R R"]:
    """The same warps as `warp_columns`, of cells that are not packed."""
    count, size = cells.shape[:2]
    # One more column and one more layer, always empty, for everything outside.
    columns = F.pad(cells.reshape(count, size * size, size), (0, 1, 0, 1))
    across, up = source_columns(size, warp), source_cells(size, warp)
    warped = [
        column.index_select(0, place).index_select(1, layer)
        for column, place, layer in zip(columns, across, up, strict=True)
    ]
    return torch.stack(warped).view(cells.shape) if warped else cells
