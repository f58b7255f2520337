"""Normals and headlight shading of what every pixel sees, with gradients into the vertices through the normals."""

from typing import NamedTuple

import torch

from geolearn.ops import vertex_normals
from geolearn.render.pictures import visible_faces
from geolearn.render.projection import project
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Int, Tensor


class VisibleNormals(NamedTuple):
    """Interpolated unit normals at the M pixels that see the surface.

    Attributes:
        pixel: flat index into (V, H, W).
        normals: in the axes of each camera: x right, y up, z to the viewer, as in `render_views(shading="normals")`.
        cosine: of the angle between normal and ray.
    """

    pixel: Int[Tensor, " M"]
    normals: Float[Tensor, "M 3"]
    cosine: Float[Tensor, " M"]


def visible_normals(mesh: Mesh, cameras: Cameras, size: tuple[int, int]) -> VisibleNormals:
    """Normals of the vertices, weighted by area, interpolated where the rays of pixel centres hit.

    The gradient is that of the normals where the surface stays at its pixel; how a surface comes to cover a pixel is
    left to silhouettes.
    """
    height, width = size
    cameras = cameras.resized(height, width)
    faces = visible_faces(mesh, cameras, size)[0]
    pixel = torch.nonzero(faces.reshape(-1) >= 0)[:, 0]
    view = pixel // (height * width)
    row, column = pixel // width % height, pixel % width
    corners = mesh.faces[faces.reshape(-1)[pixel].long()]
    with torch.no_grad():
        points = project(mesh, cameras, size).points
        a, b, c = (points[corners[:, k] + view * len(mesh.verts)] for k in range(3))
        ray = torch.stack([column + 0.5, row + 0.5, torch.ones_like(row)], 1)
        weights = torch.stack([(ray * torch.linalg.cross(p, q)).sum(1) for p, q in ((b, c), (c, a), (a, b))], 1)
        weights = weights / weights.sum(1, keepdim=True)
        direction = torch.linalg.solve(cameras.K[view], ray[..., None])[..., 0]
        direction = torch.nn.functional.normalize(direction, dim=1)
    at_corners = vertex_normals(mesh)[corners]
    normals = torch.nn.functional.normalize((weights[:, :, None] * at_corners).sum(1), dim=1)
    local = (cameras.world_to_camera[view, :3, :3] @ normals[:, :, None])[..., 0]
    flipped = local * local.new_tensor([1.0, -1.0, -1.0])
    return VisibleNormals(pixel, flipped, -(local * direction).sum(1))


def headlight(cosine: Float[Tensor, " M"], target: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
    """ambient + diffuse |cos| with the light that explains `target` best by least squares, diffuse >= 0.

    The light is held in the gradient.
    """
    lit = cosine.abs()
    with torch.no_grad():
        centred = lit - lit.mean()
        diffuse = ((centred * (target - target.mean())).sum() / centred.square().sum().clamp(min=1e-12)).clamp(min=0)
        ambient = target.mean() - diffuse * lit.mean()
    return ambient + diffuse * lit
