"""Deformed volumes, predicted directly: what Yumer & Mitra, ECCV 2016, compare flows with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric

from geolearn.data import Batch, Collection, Packed
from geolearn.data.attribute_names import attribute_names
from geolearn.data.deformations import DeformableShapes
from geolearn.data.packed.deformations import DeformationBatch, PackedDeformations
from geolearn.models import MODELS, DeformedVolumeNet
from geolearn.progress import track
from geolearn.structures import VoxelGrid
from geolearn.training.method import METHODS, Figure, GradientMethod, Moment, Outcome, Prediction
from geolearn.training.methods.deformation import PLAN, DeformationRecipe
from geolearn.training.methods.flow_errors import all_amounts
from geolearn.training.recipes import RECIPES
from geolearn.typing import Float, Tensor

SHOWN = 0.4  # the amount of what is predicted for one shape


@dataclass(frozen=True)
class VolumeRecipe(DeformationRecipe):
    """A recipe for networks that predict deformed volumes."""

    method: ClassVar[str] = "deformed_volumes"

    poses: int = 6


@dataclass(frozen=True, repr=False)
class VolumePrediction(Prediction):
    """The volumes of one shape with an amount of 0.4 of each attribute; logits, positive inside.

    Attributes:
        attributes: as (family, name).
        still: (R, R, R), with no amount of any.
        changed: (K, R, R, R).
        grid: the shape as the network saw it.
    """

    attributes: tuple[tuple[str, str], ...]
    still: Float[Tensor, "R R R"]
    changed: Float[Tensor, "K R R R"]
    grid: VoxelGrid

    def record(self) -> dict[str, Any]:
        changed = ((self.changed > 0) != self.grid.occupancy).flatten(1).sum(1)
        names = (f"{family}: {name}" for family, name in self.attributes)
        return {"changed_cells": dict(zip(names, changed.tolist(), strict=True))}

    def summary(self) -> str:
        return f"{len(self.attributes)} volumes, an amount of {SHOWN} of one attribute each"


@METHODS.register("deformed_volumes")
class DeformedVolumes(GradientMethod[VolumeRecipe]):
    """The occupancy of the deformed shape, predicted directly."""

    figures = (
        Figure("volume_error", "wrong cells, % of those that change", "lower"),
        Figure("identity_error", "wrong cells when nothing is asked, % of the shape", "lower"),
    )
    recipe_type = VolumeRecipe

    def representation(self) -> DeformableShapes:
        recipe = self.recipe
        return DeformableShapes(recipe.resolution, recipe.padding, recipe.points, recipe.scans, recipe.poses)

    def build(self, split: Packed) -> nn.Module:
        return MODELS[self.model](
            num_attributes=len(attribute_names(split.classes)), resolution=self.recipe.resolution, **self.recipe.model
        )

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        return F.binary_cross_entropy_with_logits(_volumes(net, batch.data), batch.data.volumes)

    def meters(self) -> dict[str, Metric]:
        return {"wrong_cells": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        wrong = (_volumes(net, batch.data) > 0) != (batch.data.volumes > 0.5)
        meters["wrong_cells"].update(wrong.float().mean((1, 2, 3, 4)))

    @torch.no_grad()
    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        shapes = cast(PackedDeformations, self.load(data, split))
        wrong, changed, lost, cells, still = 0, 0, 0, 0, []
        net.eval()
        for index in track(torch.arange(len(shapes)).split(16), "measuring volumes", show=progress):
            batch = shapes.take(index)
            found, truth, before = _volumes(net, batch) > 0, batch.volumes > 0.5, batch.grids > 0.5
            wrong += int((found != truth).sum())
            changed += int((truth != before).sum())
            still.append(_volumes(net, batch._replace(intentions=torch.zeros_like(batch.intentions)))[:, 0])
            lost += int(((still[-1] > 0) != before[:, 0]).sum())
            cells += int(before.sum())
        figures = {"volume_error": 100 * wrong / max(changed, 1), "identity_error": 100 * lost / max(cells, 1)}
        return Outcome(figures, "one volume for each intention", len(shapes), predictions=torch.cat(still))

    @torch.no_grad()
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> VolumePrediction:
        volumes, grid = cast(DeformedVolumeNet, net.eval()), self.representation()(shape)
        values, single = grid.values[None, None].float(), torch.eye(volumes.num_attributes)
        still = volumes(values, torch.zeros(1, volumes.num_attributes))[0, 0]
        found = volumes(values.expand(len(single), -1, -1, -1, -1), SHOWN * single)[:, 0]
        return VolumePrediction(attribute_names(names), still, found, grid)


def _volumes(net: nn.Module, batch: DeformationBatch) -> Float[Tensor, "B 1 R R R"]:
    volumes = cast(DeformedVolumeNet, net)
    intentions = all_amounts(batch.intentions * (batch.rows >= 0), batch.rows, volumes.num_attributes)
    return volumes(batch.grids, intentions)


RECIPES.add("deformedvolumenet/best", VolumeRecipe(**PLAN))
