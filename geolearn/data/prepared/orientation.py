"""Turning shapes as their files hold them: Z up and, where the front is known, facing -Y."""

import numpy as np

from geolearn.typing import Array, Bool, Int, Shaped, Tensor

UPS = ("x", "y", "z")
FRONTS = ("-y", "+y", "-x", "+x")
# Rows: the new axes x, y, z in those of the file.
_UPRIGHT = {
    "x": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
# Turns about z that bring what faces so to the front, -y.
_FACING = {
    "-y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "+y": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "-x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "+x": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}


def turn_matrix(up: str, front: str = "-y") -> Int[Array, "3 3"]:
    """The rotation, a signed permutation, that makes `up` z and then brings `front` to -y.

    Args:
        up: "x", "y", "z", or "none", which turns nothing.
        front: where shapes face once z points up.

    >>> (turn_matrix("y") @ [0, 1, 0]).tolist(), (turn_matrix("z", "+x") @ [1, 0, 0]).tolist()
    ([0, 0, 1], [0, -1, 0])
    """
    return np.array(_FACING[front]) @ np.array(_UPRIGHT.get(up, _UPRIGHT["z"]))


def turn_positions(positions: Shaped[Tensor, "N 3"], up: str, front: str = "-y") -> Shaped[Tensor, "N 3"]:
    """Positions or directions, turned by `turn_matrix`; their digits stay."""
    rows = turn_matrix(up, front)
    source, sign = np.abs(rows).argmax(1), rows.sum(1)
    return positions[:, source.tolist()] * positions.new_tensor(sign.tolist())


def turn_grids(values: Bool[Array, "N R R R"], up: str, front: str = "-y") -> Bool[Array, "N R R R"]:
    """Grids indexed [x, y, z], turned by `turn_matrix`."""
    rows = turn_matrix(up, front)
    source, sign = np.abs(rows).argmax(1), rows.sum(1)
    turned = values.transpose(0, *(1 + source))
    return np.ascontiguousarray(np.flip(turned, tuple((1 + np.flatnonzero(sign < 0)).tolist())))
