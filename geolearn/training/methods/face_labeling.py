"""Labels for the faces of meshes: recipes, the loss over random faces, the graph cut, and figures of every count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric

from geolearn.data import Batch, Collection, FaceAugment, FaceFeatures, PackedFaces, ShapeCollection, Store
from geolearn.data.packed.faces import UNLABELLED, FaceBatch
from geolearn.errors import InvalidInputError
from geolearn.models import MODELS
from geolearn.ops.face_figures import (
    area_accuracy,
    confusion,
    face_accuracy,
    hard_edge_accuracy,
    label_figures,
    mean_iou,
    soft_edge_accuracy,
)
from geolearn.ops.face_geometry import face_areas
from geolearn.ops.graph_cut import smooth_labels
from geolearn.ops.simplification import carry_values, face_map
from geolearn.progress import track
from geolearn.structures import Mesh
from geolearn.training.method import (
    METHODS,
    Descent,
    Figure,
    GradientMethod,
    Moment,
    Outcome,
    Phase,
    Picture,
    Prediction,
)
from geolearn.training.methods.face_sheets import draw_labelled
from geolearn.training.recipes import RECIPES, GradientRecipe
from geolearn.typing import Float, Int, Tensor

# Of a category with fewer meshes nothing could be held out.
FEWEST_MESHES = 3
# Rows of each mesh from which the scale of features is taken.
SCALE_ROWS = 500


@dataclass(frozen=True)
class LabelRecipe(GradientRecipe):
    """A recipe for networks that label faces.

    Attributes:
        steps: how many batches to learn from, whatever their number per epoch; 0: `epochs` says how long.
        max_faces, functions: see `FaceFeatures`.
        area_weight: how much faces count by their area in the loss, the rest by their number.
        label_smoothing: of the cross entropy.
        smoothness: of the graph cut, see `geolearn.ops.graph_cut`; 0: no cut.
    """

    method: ClassVar[str] = "face_labeling"

    augment: FaceAugment | None = field(default_factory=FaceAugment)
    batch_size: int = 2
    steps: int = 600
    max_faces: int = 4000
    functions: int = 96
    area_weight: float = 0.5
    label_smoothing: float = 0.1
    smoothness: float = 0.07

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 0 or self.smoothness < 0 or not 0 <= self.area_weight <= 1:
            raise InvalidInputError(
                f"expected steps and smoothness >= 0 and area_weight in 0..1, got {self.steps}, {self.smoothness}, "
                f"{self.area_weight}"
            )


@dataclass(frozen=True, repr=False)
class LabelledFaces(Prediction):
    """The label of every face of a mesh.

    Attributes:
        labels: (F,), after the graph cut.
        probabilities: (F, K), before it.
        names: K names.
        shares: K shares of the surface, in label order.
    """

    labels: Int[Tensor, " F"]
    probabilities: Float[Tensor, "F K"]
    names: tuple[str, ...]
    shares: tuple[float, ...]

    def record(self) -> dict[str, Any]:
        return {"parts": dict(zip(self.names, self.shares, strict=True)), "labels": self.labels.tolist()}

    def summary(self) -> str:
        parts = [f"{name} {100 * share:.1f} %" for name, share in zip(self.names, self.shares, strict=True) if share]
        return f"{len(self.labels)} faces: {', '.join(parts)} of the surface"


@METHODS.register("face_labeling")
class FaceLabeling(GradientMethod[LabelRecipe]):
    """Cross entropy over faces; accuracy by area, by face and by edge, after the graph cut and before it."""

    figures = (
        Figure("area_accuracy", "surface %"),
        Figure("area_accuracy_before_cut", "surface before the cut %"),
        Figure("face_accuracy", "faces %"),
        Figure("face_accuracy_before_cut", "faces before the cut %"),
        Figure("mean_iou", "mIoU %"),
        Figure("soft_edge_accuracy", "soft edges %", always=False),
        Figure("hard_edge_accuracy", "edges %", always=False),
    )
    inputs = "faces"
    recipe_type = LabelRecipe

    # -- data

    def representation(self) -> FaceFeatures:
        return FaceFeatures(self.recipe.max_faces, self.recipe.functions)

    def load(self, data: Collection, split: str, *, training: bool = False) -> PackedFaces:
        packed = cast(PackedFaces, super().load(data, split, training=training))
        if training:
            _check_labels(packed, data.name)
            if len(packed) < FEWEST_MESHES:
                raise InvalidInputError(
                    f"data: expected at least {FEWEST_MESHES} labelled meshes to learn from, {data.name} has "
                    f"{len(packed)}"
                )
        return packed

    # -- learning

    def build(self, split: Any) -> nn.Module:
        if len(split.classes) < 2:
            raise InvalidInputError(f"data: expected at least two labels, got {list(split.classes)}")
        net = MODELS[self.model](num_labels=len(split.classes), **self.recipe.model)
        generator = torch.Generator().manual_seed(0)
        rows = [
            item.features[torch.randperm(len(item.features), generator=generator)[:SCALE_ROWS]] for item in split.items
        ]
        net.standardise.fit(torch.cat(rows).float())  # type: ignore[union-attr]
        return net

    def phases(self, net: nn.Module, batches: int) -> list[Phase]:
        recipe = self.recipe
        epochs = -(-recipe.steps // batches) if recipe.steps else recipe.epochs
        descent = recipe.descent(self.trained_parts(net), epochs * batches)
        return [Phase(epochs, {"main": Descent(*descent, recipe.gradient_clip)})]

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        faces: FaceBatch = batch.data
        each = F.cross_entropy(
            net(*faces.inputs), faces.labels, reduction="none", label_smoothing=self.recipe.label_smoothing
        )
        meshes = len(faces.faces_per_mesh)
        counts = torch.tensor(faces.faces_per_mesh, device=each.device)
        by_number = (1 / counts).repeat_interleave(counts)
        weights = self.recipe.area_weight * faces.areas + (1 - self.recipe.area_weight) * by_number
        return (weights * each).sum() / meshes

    def meters(self) -> dict[str, Metric]:
        return {"area_accuracy": MeanMetric(), "face_accuracy": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        """Before the cut, on the meshes that the network looks at."""
        faces: FaceBatch = batch.data
        right = 100 * (net(*faces.inputs).argmax(1) == faces.labels).float()
        counts = torch.tensor(faces.faces_per_mesh, device=right.device)
        meters["area_accuracy"].update(right, faces.areas)
        meters["face_accuracy"].update(right, (1 / counts).repeat_interleave(counts))

    # -- testing

    @torch.no_grad()
    def ask(self, net: nn.Module, packed: PackedFaces, number: int, mesh: Mesh) -> Float[Tensor, "F K"]:
        """Probabilities of labels for every face of the original mesh."""
        batch = packed.take(torch.tensor([number]), device=next(net.parameters()).device)
        probabilities = net(*batch.inputs).softmax(1).cpu()
        seen = packed.items[number].mesh
        return (
            probabilities if len(seen.faces) == len(mesh.faces) else carry_values(face_map(mesh, seen), probabilities)
        )

    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        """Every face of every original mesh counts."""
        net.eval()
        packed = self.load(data, split)
        _check_labels(packed, data.name)
        rows, labels, counts = [], [], torch.zeros(len(packed.classes), len(packed.classes), dtype=torch.int64)
        for number in track(range(len(packed)), "labelling", show=progress):
            mesh = packed.mesh(number)
            truth = cast(Tensor, mesh.face_labels)
            probabilities = self.ask(net, packed, number, mesh)
            before = probabilities.argmax(1)
            after = smooth_labels(mesh, probabilities, self.recipe.smoothness)
            areas = face_areas(mesh.triangles())
            row = {
                "shape": packed.keys[number],
                "area_accuracy": area_accuracy(after, truth, areas),
                "area_accuracy_before_cut": area_accuracy(before, truth, areas),
                "face_accuracy": face_accuracy(after, truth),
                "face_accuracy_before_cut": face_accuracy(before, truth),
            }
            if (edge_labels := packed.edge_labels(number)) is not None:
                row["soft_edge_accuracy"] = soft_edge_accuracy(mesh, after, edge_labels)
                row["hard_edge_accuracy"] = hard_edge_accuracy(mesh, after, edge_labels)
            rows.append(row)
            labels.append(after)
            counts += confusion(after, truth, len(packed.classes))
        names = [name for name in rows[0] if name != "shape"]
        figures = {name: sum(row[name] for row in rows) / len(rows) for name in names}
        figures["mean_iou"] = mean_iou(counts)
        tables = {"per_label": _per_label(counts, packed.classes), "per_shape": rows}
        how = f"graph cut of smoothness {self.recipe.smoothness}" if self.recipe.smoothness else "no graph cut"
        return Outcome(figures, how, len(packed), tables, {"confusion": counts.tolist()}, labels)

    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        packed = self.load(data, split)
        order = sorted(range(len(packed)), key=lambda number: outcome.tables["per_shape"][number]["area_accuracy"])
        chosen = [order[round(place * (len(order) - 1) / 5)] for place in range(6)] if len(order) > 6 else order
        meshes = [packed.mesh(number) for number in chosen]
        accuracies = [outcome.tables["per_shape"][number]["area_accuracy"] for number in chosen]
        draw_labelled(
            meshes, [outcome.predictions[number] for number in chosen], accuracies, packed.classes, folder / "parts.png"
        )
        return [(folder / "parts.png", "True labels above, predicted labels below, from the worst mesh to the best")]

    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> LabelledFaces:
        net.eval()
        packed = self.load(ShapeCollection({"test": Store.of_shapes([shape], classes=names)}), "test")
        mesh = packed.mesh(0)  # as tested: in the unit box
        probabilities = self.ask(net, packed, 0, mesh)
        labels = smooth_labels(mesh, probabilities, self.recipe.smoothness)
        areas = face_areas(mesh.triangles().double())
        shares = torch.zeros(probabilities.shape[1], dtype=torch.float64).index_add_(0, labels, areas / areas.sum())
        known = tuple(names) or tuple(f"part{label}" for label in range(len(shares)))
        return LabelledFaces(labels, probabilities, known, tuple(shares.tolist()))


def _check_labels(packed: PackedFaces, name: str) -> None:
    """Every face has a label that has a name."""
    labels = dict(zip(packed.keys, (item.labels for item in packed.items), strict=True))
    bare = [key for key, own in labels.items() if bool((own == UNLABELLED).any())]
    if bare:
        raise InvalidInputError(
            f"data: {len(bare)} of {len(packed)} meshes of {name} have faces without labels, first {bare[:3]}; label "
            "them, or leave them out"
        )
    beyond = [key for key, own in labels.items() if int(own.max()) >= len(packed.classes)]
    if beyond:
        raise InvalidInputError(
            f"data: {len(beyond)} of {len(packed)} meshes of {name} have labels beyond the {len(packed.classes)} named "
            f"parts {', '.join(packed.classes)}, first {beyond[:3]}"
        )


def _per_label(counts: Int[Tensor, "K K"], names: Sequence[str]) -> list[dict[str, Any]]:
    found = label_figures(counts)
    values = zip(names, counts.sum(1).tolist(), *(value.tolist() for value in found), strict=True)
    return [
        {"label": name, "faces": faces, **{k: None if v != v else v for k, v in zip(found._fields, rest, strict=True)}}
        for name, faces, *rest in values
    ]


_BEST = LabelRecipe(learning_rate=3e-3, weight_decay=0.01, warm_up=0.1, ema_decay=0.0, gradient_clip=1.0)
RECIPES.add("surfacelabelnet/best", _BEST)
RECIPES.add("meshlabelnet/best", _BEST)
