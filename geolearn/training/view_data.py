"""View datasets as Lightning loads them: pictures, or what a frozen part of the network made of them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import lightning.pytorch as pl
import torch

from geolearn.data import PackedViews, RenderViews, ShapeDataset, ViewAugment, ViewBatches, load_manifest
from geolearn.data.packed.pictures import decode_pixels
from geolearn.data.packed.view_draws import ViewDraw
from geolearn.data.places import cache_folder
from geolearn.data.prepared.pixels import cached_pixels
from geolearn.data.workers import Workers
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN
from geolearn.training.recipes import MoreShapes, ViewRecipe
from geolearn.typing import Float, Int, Tensor


def load_views_split(
    name: str,
    split: str,
    *,
    rig: str,
    size: int,
    fit: Literal["cube", "sphere", "none"],
    views: int | None = None,
    validation: float = 0.1,
) -> PackedViews:
    """One split of any dataset of meshes or grids as pictures by a rig, or of ready pictures, as they are.

    Args:
        views: render so many cameras instead of those of `rig`: a ring at the height of "mvcnn12" where the rig is a
            ring, else a sphere of them. Ready pictures are given whole; the caller takes some.
    """
    if load_manifest(name).kind != "views":
        around = "ring" if rig in ("mvcnn12", "ring") else "sphere"
        render = RenderViews(rig, size, fit=fit) if views is None else RenderViews(around, size, count=views, fit=fit)
        return ShapeDataset(name, split, representation=render, validation=validation).packed_views(jobs=-1)
    ready = ShapeDataset(name, split, validation=validation).packed_views(jobs=-1)
    if views is not None and views > ready.views:
        raise InvalidInputError(f"views: {name} holds {ready.views} ready views of every shape, got {views}")
    return ready


class ViewData(pl.LightningDataModule):
    """Training and validation views. The test split is not even read here.

    Where the recipe freezes the first stages of the network, what they make of every view, plain and mirrored, is
    computed once, kept in the cache, and served instead of the pictures.
    """

    def __init__(self, train: PackedViews, validation: PackedViews | None, recipe: ViewRecipe, *, seed: int):
        super().__init__()
        self.train = train
        self.validation = validation
        self.recipe = recipe
        self.seed = seed
        self.augment = recipe.augment
        self.kept = False
        self.own = len(train)  # what comes behind are the shapes of `recipe.more`

    @classmethod
    def load(cls, name: str, recipe: ViewRecipe, *, seed: int, validation: float) -> "ViewData":
        """The splits of a dataset by name, `validation` of every class held out of training."""
        how = {"rig": recipe.rig, "size": recipe.size, "fit": recipe.fit, "validation": validation}
        held_out = load_views_split(name, "val", **how) if validation else None
        train = load_views_split(name, "train", **how)
        if not recipe.more:
            return cls(train, held_out, recipe, seed=seed)
        data = cls(joined(train, load_more_shapes(recipe.more)), held_out, recipe, seed=seed)
        data.own = len(train)
        return data

    def setup(self, stage: str) -> None:
        freeze, augment = self.recipe.freeze, self.recipe.augment
        if freeze is None or self.kept:
            return
        model: MVCNN = self.trainer.lightning_module.model  # type: ignore[union-attr]  # there before setup
        self.train = keep_activations(model, self.train, freeze, mirror=augment.mirror)
        if self.validation is not None:
            self.validation = keep_activations(model, self.validation, freeze, mirror=False)
        if augment.mirror:
            self.augment = StoredMirror(views=augment.views)
        self.kept = True

    def train_dataloader(self) -> ViewBatches:
        world = self.trainer.world_size if self.trainer else 1
        train = self.train
        if self.recipe.more:
            rows = torch.arange(len(train))
            train = train.select(torch.cat([rows[: self.own].repeat(self.recipe.more.repeat), rows[self.own :]]))
        return ViewBatches(
            train,
            self.recipe.batch_size // world,
            augment=self.augment,
            seed=self.seed,
            drop_last=len(train) >= self.recipe.batch_size,
        )

    def val_dataloader(self) -> ViewBatches | list:
        if self.validation is None:
            return []
        return ViewBatches(self.validation, 16, shuffle=False, seed=self.seed)


def load_more_shapes(more: MoreShapes) -> PackedViews:
    """The training shapes of another dataset, but those that occur in its test split."""
    data = ShapeDataset(more.data, "trainval", representation=more.render)
    repeated = {key for entry in data.facts.get("duplicates", ()) for key in entry["equals"]}
    keep = [row for row, key in enumerate(data.keys) if key not in repeated]
    return data.packed_views(jobs=-1).select(keep)


def joined(first: PackedViews, second: PackedViews) -> PackedViews:
    """The shapes of both, their pixels in memory.

    Raises:
        InvalidInputError: other classes, or pictures of another number or size.
    """
    if first.classes != second.classes:
        raise InvalidInputError(f"classes: expected {first.classes} in both, got {second.classes}")
    if first.pixels.shape[1:] != second.pixels.shape[1:]:
        one, other = tuple(first.pixels.shape[1:]), tuple(second.pixels.shape[1:])
        raise InvalidInputError(f"pixels: expected as many views of the same size in both, got {one} and {other}")
    pixels = torch.cat([each.take(torch.arange(len(each))) for each in (first, second)])
    return PackedViews(pixels, torch.cat([first.labels, second.labels]), first.keys + second.keys, first.classes)


class StoredMirror(ViewAugment):
    """`ViewAugment` for views whose mirrored versions are stored behind the plain ones."""

    def draw(self, count: int, views: int, generator: torch.Generator) -> ViewDraw:
        each = views // 2
        mirror, chosen = super().draw(count, each, generator)
        if chosen is None:
            chosen = torch.arange(each).expand(count, each)
        return ViewDraw(torch.zeros_like(mirror), chosen + each * mirror[:, None])


def keep_activations(model: MVCNN, split: PackedViews, stage: str, *, mirror: bool) -> PackedViews:
    """The split with `model.activations(views, stage)` in half precision in place of its pixels, kept in the cache.

    With `mirror`, those of the mirrored pictures follow: V views become 2 V.
    """
    training = model.training
    model.eval()
    make = _Activations(model, split, stage, mirror)
    views, channels, height, width = make(0).shape
    shape = (views, channels, height, width)
    digest = hashlib.sha256(repr((model.config["backbone"], model.image_size, stage, mirror, shape)).encode())
    for part in model.parts(stage):
        for key, value in part.state_dict().items():
            digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    for index in torch.arange(len(split)).split(64):
        digest.update(split.take(index).cpu().contiguous().numpy().tobytes())
    path = cache_folder("activations") / f"{digest.hexdigest()}.npy"
    title = f"{model.config['backbone']} up to {stage}"
    kept = cached_pixels(path, shape, make, range(len(split)), Workers(), title, torch.float16)
    model.train(training)
    return replace(split, pixels=kept, rows=None)


@dataclass(frozen=True)
class _Activations:
    model: MVCNN
    split: PackedViews
    stage: str
    mirror: bool

    @torch.inference_mode()
    def __call__(self, row: int) -> Float[Tensor, "V C H W"]:
        images = self.split.select([row]).images()
        if self.mirror:
            images = torch.cat([images, images.flip(-1)], dim=1)
        return self.model.activations(images, self.stage)[0].half()


def voting_views(
    split: PackedViews, mirror: bool, views: Int[Tensor, " K"] | None = None
) -> Iterator[Callable[[slice], Tensor]]:
    """One function per vote, from a slice of samples to their views, as they are or mirrored; `views`: only these."""
    everything = torch.arange(len(split))
    for mirrored in (False, True) if mirror else (False,):

        def vote(part: slice, mirrored: bool = mirrored) -> Tensor:
            images = decode_pixels(split.take(everything[part], views))
            return images.flip(-1) if mirrored else images

        yield vote


def voting_activations(
    kept: PackedViews, mirror: bool, views: Int[Tensor, " K"] | None = None
) -> Iterator[Callable[[slice], Tensor]]:
    """The same votes from activations that `keep_activations` gave, with the same `mirror`."""
    everything = torch.arange(len(kept))
    each = kept.views // 2 if mirror else kept.views
    chosen = torch.arange(each) if views is None else views
    for first in range(0, kept.views, each):

        def vote(part: slice, first: int = first) -> Tensor:
            return kept.take(everything[part], chosen + first).float()

        yield vote
