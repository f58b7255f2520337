"""Augmentation of bit-packed voxel columns: rotate, mirror, scale and shift a batch without unpacking it.

A warp maps a cell centre p, measured from the grid's centre, to `shift + scale * M R p`: R turns it by `angle_rad`
about the up axis z (counter-clockwise seen from above), M flips x where `mirror` is set. Every output cell takes the
value of the source cell nearest to where it came from (ties to the higher index); what comes from outside is empty.

Because the axes x, y and the axis z do not mix, the first two are one gather of whole 32-bit columns, and the third is
one rearrangement of bits per shape, done with a lookup table per byte.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from geolearn.data.packed.columns import check_columns, column_bytes, unpack
from geolearn.errors import InvalidInputError
from geolearn.typing import Bool, Float, Int, Shaped, Tensor


class Warp(NamedTuple):
    """Parameters of B warps, in the order `warp_columns` takes them.

    >>> quarter = Warp(torch.tensor([math.pi / 2]), torch.tensor([False]), torch.zeros(1, 3), torch.ones(1, 3))
    >>> warp_columns(torch.tensor([[[0, 0], [1, 0]]], dtype=torch.int32), *quarter)  # the cell at +x, -y goes to +x, +y
    tensor([[[0, 0],
             [0, 1]]], dtype=torch.int32)
    """

    angle_rad: Float[Tensor, " B"]
    mirror: Bool[Tensor, " B"]
    shift: Float[Tensor, "B 3"]
    scale: Float[Tensor, "B 3"]

    def select(self, index: Int[Tensor, " M"] | slice) -> "Warp":
        return Warp(*(parameter[index] for parameter in self))


@dataclass(frozen=True)
class VoxelAugment:
    """A distribution of warps.

    Attributes:
        rotations: 0 = any angle about the up axis; n = one of n equal steps, so 1 = no rotation.
        jitter_rad: uniform extra angle in +- this.
        mirror: flip half of the shapes.
        mirror_axis: the axis that is flipped: left and right of shapes that look along x are swapped by "y".
        shift: whole cells, uniform in -shift..shift per axis.
        scale: factor uniform in 1 - scale..1 + scale, each axis on its own.

    >>> VoxelAugment(rotations=4, mirror=False, shift=0).poses().angle_rad
    tensor([0.0000, 1.5708, 3.1416, 4.7124])
    """

    rotations: int = 0
    jitter_rad: float = 0.0
    mirror: bool = True
    shift: int = 2
    scale: float = 0.0
    mirror_axis: Literal["x", "y"] = "x"

    def __post_init__(self) -> None:
        if self.rotations < 0 or self.shift < 0 or self.jitter_rad < 0 or not 0 <= self.scale < 1:
            raise InvalidInputError(f"expected rotations, shift, jitter_rad >= 0 and 0 <= scale < 1, got {self}")

    def poses(self) -> Warp:
        """Every turn, then every turn mirrored: what is drawn from, where nothing else varies.

        Raises:
            InvalidInputError: any angle, or shapes that are moved or scaled: there is no list of these.
        """
        if not self.rotations or self.jitter_rad or self.shift or self.scale:
            raise InvalidInputError(
                f"augment: expected turns and mirrors alone (rotations >= 1; jitter_rad, shift, scale 0), got {self}"
            )
        turns = 2 * math.pi * torch.arange(self.rotations) / self.rotations
        mirrored = math.pi - turns if self.mirror_axis == "y" else turns
        count = self.rotations * (2 if self.mirror else 1)
        return Warp(
            angle_rad=torch.cat([turns, mirrored])[:count],
            mirror=(torch.arange(2 * self.rotations) >= self.rotations)[:count],
            shift=torch.zeros(count, 3),
            scale=torch.ones(count, 3),
        )

    def draw(self, count: int, generator: torch.Generator) -> Warp:
        """`count` random warps, on the generator's device. All fields consume the same numbers whatever their range."""
        device = generator.device
        turn = torch.rand(count, generator=generator, device=device)
        if self.rotations:
            turn = (turn * self.rotations).floor() / self.rotations
        uniform = torch.rand(count, 8, generator=generator, device=device)
        mirror = (uniform[:, 1] < 0.5) & self.mirror
        angle_rad = 2 * math.pi * turn + self.jitter_rad * (2 * uniform[:, 0] - 1)
        if self.mirror_axis == "y":  # half a turn, then x flipped
            angle_rad = torch.where(mirror, math.pi - angle_rad, angle_rad)
        return Warp(
            angle_rad=angle_rad,
            mirror=mirror,
            shift=(uniform[:, 2:5] * (2 * self.shift + 1)).floor() - self.shift,
            scale=1 + self.scale * (2 * uniform[:, 5:8] - 1),
        )


