"""Silhouettes of solid cells by cameras that stay: a sparse matrix, built once and used in every step of a fit.

    thickness = W v,   silhouette = 1 - exp(-W v)

with v the optical thickness of every cell per voxel length, and W the length, in voxels, of the ray of every pixel
inside every cell (Siddon, "Fast calculation of the exact radiological path", Medical Physics 1985). `visual_hull`
interpolates between the centres of cells, so that the outline of a solid cell lies almost half a cell outside of it;
here a cell fills its cube and ends where it ends, as occupancy grids mean it. W depends on cameras and grid alone: a
fit that draws the same views hundreds of times, or many shapes by the same cameras, multiplies by it instead of
marching again.
"""

import warnings
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from geolearn.errors import InvalidInputError
from geolearn.render.marching import pixel_rays
from geolearn.structures import Cameras
from geolearn.typing import Float, Int, Tensor

SHORTEST = 1e-4  # voxels; what a ray cuts off a corner below this does not count
PARALLEL = 1e-9  # part of a direction along an axis below which the ray counts as parallel to its planes


class RaySums:
    """Thickness and soft silhouettes of grids of solid cells, seen by cameras that are fixed.

    The matrix of a view is built when it is first drawn and kept: about 0.5 kB per pixel for a grid of 32^3.

    Args:
        cameras: N cameras; no gradient flows into them. One inside the grid sees what lies ahead of it.
        resolution: R, cells per side of the grids.
        origin, voxel_size: where the grids lie; by default they fill the unit cube around the world's origin.

    Raises:
        InvalidInputError: a resolution < 1 or a voxel size <= 0.

    >>> from geolearn.render import camera_rig
    >>> rays = RaySums(camera_rig("ring", count=4, size=9, elevation_rad=0.0), 2)
    >>> silhouettes = rays.silhouettes(torch.full((1, 1, 2, 2, 2), 50.0), [0, 2])
    >>> silhouettes.shape, silhouettes[0, 0, 4, [0, 4]].tolist()
    (torch.Size([1, 2, 9, 9]), [0.0, 1.0])
    """

    def __init__(
        self,
        cameras: Cameras,
        resolution: int,
        *,
        origin: tuple[float, float, float] | None = None,
        voxel_size: float | None = None,
    ):
        size = 1 / max(resolution, 1) if voxel_size is None else voxel_size
        if resolution < 1 or not size > 0:
            raise InvalidInputError(
                f"resolution, voxel_size: expected positive numbers, got {resolution} and {voxel_size}"
            )
        corner = (-size * resolution / 2,) * 3 if origin is None else origin
        centres, self._directions = pixel_rays(
            cameras.K.detach().double(), cameras.world_to_camera.detach().double(), cameras.height, cameras.width
        )
        self._origins = (centres - centres.new_tensor(corner)) / size  # cell i lies between i and i + 1
        self._views: dict[int, tuple[Tensor, Tensor]] = {}
        self.resolution = resolution
        self.size = cameras.height, cameras.width

    def __len__(self) -> int:
        return len(self._origins)

    def thickness(self, values: Float[Tensor, "B 1 R R R"], views: list[int]) -> Float[Tensor, "B V H W"]:
        """W v along the rays of the chosen views, differentiable in the values.

        Raises:
            InvalidInputError: another resolution, or a view that is not there.
        """
        if values.ndim != 5 or values.shape[1:] != (1, *(self.resolution,) * 3):
            raise InvalidInputError(f"values: expected (B, 1, {self.resolution}, ...), got {tuple(values.shape)}")
        if not all(0 <= view < len(self) for view in views):
            raise InvalidInputError(f"views: expected numbers in 0..{len(self) - 1}, got {views}")
        columns = values.reshape(len(values), -1).float().T.contiguous()
        sums = [_Product.apply(columns, *self._matrix(view)) for view in views]
        return torch.stack(sums).permute(2, 0, 1).reshape(len(values), len(views), *self.size)

    def silhouettes(self, values: Float[Tensor, "B 1 R R R"], views: list[int]) -> Float[Tensor, "B V H W"]:
        """1 - exp(-thickness)."""
        return -torch.expm1(-self.thickness(values, views))

    def sees(self) -> list[bool]:
        """Which cameras have some of the grid in their picture."""
        return [len(self._matrix(view)[0].values()) > 0 for view in range(len(self))]

    def _matrix(self, view: int) -> tuple[Tensor, Tensor]:
        """The matrix of a view, (pixels, cells), and its transpose."""
        if view not in self._views:
            shape = (self.size[0] * self.size[1], self.resolution**3)
            ray, cell, length = self._lengths(view)
            self._views[view] = _compress_rows(ray, cell, length, shape), _compress_rows(cell, ray, length, shape[::-1])
        return self._views[view]

    def _lengths(self, view: int) -> tuple[Int[Tensor, " T"], Int[Tensor, " T"], Float[Tensor, " T"]]:
        """Ray, cell and length of every piece of a ray between two planes of the grid."""
        size, origin, direction = self.resolution, self._origins[view], self._directions[view]
        direction = torch.where(direction.abs() < PARALLEL, PARALLEL, direction)
        planes = torch.arange(size + 1, dtype=torch.float64)
        crossing = (planes - origin[:, None]) / direction[:, :, None]  # (pixels, 3, R + 1)
        enter = crossing[:, :, [0, -1]].amin(2).amax(1).clamp(min=0)[:, None]
        leave = torch.maximum(crossing[:, :, [0, -1]].amax(2).amin(1)[:, None], enter)
        crossing = torch.minimum(torch.maximum(crossing.flatten(1), enter), leave).sort(1).values
        length = crossing.diff(dim=1)
        ray, piece = torch.nonzero(length > SHORTEST, as_tuple=True)
        middle = (crossing[ray, piece] + crossing[ray, piece + 1]) / 2
        cell = (origin + middle[:, None] * direction[ray]).floor().long().clamp(0, size - 1)
        return ray, (cell * cell.new_tensor([size * size, size, 1])).sum(1), length[ray, piece].float()


def _compress_rows(row: Tensor, column: Tensor, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A sparse matrix in compressed rows, with 32-bit indices, for which its product is fastest."""
    order = torch.argsort(row * shape[1] + column)
    starts = torch.bincount(row + 1, minlength=shape[0] + 1).cumsum(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support is in beta|invariant checks)")
        return torch.sparse_csr_tensor(starts.int(), column[order].int(), values[order], shape, check_invariants=False)


class _Product(torch.autograd.Function):
    """matrix @ columns, with the transpose ready for the gradient; in float32 whatever autocast says."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, matrix: Tensor, transpose: Tensor) -> Tensor:
        ctx.transpose = transpose
        with torch.autocast("cpu", enabled=False):
            return matrix @ columns

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        with torch.autocast("cpu", enabled=False):
            return ctx.transpose @ gradients[0].float().contiguous(), None, None
