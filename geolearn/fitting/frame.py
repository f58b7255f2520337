"""The frame a fit works in: the object around the origin, its longest side 1, whatever the units of the cameras."""

from dataclasses import dataclass, replace

from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor


@dataclass(frozen=True, eq=False)
class Frame:
    """x_frame = (x_world - centre) / scale."""

    centre: Float[Tensor, " 3"]
    scale: float

    @classmethod
    def around(cls, mesh: Mesh) -> "Frame":
        low, high = mesh.bounds
        return cls((low + high) / 2, float((high - low).max()))

    def into(self, mesh: Mesh) -> Mesh:
        return replace(mesh, verts=(mesh.verts - self.centre) / self.scale)

    def out_of(self, mesh: Mesh) -> Mesh:
        return replace(mesh, verts=mesh.verts * self.scale + self.centre)

    def cameras(self, cameras: Cameras) -> Cameras:
        """The same pictures of the object in the frame."""
        pose = cameras.world_to_camera.clone()
        pose[:, :3, 3] = (pose[:, :3, 3] + pose[:, :3, :3] @ self.centre) / self.scale
        return replace(cameras, world_to_camera=pose)

    def world_cameras(self, cameras: Cameras) -> Cameras:
        """Cameras of the frame in the world, with the same pictures."""
        pose = cameras.world_to_camera.clone()
        pose[:, :3, 3] = pose[:, :3, 3] * self.scale - pose[:, :3, :3] @ self.centre
        return replace(cameras, world_to_camera=pose)


def pixel_side(cameras: Cameras, height: int) -> float:
    """Length that a pixel covers at the depth of the origin, in pictures of this height; median over the cameras."""
    depth = cameras.world_to_camera[:, 2, 3].abs()
    focal = cameras.K[:, [0, 1], [0, 1]].mean(1) * height / cameras.height
    return float((depth / focal).median())
