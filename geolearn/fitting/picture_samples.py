"""What pictures show at the projections of points."""

import torch

from geolearn.typing import Bool, Float, Tensor


def sample_pictures(pictures: Float[Tensor, "C H W"], pixels: Float[Tensor, "P 2"]) -> Float[Tensor, "C P"]:
    """Values of pictures of one size at pixel coordinates (x, y), interpolated between the centres of pixels.

    Beyond the outermost centres a picture goes on with the values of its border.

    >>> sample_pictures(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[0.5, 0.5], [1.0, 0.5], [9.0, 0.5]]))
    tensor([[0.0000, 0.5000, 1.0000]])
    """
    where = _normalise(pixels, pictures.shape[1], pictures.shape[2]).clamp(-2, 2)
    return torch.nn.functional.grid_sample(
        pictures[None], where[None, None], padding_mode="border", align_corners=False
    )[0, :, 0]


def is_in_picture(
    pixels: Float[Tensor, "*N P 2"], depth: Float[Tensor, "*N P"], height: int, width: int
) -> Bool[Tensor, "*N P"]:
    """Which projections of points (`Cameras.project`) lie inside the picture and in front of the camera.

    >>> is_in_picture(torch.tensor([[1.0, 1.0], [1.0, 1.0], [5.0, 1.0]]), torch.tensor([2.0, -2.0, 2.0]), 2, 2)
    tensor([ True, False, False])
    """
    return (_normalise(pixels, height, width).abs() <= 1).all(-1) & (depth > 0)


def _normalise(pixels: Tensor, height: int, width: int) -> Tensor:
    """Coordinates from -1 to 1 across the picture."""
    return 2 * pixels / pixels.new_tensor([width, height]) - 1
