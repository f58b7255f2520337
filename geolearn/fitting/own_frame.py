"""Worlds that a fit is not solved in as they are: tiny, huge, or far from 0 for their size."""

from dataclasses import dataclass, replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.result import FitResult
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor

ORDINARY = (1e-2, 1e3)  # distance of the cameras from their middle
FAR = 30.0  # distance of their middle from 0, in that unit
ROUNDED_PIXELS = 0.5


@dataclass(frozen=True, eq=False)
class OwnFrame:
    """x_own = (x_world - centre) / scale, in float64; x_world counts from `origin`."""

    centre: Float[Tensor, " 3"]
    scale: float
    origin: Float[Tensor, " 3"] | None

    def cameras(self, cameras: Cameras) -> Cameras:
        """The same pictures in the frame."""
        pose = cameras.world_to_camera.double()
        moved = (pose[:, :3, 3] + pose[:, :3, :3] @ self.centre) / self.scale
        return replace(cameras, world_to_camera=_with_translation(pose, moved), origin=None)

    def world_cameras(self, cameras: Cameras) -> Cameras:
        """Cameras of the frame in the world, with the same pictures."""
        pose = cameras.world_to_camera.double()
        moved = pose[:, :3, 3] * self.scale - pose[:, :3, :3] @ self.centre
        return replace(cameras, world_to_camera=_with_translation(pose, moved), origin=self.origin)

    def into(self, mesh: Mesh) -> Mesh:
        """A mesh of the world; where that has an origin, the mesh may count from another."""
        verts = mesh.verts.double() if self.origin is None else mesh.world_verts() - self.origin
        return Mesh(((verts - self.centre) / self.scale).float(), mesh.faces)

    def out_of(self, mesh: Mesh) -> Mesh:
        verts = mesh.verts.double() * self.scale + self.centre
        return replace(mesh, verts=verts.float(), origin=self.origin)

    def world_result(self, result: FitResult, given: Cameras) -> FitResult:
        """A fit in the frame as one in the world of the cameras that see something."""
        shape = result.shape
        return replace(
            result,
            shape=self.out_of(shape) if isinstance(shape, Mesh) else shape,
            start=None if result.start is None else self.out_of(result.start),
            cameras=None if result.cameras is None else self.world_cameras(result.cameras),
            targets=replace(result.targets, cameras=given),
        )


def own_frame(cameras: Cameras, start: Mesh | None = None) -> OwnFrame | None:
    """The frame of their own that cameras need for a fit, or None where their world is an ordinary one.

    An ordinary world counts from 0, its cameras are 0.01 to 1000 from their middle, and that is less than 30 times as
    far from 0. In others, tolerances of solvers and float32 would count.

    Args:
        start: of the fit; its box is taken where there is only one camera.

    Raises:
        InvalidInputError: positions in float32 that are rounded by more than half a pixel.

    >>> from geolearn.render import camera_rig
    >>> own_frame(camera_rig("sphere", count=4, size=16)) is None
    True
    """
    centres = cameras.centres.detach().double()
    middle = centres.mean(0)
    reach = float((centres - middle).norm(dim=1).max())
    if len(cameras) < 2 or reach == 0:
        if start is None or len(start.faces) == 0:
            return None
        low, high = start.bounds.detach().double()
        middle, reach = (low + high) / 2, float((high - low).norm())
        if cameras.origin is not None:
            middle = middle - cameras.origin + (0 if start.origin is None else start.origin)
    if reach == 0:
        return None
    rounding = float(cameras.world_to_camera[:, :3, 3].detach().abs().max()) * 2.0**-24
    pixels = rounding / reach * float(cameras.K[:, 0, 0].detach().median())
    if pixels > ROUNDED_PIXELS:
        raise InvalidInputError(
            f"cameras: positions so far from 0 are rounded by {rounding:.2g} in float32, about {pixels:.1f} pixels. "
            "Give the poses in float64 (from_opencv, from_opengl, load_views), so that they count from an origin of "
            "their own, or move the world to 0"
        )
    if cameras.origin is None and ORDINARY[0] <= reach <= ORDINARY[1] and float(middle.norm()) <= FAR * reach:
        return None
    return OwnFrame(middle, reach / 2, cameras.origin)


def _with_translation(pose: Tensor, translation: Tensor) -> Tensor:
    top = torch.cat([pose[:, :3, :3], translation[..., None]], 2)
    return torch.cat([top, pose[:, 3:]], 1).float()
