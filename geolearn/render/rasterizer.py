"""PyTorch3D's mesh rasterizer, fast on CPU and with exact gradients: `rasterize_meshes` and `MeshRasterizer`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from geolearn._optional import require
from geolearn.errors import InvalidInputError
from geolearn.render.clipping import clip_faces, unclip
from geolearn.render.result_memory import results
from geolearn.structures import Mesh, MeshBatch
from geolearn.typing import Float, Int, Tensor

IN_PLANE = 1e-8  # a depth so small is in the plane of the camera
MAX_SIDE = 32767  # of an image in pixels: the kernels keep pixel boxes in int16
Hits = tuple[
    Int[Tensor, "N H W K"], Float[Tensor, "N H W K"], Float[Tensor, "N H W K 3"], Float[Tensor, "N H W K"]
]  # fmt: skip


def rasterize_meshes(
    meshes: Any,
    image_size: int | Sequence[int] = 256,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 8,
    bin_size: int | None = None,
    max_faces_per_bin: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_clip_value: float | None = None,
    cull_to_frustum: bool = False,
    *,
    compat: bool = False,
) -> Hits:
    """The `faces_per_pixel` nearest faces of every pixel: `pytorch3d.renderer.mesh.rasterize_meshes`.

    On CPU this runs our own kernels: the same hits, in time that grows with the covered pixels instead of pixels times
    faces, and gradients that equal float64 automatic differentiation to float32 rounding. On CUDA it calls PyTorch3D.
    The result does not depend on the number of threads, nor do the gradients.

    Args:
        meshes: PyTorch3D `Meshes`, or a `MeshBatch` or `Mesh`; xy in NDC (+X left, +Y up, the short side of the image
            spans [-1, 1]), z the depth in front of the camera. float32.
        image_size: side in pixels, or (height, width).
        blur_radius: squared NDC distance up to which a face reaches beyond its edges.
        faces_per_pixel: K, how many faces a pixel keeps.
        bin_size, max_faces_per_bin: for PyTorch3D's CUDA kernels; on CPU accepted and without effect.
        perspective_correct: barycentrics are meant in space, not in the image.
        clip_barycentric_coords: points of a face outside its edges count as the nearest point by barycentrics.
        cull_backfaces: drop faces whose corners go clockwise in the image.
        z_clip_value: cut faces at this depth; without it a face with a corner at depth < 1e-8 is dropped.
        cull_to_frustum: accepted. Faces outside the image never cost more than a look at their box, and none that is
            visible is dropped (PyTorch3D compares a corner where it means a coordinate, and drops some).
        compat: reproduce PyTorch3D's gradients, which with `perspective_correct` and `clip_barycentric_coords`
            together can be 1e5 times too large. On CUDA they are always PyTorch3D's.

    Returns:
        pix_to_face int64 (N, H, W, K), indices into all faces of the batch, nearest first, -1 where there is none;
        zbuf (N, H, W, K) depths; barycentrics (N, H, W, K, 3); dists (N, H, W, K), squared NDC distance to the nearest
        edge, negative inside. All -1 where there is no face.

    Raises:
        InvalidInputError: K < 1, a negative or non-finite blur, an image without pixels, vertices that are NaN or
            infinite (except in the camera's plane), or another type than float32.

    >>> verts = torch.tensor([[-0.9, -0.9, 2.0], [0.9, -0.9, 2.0], [0.0, 0.9, 2.0]])
    >>> pix_to_face, zbuf, _, _ = rasterize_meshes(Mesh(verts, torch.tensor([[0, 1, 2]])), 4, faces_per_pixel=1)
    >>> pix_to_face[0, :, :, 0].tolist(), float(zbuf[0, 2, 2, 0])
    ([[-1, -1, -1, -1], [-1, 0, 0, -1], [-1, 0, 0, -1], [0, 0, 0, 0]], 2.0)
    """
    height, width = _image_size(image_size)
    if faces_per_pixel < 1:
        raise InvalidInputError(f"faces_per_pixel: expected at least 1, got {faces_per_pixel}")
    if not 0 <= blur_radius < math.inf:
        raise InvalidInputError(f"blur_radius: expected a squared distance >= 0, got {blur_radius}")
    if z_clip_value is not None and perspective_correct and not z_clip_value > 0:
        raise InvalidInputError(f"z_clip_value: expected a depth > 0 for a perspective camera, got {z_clip_value}")
    verts, faces, faces_per_mesh = _pack(meshes)
    if verts.is_cuda:
        pytorch3d = require("pytorch3d.renderer.mesh.rasterize_meshes", extra="render")
        batch = MeshBatch.from_meshes([meshes]) if isinstance(meshes, Mesh) else meshes
        return pytorch3d.rasterize_meshes(
            batch.to_pytorch3d() if isinstance(batch, MeshBatch) else batch, (height, width), blur_radius,
            faces_per_pixel, bin_size, max_faces_per_bin, perspective_correct, clip_barycentric_coords, cull_backfaces,
            z_clip_value,
        )  # fmt: skip
    face_verts = verts.index_select(0, faces.reshape(-1)).reshape(-1, 3, 3)
    _check_finite(face_verts)
    clipped = None
    if z_clip_value is not None:
        clipped = clip_faces(
            face_verts, faces_per_mesh, z_clip_value, perspective_correct=perspective_correct, compat=compat
        )
    if clipped is not None:
        face_verts, faces_per_mesh = clipped.face_verts, clipped.faces_per_mesh
    pix_to_face, zbuf, barycentrics, dists = RasterizeFaces.apply(
        face_verts,
        faces_per_mesh.cumsum(0) - faces_per_mesh,
        faces_per_mesh,
        None if clipped is None else clipped.siblings,
        (height, width),
        blur_radius,
        faces_per_pixel,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        compat,
    )  # type: ignore[misc]  # autograd's apply is untyped
    if clipped is not None:
        pix_to_face, barycentrics = unclip(pix_to_face, barycentrics, clipped)
    return pix_to_face, zbuf, barycentrics, dists


class RasterizeFaces(torch.autograd.Function):
    """The kernels under autograd: packed faces in, hits on them out."""

    @staticmethod
    def forward(
        ctx: Any,
        face_verts: Tensor,
        first_face: Tensor,
        faces_per_mesh: Tensor,
        siblings: Tensor | None,
        image_size: tuple[int, int],
        blur_radius: float,
        faces_per_pixel: int,
        perspective_correct: bool,
        clip_barycentric_coords: bool,
        cull_backfaces: bool,
        compat: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        from geolearn.kernels.rasterize import rasterize_forward  # late: Numba takes a while to import

        if siblings is None:
            siblings = torch.empty(0, dtype=torch.int64)
        shape = (len(first_face), *image_size, faces_per_pixel)
        pix_to_face = results.empty(shape, torch.int64)
        zbuf, dists = (results.empty(shape, torch.float32) for _ in range(2))
        barycentrics = results.empty((*shape, 3), torch.float32)
        rasterize_forward(
            _array(face_verts), _array(first_face), _array(faces_per_mesh), _array(siblings), image_size, blur_radius,
            perspective_correct, clip_barycentric_coords, cull_backfaces,
            (_array(pix_to_face), _array(zbuf), _array(barycentrics), _array(dists)),
        )  # fmt: skip
        ctx.save_for_backward(face_verts, pix_to_face)
        ctx.mark_non_differentiable(pix_to_face)
        ctx.set_materialize_grads(False)
        ctx.flags = (perspective_correct, clip_barycentric_coords, compat)
        return pix_to_face, zbuf, barycentrics, dists

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        from geolearn.kernels.rasterize_backward import rasterize_backward

        face_verts, pix_to_face = ctx.saved_tensors
        _, zbuf, barycentrics, dists = (None if grad is None else _array(grad) for grad in grads)
        grad = rasterize_backward(_array(face_verts), _array(pix_to_face), zbuf, barycentrics, dists, *ctx.flags)
        return torch.from_numpy(grad), *[None] * 10


class MeshRasterizer(torch.nn.Module):
    """`pytorch3d.renderer.MeshRasterizer` on our kernels; goes into PyTorch3D's `MeshRenderer`.

    Args:
        cameras: PyTorch3D cameras (`geolearn.render.to_pytorch3d` makes them from `Cameras`).
        raster_settings: PyTorch3D's `RasterizationSettings`, its defaults if None.
        compat: see `rasterize_meshes`.

    Both can be given to `forward` instead. Where the settings leave a choice open, it is PyTorch3D's: perspective
    correction for perspective cameras, clipping of barycentrics where there is blur, and z-clipping at half the
    camera's `znear` where it has one.

    >>> from geolearn.render import camera_rig, to_pytorch3d
    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [0.4, 0, 0], [0, 0.4, 0]]), torch.tensor([[0, 1, 2]]))
    >>> rasterize = MeshRasterizer(to_pytorch3d(camera_rig("ring", count=1, size=16)))
    >>> rasterize(corner.to_pytorch3d()).pix_to_face.shape
    torch.Size([1, 256, 256, 1])
    """

    def __init__(self, cameras: Any = None, raster_settings: Any = None, *, compat: bool = False):
        super().__init__()
        if raster_settings is None:
            raster_settings = require("pytorch3d.renderer.mesh.rasterizer", extra="render").RasterizationSettings()
        self.cameras = cameras
        self.raster_settings = raster_settings
        self.compat = compat

    def to(self, device: Any) -> "MeshRasterizer":
        """Move the cameras, which are no Module, to a device."""
        if self.cameras is not None:
            self.cameras = self.cameras.to(device)
        return self

    def transform(self, meshes_world: Any, **kwargs: Any) -> Any:
        """The meshes with x and y in NDC and z the depth in view space."""
        pytorch3d = require("pytorch3d.renderer.mesh.rasterizer", extra="render")
        meshes = pytorch3d.MeshRasterizer.transform(self, meshes_world, **{"eps": IN_PLANE, **kwargs})
        if "eps" in kwargs or not kwargs.get("cameras", self.cameras).is_perspective():
            return meshes
        # Vertices in the plane of the camera are at infinity, but as constants: 0 times infinity is no gradient.
        verts = meshes.verts_padded()
        in_plane = verts.detach()[..., 2:].abs() < IN_PLANE
        if not bool(in_plane.any()):
            return meshes
        at_infinity = torch.cat([in_plane, in_plane, torch.zeros_like(in_plane)], 2)
        return meshes.update_padded(torch.where(at_infinity, math.inf, verts))

    def forward(self, meshes_world: Any, **kwargs: Any) -> Any:
        """PyTorch3D's `Fragments` of meshes in world space, which see one camera each or all the same."""
        settings = kwargs.get("raster_settings", self.raster_settings)
        cameras = kwargs.get("cameras", self.cameras)
        poses = kwargs.get("R", getattr(cameras, "R", None))
        if poses is not None and len(poses) not in (1, len(meshes_world)):
            raise InvalidInputError(
                f"cameras: expected 1 or {len(meshes_world)}, one per mesh, got {len(poses)}; repeat meshes with "
                ".extend(views)"
            )
        meshes = self.transform(meshes_world, **kwargs)
        clip = settings.clip_barycentric_coords
        perspective_correct = settings.perspective_correct
        if perspective_correct is None:
            perspective_correct = cameras.is_perspective()
        z_clip_value = settings.z_clip_value
        if z_clip_value is None and perspective_correct:
            znear = cameras.get_znear()
            znear = znear.min().item() if isinstance(znear, Tensor) else znear
            z_clip_value = None if znear is None else znear / 2
        hits = rasterize_meshes(
            meshes,
            settings.image_size,
            settings.blur_radius,
            settings.faces_per_pixel,
            settings.bin_size,
            settings.max_faces_per_bin,
            bool(perspective_correct),
            settings.blur_radius > 0 if clip is None else clip,
            settings.cull_backfaces,
            z_clip_value,
            settings.cull_to_frustum,
            compat=self.compat,
        )
        fragments = require("pytorch3d.renderer.mesh.rasterizer", extra="render").Fragments
        return fragments(**dict(zip(("pix_to_face", "zbuf", "bary_coords", "dists"), hits, strict=True)))


