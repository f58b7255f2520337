"""Classifiers of occupancy grids: recipes, what they are fed, and the moved copies that a test votes over."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import nn

from geolearn.data import PackedFineVoxels, PackedVoxels, VoxelAugment, Voxelize, Warp
from geolearn.errors import InvalidInputError
from geolearn.training.method import METHODS
from geolearn.training.methods.classification import Classification, ClassRecipe, Vote
from geolearn.training.recipes import RECIPES
from geolearn.typing import Tensor

Grids = PackedVoxels | PackedFineVoxels


@dataclass(frozen=True)
class VoxelRecipe(ClassRecipe):
    """A recipe for voxel networks.

    Attributes:
        resolution, padding: cells a side, and how many of them stay empty around the shape; in VoxNet the object fills
            24 of 32 cells.
        votes: rotations about the up axis whose log-probabilities are summed at test time.
        vote_shift, vote_scale: vote on the grid moved by so many cells and stretched by that share as well, see
            `voting_inputs`.
    """

    method: ClassVar[str] = "voxel_classification"

    augment: VoxelAugment = field(default_factory=VoxelAugment)
    resolution: int = 32
    padding: int = 4
    votes: int = 12
    vote_shift: int = 0
    vote_scale: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.votes < 1:
            raise InvalidInputError(f"votes: expected at least 1, got {self.votes}")

    def at_resolution(self, resolution: int) -> "VoxelRecipe":
        share = resolution / self.resolution
        return replace(
            self,
            resolution=resolution,
            padding=round(share * self.padding),
            augment=replace(self.augment, shift=round(share * self.augment.shift)),
            vote_shift=round(share * self.vote_shift),
            model={**self.model, "resolution": resolution},
        )


@METHODS.register("voxel_classification")
class VoxelClassification(Classification[VoxelRecipe]):
    """Networks on grids (B, 1, R, R, R) that offer `features` and `classify`."""

    inputs = "voxels"
    recipe_type = VoxelRecipe

    def representation(self) -> Voxelize:
        return Voxelize(self.recipe.resolution, padding=self.recipe.padding)

    def votes(self, net: nn.Module, split: Grids) -> tuple[list[Vote], str]:
        recipe = self.recipe
        votes = list(voting_inputs(split, recipe.votes, recipe.vote_mirror, recipe.vote_shift, recipe.vote_scale))
        if len(votes) == 1:
            return votes, "1 vote"
        kinds = {
            f"{recipe.votes} rotations": recipe.votes > 1,
            "mirror": recipe.vote_mirror,
            f"shifts of {recipe.vote_shift}": recipe.vote_shift,
            f"sizes of {recipe.vote_scale:+.0%}, {-recipe.vote_scale:+.0%}": recipe.vote_scale,
        }
        return votes, f"{len(votes)} votes over {', '.join(kind for kind, used in kinds.items() if used)}"


def voting_inputs(voxels: Grids, votes: int, mirror: bool, shift: int = 0, scale: float = 0.0) -> Iterator[Vote]:
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
                yield lambda part, warp=warp: _warped(voxels, part, *warp)


def _warped(
    voxels: Grids, part: slice, angle_rad: float, mirror: bool, shift: tuple[float, ...], scale: float
) -> Tensor:
    index = torch.arange(len(voxels))[part]
    count = len(index)
    warp = Warp(
        torch.full((count,), angle_rad),
        torch.full((count,), mirror),
        torch.tensor(shift).expand(count, 3),
        torch.full((count, 3), scale),
    )
    return voxels.take(index, warp)


RECIPES.add(
    "voxnet/paper",
    VoxelRecipe(
        source="Maturana & Scherer, IROS 2015, section III.C",
        epochs=962,  # 120k batches: the paper divides the rate every 40k and does not give the end
        optimiser="sgd",
        learning_rate=1e-3,
        weight_decay=1e-3,
        schedule="steps",
        milestones=(40_000, 80_000),
        label_smoothing=0.0,
        ema_decay=0.0,
        gradient_clip=0.0,
        augment=VoxelAugment(rotations=12, mirror=True, shift=2),
        votes=12,
        vote_mirror=False,
    ),
)
# For shapes that face any way.
_TURNED = VoxelRecipe(
    epochs=40,
    class_balance=0.5,
    augment=VoxelAugment(rotations=0, mirror=True, shift=2, scale=0.12),
)
# ModelNet's shapes of a class all face the same way, which tells a network much: no turns, only a little jitter.
_ALIGNED = replace(
    _TURNED,
    source="own; what each ingredient brings is in benchmarks/results",
    epochs=60,
    augment=replace(_TURNED.augment, rotations=1, jitter_rad=0.1),
    votes=1,
    vote_shift=1,
    vote_scale=0.06,
)
RECIPES.add("voxnet/best", _ALIGNED)
RECIPES.add("voxnet/turned", _TURNED)
# A larger net has more to gain from shapes stretched and moved farther.
RECIPES.add("voxresnet/best", replace(_ALIGNED, epochs=40, augment=replace(_ALIGNED.augment, scale=0.25, shift=3)))
RECIPES.add("voxresnet/turned", replace(_TURNED, epochs=30))
