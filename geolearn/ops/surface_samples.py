"""Points drawn uniformly from the surface of meshes."""

from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_cross
from geolearn.ops.segments import scatter
from geolearn.structures import Mesh, MeshBatch
from geolearn.structures._door import whole_number
from geolearn.structures.foreign import takes_meshes
from geolearn.typing import Float, Int, Tensor


class SurfaceSamples(NamedTuple):
    """Points on a surface: (N, ...) of one mesh, (B, N, ...) of a batch.

    Attributes:
        points: float32 (..., 3).
        normals: float32 (..., 3), unit length, outward for counter-clockwise faces.
        face_index: int64 (...), the face of its own mesh that each point lies on.

    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> sample_surface(corner, 2).normals.tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """

    points: Float[Tensor, "*B N 3"]
    normals: Float[Tensor, "*B N 3"]
    face_index: Int[Tensor, "*B N"]


@takes_meshes
def sample_surface(mesh: Mesh | MeshBatch, count: int, *, generator: torch.Generator | None = None) -> SurfaceSamples:
    """`count` points per mesh, independent and uniform over its area.

    A face is drawn with probability proportional to its area (degenerate faces never), then a point in it with
    barycentric weights (1 - r, r (1 - s), r s), r = sqrt(u), for uniform u and s (Osada et al., "Shape distributions",
    ACM TOG 2002, section 4.1). The points and normals are differentiable in the vertices with faces and weights held.

    Args:
        mesh: one mesh, or a batch.
        count: N >= 0, points per mesh.
        generator: source of randomness on the mesh's device; the same state gives the same points.

    Raises:
        InvalidInputError: a negative count, or a mesh without area.

    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> points = sample_surface(corner, 100, generator=torch.Generator().manual_seed(0)).points
    >>> points.shape, bool((points.sum(1) <= 1).all())
    (torch.Size([100, 3]), True)
    """
    count = whole_number(count, "count")
    if count < 0:
        raise InvalidInputError(f"count: expected at least 0 points, got {count}")
    batch = mesh if isinstance(mesh, MeshBatch) else MeshBatch.from_meshes([mesh])
    corners = batch.verts[batch.faces].double()
    cross = face_cross(corners)
    area = cross.detach().norm(dim=-1)
    owner = torch.arange(len(batch), device=area.device).repeat_interleave(batch.faces_per_mesh)
    total = scatter(area, owner, dim_size=len(batch))
    if not bool((total > 0).all()):
        bad = int((total <= 0).nonzero()[0])
        raise InvalidInputError(
            f"mesh: {batch.names[bad]!r} (number {bad}) has no face with an area to draw points from"
        )

    # One running sum over the faces of all meshes, in which every mesh has a stretch of length 1.
    stop_face = batch.faces_per_mesh.cumsum(0)
    start_face = stop_face - batch.faces_per_mesh
    summed = torch.cat([area.new_zeros(1), (area / total[owner]).cumsum(0)])
    start, stop = summed[start_face], summed[stop_face]
    drawn = torch.rand(3, len(batch), count, generator=generator, dtype=torch.float64, device=batch.verts.device)
    target = start[:, None] + drawn[0] * (stop - start)[:, None]
    # Rounding may lift a target to the end of its stretch: below it, the last face with an area is the last possible.
    target = torch.minimum(target, torch.nextafter(stop, start)[:, None])
    face = torch.searchsorted(summed[1:], target, right=True)

    r, s = drawn[1].sqrt(), drawn[2]
    weights = torch.stack([1 - r, r * (1 - s), r * s], dim=-1)
    points = (weights[..., None] * corners[face]).sum(-2)
    normals = torch.nn.functional.normalize(cross[face], dim=-1, eps=1e-300)
    samples = SurfaceSamples(points.float(), normals.float(), face - start_face[:, None])
    return samples if isinstance(mesh, MeshBatch) else SurfaceSamples(*(value[0] for value in samples))
