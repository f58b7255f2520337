"""Surfaces of equal value in a grid, by marching tetrahedra: always closed and manifold, without a table of cases."""

import itertools
from dataclasses import replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Int, Tensor


def isosurface(values: Float[Tensor, "X Y Z"], level: float) -> Mesh:
    """The surface where a grid, interpolated linearly in tetrahedra, passes `level`; the side >= level is inside.

    Every cube is cut into six tetrahedra around its diagonal (Freudenthal, 1942), alike in all cubes, so that
    neighbours agree; a tetrahedron is cut by a triangle or a quadrilateral (Doi and Koide, 1991). The surface is a
    manifold, oriented outward, and closed unless it meets the border of the grid. Faces are of uneven size.

    Args:
        values: at points (i, j, k), at least two along each axis, finite.
        level: the value on the surface.

    Returns:
        A mesh in index coordinates, without faces if no value passes the level.

    Raises:
        InvalidInputError: fewer than two values along an axis.
    """
    if values.ndim != 3 or min(values.shape) < 2:
        raise InvalidInputError(f"values: expected a grid of at least 2 x 2 x 2 values, got {tuple(values.shape)}")
    flat, inside = values.reshape(-1), values.reshape(-1) >= level
    tetrahedra = _mixed_tetrahedra(values, inside)
    corners = torch.cat([_one_apart(tetrahedra, inside), _two_apart(tetrahedra, inside)])  # (F, 3 corners, 2 ends)
    # A vertex per grid edge, named by its inner and outer end.
    keys = corners[..., 0] * len(flat) + corners[..., 1]
    used, faces = torch.unique(keys, return_inverse=True)
    ends = torch.stack([used // len(flat), used % len(flat)], 1)
    value = flat[ends].double()
    share = (value[:, :1] - level) / (value[:, :1] - value[:, 1:])
    # Not at the end itself, where the vertices of several edges would coincide.
    share = share.clamp(1e-3, 1 - 1e-3)
    places = torch.stack(torch.unravel_index(ends, values.shape), -1).double()
    verts = places[:, 0] + share * (places[:, 1] - places[:, 0])
    return Mesh(verts.float(), faces)


def voxel_surface(grid: VoxelGrid, level: float = 0.5) -> Mesh:
    """The closed surface where the values at the centres of cells, 0 outside the grid, pass `level` (`isosurface`).

    Args:
        grid: occupancy or opacities.
        level: > 0.

    Returns:
        A mesh in the world of the grid, without faces if no value reaches the level.

    Raises:
        InvalidInputError: a level of 0 or below, which the outside would be above.
    """
    if not level > 0:
        raise InvalidInputError(f"level: expected more than 0, the value outside the grid, got {level}")
    mesh = isosurface(torch.nn.functional.pad(grid.values.float(), (1,) * 6), level)
    return Mesh((mesh.verts - 0.5) * grid.voxel_size + grid.origin, mesh.faces)


def smooth_surface(grid: VoxelGrid) -> Mesh:
    """`voxel_surface` of occupied cells without most of their steps.

    Half of every value is the average over the 27 cells around it, and the level, 0.42, keeps what is one cell thin.
    """
    occupied = grid.occupancy.float()
    average = torch.nn.functional.avg_pool3d(occupied[None, None], 3, 1, 1)[0, 0]
    return voxel_surface(replace(grid, values=(occupied + average) / 2), 0.42)


def _mixed_tetrahedra(values: Tensor, inside: Tensor) -> Int[Tensor, "T 4"]:
    """The tetrahedra that have corners on both sides, as flat indices, all of positive volume."""
    strides = torch.tensor([values.shape[1] * values.shape[2], values.shape[2], 1], device=values.device)
    solid = inside.reshape(values.shape).float()[None, None]
    most = torch.nn.functional.max_pool3d(solid, 2, 1)[0, 0]
    least = -torch.nn.functional.max_pool3d(-solid, 2, 1)[0, 0]
    cubes = (torch.nonzero(most > least) * strides).sum(1)
    found = []
    for path in itertools.permutations(range(3)):  # from one end of the diagonal to the other along three axes
        steps = torch.cat([strides.new_zeros(1), strides[list(path)].cumsum(0)])
        odd = path in ((0, 2, 1), (1, 0, 2), (2, 1, 0))
        order = [0, 2, 1, 3] if odd else [0, 1, 2, 3]
        found.append(cubes[:, None] + steps[order])
    tetrahedra = torch.cat(found)
    count = inside[tetrahedra].sum(1)
    return tetrahedra[(count > 0) & (count < 4)]


def _one_apart(tetrahedra: Tensor, inside: Tensor) -> Tensor:
    """Triangles around a corner that is alone on its side."""
    state = inside[tetrahedra]
    single = state.sum(1) == 1
    alone = single | (state.sum(1) == 3)
    tetrahedra, state, single = tetrahedra[alone], state[alone], single[alone]
    which = torch.where(single, state.int().argmax(1), (~state).int().argmax(1))
    # An even permutation that brings the corner to the front keeps the orientation.
    orders = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2], [2, 0, 1, 3], [3, 0, 2, 1]], device=tetrahedra.device)
    apex, *others = tetrahedra.gather(1, orders[which]).unbind(1)
    ends = torch.stack([torch.stack([apex, other], 1) for other in others], 1)
    return torch.where(single[:, None, None], ends, ends.flip(1, 2))


def _two_apart(tetrahedra: Tensor, inside: Tensor) -> Tensor:
    """Quadrilaterals between two corners on either side, as two triangles."""
    state = inside[tetrahedra]
    pair = state.sum(1) == 2
    tetrahedra, state = tetrahedra[pair], state[pair]
    code = (state * torch.tensor([1, 2, 4, 8], device=state.device)).sum(1)
    orders = torch.zeros(16, 4, dtype=torch.int64, device=tetrahedra.device)
    for first, second, third, fourth in (
        (0, 1, 2, 3),
        (0, 2, 3, 1),
        (0, 3, 1, 2),
        (1, 2, 0, 3),
        (1, 3, 2, 0),
        (2, 3, 0, 1),
    ):
        orders[2**first + 2**second] = torch.tensor([first, second, third, fourth])
    a, b, c, d = tetrahedra.gather(1, orders[code]).unbind(1)
    ac, ad, bc, bd = (torch.stack(ends, 1) for ends in ((a, c), (a, d), (b, c), (b, d)))
    return torch.cat([torch.stack([ac, bd, bc], 1), torch.stack([ac, ad, bd], 1)])
