"""Autoencoders of occupancy grids, whose decoders are priors for fits: no labels, a bound made tight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torchmetrics import MeanMetric, Metric

from geolearn.data import Batch, Collection, PackedVoxels, ShapeCollection, Store, VoxelAugment, Voxelize
from geolearn.models import VoxelVAE
from geolearn.training.method import METHODS, Figure, GradientMethod, Moment, Outcome, Picture, Prediction
from geolearn.training.methods.grid_figures import draw_grids, volume_iou
from geolearn.training.recipes import RECIPES, GradientRecipe
from geolearn.typing import Float, Tensor


@dataclass(frozen=True)
class AutoencoderRecipe(GradientRecipe):
    """A recipe for voxel autoencoders.

    Attributes:
        resolution, padding: cells a side, and how many of them stay empty around a mesh; grids keep their cells.
        beta: weight of the code's divergence from the prior.
        beta_warm_up: share of the epochs over which that weight grows.
    """

    method: ClassVar[str] = "voxel_autoencoding"

    augment: VoxelAugment = field(default_factory=VoxelAugment)
    resolution: int = 32
    padding: int = 4
    beta: float = 1.0
    beta_warm_up: float = 0.1


@dataclass(frozen=True, repr=False)
class Reconstruction(Prediction):
    """What comes back from the code of a shape.

    Attributes:
        code: (D,).
        opacity: (R, R, R) in [0, 1].
        volume_iou: of the opacity above 1/2 with the shape.
    """

    code: Float[Tensor, " D"]
    opacity: Float[Tensor, "R R R"]
    volume_iou: float

    def record(self) -> dict[str, Any]:
        return {"code": self.code.tolist(), "volume_iou": self.volume_iou}

    def summary(self) -> str:
        return f"comes back from a code of {len(self.code)} numbers with a volume IoU of {self.volume_iou:.3f}"


@METHODS.register("voxel_autoencoding")
class VoxelAutoencoding(GradientMethod[AutoencoderRecipe]):
    """The evidence lower bound of a `VoxelVAE`; reconstructions of shapes it never saw."""

    figures = (
        Figure("volume_iou", "volume IoU"),
        Figure("reconstruction_nats", "nats for the cells", "lower"),
        Figure("code_nats", "nats for the code", "lower"),
    )
    recipe_type = AutoencoderRecipe

    def representation(self) -> Voxelize:
        return Voxelize(self.recipe.resolution, padding=self.recipe.padding)

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        bound = cast(VoxelVAE, net).losses(batch.data)
        growing = max(1.0, self.recipe.beta_warm_up * moment.epochs)
        weight = self.recipe.beta * min(1.0, (moment.epoch + 1) / growing)
        return bound.reconstruction + weight * bound.divergence

    def meters(self) -> dict[str, Metric]:
        return {"volume_iou": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        meters["volume_iou"].update(_reconstruct(cast(VoxelVAE, net), batch.data)[1])

    @torch.no_grad()
    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        vae, grids = cast(VoxelVAE, net.eval()), cast(PackedVoxels, self.load(data, split))
        generator = torch.Generator().manual_seed(0)
        ious, bounds = [], torch.zeros(2, dtype=torch.float64)
        for index in torch.arange(len(grids)).split(64):
            values = grids.take(index)
            ious.append(_reconstruct(vae, values)[1])
            bounds += torch.stack(list(vae.losses(values, generator))).double() * len(index) / len(grids)
        figures = {
            "volume_iou": float(torch.cat(ious).mean()),
            "reconstruction_nats": float(bounds[0]),
            "code_nats": float(bounds[1]),
        }
        return Outcome(figures, "mean of the code decoded", len(grids), predictions=torch.cat(ious))

    @torch.no_grad()
    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        grids = cast(PackedVoxels, self.load(data, split))
        order = outcome.predictions.argsort(descending=True)
        chosen = order[torch.linspace(0, len(order) - 1, min(5, len(order))).round().long()]
        values = grids.take(chosen)
        made = _reconstruct(cast(VoxelVAE, net.eval()), values)[0]
        captions = ["shape"] * len(chosen) + [f"IoU {iou:.2f}" for iou in outcome.predictions[chosen].tolist()]
        title = "Test shapes (above) and what comes back from their codes, best to worst"
        return draw_grids([*values, *made], captions, folder / "reconstructions.png", len(chosen), title)

    @torch.no_grad()
    def describe(self, net: nn.Module, shapes: Sequence[Any]) -> Float[Tensor, "N D"]:
        split = self.load(ShapeCollection({"test": Store.of_shapes(shapes)}), "test")
        return cast(VoxelVAE, net.eval()).encode(cast(PackedVoxels, split).occupancy())[0]

    @torch.no_grad()
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> Reconstruction:
        split = self.load(ShapeCollection({"test": Store.of_shapes([shape], classes=names)}), "test")
        vae, values = cast(VoxelVAE, net.eval()), cast(PackedVoxels, split).occupancy()
        opacity, iou = _reconstruct(vae, values)
        return Reconstruction(vae.encode(values)[0][0], opacity[0, 0], float(iou[0]))


def _reconstruct(
    vae: VoxelVAE, grids: Float[Tensor, "B 1 R R R"]
) -> tuple[Float[Tensor, "B 1 R R R"], Float[Tensor, " B"]]:
    """What the mean of the code decodes to, and its volume IoU with the grid."""
    opacity = vae(vae.encode(grids)[0])
    return opacity, volume_iou(opacity, grids)


# For chairs that look along x (`shapenets_chairs`, protocol "aligned"): left and right are swapped, nothing is turned.
RECIPES.add(
    "voxelvae/best",
    AutoencoderRecipe(
        epochs=100,
        learning_rate=3e-3,
        weight_decay=0.01,
        warm_up=0.1,
        ema_decay=0.0,
        gradient_clip=0.0,
        augment=VoxelAugment(rotations=1, mirror=True, mirror_axis="y", shift=0, scale=0.1),
    ),
)
