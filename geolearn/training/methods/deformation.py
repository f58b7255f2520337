"""Deformation: the velocity of every attribute, learned from procedural shapes whose motions are known exactly.

One network for several kinds of shapes: Yumer & Mitra, ECCV 2016, have one for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torchmetrics import MeanMetric, Metric

from geolearn.data import Batch, Collection, Packed
from geolearn.data.attribute_names import attribute_names
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.packed.deformations import DeformationAugment, DeformationBatch, PackedDeformations
from geolearn.models import MODELS, DeformationFlowNet, deform_mesh
from geolearn.models.familiarity import Familiarity
from geolearn.reports.plots import plot_meshes
from geolearn.structures import VoxelGrid
from geolearn.training.method import METHODS, Figure, GradientMethod, Moment, Outcome, Picture, Prediction
from geolearn.training.methods.flow_errors import FlowErrors, all_amounts, flow_errors
from geolearn.training.recipes import RECIPES, GradientRecipe
from geolearn.typing import Float, Tensor

FAMILIAR = 200  # training shapes of a kind whose codes are kept the mean of
SOFT = 1e-2  # of the mean motion: distances below count squared
SHEET_AMOUNTS = (-0.4, -0.2, 0.0, 0.2, 0.4)


@dataclass(frozen=True)
class DeformationRecipe(GradientRecipe):
    """A recipe for networks of deformation.

    Attributes:
        resolution, padding, points, scans, poses: see `DeformableShapes`.
    """

    method: ClassVar[str] = "deformation"

    augment: DeformationAugment = field(default_factory=DeformationAugment)
    resolution: int = 32
    padding: int = 4
    points: int = 128
    scans: int = 2
    poses: int = 0


@dataclass(frozen=True, repr=False)
class DeformationPrediction(Prediction):
    """What a network would do to one shape.

    Attributes:
        attributes: all that the network knows, as (family, name).
        velocities: (K, 3, R, R, R), the flow of each for an amount of 1, in cells.
        grid: the shape as the network saw it.
        distances: from each kind of shapes that it learned; up to 1 is usual.
    """

    attributes: tuple[tuple[str, str], ...]
    velocities: Float[Tensor, "K 3 R R R"]
    grid: VoxelGrid
    distances: Mapping[str, float]

    @property
    def family(self) -> str:
        """The nearest kind."""
        return min(self.distances, key=self.distances.__getitem__) if self.distances else self.attributes[0][0]

    def motions(self) -> dict[str, float]:
        """How far each attribute of the nearest kind moves the shape per amount of 1, as a share of its box."""
        length = self.velocities.norm(dim=1)[:, self.grid.occupancy].mean(1) * self.grid.voxel_size
        places = self.grid.points()
        box = float((places.amax(0) - places.amin(0)).max().clamp(min=self.grid.voxel_size))
        return {
            name: float(each) / box
            for (family, name), each in zip(self.attributes, length, strict=True)
            if family == self.family
        }

    def record(self) -> dict[str, Any]:
        return {"family": self.family, "distances": dict(self.distances), "mean_motions": self.motions()}

    def summary(self) -> str:
        most = sorted(self.motions().items(), key=lambda one: -one[1])
        moved = ", ".join(f"{name} {100 * share:.0f} %" for name, share in most)
        return f"nearest to the {self.family}s; an amount of 1 moves it by, of its longest side: {moved}"


@METHODS.register("deformation")
class Deformation(GradientMethod[DeformationRecipe]):
    """The velocities of attributes, at voxels near the surface; several kinds of shapes by one network."""

    figures = (
        Figure("endpoint_error", "end-point error, % of the motion", "lower"),
        Figure("endpoint_error_partial", "from one depth view, %", "lower", always=False),
        Figure("folded", "folded cells, %", "lower"),
    )
    inputs = "deformations"
    recipe_type = DeformationRecipe
    _split: PackedDeformations | None = None

    def representation(self) -> DeformableShapes:
        recipe = self.recipe
        return DeformableShapes(recipe.resolution, recipe.padding, recipe.points, recipe.scans, recipe.poses)

    def build(self, split: Packed) -> nn.Module:
        shapes = cast(PackedDeformations, split)
        names = attribute_names(shapes.classes)
        net = cast(
            DeformationFlowNet,
            MODELS[self.model](
                num_attributes=len(names),
                resolution=self.recipe.resolution,
                kinds=len(shapes.classes),
                padding=self.recipe.padding,
                **self.recipe.model,
            ),
        )
        net.motion.copy_(shapes.mean_motion(len(names)))
        self._split = shapes
        return net

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        return _relative_errors(cast(DeformationFlowNet, net), batch.data).mean()

    def finish(self, net: nn.Module) -> None:
        """Keep what the codes of known shapes are like, for telling how far others are from them."""
        if self._split is not None:
            _familiarise(cast(DeformationFlowNet, net), self._split)

    def meters(self) -> dict[str, Metric]:
        return {"relative_error": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        meters["relative_error"].update(_relative_errors(cast(DeformationFlowNet, net), batch.data))

    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        flows, shapes = cast(DeformationFlowNet, net.eval()), cast(PackedDeformations, self.load(data, split))
        whole = flow_errors(flows, shapes, progress=progress)
        figures = {"endpoint_error": whole.percent(), "folded": 100 * float(whole.folded.mean())}
        seen = flow_errors(flows, shapes, view=0, progress=progress) if self.recipe.scans else None
        if seen is not None:
            figures["endpoint_error_partial"] = seen.percent()
        families = torch.as_tensor(shapes.targets)
        rows = []
        for label, family in enumerate(shapes.classes):
            chosen = families == label
            row: dict[str, Any] = {"family": family, "shapes": int(chosen.sum()), "error %": whole.percent(chosen)}
            if seen is not None:
                row["from one depth view %"] = seen.percent(chosen)
            rows.append({**row, "folded cells %": 100 * float(whole.folded[chosen].mean())})
        tables = {"per_family": rows, "per_attribute": _per_attribute(shapes, whole)}
        return Outcome(figures, "one flow for each intention", len(shapes), tables, predictions=whole)

    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        shapes, shown = cast(PackedDeformations, self.load(data, split)), []
        flows = cast(DeformationFlowNet, net.eval())
        for label in range(len(shapes.classes)):
            place = int((torch.as_tensor(shapes.targets) == label).nonzero()[0])
            mesh, most = (
                shape_of_key(shapes.keys[place]).mesh,
                int(shapes.velocities[place].norm(dim=2).mean(1).argmax()),
            )
            row = int(shapes.rows[place, most])
            name = attribute_names(shapes.classes)[row][1]
            for amount in SHEET_AMOUNTS:
                intention = torch.zeros(flows.num_attributes)
                intention[row] = amount
                shown.append((deform_mesh(flows, mesh, intention).mesh, f"{name} {amount:+.1f}"))
        plot_meshes(shown, folder / "deformed.png", columns=len(SHEET_AMOUNTS))
        return [(folder / "deformed.png", "Test shapes, one attribute of each less and more")]

    @torch.no_grad()
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> DeformationPrediction:
        flows, grid = cast(DeformationFlowNet, net.eval()), self.representation()(shape)
        values = grid.values[None, None].float()
        if flows.mixing == "linear":
            velocities = flows.velocities(values)[0]
        else:
            single = torch.eye(flows.num_attributes)
            velocities = flows(values.expand(len(single), -1, -1, -1, -1), single)
        distances = Familiarity.of_net(flows, tuple(names)).distances(flows.code(values))[0].tolist()
        return DeformationPrediction(attribute_names(names), velocities, grid, dict(zip(names, distances, strict=True)))


def _relative_errors(net: DeformationFlowNet, batch: DeformationBatch) -> Float[Tensor, " E"]:
    """Mean distance from the true velocity, in units of the mean motion, of every attribute that a shape has; of
    networks that mix in the middle, of every shape with its intention."""
    known = batch.rows >= 0
    if net.mixing == "linear":
        found = net.velocities_in_blocks(batch.grids, batch.blocks, batch.rows)
        size = net.motion[batch.rows.clamp(min=0)]
        off = (found - batch.velocities) / size[:, :, None, None, None]
        return _soft_length(off).mean((2, 3))[known]
    intentions = batch.intentions * known
    found = net.flow_in_blocks(batch.grids, all_amounts(intentions, batch.rows, net.num_attributes), batch.blocks)
    truth = torch.einsum("bm,bmsvc->bsvc", intentions, batch.velocities)
    size = (intentions.abs() * net.motion[batch.rows.clamp(min=0)]).sum(1).clamp(min=0.05)
    return _soft_length((found - truth) / size[:, None, None, None]).mean((1, 2))


def _soft_length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1).add(SOFT**2).sqrt()


@torch.no_grad()
def _familiarise(net: DeformationFlowNet, split: PackedDeformations) -> None:
    training, families = net.training, torch.as_tensor(split.targets)
    net.eval()
    codes = {}
    for label, family in enumerate(split.classes):
        some = split.select((families == label).nonzero()[:FAMILIAR, 0])
        codes[family] = torch.cat([net.code(grids) for grids in some.grids().split(16)])
    even, odd = ({name: each[start::2] for name, each in codes.items()} for start in (0, 1))
    Familiarity.of(even, odd).keep_in(net)
    net.train(training)


def _per_attribute(shapes: PackedDeformations, errors: FlowErrors) -> list[dict[str, Any]]:
    rows = []
    for row, (family, name) in enumerate(attribute_names(shapes.classes)):
        chosen = shapes.rows == row
        if bool(chosen.any()):
            share = errors.attribute_errors[chosen].sum() / errors.attribute_motions[chosen].sum().clamp(min=1e-9)
            motion = float(errors.attribute_motions[chosen].mean())
            rows.append(
                {
                    "family": family,
                    "attribute": name,
                    "shapes": int(chosen.sum()),
                    "motion, cells": motion,
                    "error %": 100 * float(share),
                }
            )
    return rows


PLAN: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "warm_up": 0.1,
    "ema_decay": 0.0,
    "gradient_clip": 1.0,
}
RECIPES.add("deformationflownet/best", DeformationRecipe(**PLAN))
RECIPES.add("deformationflownet/no_skip", DeformationRecipe(model={"skip": False}, **PLAN))
RECIPES.add("deformationflownet/middle", DeformationRecipe(model={"mixing": "middle"}, **PLAN))
