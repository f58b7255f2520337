"""Random changes to the views of a shape: which of them are taken, and whether they are mirrored."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Bool, Int, Tensor


class ViewDraw(NamedTuple):
    """Random choices for N shapes: whether to mirror their pictures, and which views to take (ascending; None: all)."""

    mirror: Bool[Tensor, " N"]
    views: Int[Tensor, "N K"] | None

    def select(self, index: Int[Tensor, " M"]) -> "ViewDraw":
        return ViewDraw(self.mirror[index], None if self.views is None else self.views[index])


@dataclass(frozen=True)
class ViewAugment:
    """A distribution of changes to the views of a shape, the same for all of its views.

    Attributes:
        mirror: flip the pictures of half of the shapes left to right.
        views: take so many of a shape's views, at random; None takes all.

    >>> drawn = ViewAugment(mirror=False, views=3).draw(2, 12, torch.Generator().manual_seed(0))
    >>> drawn.views.shape, drawn.mirror
    (torch.Size([2, 3]), tensor([False, False]))
    """

    mirror: bool = True
    views: int | None = None

    def __post_init__(self) -> None:
        if self.views is not None and self.views < 1:
            raise InvalidInputError(f"views: expected at least 1 of every shape, got {self.views}")

    def draw(self, count: int, views: int, generator: torch.Generator) -> ViewDraw:
        """Random choices for `count` shapes that have `views` views each.

        Raises:
            InvalidInputError: more views wanted than there are.
        """
        if self.views is not None and self.views > views:
            raise InvalidInputError(f"augment.views: {self.views} views wanted, but each shape has {views}")
        mirror = (torch.rand(count, generator=generator) < 0.5) & self.mirror
        if self.views is None:
            return ViewDraw(mirror, None)
        order = torch.rand(count, views, generator=generator).argsort(1)
        return ViewDraw(mirror, order[:, : self.views].sort(1).values)