def _image_size(image_size: int | Sequence[int]) -> tuple[int, int]:
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in size):
        raise InvalidInputError(
            f"image_size: expected a side or (height, width) of 1 to {MAX_SIDE} pixels, got {image_size}"
        )
    return size


def _pack(meshes: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Vertices, faces and the number of faces per mesh."""
    if isinstance(meshes, Mesh):
        meshes = MeshBatch.from_meshes([meshes])
    if isinstance(meshes, MeshBatch):
        return meshes.verts, meshes.faces, meshes.faces_per_mesh
    if not hasattr(meshes, "verts_packed"):
        raise InvalidInputError(
            f"meshes: expected PyTorch3D Meshes, a MeshBatch or a Mesh, got {type(meshes).__name__}"
        )
    verts, faces = meshes.verts_packed(), meshes.faces_packed()
    if verts.dtype != torch.float32:
        raise InvalidInputError(f"meshes: expected float32 vertices, got {verts.dtype}; convert them with .float()")
    if len(faces) == 0:  # PyTorch3D then counts no meshes
        return verts.reshape(-1, 3), faces.reshape(-1, 3), faces.new_zeros(len(meshes), dtype=torch.int64)
    return verts, faces, meshes.num_faces_per_mesh()


def _check_finite(face_verts: Tensor) -> None:
    """A corner in the plane of the camera projects to infinity, which is no mistake; its face is cut or dropped."""
    if math.isfinite(float(face_verts.detach().sum())):  # all are; masks would cost more memory than a few percent
        return
    bad = ~torch.isfinite(face_verts.detach()).all(2)
    if bool(bad.any()):
        bad &= ~(face_verts.detach()[..., 2].abs() < IN_PLANE)
        count = int(bad.any(1).sum())
        if count:
            raise InvalidInputError(
                f"meshes: {count} of {len(face_verts)} faces have vertices that are NaN or infinite; if an optimiser "
                "moved them there, lower its step"
            )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
