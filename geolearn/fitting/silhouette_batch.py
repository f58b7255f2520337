"""Silhouettes of one shape or of several side by side, as grids and decoders are fitted to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.targets import Targets, targets_from
from geolearn.structures import Cameras, Views
from geolearn.typing import Float, Tensor


@dataclass(frozen=True, eq=False)
class SilhouetteBatch:
    """Masks of B shapes in N views that all of them share.

    Attributes:
        masks: opacities.
        cameras: of the views.
        targets: of the shapes, at the size of the views.
    """

    masks: Float[Tensor, "B N H W"]
    cameras: Cameras
    targets: tuple[Targets, ...]

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def size(self) -> tuple[int, int]:
        return self.masks.shape[2], self.masks.shape[3]


@torch.autocast("cpu", enabled=False)  # cameras and rays are exact, in whatever precision the decoder runs
def batch_of(views: Views | Sequence[Views], longest: int | None = None) -> SilhouetteBatch:
    """The silhouettes of one shape, or of several taken by the same cameras.

    Args:
        views: of one shape or of several.
        longest: pixels along the longer side to which larger masks are averaged down, and their cameras with them.

    Raises:
        InvalidInputError: no views, masks that show nothing or everywhere something, or shapes seen by other cameras.
    """
    several = [views] if isinstance(views, Views) else list(views)
    if not several:
        raise InvalidInputError("views: expected the views of at least one shape, got none")
    first, *others = targets = [targets_from(each, "none") for each in several]
    for number, other in enumerate(others, 1):
        if not _same_cameras(first.cameras, other.cameras):
            raise InvalidInputError(
                f"views: shapes that are fitted side by side are seen by the same cameras, and all in sight, but shape "
                f"{number} has others than shape 0; fit them one by one"
            )
    if first.cameras.origin is not None:
        raise InvalidInputError(
            f"views: the cameras are far from 0, about {tuple(first.cameras.origin.tolist())}, and grids and decoders "
            "have a world of their own; bring the cameras into it"
        )
    size = _limit_size((first.cameras.height, first.cameras.width), longest)
    masks = torch.stack([target.at(size).masks for target in targets])
    return SilhouetteBatch(masks, first.cameras.resized(*size), tuple(targets))


def _same_cameras(one: Cameras, other: Cameras) -> bool:
    return (
        (one.height, one.width, len(one)) == (other.height, other.width, len(other))
        and torch.equal(one.K, other.K)
        and torch.equal(one.world_to_camera, other.world_to_camera)
    )


def _limit_size(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    if longest is None or max(size) <= longest:
        return size
    return max(1, round(size[0] * longest / max(size))), max(1, round(size[1] * longest / max(size)))
