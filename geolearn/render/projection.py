"""Meshes as cameras see them, with gradients into vertices, intrinsics and poses; what soft and hard images share."""

from typing import NamedTuple

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.render.clipping import clip_faces
from geolearn.structures import Cameras, Mesh, MeshBatch
from geolearn.typing import Float, Int, Tensor

NEAR = 1e-3  # where faces are cut before a division by depth, as a part of the depth of the camera's farthest vertex


class Projected(NamedTuple):
    """Homogeneous pixel coordinates (u z, v z, z) of all vertices in all images, mesh after mesh and view after view.

    Attributes:
        points: (P, 3).
        faces: (F, 3), packed indices of the vertices in one batch of meshes.
        first, end: (N,), the faces of image n.
        offsets: (N,), image n shows points[faces[first[n] : end[n]] + offsets[n]].
        images: how many meshes and how many views.
        size: height, width.
    """

    points: Float[Tensor, "P 3"]
    faces: Int[Tensor, "F 3"]
    first: np.ndarray
    end: np.ndarray
    offsets: np.ndarray
    images: tuple[int, int]
    size: tuple[int, int]

    @property
    def unit(self) -> float:
        """Pixels per unit of PyTorch3D's NDC, whose -1..1 is the short side of the image."""
        return min(self.size) / 2

    def pixels(self) -> "Projected":
        """The same with points (u, v, z > 0); faces that cross the plane of a camera are cut in front of it.

        Where there are any, every image gets points of its own, and depths are scaled in each.
        """
        views = self.images[1]
        depths = self.points.detach()[:, 2].reshape(views, len(self.points) // max(views, 1))
        near = NEAR * depths.abs().amax(1, keepdim=True) if depths.numel() else depths
        if bool(((depths >= near) & (depths > 0)).all()):
            return self._replace(points=torch.cat([self.points[:, :2] / self.points[:, 2:], self.points[:, 2:]], 1))
        scale = NEAR / near.clamp(min=torch.finfo(near.dtype).tiny)  # the cut is at depth NEAR in all images
        corners, counts = self._replace(points=self.points * scale.expand_as(depths).reshape(-1, 1)).soup()
        cut = clip_faces(corners, counts, NEAR, perspective_correct=False)
        if cut is not None:
            corners, counts = cut.face_verts, cut.faces_per_mesh
        corners, ends = corners.reshape(-1, 3), counts.cumsum(0)
        return Projected(
            torch.cat([corners[:, :2] / corners[:, 2:], corners[:, 2:]], 1),
            torch.arange(len(corners), device=corners.device).reshape(-1, 3),
            (ends - counts).cpu().numpy(),
            ends.cpu().numpy(),
            np.zeros(len(counts), np.int64),
            self.images,
            self.size,
        )

    def soup(self) -> tuple[Float[Tensor, "C 3 3"], Int[Tensor, " N"]]:
        """The corners of the faces of every image, and how many faces each has."""
        pieces = zip(self.first.tolist(), self.end.tolist(), self.offsets.tolist(), strict=True)
        indices = [(self.faces[first:end] + offset).reshape(-1) for first, end, offset in pieces]
        chosen = torch.cat(indices) if indices else self.faces.new_zeros(0)
        counts = torch.from_numpy(self.end - self.first).to(chosen.device)
        return self.points.index_select(0, chosen).reshape(-1, 3, 3), counts


def project(mesh: Mesh | MeshBatch, cameras: Cameras, size: int | tuple[int, int] | None) -> Projected:
    """All meshes in all cameras, at the cameras' size or another to which the intrinsics are scaled."""
    height, width = image_size(cameras, size)
    batch = batch_in_view(mesh, cameras)
    if batch.verts.device != cameras.device:
        raise InvalidInputError(
            f"mesh, cameras: expected both on one device, got {batch.verts.device} and {cameras.device}; move one "
            "with .to(device)"
        )
    matrices = cameras.resized(height, width).K @ cameras.world_to_camera[:, :3]
    views, meshes, verts = len(cameras), len(batch), batch.verts
    points = torch.addmm(matrices[:, :, 3].reshape(-1), verts, matrices[:, :, :3].reshape(-1, 3).mT)
    points = points.reshape(len(verts), views, 3).transpose(0, 1).reshape(-1, 3)
    last = batch.faces_per_mesh.cumsum(0).cpu().numpy()
    first = last - batch.faces_per_mesh.cpu().numpy()
    return Projected(
        points,
        batch.faces,
        first.repeat(views),
        last.repeat(views),
        np.tile(np.arange(views) * len(verts), meshes),
        (meshes, views),
        (height, width),
    )


def batch_in_view(mesh: Mesh | MeshBatch, cameras: Cameras) -> MeshBatch:
    """Meshes as a batch.

    Raises:
        InvalidInputError: cameras that have an origin, and a mesh that does not count from it.
    """
    if not isinstance(mesh, Mesh):
        return mesh
    origin = cameras.origin
    if origin is not None and (mesh.origin is None or not torch.equal(mesh.origin, origin)):
        raise InvalidInputError(
            f"mesh, cameras: the cameras count from {tuple(origin.tolist())}, the mesh from "
            f"{0 if mesh.origin is None else tuple(mesh.origin.tolist())}; bring it there: replace(mesh, "
            "verts=(mesh.world_verts() - cameras.origin).float(), origin=cameras.origin)"
        )
    return MeshBatch.from_meshes([mesh])


def image_size(cameras: Cameras, size: int | tuple[int, int] | None) -> tuple[int, int]:
    """The cameras' height and width, or those that are asked for.

    Raises:
        InvalidInputError: a word, or less than one pixel.
    """
    if isinstance(size, str):
        raise InvalidInputError(f"size: expected pixels, or (height, width), got {size!r}; is it shading={size!r}?")
    height, width = (size, size) if isinstance(size, int) else size or (cameras.height, cameras.width)
    if height < 1 or width < 1:
        raise InvalidInputError(f"size: expected at least 1 pixel, got {height} x {width}")
    return height, width
