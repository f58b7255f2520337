"""Classifiers of pictures from several cameras: recipes, frozen stages, and tests with fewer or more views."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import nn

from geolearn.data import Batch, Batches, Collection, PackedViews, RenderViews, ShapeDataset, ViewAugment
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN
from geolearn.render.rigs import Fit, Rig
from geolearn.training.method import METHODS, Moment, Outcome, Picture
from geolearn.training.methods.class_scores import ClassScores, classification_report
from geolearn.training.methods.classification import Classification, ClassRecipe, Vote
from geolearn.training.methods.retrieval import MahalanobisMetric, retrieval_map
from geolearn.training.methods.view_inputs import (
    Activations,
    StoredMirror,
    join_splits,
    voting_activations,
    voting_views,
)
from geolearn.training.methods.view_sheets import view_sheets
from geolearn.training.recipes import RECIPES
from geolearn.typing import Float, Int, Tensor


@dataclass(frozen=True)
class MoreShapes:
    """Training shapes of another dataset with the same classes, rendered to look like the pictures they join.

    Those that the other dataset knows to occur in its own test split are left out.

    Attributes:
        repeat: these shapes come once per epoch; the original shapes `repeat` times.
    """

    data: str
    render: RenderViews
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InvalidInputError(f"repeat: expected at least 1, got {self.repeat}")


@dataclass(frozen=True)
class ViewRecipe(ClassRecipe):
    """A recipe for multi-view networks.

    Attributes:
        rig, size, fit: how meshes are rendered, see `geolearn.data.RenderViews`; ready pictures are taken as they are.
        single_view_epochs: train so many of the first epochs on single views (the paper's first phase).
        freeze: keep the network as it is up to this stage; what it makes of the views is computed once.
        freeze_norms: keep the statistics of batch normalisation as they are.
        head_rate: factor on the learning rate of the classifier, which starts from nothing.
        more: learn from these shapes as well.
    """

    method: ClassVar[str] = "view_classification"

    augment: ViewAugment = field(default_factory=ViewAugment)
    rig: Rig = "mvcnn12"
    size: int = 224
    fit: Fit = "sphere"
    single_view_epochs: int = 0
    freeze: str | None = None
    freeze_norms: bool = True
    head_rate: float = 1.0
    more: MoreShapes | None = None

    def at_resolution(self, resolution: int) -> "ViewRecipe":
        seen = {"image_size": resolution} if "image_size" in self.model else {}
        return replace(self, size=resolution, model={**self.model, **seen})


@METHODS.register("view_classification")
class ViewClassification(Classification[ViewRecipe]):
    """Networks on views (B, V, C, H, W) that pool them, such as MVCNN."""

    inputs = "views"
    recipe_type = ViewRecipe
    test_batch = 16
    _own = 0  # training shapes before those of `recipe.more`

    # -- data

    def representation(self) -> RenderViews:
        return RenderViews(self.recipe.rig, self.recipe.size, fit=self.recipe.fit)

    def load(self, data: Collection, split: str, *, training: bool = False) -> PackedViews:
        views = cast(PackedViews, super().load(data, split))
        if not (training and self.recipe.more):
            return views
        self._own = len(views)
        return join_splits(views, load_more_shapes(self.recipe.more))

    def prepare(self, net: nn.Module, split: Any, *, training: bool = False) -> PackedViews:
        """Where the recipe freezes stages, what they make of every view, plain and mirrored, in place of pictures."""
        if self.recipe.freeze is None:
            return split
        mirror = training and self.recipe.augment.mirror
        return Activations(cast(MVCNN, net), self.recipe.freeze, mirror).of(split)

    def batches(self, split: Any, *, training: bool, seed: int, processes: int = 1, **options: Any) -> Batches:
        if not training:
            return Batches(split, 16, shuffle=False, seed=seed, **options)
        recipe, augment = self.recipe, self.recipe.augment
        if recipe.freeze and augment.mirror:
            augment = StoredMirror(views=augment.views)
        if recipe.more:
            rows = torch.arange(len(split))
            split = split.select(torch.cat([rows[: self._own].repeat(recipe.more.repeat), rows[self._own :]]))
        whole = len(split) >= recipe.batch_size
        return Batches(split, recipe.batch_size // processes, augment=augment, seed=seed, drop_last=whole, **options)

    # -- learning

    def build(self, split: Any) -> nn.Module:
        net = cast(MVCNN, super().build(split))
        if self.recipe.freeze:
            net.freeze(self.recipe.freeze)
        return net

    def start_epoch(self, net: nn.Module, moment: Moment) -> None:
        if self.recipe.freeze_norms:
            for module in net.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def logits(self, net: nn.Module, x: Float[Tensor, "B V *F"]) -> Float[Tensor, "B K"]:
        return net(x.float(), start=self.recipe.freeze)

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        x, label = batch.data, batch.target
        if moment.overall < self.recipe.single_view_epochs:
            views = x.shape[1]
            x, label = x.flatten(0, 1).unsqueeze(1), label.repeat_interleave(views)
        return self.cross_entropy(self.logits(net, x), label)

    def trained_parts(self, net: nn.Module) -> list[tuple[nn.Module, float]]:
        mvcnn = cast(MVCNN, net)
        return [(mvcnn.backbone, 1.0), (mvcnn.pool, 1.0), (mvcnn.fc, self.recipe.head_rate)]

    # -- testing

    def features(self, net: nn.Module, x: Tensor) -> Float[Tensor, "B D"]:
        return cast(MVCNN, net).features(x, start=self.recipe.freeze)

    def describe(self, net: nn.Module, shapes: Sequence[Any]) -> Float[Tensor, "N D"]:
        """From the pictures themselves: activations of a whole collection would fill the cache."""
        unfrozen = ViewClassification(replace(self.recipe, freeze=None), self.model)
        return Classification.describe(unfrozen, net, shapes)

    def votes(
        self, net: nn.Module, split: PackedViews, chosen: Int[Tensor, " K"] | None = None
    ) -> tuple[list[Vote], str]:
        """All views, or those numbered by `chosen`. What frozen stages make of them is computed once and kept."""
        mirror = self.recipe.vote_mirror
        count = split.views if chosen is None else len(chosen)
        voting = f"{count} view{'s' if count > 1 else ''}{' and their mirror images' if mirror else ''}"
        if self.recipe.freeze is None:
            return list(voting_views(split, mirror, chosen)), voting
        kept = Activations(cast(MVCNN, net), self.recipe.freeze, mirror).of(split)
        return list(voting_activations(kept, mirror, chosen)), voting

    def test_views(
        self,
        net: nn.Module,
        data: Collection,
        split: str,
        counts: Sequence[int],
        predictions: ClassScores,
        metric: MahalanobisMetric | None,
        progress: bool,
    ) -> list[dict[str, Any]]:
        """Evenly spaced ready views; of meshes and grids so many are rendered, by a ring at the height of "mvcnn12"
        where the rig is a ring, else by a sphere of cameras."""
        views, rows = self.load(data, split), []
        for count in counts:
            found = predictions if count == views.views else self._ask_views(net, data, split, views, count)
            report = classification_report(found, views.classes)
            row = {"views": count, **{name: report[name] for name in ("class_accuracy", "instance_accuracy")}}
            row["retrieval_map"] = retrieval_map(found.features, found.labels)
            if metric:
                row["retrieval_map_metric"] = retrieval_map(metric(found.features), found.labels)
            rows.append(row)
        return rows

    def _ask_views(self, net: nn.Module, data: Collection, split: str, views: PackedViews, count: int) -> ClassScores:
        if count < 1:
            raise InvalidInputError(f"views: expected at least 1 view of every shape, got {count}")
        if data.kind != "views":
            around = "ring" if self.recipe.rig in ("mvcnn12", "ring") else "sphere"
            render = RenderViews(around, self.recipe.size, count=count, fit=self.recipe.fit)
            return self.ask(net, data.packed(split, render, None))[0]
        if count > views.views:
            raise InvalidInputError(f"views: {data.name} holds {views.views} ready views of every shape, got {count}")
        chosen = torch.arange(count) * views.views // count
        votes, _ = self.votes(net, views, chosen)
        return self.ask_votes(net, views, votes)

    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        pictures = super().sheets(net, data, split, outcome, folder)
        return pictures + view_sheets(cast(MVCNN, net), self.load(data, split), outcome.predictions, folder)


def load_more_shapes(more: MoreShapes) -> PackedViews:
    """The training shapes of another dataset, except those also in its test split."""
    data = ShapeDataset(more.data, "trainval", representation=more.render)
    repeated = {key for entry in data.facts.get("duplicates", ()) for key in entry["equals"]}
    keep = [row for row, key in enumerate(data.keys) if key not in repeated]
    return cast(PackedViews, data.packed(jobs=-1)).select(keep)


_OFFLINE = {"pretrained": "offline", "pool_at": "descriptor", "dropout": 0.3}
_LITE0 = {"backbone": "tf_efficientnet_lite0", **_OFFLINE}
_LITE2 = {"backbone": "tf_efficientnet_lite2", **_OFFLINE}
_SIDE = 168  # pixels: ready pictures are scaled to it, meshes rendered at it
# For two cores: all of a pretrained network but its last stage is left as it is and computed once. What each choice
# brings on held-out training shapes is measured by benchmarks/accuracy/mvcnn_recipe.py. Train it in float32: on CPU the
# gradient of depthwise convolutions takes longer in bfloat16.
_LAST_STAGE = ViewRecipe(
    source="own; what each choice brings is in benchmarks/results",
    epochs=10,
    batch_size=16,
    learning_rate=1e-3,
    ema_decay=0.99,
    model={**_LITE2, "image_size": _SIDE},
    augment=ViewAugment(mirror=True, views=6),
    size=_SIDE,
    freeze="blocks.5",
)
RECIPES.add("mvcnn/best", _LAST_STAGE)
# What pooling inside the network is compared with: learn from single views, average their descriptors afterwards.
RECIPES.add(
    "mvcnn/single",
    replace(
        _LAST_STAGE,
        single_view_epochs=_LAST_STAGE.epochs,
        model={**_LAST_STAGE.model, "pooling": "mean"},
    ),
)
# The smaller backbone: a third of the time.
RECIPES.add("mvcnn/small", replace(_LAST_STAGE, size=112, model=_LITE0))
# The smaller backbone, from ModelNet10's training grids as well: nearly six times the shapes, if coarse ones.
_GRIDS = RenderViews("mvcnn12", 112, fit="sphere", ambient=0.2, background=1.0, antialias=2)
RECIPES.add("mvcnn/grids",     replace(
        _LAST_STAGE, epochs=4, class_balance=0.5, size=112, model=_LITE0,
        more=MoreShapes("modelnet10_voxels", _GRIDS, repeat=3),
    )
)  # fmt: skip
# For shapes without an up axis: some of 80 views from all around, rolled by quarter turns, others each time.
RECIPES.add("mvcnn/turned",     replace(
        _LAST_STAGE, epochs=30, size=112, model=_LITE2, rig="mvcnn80", augment=ViewAugment(mirror=False, views=12),
        vote_mirror=False,
    )
)  # fmt: skip
# Nothing but the classifier is trained: seconds, once the small pictures have been through the network.
RECIPES.add(
    "mvcnn/frozen",
    replace(_LAST_STAGE, size=64, model=_LITE0, freeze="conv", augment=ViewAugment(mirror=False), vote_mirror=False),
)
# For a GPU: the paper's two phases, all layers, 224 px; timm downloads the weights.
RECIPES.add(
    "mvcnn/paper",
    ViewRecipe(
        source="Su et al., ICCV 2015, section 4.1, with a ResNet-18 in place of VGG-M",
        epochs=30,
        batch_size=8,
        optimiser="sgd",
        learning_rate=1e-3,
        weight_decay=5e-4,
        label_smoothing=0.0,
        ema_decay=0.0,
        model={"backbone": "resnet18", "pretrained": True},
        augment=ViewAugment(mirror=True),
        single_view_epochs=15,
        freeze_norms=False,
        vote_mirror=False,
    ),
)
