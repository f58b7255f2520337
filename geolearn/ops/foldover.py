"""Where a flow on a lattice folds space over, and two ways to keep it from doing so."""

from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.lattice import deform_by_lattice
from geolearn.structures import VoxelGrid
from geolearn.typing import Bool, Float, Tensor

LOWEST = 0.05  # of the volume of a cell: what damping leaves at least
ROUNDS = 200


class Foldover(NamedTuple):
    """How far a flow folds the lattice over.

    Attributes:
        folded: bool (S, S, S), S = R - 1: cells of the lattice, whose corners are the centres of 2^3 voxels, that are
            turned inside out, or flat, at one of their corners.
        share: of the cells that counted.
        lowest: the least Jacobian determinant at a corner of a cell that counted; 1 where nothing is deformed.
    """

    folded: Bool[Tensor, "S S S"]
    share: float
    lowest: float


def lattice_jacobian(flow: Float[Tensor, "3 R R R"], voxel_size: float) -> Float[Tensor, "S S S"]:
    """The least determinant of the Jacobian of p + u(p) at the corners of each cell of the lattice; S = R - 1.

    At a corner the Jacobian of the trilinear map is the three edges of the cell that meet there, as vectors, each
    divided by `voxel_size`. A value <= 0 means that the cell is folded over at that corner. Positive values at all
    corners are necessary, and nearly always enough, for the map to be one to one inside the cell (Knupp, "On the
    invertibility of the isoparametric map", 1990).

    Raises:
        InvalidInputError: fewer than 2 cells, or sizes that differ.

    >>> flow = torch.zeros(3, 2, 2, 2)
    >>> flow[2, :, :, 1] = 0.5                      # the upper nodes go up by half a cell
    >>> lattice_jacobian(flow, 1.0)
    tensor([[[1.5000]]])
    """
    if flow.ndim != 4 or flow.shape[0] != 3 or len(set(flow.shape[1:])) != 1 or flow.shape[1] < 2:
        raise InvalidInputError(f"flow: expected (3, R, R, R) with R >= 2, got {tuple(flow.shape)}")
    identity = torch.eye(3, dtype=flow.dtype, device=flow.device)[:, :, None, None, None]
    x, y, z = (flow.diff(dim=axis + 1) / voxel_size + identity[axis] for axis in range(3))
    low, high = slice(None, -1), slice(1, None)
    least = None
    for a in (low, high):
        for b in (low, high):
            for c in (low, high):
                # an edge along an axis is shared by the cells on both sides of the two others
                edges = torch.stack([x[:, :, b, c], y[:, a, :, c], z[:, a, b, :]])
                here = (edges[0] * torch.linalg.cross(edges[1], edges[2], dim=0)).sum(0)
                least = here if least is None else torch.minimum(least, here)
    return least  # type: ignore[return-value]


def measure_foldover(
    flow: Float[Tensor, "3 R R R"], grid: VoxelGrid, *, near: Bool[Tensor, "R R R"] | None = None
) -> Foldover:
    """Which cells of the lattice the flow folds over (`lattice_jacobian`).

    Args:
        flow: in the unit of the grid's world.
        near: count only cells that have one of these voxels as a corner, for example the occupied ones: a flow far from
            a shape moves nothing. By default all count.

    >>> flow = torch.zeros(3, 3, 3, 3)
    >>> flow[0, 1] = 1.5                            # the middle nodes go past the last ones
    >>> measure_foldover(flow, VoxelGrid(torch.zeros(3, 3, 3), torch.zeros(3), 1.0))[1:]
    (0.5, -0.5)
    """
    least = lattice_jacobian(flow, grid.voxel_size)
    counted = torch.ones_like(least, dtype=torch.bool) if near is None else touching(near)
    folded = (least <= 0) & counted
    share = float(folded.sum()) / max(int(counted.sum()), 1)
    return Foldover(folded, share, float(least[counted].min()) if bool(counted.any()) else 1.0)


