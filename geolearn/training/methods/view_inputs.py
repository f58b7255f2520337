"""What multi-view networks are fed: pictures, activations of frozen stages, and the votes of a test."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from geolearn.data import PackedViews, ViewAugment
from geolearn.data.packed.pictures import decode_pixels
from geolearn.data.packed.view_draws import ViewDraw
from geolearn.data.places import cache_folder
from geolearn.data.prepared.pixels import cached_pixels
from geolearn.data.workers import Workers
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN
from geolearn.training.methods.classification import Vote
from geolearn.typing import Float, Int, Tensor


def join_splits(first: PackedViews, second: PackedViews) -> PackedViews:
    """The shapes of both, their pixels in memory.

    Raises:
        InvalidInputError: other classes, or pictures of another number or size.
    """
    if first.classes != second.classes:
        raise InvalidInputError(f"classes: expected {first.classes} in both, got {second.classes}")
    if first.pixels.shape[1:] != second.pixels.shape[1:]:
        one, other = tuple(first.pixels.shape[1:]), tuple(second.pixels.shape[1:])
        raise InvalidInputError(f"pixels: expected as many views of the same size in both, got {one} and {other}")
    pixels = torch.cat([each.pixels_of(torch.arange(len(each))) for each in (first, second)])
    return PackedViews(
        pixels,
        torch.cat([torch.as_tensor(each.targets) for each in (first, second)]),
        first.keys + second.keys,
        first.classes,
    )


class StoredMirror(ViewAugment):
    """`ViewAugment` for views whose mirrored versions are stored behind the plain ones."""

    def draw(self, count: int, views: int, generator: torch.Generator) -> ViewDraw:
        each = views // 2
        mirror, chosen = super().draw(count, each, generator)
        if chosen is None:
            chosen = torch.arange(each).expand(count, each)
        return ViewDraw(torch.zeros_like(mirror), chosen + each * mirror[:, None])


@dataclass(frozen=True)
class Activations:
    """What a network makes of a split's views up to the end of a stage, in half precision, kept in the cache.

    Attributes:
        net: only its parts up to the stage matter.
        mirror: those of the mirrored pictures follow: V views become 2 V.
    """

    net: MVCNN
    stage: str
    mirror: bool = False

    def of(self, split: PackedViews) -> PackedViews:
        """The split with activations in place of its pixels."""
        net, stage = self.net, self.stage
        training = net.training
        net.eval()
        make = _ActivationsOfOne(net, split, stage, self.mirror)
        views, channels, height, width = make(0).shape
        shape = (views, channels, height, width)
        digest = hashlib.sha256(repr((net.config["backbone"], net.image_size, stage, self.mirror, shape)).encode())
        for part in net.parts(stage):
            for key, value in part.state_dict().items():
                digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
        for index in torch.arange(len(split)).split(64):
            digest.update(split.pixels_of(index).cpu().contiguous().numpy().tobytes())
        path = cache_folder("activations") / f"{digest.hexdigest()}.npy"
        title = f"{net.config['backbone']} up to {stage}"
        kept = cached_pixels(path, shape, make, range(len(split)), Workers(), title, torch.float16)
        net.train(training)
        return replace(split, pixels=kept, rows=None)


@dataclass(frozen=True)
class _ActivationsOfOne:
    net: MVCNN
    split: PackedViews
    stage: str
    mirror: bool

    @torch.inference_mode()
    def __call__(self, row: int) -> Float[Tensor, "V C H W"]:
        images = self.split.select([row]).images()
        if self.mirror:
            images = torch.cat([images, images.flip(-1)], dim=1)
        return self.net.activations(images, self.stage)[0].half()


def voting_views(split: PackedViews, mirror: bool, views: Int[Tensor, " K"] | None = None) -> Iterator[Vote]:
    """One function per vote, from a slice of samples to their views, as they are or mirrored; `views`: only these."""
    everything = torch.arange(len(split))
    for mirrored in (False, True) if mirror else (False,):

        def vote(part: slice, mirrored: bool = mirrored) -> Tensor:
            images = decode_pixels(split.pixels_of(everything[part], views))
            return images.flip(-1) if mirrored else images

        yield vote


def voting_activations(kept: PackedViews, mirror: bool, views: Int[Tensor, " K"] | None = None) -> Iterator[Vote]:
    """The same votes from activations that `Activations` gave, with the same `mirror`."""
    everything = torch.arange(len(kept))
    each = kept.views // 2 if mirror else kept.views
    chosen = torch.arange(each) if views is None else views
    for first in range(0, kept.views, each):

        def vote(part: slice, first: int = first) -> Tensor:
            return kept.pixels_of(everything[part], chosen + first).float()

        yield vote
