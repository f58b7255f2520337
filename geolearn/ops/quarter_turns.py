"""The 24 ways of a shape to stand and face: quarter turns move cells onto cells, and keep the digits of positions."""

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Shaped, Tensor

DIRECTIONS = ("+x", "-x", "+y", "-y", "+z", "-z")
# What points up in a file, to its direction, and the direction that then comes to the front, -Y.
UPRIGHT = {
    "x": ("+x", "-y"), "-x": ("-x", "-y"), "y": ("+y", "+z"), "-y": ("-y", "+z"), "z": ("+z", "-y"), "-z": ("-z", "-y"),
}  # fmt: skip


def turn_matrix(up: str, front: str) -> Float[Tensor, "3 3"]:
    """The rotation, a signed permutation, that takes the direction `up` to +z and `front` to -y.

    Raises:
        InvalidInputError: not two directions on different axes.

    >>> (turn_matrix("+y", "+z") @ torch.tensor([0.0, 1, 0])).tolist()
    [0.0, 0.0, 1.0]
    """
    if up not in DIRECTIONS or front not in DIRECTIONS or up[1] == front[1]:
        raise InvalidInputError(
            f"up, front: expected two of {', '.join(DIRECTIONS)} on different axes, got {up!r} and {front!r}"
        )
    z, y = _vector(up), -_vector(front)
    return torch.stack([torch.linalg.cross(y, z), y, z])


def upright_matrix(up: str, front: str = "-y") -> Float[Tensor, "3 3"]:
    """The rotation that makes `up` z by the shortest way, and then brings `front` to -y.

    Args:
        up: "x", "y", "z", "-x", "-y" or "-z".
        front: "-y", "+y", "-x" or "+x": where the shape faces once z points up.

    >>> (upright_matrix("z", "+x") @ torch.tensor([1.0, 0, 0])).tolist()
    [0.0, -1.0, 0.0]
    """
    return turn_matrix("+z", front) @ turn_matrix(*UPRIGHT[up])


def turn_grid(values: Shaped[Tensor, "*B R R R"], turn: Float[Tensor, "3 3"]) -> Shaped[Tensor, "*B R R R"]:
    """Grids indexed [x, y, z], turned by a matrix of quarter turns.

    >>> pole = torch.zeros(3, 3, 3)
    >>> pole[1, :, 1] = 1
    >>> turn_grid(pole, upright_matrix("y"))[1, 1].tolist()
    [1.0, 1.0, 1.0]
    """
    before, axes = values.ndim - 3, turn.abs().argmax(1).tolist()  # axes: new axis -> the old one along it
    moved = values.permute(*range(before), *(before + axis for axis in axes))
    return moved.flip([before + axis for axis in range(3) if turn[axis, axes[axis]] < 0])


def _vector(direction: str) -> Float[Tensor, " 3"]:
    vector = torch.zeros(3)
    vector["xyz".index(direction[1])] = 1.0 if direction[0] == "+" else -1.0
    return vector
