"""What cannot be right in the views of a fit: masks that are inverted or nowhere opaque, normals in another frame."""

import itertools
import warnings
from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Cameras
from geolearn.typing import Float, Tensor

OPAQUE = 0.99  # what the most opaque pixel has
FAINTEST = 0.1  # below this, a most opaque pixel is taken for noise, unless it is a label
BORDER = 0.98  # share of a border that an object covers all around
REACH = 2  # pixels on either side, over which the direction of an outline is measured
LEAST_PIXELS = 30  # of outlines, to tell a frame by
RIGHT, AS_GOOD = 0.8, 0.93  # agreement of a frame that can be right; share of the best that another one may have


def check_masks(masks: Float[Tensor, "N H W"]) -> Float[Tensor, "N H W"]:
    """The masks, with the opacities of a faint object stretched to 1, with a warning.

    Raises:
        InvalidInputError: in most pictures the object covers the whole border and has a hole.

    >>> disc = torch.zeros(1, 8, 8)
    >>> disc[:, 2:6, 2:6] = 1
    >>> bool((check_masks(disc) == disc).all())
    True
    >>> check_masks(1 - disc)
    Traceback (most recent call last):
    geolearn.errors.InvalidInputError: masks: in 1 of 1 views the object covers the whole border and has a hole, ...
    """
    if masks.numel() == 0:
        return masks
    highest = float(masks.max())
    if 0 < highest < OPAQUE and (highest >= FAINTEST or bool(((masks == 0) | (masks == highest)).all())):
        warnings.warn(
            f"masks: no pixel is more opaque than {highest:.3g}; that is taken for 1 (labels, or a transparent object)",
            stacklevel=4,
        )
        masks = masks / highest
    solid = masks >= 0.5
    border = torch.cat([solid[:, 0], solid[:, -1], solid[:, :, 0], solid[:, :, -1]], 1)
    around = (border.float().mean(1) >= BORDER) & ~solid.flatten(1).all(1)
    seen = int(solid.flatten(1).any(1).sum())
    if int(around.sum()) > seen / 2:
        raise InvalidInputError(
            f"masks: in {int(around.sum())} of {seen} views the object covers the whole border and has a hole, so they "
            "look inverted; expected 1 on the object and 0 elsewhere: pass 1 - masks (or invert the alpha channel)"
        )
    return masks


class NormalFrame(NamedTuple):
    """How normals are meant: n = turn @ n_given, in camera axes (x right, y up, z to the viewer) or in the world's.

    Attributes:
        in_world: whether the turned normals are in the world of the cameras.
        agreement: with the outlines; about 1 to 1.6 where the frame is right.
        known: whether another frame agrees far less.
    """

    turn: Float[Tensor, "3 3"]
    in_world: bool
    agreement: float
    known: bool

    @property
    def is_ours(self) -> bool:
        return not self.in_world and torch.equal(self.turn, torch.eye(3))

    def __str__(self) -> str:
        axes = ("right", "up", "to the viewer")
        if self.in_world:
            axes = ("x", "y", "z")
        channels = [0, 0, 0]
        for row, column in torch.nonzero(self.turn).tolist():
            channels[column] = f"{'-' if self.turn[row, column] < 0 else ''}{axes[row]}"  # type: ignore[call-overload]
        return f"({', '.join(map(str, channels))}) of {'the world' if self.in_world else 'the camera'}"

    def to_ours(self, normals: Float[Tensor, "N 3 H W"], cameras: Cameras) -> Float[Tensor, "N 3 H W"]:
        """Normals of the frame in camera axes."""
        turn = self.turn.expand(len(normals), 3, 3)
        if self.in_world:
            turn = _to_viewer(cameras) @ turn
        return torch.einsum("nij,njhw->nihw", turn, normals)


def find_normal_frame(
    normals: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"], cameras: Cameras
) -> NormalFrame | None:
    """The frame whose normals agree best with the outlines; ours if nothing agrees much better.

    At an outline a normal points out of it, and all that is seen faces the viewer. So the agreement of a frame is the
    mean over outline pixels of the normal's component across the outline, plus the mean over all pixels of that to the
    viewer. Tried are all 48 orders and signs of the channels, in the camera's axes and in the world's.

    Args:
        normals: unit vectors as they were given.
        masks: opacities.

    Returns:
        None where outlines have less than 30 pixels to tell it by.
    """
    picture, pixels, size = torch.zeros(len(normals), 3, 3), 0, torch.zeros(len(normals))
    full = (masks >= OPAQUE).float()
    outward = _outward(masks)
    rim = full * (outward.norm(dim=1) > 0.5)
    outward = torch.nn.functional.normalize(outward, dim=1)
    pixels, size = rim.sum((1, 2)), full.sum((1, 2))
    if float(pixels.sum()) < LEAST_PIXELS:
        return None
    picture[:, :2] = torch.einsum("nihw,njhw,nhw->nij", outward, normals, rim) / pixels.sum()
    picture[:, 2] = torch.einsum("njhw,nhw->nj", normals, full) / size.sum()
    found = []
    for in_world in (False, True):
        sums = (_to_viewer(cameras).mT @ picture).sum(0) if in_world else picture.sum(0)
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1.0, -1.0), repeat=3):
                turn = torch.zeros(3, 3)
                turn[range(3), order] = torch.tensor(signs)
                found.append((float((turn * sums).sum()), in_world, turn))
    ours = found[0]
    best, second = sorted(found, key=lambda entry: -entry[0])[:2]
    if ours[0] >= AS_GOOD * best[0]:
        best, second = ours, second
    agreement, in_world, turn = best
    return NormalFrame(turn, in_world, agreement, best is ours or second[0] < AS_GOOD * agreement)


def _to_viewer(cameras: Cameras) -> Float[Tensor, "N 3 3"]:
    """From the world to x right, y up, z to the viewer."""
    return torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ cameras.world_to_camera[:, :3, :3].float()


def _outward(masks: Float[Tensor, "N H W"]) -> Float[Tensor, "N 2 H W"]:
    """Out of the object, right and up; about 1 long at straight outlines, 0 away from them and at the border."""
    side = 2 * REACH + 1
    steps = torch.arange(-REACH, REACH + 1.0).repeat(side, 1)
    kernels = torch.stack([-steps, steps.T])[:, None] / (side * REACH * (REACH + 1) / 2)
    found = torch.nn.functional.conv2d(masks[:, None], kernels)
    return torch.nn.functional.pad(found, (REACH,) * 4)
