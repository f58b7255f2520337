"""Differentiable silhouettes and depth maps of meshes, on the CPU without PyTorch3D.

A soft silhouette is what Liu et al. ("Soft Rasterizer", ICCV 2019) call one, and PyTorch3D's `SoftSilhouetteShader`
draws: with d_f the squared distance of a pixel centre to the nearest edge of face f, negative inside,

    alpha = 1 - prod_f (1 - sigmoid(-d_f / sigma))

over the faces with d_f < blur_radius. Distances are in PyTorch3D's NDC, where the short side of the image is 2 long,
so that its settings carry over and do not depend on the size of the image.

Which blur: in pixels an edge is sqrt(sigma) * side / 2 soft, and a face reaches sqrt(blur_radius) * side / 2 beyond
its edges. Only pixels within that reach move an outline, so start with a reach as long as the distance that outlines
have to move (sigma 1e-3 to 1e-4, or small images), and end where sqrt(sigma) is below half a pixel (1e-5 at 256 px). A
large sigma also makes shapes fat. On an edge between two faces a pixel sees 1/2 of each: as sigma falls, the inside
goes to 1 except on those edges.

Which `faces_per_pixel`: None, for silhouettes. All faces count then, and the only memory is the image. With a number
only the nearest count. Those may all be faces of the rim that hardly touch a pixel which a farther face covers, so too
small a number tears holes into silhouettes. Shading (`geolearn.render.render_shaded`) weighs faces by depth and needs
few; take colours from there and outlines from here. Figures: `benchmarks/results/soft_silhouettes.md`.
"""

import math
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from geolearn.errors import InvalidInputError
from geolearn.render.pictures import visible_faces
from geolearn.render.projection import Projected, project
from geolearn.render.rasterizer import rasterize_meshes
from geolearn.structures import Cameras, Mesh, MeshBatch
from geolearn.structures.foreign import takes_meshes
from geolearn.typing import Float, Tensor

LEAST_SHARE = 1e-4  # a face reaches as far as its sigmoid exceeds this
FACES_ON_CUDA = 50  # per pixel, where PyTorch3D needs a number
PIECES_PER_THREAD = 4
PADDING = 8  # the kernels visit pixels in blocks


@takes_meshes
def render_silhouette(
    mesh: Mesh | MeshBatch,
    cameras: Cameras,
    size: int | tuple[int, int] | None = None,
    *,
    sigma: float = 1e-4,
    blur_radius: float | None = None,
    faces_per_pixel: int | None = None,
) -> Float[Tensor, "*B V H W"]:
    """Soft silhouettes of every mesh from every camera, with gradients into vertices, intrinsics and poses.

    Args:
        mesh: a mesh, or a batch of B meshes that are all seen by the same cameras.
        cameras: V cameras.
        size: side in pixels, or (height, width), if another than that of the cameras; the intrinsics are scaled.
        sigma: how soft edges are, a squared distance in NDC.
        blur_radius: squared distance in NDC up to which a face reaches beyond its edges; by default where its sigmoid
            falls to 1e-4, log(1/1e-4 - 1) sigma = 9.21 sigma.
        faces_per_pixel: keep only this many faces of a pixel, the nearest, as PyTorch3D does. By default all count,
            which is faster and needs only the memory of the image (on CUDA, where PyTorch3D rasterizes: 50).

    Returns:
        (V, H, W), or (B, V, H, W) for a batch, in [0, 1]; 0 where nothing is seen. Faces that cross the plane of a
        camera are cut in front of it. The result and the gradient do not depend on the number of threads.

    Raises:
        InvalidInputError: sigma <= 0, a negative blur, no face per pixel, an image without pixels, or meshes and
            cameras on different devices.

    >>> import trimesh
    >>> from geolearn.render import camera_rig
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> ball.verts.requires_grad_()[0].shape
    torch.Size([3])
    >>> silhouettes = render_silhouette(ball, camera_rig("ring", count=3, size=32))
    >>> silhouettes.shape, float(silhouettes[0, 16, 16].detach().round())
    (torch.Size([3, 32, 32]), 1.0)
    >>> bool(torch.autograd.grad(silhouettes.sum(), ball.verts)[0].any())
    True
    """
    if not 0 < sigma < math.inf:
        raise InvalidInputError(f"sigma: expected a squared distance > 0, got {sigma}")
    if blur_radius is None:
        blur_radius = math.log(1 / LEAST_SHARE - 1) * sigma
    if not 0 <= blur_radius < math.inf:
        raise InvalidInputError(f"blur_radius: expected a squared distance >= 0, got {blur_radius}")
    if faces_per_pixel is not None and faces_per_pixel < 1:
        raise InvalidInputError(f"faces_per_pixel: expected at least 1, or None for all, got {faces_per_pixel}")
    seen = project(mesh, cameras, size).pixels()
    if faces_per_pixel is None and not seen.points.is_cuda:
        images = _all_faces(seen, sigma, blur_radius)
    else:
        images = nearest_faces(seen, sigma, blur_radius, faces_per_pixel or FACES_ON_CUDA)
    images = images.reshape(*seen.images, *seen.size)
    return images[0] if isinstance(mesh, Mesh) else images


