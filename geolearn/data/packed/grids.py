"""Voxel splits, packed in memory."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from geolearn.data.packed.columns import check_columns, resize_columns, unpack
from geolearn.data.packed.split import Packed, Targets, check_targets, select_targets
from geolearn.data.packed.warps import VoxelAugment, Warp, warp_columns
from geolearn.typing import Float, Int, Shaped, Tensor


@dataclass(frozen=True, eq=False)
class PackedVoxels(Packed):
    """One split of a voxel dataset, in memory.

    Attributes:
        columns: int32 (N, R, R), see `geolearn.data.packed.columns`.
        targets: what is to be predicted of each, such as class indices, int64 (N,).
        keys: one per shape, in the order of the split.
        classes: class names in label order.

    >>> columns = torch.full((2, 4, 4), 15, dtype=torch.int32)  # full
    >>> grids = PackedVoxels(columns, torch.tensor([0, 1]), ("a", "b"), ("bed", "sofa"))
    >>> grids
    PackedVoxels(2 x 4^3, 2 classes, cpu)
    >>> grids.take(torch.tensor([1])).sum()
    tensor(64.)
    """

    columns: Int[Tensor, "N R R"]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_columns(self.columns)
        check_targets(self.targets, self.keys, len(self.columns))
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
        targets = self.targets.to(device) if isinstance(self.targets, Tensor) else self.targets
        return replace(self, columns=self.columns.to(device), targets=targets)

    def resized(self, resolution: int) -> "PackedVoxels":
        """Padded or cropped about the centre, e.g. 30 to 32."""
        return replace(self, columns=resize_columns(self.columns, resolution))

    def select(self, index: Int[Tensor, " M"] | list[int]) -> "PackedVoxels":
        """The shapes at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        keys = tuple(self.keys[i] for i in chosen.tolist())
        columns = self.columns[chosen.to(self.columns.device)]
        return replace(self, columns=columns, targets=select_targets(self.targets, chosen), keys=keys)

    def draw(self, augment: VoxelAugment, generator: torch.Generator) -> Warp:
        """One random warp for each grid."""
        return augment.draw(len(self), generator)

    def take(
        self, index: Int[Tensor, " B"], drawn: Warp | None = None, *, device: Any = None, dtype: Any = None
    ) -> Shaped[Tensor, "B 1 R R R"]:
        """The grids at `index`, warped and unpacked."""
        columns = self.columns[index.to(self.columns.device)].to(device)
        if drawn is not None:
            columns = warp_columns(columns, *drawn)
        return unpack(columns, dtype or torch.float32)

    def occupancy(self) -> Float[Tensor, "N 1 R R R"]:
        """All grids as float32; 128 KiB each at 32 cells a side, so mind the size of the split."""
        return unpack(self.columns)
