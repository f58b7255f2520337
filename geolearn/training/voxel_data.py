"""Voxel datasets as Lightning loads them, and the rotated copies a test votes over."""

import math
from collections.abc import Callable, Iterator

import lightning.pytorch as pl
import torch

from geolearn.data import PackedVoxels, ShapeDataset, VoxelBatches, Voxelize
from geolearn.data.augment import rotate_columns
from geolearn.data.packed import unpack
from geolearn.training.recipes import Recipe
from geolearn.typing import Tensor

RESOLUTION, PADDING = 32, 4  # VoxNet: the object fills 24 of 32 cells


def load_voxels_split(name: str, split: str, *, validation: float = 0.1) -> PackedVoxels:
    """One split of any voxel or mesh dataset, as 32^3 grids packed in memory."""
    grid = Voxelize(RESOLUTION, padding=PADDING)
    return ShapeDataset(name, split, representation=grid, validation=validation).packed(jobs=-1)


class VoxelData(pl.LightningDataModule):
    """Training and validation grids. The test split is not even read here."""

    def __init__(self, train: PackedVoxels, validation: PackedVoxels | None, recipe: Recipe, *, seed: int):
        super().__init__()
        self.train = train
        self.validation = validation
        self.recipe = recipe
        self.seed = seed

    @classmethod
    def load(cls, name: str, recipe: Recipe, *, seed: int, validation: float) -> "VoxelData":
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


def voting_inputs(voxels: PackedVoxels, votes: int, mirror: bool) -> Iterator[Callable[[slice], Tensor]]:
    """One function per vote, from a slice of samples to their grids turned (and mirrored) as this vote sees them.

    VoxNet (section III.C.4) sums the outputs over 12 rotations about the up axis.
    """
    for mirrored in (False, True) if mirror else (False,):
        for step in range(votes):
            angle = 2 * math.pi * step / votes
            yield lambda part, angle=angle, mirrored=mirrored: unpack(
                rotate_columns(voxels.columns[part], angle, mirror=mirrored), torch.float32
            )
