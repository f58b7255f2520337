"""Regularity of grids."""

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor


def total_variation_loss(values: Float[Tensor, "B C X Y Z"]) -> Float[Tensor, " B"]:
    """Mean absolute difference of neighbours along the three axes, of every grid: its anisotropic total variation.

        (mean |v(x+1, y, z) - v(x, y, z)| + the same for y + the same for z) / 3

    Source: Rudin, Osher & Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 1992, in its
    anisotropic form. Of an occupancy it measures surface area.

    Args:
        values: grids with at least two values along each axis.

    Raises:
        InvalidInputError: fewer values.

    >>> import torch
    >>> steps = torch.arange(3.0).expand(1, 1, 3, 3, 3)  # grows by 1 along z alone
    >>> total_variation_loss(steps)
    tensor([0.3333])
    """
    if min(values.shape[2:]) < 2:
        raise InvalidInputError(f"values: expected at least 2 along each axis, got {tuple(values.shape)}")
    return sum(values.diff(dim=axis).abs().mean((1, 2, 3, 4)) for axis in (2, 3, 4)) / 3  # type: ignore[return-value]