def damp_flow(
    flow: Float[Tensor, "3 R R R"], voxel_size: float, *, lowest: float = LOWEST, rounds: int = ROUNDS
) -> Float[Tensor, "3 R R R"]:
    """The flow made smoother where it folds, until `lattice_jacobian` is nowhere below `lowest`.

    Each round takes the corners of the cells that are below, widened by one voxel, and brings the flow there halfway to
    its mean over the voxel and its six neighbours (at a border: those there are). A flow that does not settle in
    `rounds` is also scaled down as a whole, by no more than needed. One that folds nowhere comes back as it is.

    Raises:
        InvalidInputError: `lowest` outside 0..1 (1 excluded).

    >>> flow = torch.zeros(3, 3, 3, 3)
    >>> flow[0, 1] = 1.5
    >>> bool(lattice_jacobian(damp_flow(flow, 1.0), 1.0).min() >= 0.05)
    True
    """
    if not 0 <= lowest < 1:
        raise InvalidInputError(f"lowest: expected a determinant from 0 to below 1, got {lowest}")
    for _ in range(rounds):
        bad = lattice_jacobian(flow, voxel_size) < lowest
        if not bool(bad.any()):
            return flow
        corners = torch.nn.functional.max_pool3d(bad[None, None].float(), 4, 1, 2)[0, 0] > 0
        flow = torch.where(corners, (flow + _mean_of_neighbours(flow)) / 2, flow)
    keep, drop = 0.0, 1.0
    for _ in range(24):
        middle = (keep + drop) / 2
        sound = bool((lattice_jacobian(middle * flow, voxel_size) >= lowest).all())
        keep, drop = (middle, drop) if sound else (keep, middle)
    return keep * flow


def integrate_flow(
    flow: Float[Tensor, "3 R R R"], voxel_size: float, *, squarings: int = 6
) -> Float[Tensor, "3 R R R"]:
    """The displacement after unit time if the flow is the velocity at every place: exp(u) by scaling and squaring.

    u_0 = u / 2^n, then n times u_{k+1}(p) = u_k(p) + u_k(p + u_k(p)), as Arsigny et al., MICCAI 2006, and VoxelMorph
    (Dalca et al., MICCAI 2018). The exact solution is smooth and one to one, so it folds nowhere; what is sampled on
    the lattice folds only where the velocity changes a lot within a cell. Points do not go where `flow` would take
    them in one step: a stretch by 1 + a becomes one by exp(a).

    Differentiable. n = 0 is the flow itself.

    Raises:
        InvalidInputError: a negative number of squarings.

    >>> flow = torch.zeros(3, 4, 4, 4)
    >>> flow[0] = 0.4 * torch.arange(4.0)[:, None, None]       # a velocity of 0.4 x: x becomes x e^0.4
    >>> integrate_flow(flow, 1.0, squarings=10)[0, 1, 0, 0].round(decimals=2)
    tensor(0.4900)
    """
    if squarings < 0:
        raise InvalidInputError(f"squarings: expected 0 or more, got {squarings}")
    size = flow.shape[1]
    # In units of a cell, with the centres at whole numbers: index space.
    grid = VoxelGrid(torch.zeros(size, size, size, device=flow.device), torch.full((3,), -0.5), 1.0)
    steps = torch.arange(size, dtype=flow.dtype, device=flow.device)
    nodes = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"))  # (3, R, R, R)
    step = flow / (voxel_size * 2**squarings)
    for _ in range(squarings):
        points = (nodes + step).reshape(3, -1).T
        moved = deform_by_lattice(points, step, grid)
        step = moved.T.reshape(nodes.shape) - nodes
    return step * voxel_size


def touching(near: Bool[Tensor, "R R R"]) -> Bool[Tensor, "S S S"]:
    """Cells of the lattice that have at least one of these voxels as a corner; S = R - 1."""
    return torch.nn.functional.max_pool3d(near[None, None].float(), 2, 1)[0, 0] > 0


def _mean_of_neighbours(flow: Tensor) -> Tensor:
    total, count = flow.clone(), torch.ones_like(flow[:1])
    for axis in (1, 2, 3):
        size = flow.shape[axis]
        low, high = flow.narrow(axis, 0, size - 1), flow.narrow(axis, 1, size - 1)
        total.narrow(axis, 0, size - 1).add_(high)
        total.narrow(axis, 1, size - 1).add_(low)
        count.narrow(axis, 0, size - 1).add_(1)
        count.narrow(axis, 1, size - 1).add_(1)
    return total / count
