"""Masks of photographs before a dark or a bright background."""

from typing import Literal, get_args

import numpy as np
import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.typing import Array, Float, Tensor

Background = Literal["dark", "bright"]
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
_RIM = 4  # pixels at each side of a picture that are taken for background
_MOSTLY = 0.95  # of them; the object may lie over the rest
_MARGIN, _LEAST, _MOST = (
    2.0,
    0.03,
    0.5,
)  # of the threshold: above the rim's level, at least, and what is still a background
_SPECK = 0.01  # of the object's area: smaller islands go, smaller holes are filled


def cut_from_background(
    images: Float[Tensor, "N C H W"], background: Background
) -> tuple[Float[Tensor, "N H W"], float]:
    """Masks of what is brighter than a dark background, or darker than a bright one.

    The threshold is twice the level that 95 % of the pixels at the rims of all pictures keep below: a pixel counts as
    object where a colour is that far from black (bright: from white). Islands below 1 % of the largest one are left out
    and holes below 1 % of it are filled: shadows are as dark as the background, and an opening that is filled in one
    picture is still seen through in others, while what one picture cuts away is gone.

    Args:
        images: in [0, 1], of one scene under one light.
        background: "dark" or "bright".

    Returns:
        Masks of 0 and 1, and the threshold in [0, 1].

    Raises:
        UnknownNameError: another word.
        InvalidInputError: no pictures, or rims that are not dark (bright).

    >>> images = torch.zeros(1, 1, 24, 24)
    >>> images[..., 8:16, 8:16] = 0.7
    >>> masks, threshold = cut_from_background(images, "dark")
    >>> int(masks.sum()), threshold
    (64, 0.03)
    """
    if background not in BACKGROUNDS:
        raise unknown_name("background", background, BACKGROUNDS)
    if len(images) == 0:
        raise InvalidInputError("images: expected at least one, got none")
    away = images.detach().amax(1) if background == "dark" else 1 - images.detach().amin(1)
    rims = [away[:, :_RIM], away[:, -_RIM:], away[:, :, :_RIM], away[:, :, -_RIM:]]
    level = float(np.quantile(torch.cat([rim.flatten() for rim in rims]).cpu().numpy(), _MOSTLY))
    threshold = max(_MARGIN * level, _LEAST)
    if threshold > _MOST:
        other = BACKGROUNDS[1 - BACKGROUNDS.index(background)]
        raise InvalidInputError(
            f"background: the rims of the pictures are not {background}, {1 - _MOSTLY:.0%} of them lie more than "
            f"{level:.2f} from {'black' if background == 'dark' else 'white'}; is the background {other}? Otherwise "
            "masks must come from elsewhere"
        )
    masks = [_cleaned(mask) for mask in (away > threshold).cpu().numpy()]
    return torch.from_numpy(np.stack(masks)).to(images), threshold


def _cleaned(mask: Array) -> Array:
    from scipy import ndimage  # takes a while to import

    islands, holes = np.empty(mask.shape, np.int32), np.empty(mask.shape, np.int32)
    ndimage.label(mask, np.ones((3, 3)), output=islands)
    areas = np.bincount(islands.ravel())
    areas[0] = 0
    kept = mask & (areas >= _SPECK * areas.max())[islands]
    ndimage.label(~kept, output=holes)
    small = np.bincount(holes.ravel()) < _SPECK * areas.max()
    small[np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))] = False  # open to the outside
    return kept | (small[holes] & ~kept)
