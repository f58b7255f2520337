"""Feed-forward completion of shapes from what single depth maps show of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional
from torchmetrics import MeanMetric, Metric

from geolearn.data import Batch, Collection, DepthObservations, Observed, Packed, VoxelAugment
from geolearn.data.depth_observations import PackedObservations
from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, VoxelCompletionNet
from geolearn.structures import VoxelGrid
from geolearn.training.method import METHODS, Figure, GradientMethod, Moment, Outcome, Picture, Prediction
from geolearn.training.methods.grid_figures import draw_grids, unit_grid, volume_iou
from geolearn.training.recipes import RECIPES, GradientRecipe
from geolearn.typing import Tensor

AT_ONCE = 32


@dataclass(frozen=True)
class CompletionRecipe(GradientRecipe):
    """A recipe for completion networks.

    Attributes:
        resolution, padding, views, elevation_deg: of the observations, see `DepthObservations`.
    """

    method: ClassVar[str] = "shape_completion"

    augment: VoxelAugment = field(default_factory=lambda: VoxelAugment(rotations=4, mirror=True, shift=0))
    resolution: int = 30
    padding: int = 3
    views: int = 6
    elevation_deg: tuple[float, float] = (0.0, 60.0)


@dataclass(frozen=True, repr=False)
class CompletedShape(Prediction):
    """What a network makes of an observation, or of one view of a whole shape.

    Attributes:
        observed: free (0), unknown (0.5) and surface (1) cells.
        probabilities: of occupancy.
        volume_iou: with the shape, where it is known.
    """

    observed: VoxelGrid
    probabilities: VoxelGrid
    volume_iou: float | None

    def record(self) -> dict[str, Any]:
        return {"occupied_cells": int(self.probabilities.occupancy.sum()), "volume_iou": self.volume_iou}

    def summary(self) -> str:
        seen, whole = int((self.observed.values == 1).sum()), int(self.probabilities.occupancy.sum())
        iou = "" if self.volume_iou is None else f", volume IoU {self.volume_iou:.3f}"
        return f"{seen} surface cells seen, {whole} occupied after completion{iou}"


@METHODS.register("shape_completion")
class ShapeCompletion(GradientMethod[CompletionRecipe]):
    """Binary cross entropy of the cells that were not seen; volume IoU of the completed shape."""

    figures = (
        Figure("volume_iou", "volume IoU"),
        Figure("volume_iou_seen", "of the surface seen alone"),
    )
    inputs = "observations"
    recipe_type = CompletionRecipe

    def representation(self) -> DepthObservations:
        recipe = self.recipe
        return DepthObservations(
            recipe.resolution, padding=recipe.padding, views=recipe.views, elevation_deg=recipe.elevation_deg
        )

    def build(self, split: Packed) -> nn.Module:
        return MODELS[self.model](resolution=self.recipe.resolution, **self.recipe.model)

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        observed = cast(Observed, batch.data)
        unknown = observed.cells == 0.5
        each = functional.binary_cross_entropy_with_logits(net(observed.cells), observed.truth, reduction="none")
        return (each * unknown).sum() / unknown.sum().clamp(min=1)

    def meters(self) -> dict[str, Metric]:
        return {"volume_iou": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        observed = cast(Observed, batch.data)
        completed = cast(VoxelCompletionNet, net).complete(observed.cells)
        meters["volume_iou"].update(volume_iou(completed, observed.truth))

    @torch.no_grad()
    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        packed = cast(PackedObservations, self.load(data, split))
        if len(packed) == 0:
            raise InvalidInputError("split: expected at least one shape to test, got none")
        net.eval()
        ious, seen = [], []
        for index in torch.arange(len(packed)).split(AT_ONCE):
            observed = packed.take(index)
            ious.append(volume_iou(cast(VoxelCompletionNet, net).complete(observed.cells), observed.truth))
            seen.append(volume_iou(observed.cells, observed.truth))
        predictions = torch.cat(ious)
        figures = {"volume_iou": float(predictions.mean()), "volume_iou_seen": float(torch.cat(seen).mean())}
        views = self.recipe.views
        voting = f"each of {views} depth map{'s' if views > 1 else ''} by itself"
        return Outcome(figures, voting, len(packed) // views, predictions=predictions)

    @torch.no_grad()
    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        packed = cast(PackedObservations, self.load(data, split))
        order = outcome.predictions.argsort(descending=True)
        chosen = order[torch.linspace(0, len(order) - 1, min(5, len(order))).round().long()]
        observed = packed.take(chosen)
        completed = cast(VoxelCompletionNet, net.eval()).complete(observed.cells)
        count = len(chosen)
        captions = ["seen"] * count + [f"IoU {iou:.2f}" for iou in outcome.predictions[chosen].tolist()]
        return draw_grids(
            [*(observed.cells == 1), *completed, *observed.truth], captions + ["shape"] * count,
            folder / "completions.png", count, "Seen in one depth map, completed, and the test shape, best to worst",
        )  # fmt: skip

    @torch.no_grad()
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> CompletedShape:
        """A grid of 0, 0.5 and 1 is completed; of a whole shape, what its first depth map shows."""
        completing = cast(VoxelCompletionNet, net.eval())
        if isinstance(shape, VoxelGrid) and bool((shape.values == 0.5).any()):
            cells = completing.complete(shape.values[None, None])
            return CompletedShape(shape, VoxelGrid(cells[0, 0], shape.origin, shape.voxel_size), None)
        columns = self.representation()(shape)[None]
        packed = PackedObservations.of_columns(columns, torch.zeros(1, dtype=torch.int64), ("shape",), tuple(names))
        observed = packed.take(torch.zeros(1, dtype=torch.int64))
        cells = completing.complete(observed.cells)
        iou = float(volume_iou(cells, observed.truth)[0])
        return CompletedShape(unit_grid(observed.cells[0, 0]), unit_grid(cells[0, 0]), iou)


RECIPES.add(
    "voxelcompletionnet/best",
    CompletionRecipe(epochs=12, learning_rate=3e-3, weight_decay=0.01, ema_decay=0.0, gradient_clip=1.0),
)
