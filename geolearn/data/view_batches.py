"""Batches of packed views, chosen, mirrored and decoded on the fly in the training process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from geolearn.data.batches import SplitBatches
from geolearn.data.packed_views import PackedViews, decode_pixels
from geolearn.data.sample import Batch
from geolearn.errors import InvalidInputError
from geolearn.typing import Bool, Int, Tensor


class ViewDraw(NamedTuple):
    """Random choices for N shapes: whether to mirror their pictures, and which views to take (ascending; None: all)."""

    mirror: Bool[Tensor, " N"]
    views: Int[Tensor, "N K"] | None


@dataclass(frozen=True)
class ViewAugment:
    """A distribution of changes to the views of a shape, the same for all of its views.

    Attributes:
        mirror: flip the pictures of half of the shapes left to right.
        views: take so many of a shape's views, at random; None takes all.
    """

    mirror: bool = True
    views: int | None = None

    def __post_init__(self) -> None:
        if self.views is not None and self.views < 1:
            raise InvalidInputError(f"views: expected at least 1 of every shape, got {self.views}")

    def draw(self, count: int, views: int, generator: torch.Generator) -> ViewDraw:
        """Random choices for `count` shapes that have `views` views each."""
        mirror = (torch.rand(count, generator=generator) < 0.5) & self.mirror
        if self.views is None:
            return ViewDraw(mirror, None)
        order = torch.rand(count, views, generator=generator).argsort(1)
        return ViewDraw(mirror, order[:, : self.views].sort(1).values)


class ViewBatches(SplitBatches):
    """An iterable of `Batch(images (B, V, C, H, W), labels (B,), keys)` over a packed split.

    Pixels stay 8 bits wide, where they are (a mapped file, memory, a GPU), until a batch is made of them: its pixels
    are gathered there, sent to `device`, and become `dtype` there.

    Args:
        split: the views, see `PackedViews`.
        augment: random mirroring and choice of views, or None.
        views: always these views of every shape (e.g. `[0, 3, 6, 9]`); None takes all. Not with `augment.views`.
        device: where batches go. `split.to(device)` before puts all pixels there.
        batch_size, shuffle, drop_last, seed, rank, world_size: see `SplitBatches`.
    """

    def __init__(
        self,
        split: PackedViews,
        batch_size: int,
        *,
        augment: ViewAugment | None = None,
        views: Sequence[int] | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        rank: int | None = None,
        world_size: int | None = None,
    ):
        super().__init__(
            len(split), batch_size, shuffle=shuffle, drop_last=drop_last, seed=seed, rank=rank, world_size=world_size
        )
        wanted = augment.views if augment else None
        if views is not None and wanted is not None:
            raise InvalidInputError("views, augment.views: a fixed and a random choice of views exclude each other")
        if wanted is not None and wanted > split.views:
            raise InvalidInputError(f"augment.views: {wanted} views wanted, but each shape has {split.views}")
        if views is not None and (not views or not all(0 <= view < split.views for view in views)):
            raise InvalidInputError(f"views: expected some of 0..{split.views - 1}, got {list(views)}")
        self.split = split
        self.augment = augment
        self.views = None if views is None else torch.tensor(list(views))
        self.device = torch.device(device)
        self.dtype = dtype

    def _draw(self, generator: torch.Generator) -> Any:
        return self.augment.draw(self.count, self.split.views, generator) if self.augment else None

    def _batch(self, index: Int[Tensor, " B"], place: Int[Tensor, " B"], drawn: Any) -> Batch:
        views = self.views if drawn is None or drawn.views is None else drawn.views[place]
        pixels = self.split.take(index, views).to(self.device)
        if drawn is not None:
            mirrored = drawn.mirror[place].nonzero()[:, 0].to(self.device)
            pixels[mirrored] = pixels[mirrored].flip(-1)
        labels = self.split.labels[index.to(self.split.device)].to(self.device)
        return Batch(decode_pixels(pixels, self.dtype), labels, [self.split.keys[i] for i in index.tolist()])
