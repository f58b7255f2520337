"""Batches of packed voxels, warped and unpacked on the fly in the training process: no workers, no copies."""

from typing import Any

import torch

from geolearn.data.augment import VoxelAugment, warp_columns
from geolearn.data.batches import SplitBatches
from geolearn.data.packed import PackedVoxels, unpack
from geolearn.data.sample import Batch
from geolearn.typing import Int, Tensor


class VoxelBatches(SplitBatches):
    """An iterable of `Batch(values (B, 1, R, R, R), labels (B,), keys)` over a packed split.

    Args:
        voxels: the split; it is moved to `device` whole.
        augment: random warps, or None.
        batch_size, shuffle, drop_last, seed, rank, world_size: see `SplitBatches`.
    """

    def __init__(
        self,
        voxels: PackedVoxels,
        batch_size: int,
        *,
        augment: VoxelAugment | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        rank: int | None = None,
        world_size: int | None = None,
    ):
        super().__init__(
            len(voxels), batch_size, shuffle=shuffle, drop_last=drop_last, seed=seed, rank=rank, world_size=world_size
        )
        self.voxels = voxels.to(device)
        self.augment = augment
        self.dtype = dtype

    def _draw(self, generator: torch.Generator) -> Any:
        return self.augment.draw(self.count, generator) if self.augment else None

    def _batch(self, index: Int[Tensor, " B"], place: Int[Tensor, " B"], drawn: Any) -> Batch:
        on_device = index.to(self.voxels.columns.device)
        columns = self.voxels.columns[on_device]
        if drawn is not None:
            columns = warp_columns(columns, *drawn.select(place))
        return Batch(
            unpack(columns, self.dtype), self.voxels.labels[on_device], [self.voxels.keys[i] for i in index.tolist()]
        )
