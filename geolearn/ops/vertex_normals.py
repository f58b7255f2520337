"""Normals of vertices from those of their faces."""

import torch

from geolearn.ops.face_geometry import face_cross
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Tensor


@takes_mesh
def vertex_normals(mesh: Mesh) -> Float[Tensor, "V 3"]:
    """Unit normals of the vertices: the mean of their faces' normals weighted by area; 0 where there is none.

    Args:
        mesh: the gradient flows into its vertices.

    >>> square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> vertex_normals(Mesh(square, torch.tensor([[0, 1, 2], [0, 2, 3]])))[0].tolist()
    [0.0, 0.0, 1.0]
    """
    cross = face_cross(mesh.triangles())
    total = torch.zeros_like(mesh.verts)
    for k in range(3):
        total = total.index_add(0, mesh.faces[:, k], cross)
    return torch.nn.functional.normalize(total, dim=1, eps=1e-20)
