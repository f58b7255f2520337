"""Turning shapes as their files hold them: Z up and, where the front is known, facing -Y."""

import numpy as np

from geolearn.ops.quarter_turns import upright_matrix
from geolearn.typing import Array, Bool, Float, Shaped, Tensor

UPS = ("x", "y", "z")
FRONTS = ("-y", "+y", "-x", "+x")


def turn_positions(positions: Shaped[Tensor, "N 3"], up: str, front: str = "-y") -> Shaped[Tensor, "N 3"]:
    """Positions or directions, turned so that `up` is z and `front` then -y; their digits stay.

    Args:
        up: "x", "y", "z", or "none", which turns nothing.
        front: where shapes face once z points up.
    """
    rows = _matrix(up, front)
    return positions[:, rows.abs().argmax(1).tolist()] * positions.new_tensor(rows.sum(1).tolist())


def turn_grids(values: Bool[Array, "N R R R"], up: str, front: str = "-y") -> Bool[Array, "N R R R"]:
    """Grids indexed [x, y, z], turned in the same way."""
    rows = _matrix(up, front).numpy()
    source, sign = np.abs(rows).argmax(1), rows.sum(1)
    turned = values.transpose(0, *(1 + source))
    return np.ascontiguousarray(np.flip(turned, tuple((1 + np.flatnonzero(sign < 0)).tolist())))


def _matrix(up: str, front: str) -> Float[Tensor, "3 3"]:
    return upright_matrix("z" if up == "none" else up, front)
