"""Which faces of a mesh are neighbours, how long their common edge is and how it bends: the dual graph of a mesh."""

from typing import NamedTuple

import torch

from geolearn.ops.face_geometry import face_normals
from geolearn.ops.welding import weld_vertices
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Int, Tensor


class FaceAdjacency(NamedTuple):
    """Pairs of faces that are neighbours across an edge, sorted by the first and then the second face.

    Attributes:
        pairs: int64 (E, 2), the smaller face index first. Two faces with two common edges make two pairs.
        edge_length: (E,), length of the common edge.
        dihedral_angle_rad: (E,), by how much the surface turns at the edge, in [-pi, pi]: 0 is flat, positive is convex
            (the outer edge of a box: pi / 2), negative is concave (its inner edge: -pi / 2).

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # an inner edge of a box
    >>> face_adjacency(Mesh(corners, torch.tensor([[0, 1, 2], [1, 0, 3]]))).dihedral_angle_rad
    tensor([-1.5708])
    """

    pairs: Int[Tensor, "E 2"]
    edge_length: Float[Tensor, " E"]
    dihedral_angle_rad: Float[Tensor, " E"]


@takes_mesh
def face_adjacency(mesh: Mesh) -> FaceAdjacency:
    """The neighbours of every face: the dual graph, on any soup of triangles.

    Vertices at one position are one, so that split vertices do not cut the surface. Where more than two faces meet in
    an edge, those that follow each other around it are neighbours: k faces make k pairs. So E <= 3 F on every mesh.
    An edge of one face only, a boundary, makes no pair; an edge without extent does not exist.

    With unit normals n, m of two faces and the unit direction e in which the first runs along the edge, the angle is
    atan2((n x m) . e, n . m). It is computed from positions in float64. Where both faces run along the edge in the same
    direction, their orientations disagree, so m is turned around and the angle's sign, which is not known, is taken as
    positive. A face without area has no normal: the angles at its edges are 0.

    Args:
        mesh: V vertices, F faces. Results are on its device and carry no gradient.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> found = face_adjacency(Mesh(corners, torch.tensor([[0, 1, 2], [0, 2, 3]])))
    >>> found.pairs.tolist(), round(float(found.edge_length), 3), float(found.dihedral_angle_rad)
    ([[0, 1]], 1.414, 0.0)
    """
    verts, faces = weld_vertices(mesh.verts.detach().double(), mesh.faces)
    pairs, length, angle = adjacency_of_welded(verts, faces)
    return FaceAdjacency(pairs, length.to(mesh.verts.dtype), angle.to(mesh.verts.dtype))


def adjacency_of_welded(verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> FaceAdjacency:
    """As `face_adjacency` for vertices that are welded already, in their own precision."""
    if len(faces) == 0:
        nothing = verts.new_zeros(0)
        return FaceAdjacency(faces.new_zeros(0, 2), nothing, nothing)
    # A side is one edge of one face; those with the same two ends lie together after sorting.
    ends = torch.stack([faces, faces.roll(-1, 1)], 2).reshape(-1, 2)
    low, high = ends.amin(1), ends.amax(1)
    key, side = (low * len(verts) + high).sort(stable=True)
    repeated = torch.zeros_like(side, dtype=torch.bool)  # a face without area may run along an edge and back
    repeated[1:] = (key[1:] == key[:-1]) & (side[1:] // 3 == side[:-1] // 3)
    kept = (low < high)[side] & ~repeated
    key, side = key[kept], side[kept]
    _, edge, times = key.unique_consecutive(return_inverse=True, return_counts=True)
    first = times.cumsum(0) - times
    side = _in_turn_around_edge(side, edge, times, first, ends, verts, faces)

    # Each side is followed by the next of its edge, and the last by the first where more than two meet.
    place = torch.arange(len(side), device=faces.device)
    is_last = place == (first + times - 1)[edge]
    follower = torch.where(is_last, first[edge], place + 1)
    kept = (times[edge] > 2) | ((times[edge] == 2) & ~is_last)
    one, other = side[kept], side[follower[kept]]

    along = verts[ends[one, 1]] - verts[ends[one, 0]]
    length = along.norm(dim=1)
    normals = face_normals(verts[faces])
    n, m = normals[one // 3], normals[other // 3]
    agree = ends[one, 0] == ends[other, 1]
    m = torch.where(agree[:, None], m, -m)
    sine = (torch.linalg.cross(n, m) * along).sum(1) / length.clamp(min=torch.finfo(length.dtype).tiny)
    sine = torch.where(agree, sine, sine.abs())
    angle = torch.atan2(sine + 0.0, (n * m).sum(1))  # -0 would turn pi into -pi

    pairs = torch.stack([one // 3, other // 3], 1).sort(1).values
    order = (pairs[:, 0] * len(faces) + pairs[:, 1]).argsort(stable=True)
    return FaceAdjacency(pairs[order], length[order], angle[order])


def _in_turn_around_edge(
    side: Tensor, edge: Tensor, times: Tensor, first: Tensor, ends: Tensor, verts: Tensor, faces: Tensor
) -> Tensor:
    """`side` with the sides of every edge of more than two faces in the order of their angle around that edge."""
    crowded = torch.nonzero(times[edge] > 2)[:, 0]
    if len(crowded) == 0:
        return side
    leader = side[first[edge[crowded]]]
    origin = verts[ends[leader].amin(1)]
    axis = torch.nn.functional.normalize(verts[ends[leader].amax(1)] - origin, dim=1)
    apex = verts[faces[side[crowded] // 3, (side[crowded] % 3 + 2) % 3]] - origin
    reference = verts[faces[leader // 3, (leader % 3 + 2) % 3]] - origin
    reference = reference - (reference * axis).sum(1, keepdim=True) * axis
    across = torch.linalg.cross(axis, reference)
    turn = torch.atan2((apex * across).sum(1), (apex * reference).sum(1))
    order = turn.argsort(stable=True)
    order = order[edge[crowded][order].argsort(stable=True)]
    side = side.clone()
    side[crowded] = side[crowded[order]]
    return side
