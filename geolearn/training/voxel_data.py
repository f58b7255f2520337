"""Voxel datasets as Lightning loads them, and the rotated copies a test votes over."""

import math
from collections.abc import Callable, Iterator

import lightning.pytorch as pl
import torch

from geolearn.data import PackedVoxels, ShapeDataset, VoxelBatches, Voxelize
from geolearn.data.packed.warps import augment_columns
from geolearn.training.recipes import VoxelRecipe
from geolearn.typing import Tensor

RESOLUTION, PADDING = 32, 4  # VoxNet: the object fills 24 of 32 cells


def load_voxels_split(name: str, split: str, *, validation: float = 0.1) -> PackedVoxels:
    """One split of any voxel or mesh dataset, as 32^3 grids packed in memory."""
    grid = Voxelize(RESOLUTION, padding=PADDING)
    return ShapeDataset(name, split, representation=grid, validation=validation).packed(jobs=-1)


class VoxelData(pl.LightningDataModule):
    """Training and validation grids. The test split is not even read here."""

    def __init__(self, train: PackedVoxels, validation: PackedVoxels | None, recipe: VoxelRecipe, *, seed: int):
        super().__init__()
        self.train = train
        self.validation = validation
        self.recipe = recipe
        self.seed = seed

    @classmethod
    def load(cls, name: str, recipe: VoxelRecipe, *, seed: int, validation: float) -> "VoxelData":
        """The splits of a dataset by name, `validation` of every class held out of training."""
        train = load_voxels_split(name, "train", validation=validation)
        held_out = load_voxels_split(name, "val", validation=validation) if validation else None
        return cls(train, held_out, recipe, seed=seed)

    def train_dataloader(self) -> VoxelBatches:
        world = self.trainer.world_size if self.trainer else 1
        return VoxelBatches(
            self.train,
            self.recipe.batch_size // world,
            augment=self.recipe.augment,
            seed=self.seed,
            drop_last=len(self.train) >= self.recipe.batch_size,
        )

    def val_dataloader(self) -> VoxelBatches | list:
        if self.validation is None:
            return []
        return VoxelBatches(self.validation, 128, shuffle=False, seed=self.seed)


def voting_inputs(
    voxels: PackedVoxels, votes: int, mirror: bool, shift: int = 0, scale: float = 0.0
) -> Iterator[Callable[[slice], Tensor]]:
    """One function per vote, from a slice of samples to their grids as this vote sees them.

    Every turn is seen plain and, with `mirror`, mirrored; and each of these in its place, with `shift` moved by so many
    cells along +x, -x, +y, -y, and with `scale` made larger and smaller by that share. VoxNet (section III.C.4) sums
    the outputs over 12 rotations about the up axis.
    """
    moves = [(0, 0), (shift, 0), (-shift, 0), (0, shift), (0, -shift)] if shift else [(0, 0)]
    places = [(x, y, 1.0) for x, y in moves] + ([(0, 0, 1 + scale), (0, 0, 1 - scale)] if scale else [])
    for mirrored in (False, True) if mirror else (False,):
        for step in range(votes):
            for x, y, size in places:
                warp = (2 * math.pi * step / votes, mirrored, (float(x), float(y), 0.0), size)
                yield lambda part, warp=warp: _warped(voxels.columns[part], *warp)


def _warped(columns: Tensor, angle_rad: float, mirror: bool, shift: tuple[float, ...], scale: float) -> Tensor:
    count = len(columns)
    return augment_columns(
        columns,
        torch.full((count,), angle_rad),
        torch.full((count,), mirror),
        torch.tensor(shift).expand(count, 3),
        torch.full((count, 3), scale),
    )
