"""What a shape is turned into for a network. A representation is a frozen dataclass that is called on a record.

Calling it twice gives the same result, and its repr says everything the result depends on besides the shape: both are
what the cache relies on.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch.nn import functional as F

from geolearn.data.packed_views import decode_pixels
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.ops.isosurface import smooth_surface
from geolearn.render import camera_rig, render_views
from geolearn.render.pictures import SHADINGS
from geolearn.render.rigs import FITS, frame_mesh
from geolearn.structures import Cameras, Mesh, VoxelGrid
from geolearn.typing import Float, Shaped, Tensor


class Representation(Protocol):
    """Anything that turns a `Mesh` or a `VoxelGrid` into what a network takes."""

    def __call__(self, shape: Mesh | VoxelGrid, /) -> VoxelGrid | Tensor: ...


@dataclass(frozen=True)
class Voxelize:
    """Occupancy of `resolution` cells a side; batches are float32 (B, 1, R, R, R).

    A mesh is voxelized by `geolearn.ops.voxelize`: its longest side fills `resolution - 2 * padding` cells. A grid is
    padded with empty cells, or cropped, about its centre; `mode` and `padding` do not apply to it.
    """

    resolution: int
    mode: Literal["solid", "surface"] = "solid"
    padding: int = 0

    def __post_init__(self) -> None:
        if self.resolution < 1 or not 0 <= 2 * self.padding < self.resolution:
            raise InvalidInputError(f"resolution, padding: expected room for at least one cell, got {self}")

    def __call__(self, shape: Mesh | VoxelGrid, /) -> VoxelGrid:
        if isinstance(shape, VoxelGrid):
            return resize_grid(shape, self.resolution)
        from geolearn.ops import voxelize  # late: it compiles kernels

        return voxelize(shape, self.resolution, mode=self.mode, padding=self.padding)


@dataclass(frozen=True)
class SamplePoints:
    """`count` points on the surface, uniform by area, the same for the same mesh: float32 (count, 3)."""

    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InvalidInputError(f"count: expected at least 1 point, got {self.count}")

    def __call__(self, shape: Mesh | VoxelGrid, /) -> Float[Tensor, "N 3"]:
        if isinstance(shape, VoxelGrid):
            raise InvalidInputError("SamplePoints: a voxel dataset has no surface to sample; use a mesh dataset")
        from geolearn.ops import sample_surface

        return sample_surface(shape, self.count, generator=torch.Generator().manual_seed(self.seed)).points


@dataclass(frozen=True)
class RenderViews:
    """Pictures from the cameras of a rig: float32 (V, C, H, W), see `geolearn.render.render_views` and `camera_rig`.

    A grid is shown by the surface of its occupied cells, without most of their steps (`smooth_surface`).

    One framing rule for all shapes: the mesh is scaled into the unit cube (its box centred, the longest side 1), and
    the cameras know nothing of it. They leave room for a full cube, so most shapes stay in the middle of the picture;
    `fit="sphere"` scales further, until the farthest vertex lies on the sphere around the unit cube: shapes are larger
    and still never cut off. `fit="none"` leaves the mesh where it is, at its own scale. The cameras are the same.

    Values are rounded to 8 bits, as in a PNG file, so that keeping them in 8 bits loses nothing: what comes out of a
    cache is what was rendered. `depth`, which is in units of the longest side and not in [0, 1], stays float32.

    Attributes:
        rig: "mvcnn12", "mvcnn80", "ring" or "sphere".
        size: pixels a side.
        shading: "smooth", "flat", "normals" (C = 3), "silhouette" or "depth".
        count, elevation_rad: of a ring or sphere, see `camera_rig`.
        fov_rad, distance: see `camera_rig`; a smaller distance than its own zooms in and may cut shapes off.
        ambient, diffuse, background: see `render_views`.
        fit: "cube", "sphere" or "none", see above.
        antialias: every pixel is the average of so many times so many; 1 shows what its centre sees.
    """

    rig: str = "mvcnn12"
    size: int = 224
    shading: str = "smooth"
    count: int | None = None
    elevation_rad: float | None = None
    fov_rad: float = math.radians(40)
    distance: float | None = None
    ambient: float = 0.3
    diffuse: float = 0.6
    background: float = 0.0
    fit: Literal["cube", "sphere", "none"] = "cube"
    antialias: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InvalidInputError(f"size: expected at least 1 pixel, got {self.size}")
        if self.antialias < 1:
            raise InvalidInputError(f"antialias: expected at least 1 sample a side, got {self.antialias}")
        if self.shading not in SHADINGS:
            raise unknown_name("shading", self.shading, SHADINGS)
        if min(self.ambient, self.diffuse) < 0 or self.ambient + self.diffuse > 1 or not 0 <= self.background <= 1:
            raise InvalidInputError(f"expected light >= 0 of at most 1 together, background in [0, 1], got {self}")
        if self.fit not in FITS:
            raise unknown_name("fit", self.fit, FITS)
        self.cameras()

    def cameras(self) -> Cameras:
        """The cameras, the same for every shape."""
        return camera_rig(
            self.rig,
            size=self.size,
            count=self.count,
            elevation_rad=self.elevation_rad,
            fov_rad=self.fov_rad,
            distance=self.distance,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(V, C, H, W)."""
        return len(self.cameras()), 3 if self.shading == "normals" else 1, self.size, self.size

    @property
    def pixel_dtype(self) -> torch.dtype:
        return torch.float32 if self.shading == "depth" else torch.uint8

    def __call__(self, shape: Mesh | VoxelGrid, /) -> Float[Tensor, "V C H W"]:
        return decode_pixels(self.pixels(shape))

    def pixels(self, shape: Mesh | VoxelGrid, /) -> Shaped[Tensor, "V C H W"]:
        """The same as `pixel_dtype`: uint8 in 0..255, or float32 for depth."""
        mesh = shape if isinstance(shape, Mesh) else smooth_surface(shape)
        images = render_views(
            frame_mesh(mesh, self.fit),
            self.cameras(),
            size=self.size * self.antialias,
            shading=self.shading,
            ambient=self.ambient,
            diffuse=self.diffuse,
            background=self.background,
        )
        images = F.avg_pool2d(images, self.antialias) if self.antialias > 1 else images
        return images if self.shading == "depth" else (images * 255).round_().to(torch.uint8)


def resize_grid(grid: VoxelGrid, resolution: int) -> VoxelGrid:
    """Pad with empty cells, or crop, about the centre; cells keep their size and place in the world.

    An odd difference puts the extra layer on the far side of each axis, as `resize_columns` does.
    """
    size = grid.resolution
    low = abs(resolution - size) // 2 * (1 if resolution > size else -1)
    high = resolution - size - low
    values = F.pad(grid.values, (low, high) * 3)
    return VoxelGrid(values, grid.origin - low * grid.voxel_size, grid.voxel_size)
