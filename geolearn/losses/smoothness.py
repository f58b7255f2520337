"""Regularity of meshes: Laplacians, edge lengths, and normals of neighbouring faces."""

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_areas, face_normals, vector_lengths
from geolearn.typing import Float, Int, Tensor


def uniform_laplacian_loss(verts: Float[Tensor, "V 3"], edges: Int[Tensor, "E 2"]) -> Float[Tensor, ""]:
    """Mean over the vertices of the squared distance to the mean of the neighbours.

        mean_i | (1 / |N(i)|) sum_{j in N(i)} v_j - v_i |^2

    Source: Desbrun et al., "Implicit fairing", SIGGRAPH 1999 (the umbrella operator). A squared length: it grows with
    the square of the mesh's size. It also evens out the lengths of edges. A vertex without edges counts 0.

    Args:
        verts: positions, at least one.
        edges: every edge once, as by `mesh_edges`.

    Raises:
        InvalidInputError: no vertices.

    >>> path = torch.tensor([[0, 1], [1, 2]])  # a line: its ends are 1 from their neighbour, its middle is in place
    >>> uniform_laplacian_loss(torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), path)
    tensor(0.6667)
    """
    _check_some("verts", verts)
    first, second = edges.unbind(1)
    pull = verts[second] - verts[first]
    total = torch.zeros_like(verts).index_add(0, first, pull).index_add(0, second, -pull)
    degree = torch.bincount(edges.reshape(-1), minlength=len(verts)).clamp(min=1)
    return (total / degree[:, None]).square().sum(1).mean()


def cotangent_laplacian_loss(verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, ""]:
    """Mean over the vertices of the square of the mean curvature: 1 / r^2 on a sphere of radius r, 0 on a plane.

        H_i n_i = 1 / (4 A_i) sum_{j in N(i)} (cot a_ij + cot b_ij) (v_i - v_j)

    with the angles a, b opposite to the edge and A_i a third of the area of the faces around i. Source: Meyer et al.,
    "Discrete differential-geometry operators", 2003, equation 8 (with barycentric areas). Unlike the uniform Laplacian
    it does not move vertices within a surface. Faces without area count nothing, nor do vertices without a face; on a
    boundary it acts as if the surface ended there.

    Args:
        verts: positions, at least one.
        faces: vertex indices.

    Raises:
        InvalidInputError: no vertices.

    >>> import trimesh
    >>> from geolearn.structures import Mesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=3, radius=0.5))
    >>> round(float(cotangent_laplacian_loss(ball.verts, ball.faces)), 1)  # 1 / r^2
    4.0
    """
    _check_some("verts", verts)
    corners = verts[faces]
    total, area = torch.zeros_like(verts), verts.new_zeros(len(verts))
    double_area = 2 * face_areas(corners)
    real = double_area > 0
    for apex in range(3):
        tail, head = (apex + 1) % 3, (apex + 2) % 3
        dot = ((corners[:, tail] - corners[:, apex]) * (corners[:, head] - corners[:, apex])).sum(1)
        cotangent = torch.where(real, dot / torch.where(real, double_area, 1), 0)
        pull = cotangent[:, None] * (corners[:, tail] - corners[:, head])
        total = total.index_add(0, faces[:, tail], pull).index_add(0, faces[:, head], -pull)
        area = area.index_add(0, faces[:, apex], double_area / 6)
    used = area > 0
    curvature = total / (4 * torch.where(used, area, 1))[:, None]
    return torch.where(used[:, None], curvature, 0).square().sum(1).mean()


def edge_length_loss(
    verts: Float[Tensor, "V 3"], edges: Int[Tensor, "E 2"], target_length: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over the edges of (length - target_length)^2, in squared units of the mesh.

    Source: Wang et al., "Pixel2Mesh", ECCV 2018, section 3.4 (with target 0). Without edges it is 0.

    Args:
        verts: positions.
        edges: every edge once, as by `mesh_edges`.
        target_length: >= 0.

    Raises:
        InvalidInputError: a negative target.

    >>> edge_length_loss(torch.tensor([[0.0, 0, 0], [3, 0, 0]]), torch.tensor([[0, 1]]), target_length=1.0)
    tensor(4.)
    """
    if not target_length >= 0:
        raise InvalidInputError(f"target_length: expected a length >= 0, got {target_length}")
    if len(edges) == 0:
        return verts.sum() * 0
    along = verts[edges[:, 1]] - verts[edges[:, 0]]
    if target_length == 0:
        return along.square().sum(1).mean()
    return (vector_lengths(along) - target_length).square().mean()


def normal_consistency_loss(
    verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], pairs: Int[Tensor, "P 2"]
) -> Float[Tensor, ""]:
    """Mean over pairs of faces of 1 - cos of the angle between their normals: 0 if flat, 2 if folded onto each other.

    A face without area has no normal; its pairs count 1, and pull nowhere. Without pairs the loss is 0.

    Args:
        verts: positions.
        faces: vertex indices, consistently oriented.
        pairs: faces that share an edge, as by `adjacent_faces`.

    >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
    >>> faces = torch.tensor([[0, 1, 2], [0, 3, 1]])  # one lies, one stands, on the edge from 0 to 1
    >>> normal_consistency_loss(verts, faces, torch.tensor([[0, 1]]))
    tensor(1.)
    """
    if len(pairs) == 0:
        return verts.sum() * 0
    normals = face_normals(verts[faces])
    return (1 - (normals[pairs[:, 0]] * normals[pairs[:, 1]]).sum(1)).mean()


def _check_some(name: str, values: Tensor) -> None:
    if len(values) == 0:
        raise InvalidInputError(f"{name}: expected at least one, got none")
