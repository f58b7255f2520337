"""Where points lie with respect to a mesh: how far from it, on which side, how often wound around."""

from typing import NamedTuple

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array, Bool, Float, Int, Tensor


class ClosestPoints(NamedTuple):
    """The nearest points of a surface.

    Attributes:
        points: (*B, 3), on the surface.
        distance: (*B).
        face_index: int64 (*B), the face each lies on; of several the first.

    >>> found = ClosestPoints(torch.zeros(1, 3), torch.ones(1), torch.tensor([4]))
    >>> found.face_index.tolist()
    [4]
    """

    points: Float[Tensor, "*B 3"]
    distance: Float[Tensor, "*B"]
    face_index: Int[Tensor, "*B"]


@takes_mesh
def closest_points(mesh: Mesh, points: Float[Tensor, "*B 3"]) -> ClosestPoints:
    """The point of the surface that is nearest to each of `points`: exact, in float64, by a tree of spheres.

    Degenerate faces count as the segments or points that they are. Results have the type and device of `points`; they
    do not depend on the number of threads, and no gradient passes.

    Raises:
        InvalidInputError: a mesh without faces, or points that are not finite.

    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> found = closest_points(corner, torch.tensor([[1.0, 1.0, 2.0]]))
    >>> found.points.tolist(), found.face_index.tolist()
    ([[0.5, 0.5, 0.0]], [0])
    """
    from geolearn.kernels.nearest_faces import find_nearest

    where, tree, number = _prepare(mesh, points)
    nearest, face = np.empty_like(where), np.empty(len(where), np.int64)
    corners, first_leaf, centre, squared_radius, _ = tree
    find_nearest(where, corners, number, first_leaf, centre, squared_radius, nearest, face)
    distance = np.sqrt(((where - nearest) ** 2).sum(axis=1))
    return ClosestPoints(
        _like(points, nearest).reshape(points.shape),
        _like(points, distance).reshape(points.shape[:-1]),
        torch.from_numpy(face).to(points.device).reshape(points.shape[:-1]),
    )


@takes_mesh
def winding_number(mesh: Mesh, points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    """How often the surface winds around each point, counter-clockwise faces seen from outside counted positive.

        w(q) = 1 / (4 pi) sum over faces of the signed solid angle of the face at q

    (Jacobson, Kavan and Sorkine-Hornung, SIGGRAPH 2013). A whole number inside and outside of closed surfaces, 2 where
    two of them overlap; in between where a surface is open. Far groups of faces are replaced by an expansion (Barill
    et al., SIGGRAPH 2018): the error is below 0.02.

    Raises:
        InvalidInputError: as `closest_points`.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere())
    >>> winding_number(ball, torch.tensor([[0.0, 0, 0], [2, 0, 0]])).round().int().tolist()
    [1, 0]
    """
    where, tree, _ = _prepare(mesh, points)
    return _like(points, _wound(where, tree)).reshape(points.shape[:-1])


@takes_mesh
def contains(mesh: Mesh, points: Float[Tensor, "*B 3"]) -> Bool[Tensor, "*B"]:
    """Which points the surface winds around: |winding number| > 1/2.

    Right inside of every part of overlapping shapes, for closed shapes turned inside out, and for open ones the best
    guess.

    Raises:
        InvalidInputError: as `closest_points`.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere())
    >>> contains(ball, torch.tensor([[0.0, 0, 0.9], [0.0, 0, 1.1]])).tolist()
    [True, False]
    """
    where, tree, _ = _prepare(mesh, points)
    return torch.from_numpy(np.abs(_wound(where, tree)) > 0.5).to(points.device).reshape(points.shape[:-1])


@takes_mesh
def signed_distance(mesh: Mesh, points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    """Distance to the surface, negative where `contains` says inside.

    Raises:
        InvalidInputError: as `closest_points`.

    >>> import trimesh
    >>> box = Mesh.from_trimesh(trimesh.creation.box())  # side 1
    >>> signed_distance(box, torch.tensor([[0.0, 0, 0], [0, 0, 2.5]])).tolist()
    [-0.5, 2.0]
    """
    distance = closest_points(mesh, points).distance
    return torch.where(contains(mesh, points), -distance, distance)


_Tree = tuple[Array, int, Array, Array, Array]


def _prepare(mesh: Mesh, points: Tensor) -> tuple[Array, _Tree, Array]:
    """The points (N, 3) in float64, the tree over the triangles of the mesh, and the face that each triangle is."""
    from geolearn.kernels.voxelize_winding import grow_tree, interleaved_bits

    if points.shape[-1:] != (3,) or not points.is_floating_point():
        shape = tuple(points.shape)
        raise InvalidInputError(f"points: expected positions (..., 3) as floats, got {shape} of {points.dtype}")
    if len(mesh.faces) == 0:
        raise InvalidInputError(f"mesh: expected at least one face, got {mesh!r}")
    if not bool(torch.isfinite(points).all()):
        raise InvalidInputError("points: expected finite positions")
    where = np.ascontiguousarray(points.detach().cpu().double().reshape(-1, 3).numpy())
    corners = mesh.triangles().detach().cpu().double().numpy()
    order = np.argsort(interleaved_bits(corners.mean(1)), kind="stable")
    return where, grow_tree(np.ascontiguousarray(corners[order])), order.astype(np.int64)


def _wound(where: Array, tree: _Tree) -> Array:
    from geolearn.kernels.nearest_faces import find_winding_numbers

    found = np.empty(len(where))
    find_winding_numbers(where, *tree, found)
    return found


def _like(points: Tensor, values: Array) -> Tensor:
    return torch.from_numpy(values).to(points.device, points.dtype)
