"""What a shape is turned into for a network. A representation is a frozen dataclass that is called on a record.

Calling it twice gives the same result, and its repr says everything the result depends on besides the shape: both are
what the cache relies on.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Tensor


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


def resize_grid(grid: VoxelGrid, resolution: int) -> VoxelGrid:
    """Pad with empty cells, or crop, about the centre; cells keep their size and place in the world.

    An odd difference puts the extra layer on the far side of each axis, as `resize_columns` does.
    """
    size = grid.resolution
    low = abs(resolution - size) // 2 * (1 if resolution > size else -1)
    high = resolution - size - low
    values = F.pad(grid.values, (low, high) * 3)
    return VoxelGrid(values, grid.origin - low * grid.voxel_size, grid.voxel_size)