def augment_columns(
    columns: Int[Tensor, "B R R"],
    angle_rad: Float[Tensor, " B"],
    mirror: Bool[Tensor, " B"],
    shift: Float[Tensor, "B 3"],
    scale: Float[Tensor, "B 3"],
    *,
    dtype: torch.dtype = torch.float32,
) -> Shaped[Tensor, "B 1 R R R"]:
    """Warp and unpack: a network's input on the columns' device. Arguments as in `warp_columns`.

    >>> warp = VoxelAugment(shift=1).draw(2, torch.Generator().manual_seed(0))
    >>> augment_columns(torch.ones(2, 8, 8, dtype=torch.int32), *warp).shape
    torch.Size([2, 1, 8, 8, 8])
    """
    return unpack(warp_columns(columns, angle_rad, mirror, shift, scale), dtype)


def warp_columns(
    columns: Int[Tensor, "B R R"],
    angle_rad: Float[Tensor, " B"],
    mirror: Bool[Tensor, " B"],
    shift: Float[Tensor, "B 3"],
    scale: Float[Tensor, "B 3"],
) -> Int[Tensor, "B R R"]:
    """Columns warped as the module's text says, still packed.

    Args:
        angle_rad: rotation about the up axis.
        mirror: flip x after the rotation.
        shift: in cells, per axis x, y, z; fractions are allowed.
        scale: factors > 0 per axis.

    >>> up = Warp(torch.zeros(1), torch.tensor([False]), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 3))
    >>> warp_columns(torch.tensor([[[1, 0], [0, 0]]], dtype=torch.int32), *up)  # from the lowest cell to the one above
    tensor([[[2, 0],
             [0, 0]]], dtype=torch.int32)
    """
    check_columns(columns)
    # Parameters usually come from the CPU; checking them there keeps a GPU's queue running.
    if scale.device.type == "cpu" and not bool((scale > 0).all()):
        raise InvalidInputError(f"scale: expected factors > 0, got a smallest of {float(scale.min())}")
    parameters = Warp(*(parameter.to(columns.device) for parameter in (angle_rad, mirror, shift, scale)))
    return _move_bits(_gather_columns(columns, parameters), parameters)


def _source(size: int, shift: Tensor, scale: Tensor) -> Tensor:
    """(B, R) positions, from the grid's centre, that the cells of one axis come from before rotation."""
    centred = torch.arange(size, device=shift.device, dtype=shift.dtype) - (size - 1) / 2
    return (centred - shift[:, None]) / scale[:, None]


def source_columns(size: int, warp: Warp) -> Int[Tensor, "B N"]:
    """Where in x, y each of N = R * R warped columns comes from, `x * R + y`; R * R for those from outside."""
    x = (_source(size, warp.shift[:, 0], warp.scale[:, 0]) * torch.where(warp.mirror, -1.0, 1.0)[:, None])[:, :, None]
    y = _source(size, warp.shift[:, 1], warp.scale[:, 1])[:, None, :]
    cos, sin = warp.angle_rad.cos()[:, None, None], warp.angle_rad.sin()[:, None, None]
    # Back to indices: + (size - 1) / 2, and + 0.5 to round to the nearest by floor.
    row = (cos * x + sin * y + size / 2).floor_()
    column = (cos * y - sin * x + size / 2).floor_()
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    return torch.where(inside, row * size + column, size * size).long().flatten(1)


def source_cells(size: int, warp: Warp) -> Int[Tensor, "B R"]:
    """Which cell of its column each warped cell comes from; R for those from outside."""
    source = (_source(size, warp.shift[:, 2], warp.scale[:, 2]) + size / 2).floor_()
    return torch.where((source >= 0) & (source < size), source, size).long()


def _gather_columns(columns: Tensor, warp: Warp) -> Tensor:
    count, size, _ = columns.shape
    # One more column, always empty, for everything outside.
    padded = torch.cat([columns.reshape(count, size * size), columns.new_zeros(count, 1)], dim=1)
    return padded.gather(1, source_columns(size, warp)).view(count, size, size)


def _move_bits(columns: Tensor, warp: Warp) -> Tensor:
    count, size, _ = columns.shape
    source = source_cells(size, warp)
    inside = source < size
    bit = torch.ones(size, dtype=torch.int32, device=columns.device) << torch.arange(
        size, dtype=torch.int32, device=columns.device
    )
    # goes_to[b, s]: the set of output cells that take input cell s. Sets of different s are disjoint, so + is "or".
    goes_to = columns.new_zeros(count, 32)
    goes_to.scatter_add_(1, torch.where(inside, source, 0), torch.where(inside, bit, 0))
    goes_to = goes_to.view(count, 4, 8)
    table = columns.new_zeros(count, 4, 1)
    for cell in range(8):  # table[b, p, n]: the output cells for value n of byte p
        table = torch.cat([table, table + goes_to[:, :, cell, None]], dim=2)
    values = column_bytes(columns).view(count, size * size, 4).long()
    moved = table[:, 0].gather(1, values[:, :, 0])
    for byte in range(1, 4):
        moved += table[:, byte].gather(1, values[:, :, byte])
    return moved.view(count, size, size)