@takes_meshes
def render_depth(
    mesh: Mesh | MeshBatch, cameras: Cameras, size: int | tuple[int, int] | None = None
) -> Float[Tensor, "*B V H W"]:
    """Depth of what every pixel centre sees, with gradients into vertices, intrinsics and poses.

    The picture of `render_views(..., shading="depth")`. The gradient is that of the point where the ray of a pixel
    meets its face. It does not see that another face comes to cover the pixel; silhouettes do.

    Args:
        mesh, cameras, size: as for `render_silhouette`.

    Returns:
        (V, H, W), or (B, V, H, W) for a batch: distance in front of the camera along its axis, in world units; 0 where
        nothing is seen.

    Raises:
        InvalidInputError: an image without pixels, or meshes and cameras on different devices.

    >>> import trimesh
    >>> from geolearn.render import camera_rig
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> depth = render_depth(ball, camera_rig("ring", count=3, size=32, distance=2.0))
    >>> round(float(depth[0, 16, 16]), 1), float(depth[0, 0, 0])
    (1.6, 0.0)
    """
    seen = project(mesh, cameras, size)
    faces = visible_faces(mesh, cameras, seen.size).reshape(-1, *seen.size)
    image, row, column = torch.nonzero(faces >= 0, as_tuple=True)
    offsets = torch.from_numpy(seen.offsets).to(faces.device)
    corners = seen.points.index_select(
        0, (seen.faces[faces[image, row, column]] + offsets[image, None]).reshape(-1)
    ).double()
    depths = hit_depths(corners.reshape(-1, 3, 3), torch.stack([column, row], 1) + 0.5)
    flat = (image * seen.size[0] + row) * seen.size[1] + column
    images = seen.points.new_zeros(faces.numel()).index_put((flat,), depths.to(seen.points.dtype))
    images = images.reshape(*seen.images, *seen.size)
    return images[0] if isinstance(mesh, Mesh) else images


def hit_depths(corners: Float[Tensor, "M 3 3"], pixels: Float[Tensor, "M 2"]) -> Float[Tensor, " M"]:
    """Depth at which the rays of `pixels` meet the planes of faces with homogeneous pixel coordinates `corners`."""
    a, b, c = corners.unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    ray = torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1).to(normal)
    return (normal * a).sum(1) / (normal * ray).sum(1)


def _all_faces(seen: Projected, sigma: float, blur_radius: float) -> Tensor:
    unit = seen.unit
    return _Silhouettes.apply(seen, seen.points, sigma * unit**2, math.sqrt(blur_radius) * unit)  # type: ignore[return-value]


class _Silhouettes(torch.autograd.Function):
    """The kernels under autograd."""

    @staticmethod
    def forward(ctx: Any, seen: Projected, points: Tensor, s: float, reach: float) -> Tensor:
        from geolearn.kernels.rasterize_silhouette import silhouettes  # late: Numba takes a while to import

        transmission = torch.empty(len(seen.first), *seen.size, dtype=torch.float32)
        silhouettes(*_arguments(seen, points, s, reach, split=seen.size[0]), transmission.numpy())
        ctx.save_for_backward(points, transmission)
        ctx.settings = seen, s, reach
        return (1 - transmission).to(points.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from geolearn.kernels.rasterize_silhouette import OPAQUE, silhouette_gradients

        points, transmission = ctx.saved_tensors
        seen, s, reach = ctx.settings
        weights = torch.where(transmission < OPAQUE, 0, -grads[0] * transmission)
        weights = torch.nn.functional.pad(weights, (0, PADDING)).float().contiguous()
        counts = seen.end - seen.first
        by_face = np.zeros((counts.sum(), 6))
        grad = torch.zeros_like(points)
        silhouette_gradients(
            *_arguments(seen, points, s, reach, split=int(counts.max(initial=1))), weights.numpy(),
            counts.cumsum() - counts, by_face, grad.numpy(),
        )  # fmt: skip
        return None, grad, None, None


def _arguments(seen: Projected, points: Tensor, s: float, reach: float, *, split: int) -> tuple[Any, ...]:
    """What both kernels take; every image is cut into pieces, `split` at most, until there is work for all threads."""
    threads, images = torch.get_num_threads(), len(seen.first)
    pieces = max(1, min(split, -(-PIECES_PER_THREAD * threads // max(images, 1))))
    return (
        points.detach().contiguous().numpy(), seen.faces.numpy(), seen.first, seen.end, seen.offsets, pieces,
        min(threads, images * pieces), s, reach, 1e-8 * seen.unit**2,
    )  # fmt: skip


def nearest_faces(seen: Projected, sigma: float, blur_radius: float, faces_per_pixel: int) -> Tensor:
    """Silhouettes (N, H, W) from the nearest faces of every pixel, as PyTorch3D's."""
    corners, counts = seen.soup()
    height, width = seen.size
    xy = (corners.new_tensor([width / 2, height / 2]) - corners[..., :2]) / seen.unit
    verts = torch.cat([xy, corners[..., 2:]], 2).reshape(-1, 3)
    faces = torch.arange(len(verts), device=verts.device).reshape(-1, 3)
    hits = rasterize_meshes(
        MeshBatch(verts, faces, 3 * counts, counts), seen.size, blur_radius, faces_per_pixel, perspective_correct=True
    )
    passes = torch.nn.functional.logsigmoid(hits[3] / sigma)  # log(1 - p)
    return -torch.expm1(torch.where(hits[0] >= 0, passes, 0).sum(-1))
