"""Observations of known shapes, for learning and testing completion: depth maps of them, read like a sensor's."""

from collections.abc import Sequence
from typing import Any

import torch

from geolearn.ops.depth_observation import observe_depth
from geolearn.ops.isosurface import voxel_surface
from geolearn.render.soft import render_depth
from geolearn.structures import Cameras, Mesh, VoxelGrid
from geolearn.typing import Array, Tensor

SURFACE_LEVEL = 0.85  # a third of a cell inside: a voxelized surface passes through the cells, not along their sides


def observe_shape(
    shape: Mesh | VoxelGrid,
    cameras: Cameras,
    *,
    resolution: int = 30,
    padding: int = 3,
    bounds: Tensor | Array | Sequence[Any] | None = None,
) -> list[VoxelGrid]:
    """What each camera by itself sees of a shape: grids of free (0), unknown (0.5) and surface (1) cells.

    `render_depth` of the shape, then `geolearn.ops.observe_depth`. A grid is seen as the surface a third of a cell
    inside its occupied cells, and observed on its own cells.

    Args:
        shape: a mesh, or a grid of occupancy.
        cameras: N cameras. Give at least six pixels to a cell.
        resolution, padding: of the observation of a mesh, whose box, or `bounds`, fills what the padding leaves. The
            cells are those of `voxelize(mesh, resolution, padding=padding)` but for a rounding error.
        bounds: (2, 3), the box for a mesh.

    Returns:
        N grids.

    Raises:
        InvalidInputError: see `observe_depth`.

    Example:
        >>> from geolearn.render import cameras_around
        >>> cells = torch.zeros(10, 10, 10)
        >>> cells[3:7, 3:7, 3:7] = 1
        >>> cube = VoxelGrid(cells, torch.full((3,), -0.5), 0.1)
        >>> (seen,) = observe_shape(cube, cameras_around(torch.zeros(1), torch.zeros(1)))  # from +x
        >>> seen.values[:, 5, 5]
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 1.0000, 0.0000, 0.0000, 0.0000])
    """
    if isinstance(shape, VoxelGrid):
        mesh = voxel_surface(shape, SURFACE_LEVEL)
        side = shape.resolution * shape.voxel_size
        box = torch.stack([shape.origin, shape.origin + side])
        resolution, padding = shape.resolution, 0
    else:
        mesh = shape
        used = mesh.verts[mesh.faces.reshape(-1)]
        box = bounds if bounds is not None or not len(used) else torch.stack([used.amin(0), used.amax(0)])
    depth = render_depth(mesh, cameras).detach()
    return [
        observe_depth(depth[n : n + 1], cameras[n], resolution, padding=padding, bounds=box)
        for n in range(len(cameras))
    ]
