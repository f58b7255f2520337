"""Pinhole cameras in one convention: OpenCV axes (x right, y down, z forward), pixel centres at +0.5."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import to_tensor
from geolearn.typing import Float, Tensor

LARGEST_ROUNDING = 2.0**-17  # of the longest side of the box around the cameras
FAR = 1000.0


@dataclass(frozen=True, eq=False)
class Cameras:
    """N pinhole cameras that share one image size.

    Attributes:
        K: float32 (N, 3, 3) intrinsics in pixels, `[[fx, s, cx], [0, fy, cy], [0, 0, 1]]`; the centre of the
            top-left pixel is (0.5, 0.5), so an image centre is (width / 2, height / 2).
        world_to_camera: float32 (N, 4, 4) rigid transforms acting on column vectors.
        height, width: image size in pixels.
        origin: optional float64 (3,), where points count from in the world of the poses that were given. It is chosen
            where poses in float64 are so far from 0 that float32 would move the cameras by more than 1/131072 of their
            box, as in map coordinates; None means 0. Meshes and points that they see count from there as well.

    Both tensors keep their gradients. Other conventions: `geolearn.render.from_opengl`, `to_pytorch3d` and their kind.

    Raises:
        InvalidInputError: wrong shapes, non-finite values, focal lengths <= 0, a K that is not upper triangular with
            a last row of (0, 0, 1), poses with scale or mirroring, an image side below 1 pixel.

    >>> K = torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]])
    >>> camera = Cameras(K, torch.eye(4)[None], 48, 64)
    >>> pixels, depth = camera.project(torch.tensor([[0.5, 0.0, 2.0]]))
    >>> pixels.tolist(), depth.tolist()
    ([[[42.0, 24.0]]], [[2.0]])
    """

    K: Float[Tensor, "N 3 3"]
    world_to_camera: Float[Tensor, "N 4 4"]
    height: int
    width: int
    origin: Float[Tensor, " 3"] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        K = to_tensor(self.K, "K", torch.float32, (None, 3, 3))
        given, origin = self.world_to_camera, self.origin
        if origin is not None:
            object.__setattr__(self, "origin", to_tensor(origin, "origin", torch.float64, (3,)).to(K.device))
        elif getattr(given, "dtype", None) in (torch.float64, np.dtype(np.float64)):
            given, origin = about_origin(
                to_tensor(given, "world_to_camera", torch.float64, (len(K), 4, 4)).to(K.device)
            )
            object.__setattr__(self, "origin", origin)
        pose = to_tensor(given, "world_to_camera", torch.float32, (len(K), 4, 4)).to(K.device)
        if self.height < 1 or self.width < 1:
            raise InvalidInputError(f"height, width: expected at least 1 pixel, got {self.height} x {self.width}")
        if len(K):
            fixed = K.detach()
            if float(fixed[:, [0, 1], [0, 1]].min()) <= 0:
                raise InvalidInputError("K: expected focal lengths > 0 on the diagonal")
            if float((fixed[:, [1, 2, 2, 2], [0, 0, 1, 2]] - K.new_tensor([0.0, 0.0, 0.0, 1.0])).abs().max()) > 1e-6:
                raise InvalidInputError("K: expected [[fx, s, cx], [0, fy, cy], [0, 0, 1]]; divide K by K[2, 2]")
            rotation = pose[:, :3, :3].detach()
            error = (rotation @ rotation.mT - torch.eye(3, device=K.device)).abs().max()
            if float(error) > 1e-3 or float(torch.linalg.det(rotation).min()) < 0:
                raise InvalidInputError(
                    f"world_to_camera: expected right-handed rigid transforms, got R R^T off by {float(error):.3g} "
                    f"and determinants from {float(torch.linalg.det(rotation).min()):.3g}; remove scale and mirroring"
                )
            if float((pose[:, 3].detach() - pose.new_tensor([0.0, 0.0, 0.0, 1.0])).abs().max()) > 1e-6:
                raise InvalidInputError("world_to_camera: expected a last row of (0, 0, 0, 1)")
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "world_to_camera", pose)
        object.__setattr__(self, "height", int(self.height))
        object.__setattr__(self, "width", int(self.width))

    def __repr__(self) -> str:
        origin = "" if self.origin is None else f", about {tuple(self.origin.tolist())}"
        return f"Cameras({len(self)} of {self.height} x {self.width} px{origin})"

    def __len__(self) -> int:
        return len(self.K)

    def __getitem__(self, index: int | slice | list[int] | Tensor) -> "Cameras":
        """The chosen cameras; an int gives a batch of one."""
        chosen = [index] if isinstance(index, int) else index
        return replace(self, K=self.K[chosen], world_to_camera=self.world_to_camera[chosen])

    @property
    def device(self) -> torch.device:
        return self.K.device

    def to(self, device: torch.device | str) -> "Cameras":
        origin = None if self.origin is None else self.origin.to(device)
        return replace(self, K=self.K.to(device), world_to_camera=self.world_to_camera.to(device), origin=origin)

    def resized(self, height: int, width: int) -> "Cameras":
        """The same cameras with pictures of another size: K' = diag(width' / width, height' / height, 1) K.

        >>> K = torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]])
        >>> Cameras(K, torch.eye(4)[None], 48, 64).resized(24, 32).K
        tensor([[[20.,  0., 16.],
                 [ 0., 20., 12.],
                 [ 0.,  0.,  1.]]])
        """
        if (height, width) == (self.height, self.width):
            return self
        scale = self.K.new_tensor([[width / self.width], [height / self.height], [1.0]])
        return replace(self, K=scale * self.K, height=height, width=width)

    @property
    def centres(self) -> Float[Tensor, "N 3"]:
        """Camera positions in the world, about `origin`."""
        rotation, translation = self.world_to_camera[:, :3, :3], self.world_to_camera[:, :3, 3]
        return -(rotation.mT @ translation[..., None])[..., 0]

    def project(self, points: Float[Tensor, "P 3"]) -> tuple[Float[Tensor, "N P 2"], Float[Tensor, "N P"]]:
        """Pixel coordinates (x, y) and depths of world points, about `origin`, in every camera.

        Points with depth <= 0 lie behind the camera; their pixel coordinates mean nothing.
        """
        rotation, translation = self.world_to_camera[:, :3, :3], self.world_to_camera[:, :3, 3]
        local = points @ rotation.mT + translation[:, None]
        depth = local[..., 2]
        pixels = (local @ self.K.mT)[..., :2] / depth[..., None]
        return pixels, depth


def about_origin(poses: Float[Tensor, "N 4 4"]) -> tuple[Float[Tensor, "N 4 4"], Float[Tensor, " 3"] | None]:
    """Poses in float64 that fit float32, and the origin that their world counts from, or None for 0.

    Where float32 would move cameras by more than `LARGEST_ROUNDING` of the longest side of their box, and they are at
    least 1000 from 0, the world counts from the middle of the box, rounded to a power of two below that side.

    >>> pose = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    >>> pose[:, 0, 3] = torch.tensor([-500_000.0, -500_008.0])
    >>> poses, origin = about_origin(pose)
    >>> origin.tolist(), poses[:, 0, 3].tolist()
    ([500000.0, 0.0, 0.0], [0.0, -8.0])
    """
    if len(poses) == 0:
        return poses, None
    rotation, translation = poses[:, :3, :3].detach(), poses[:, :3, 3].detach()
    centres = -(rotation.mT @ translation[..., None])[..., 0]
    low, high = centres.amin(0), centres.amax(0)
    longest, reach = float((high - low).max()), float(centres.abs().max())
    if reach < FAR or reach * 2.0**-24 <= LARGEST_ROUNDING * longest:
        return poses, None
    step = 2.0 ** math.floor(math.log2(longest)) if longest > 0 else 1.0
    origin = torch.round((low / 2 + high / 2) / step) * step + 0.0  # no -0
    moved = poses[:, :3, 3] + (poses[:, :3, :3] @ origin)
    top = torch.cat([poses[:, :3, :3], moved[..., None]], 2)
    return torch.cat([top, poses[:, 3:]], 1), origin
