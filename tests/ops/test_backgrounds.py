"""Masks cut from a dark or bright background."""

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops import cut_from_background


def photographs() -> torch.Tensor:
    """Two pictures of a disc with noise, a shadow and a speck, before a black that is not quite black."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[torch.arange(80.0)] * 2, indexing="ij")
    images = 0.05 * torch.rand(2, 3, 80, 80, generator=generator)
    disc = (x - 40).square() + (y - 38).square() < 25**2
    images[:, :, disc] = 0.3 + 0.5 * torch.rand(2, 3, int(disc.sum()), generator=generator)
    images[:, :, 36:39, 38:41] = 0.01  # a shadow on it
    images[0, :, 5:7, 70:72] = 0.5  # dust
    return images


@pytest.mark.parametrize("background", ["dark", "bright"])
def test_the_object_is_found(background: str) -> None:
    images = photographs() if background == "dark" else 1 - photographs()
    masks, threshold = cut_from_background(images, background)
    y, x = torch.meshgrid(*[torch.arange(80.0)] * 2, indexing="ij")
    assert torch.equal(masks[0], ((x - 40).square() + (y - 38).square() < 25**2).float())
    assert torch.equal(masks[1], masks[0])
    assert 0.05 < threshold < 0.1


def test_openings_stay_and_the_object_may_leave_the_picture() -> None:
    images = photographs()
    images[:, :, 30:46, 30:46] = 0.0  # 13 % of the disc: seen through
    images[1, :, 38:, 33:47] = 0.6  # a foot that leaves the picture, over 3 % of the rims
    masks, _ = cut_from_background(images, "dark")
    assert not masks[0, 30:46, 30:46].any()
    assert bool(masks[1, 70:, 33:47].all())


@pytest.mark.usefixtures("as_installed")
def test_rims_that_are_no_background_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"the rims of the pictures are not bright.*is the background dark"):
        cut_from_background(photographs(), "bright")
    with pytest.raises(InvalidInputError, match=r"the rims of the pictures are not dark.*is the background bright"):
        cut_from_background(torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0)), "dark")
    with pytest.raises(InvalidInputError, match="images: expected at least one"):
        cut_from_background(torch.zeros(0, 3, 40, 40), "dark")
    with pytest.raises(UnknownNameError, match="unknown background 'black'"):
        cut_from_background(photographs(), "black")


def test_nothing_in_sight() -> None:
    masks, _ = cut_from_background(torch.zeros(1, 1, 20, 20), "dark")
    assert not masks.any()
