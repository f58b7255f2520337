"""What is known of a shape from depth maps or a scan: free, surface and unknown cells, as 3D ShapeNets reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.grid_frame import check_bounds, frame_of_box
from geolearn.ops.occupancy import FREE, SURFACE, UNKNOWN, back_project
from geolearn.structures import Cameras, VoxelGrid
from geolearn.typing import Array, Float, Tensor

SUBCELLS = 5  # per side of a cell


def observe_depth(
    depth: Float[Tensor, "N H W"],
    cameras: Cameras,
    resolution: int,
    *,
    padding: int = 0,
    bounds: Tensor | Array | Sequence[Any] | None = None,
) -> VoxelGrid:
    """Free, surface and unknown cells of a grid seen in depth maps, usually one, by a signed distance.

    The rule of Wu et al., "3D ShapeNets", CVPR 2015, in the authors' code. A cell is cut into 5^3 subcells. With d the
    depth at the pixel where a subcell's centre falls, z its own depth and s its side, it is *outside* where
    z <= d - s/2, *surface* where z <= d + 5s/2, else *inside*, which it also is where no pixel shows it. A cell is

    - surface, 1, if it holds subcells of all three kinds, or more than 25 that are surface;
    - else free, 0, if at least as many are outside as inside;
    - else unknown, 0.5.

    So what is seen is three subcells thick, from just before it on (our choice): a wall that lies on the border of two
    cells, as the sides of a shape's own box do, belongs to the cell behind, and none is missed wherever it lies.

    With several maps a cell is surface if any shows it so, else free if any does. `occupancy_from_depth` goes by the
    points and the centres of cells alone, and so leaves gaps where pixels are sparse.

    **The frame.** The box that `bounds` gives is fitted, centred, by its longest side, to `resolution - 2 * padding`
    cells. A network completes what lies in the frame it learned, so give the box of the whole shape where it is known.
    Otherwise it is the box of what is visible.

    Args:
        depth: distances along the camera's z axis at pixel centres, in the unit of the world. 0, negative or infinite
            where the ray meets nothing, which makes all of it free; NaN where nothing was measured. Give maps whose
            pixels are finer than subcells.
        cameras: N cameras of the maps' size.
        resolution: R, cells per axis, 1..512; 3D ShapeNets takes 30, with a padding of 3.
        padding: cells left empty around the box on every side.
        bounds: (2, 3), lowest and highest corner of the box.

    Returns:
        A float32 grid (R, R, R) of 0, 0.5 and 1 on the device of `depth`; computed on the CPU.

    Raises:
        InvalidInputError: maps and cameras that do not fit, nothing visible and no bounds, or a resolution, padding or
            bounds out of range.

    Example:
        >>> camera = Cameras(torch.tensor([[[40.0, 0, 20], [0, 40, 20], [0, 0, 1]]]), torch.eye(4)[None], 40, 40)
        >>> wall = torch.full((1, 40, 40), 5.0)
        >>> observe_depth(wall, camera, 5, bounds=[[-1.0, -1, 4], [1, 1, 6]]).values[2, 2]
        tensor([0.0000, 0.0000, 1.0000, 0.5000, 0.5000])
    """
    if depth.shape != (len(cameras), cameras.height, cameras.width):
        raise InvalidInputError(
            f"depth: expected {len(cameras)} images of {cameras.height} x {cameras.width} px, as the cameras have, got "
            f"shape {tuple(depth.shape)}"
        )
    maps = depth.detach().cpu()
    box = None if bounds is None else check_bounds(bounds)
    if box is None:
        visible = [back_project(image, cameras[n].to("cpu")) for n, image in enumerate(maps)]
        box = _box(torch.cat(visible or [maps.new_zeros(0, 3)]))
    origin, voxel_size = frame_of_box(box, resolution, padding, margin=bounds is None)

    from geolearn.kernels.observe_depth import observe  # late: Numba takes a while to import

    projections = cameras.K.detach().cpu().double() @ cameras.world_to_camera.detach().cpu().double()[:, :3]
    seen = np.full((len(cameras), *(resolution,) * 3), 1, np.uint8)
    for image, projection, cells in zip(maps.double(), projections, seen, strict=True):
        beyond = torch.where(image > 0, image, torch.where(image.isnan(), image, torch.inf))
        observe(beyond.contiguous().numpy(), projection.numpy(), origin.astype(np.float64), voxel_size, SUBCELLS, cells)
    return _grid(torch.from_numpy((seen == 2).any(0)), torch.from_numpy((seen == 0).any(0)), origin, voxel_size, depth)


def observe_scan(
    points: Float[Tensor, "N 3"],
    camera_position: Float[Tensor, " 3"] | Float[Tensor, "N 3"],
    resolution: int,
    *,
    padding: int = 0,
    bounds: Tensor | Array | Sequence[Any] | None = None,
) -> VoxelGrid:
    """Free, surface and unknown cells from the points of a scan and where it was taken from.

    A cell in which a beam ends is surface, one that a beam passes is free, any other unknown.

    Args:
        points: where beams ended.
        camera_position: where they started, one for all or one each.
        resolution, padding, bounds: as in `observe_depth`; by default the box of the points.

    Returns:
        A float32 grid (R, R, R) of 0, 0.5 and 1 on the device of `points`; computed on the CPU.

    Raises:
        InvalidInputError: shapes that do not fit, non-finite coordinates, no points and no bounds, or a resolution,
            padding or bounds out of range.

    Example:
        >>> points, position = torch.tensor([[2.5, 0.5, 0.5]]), torch.tensor([-1.0, 0.5, 0.5])
        >>> observe_scan(points, position, 4, bounds=[[0.0, 0, 0], [4, 4, 4]]).values[:, 0, 0]
        tensor([0.0000, 0.0000, 1.0000, 0.5000])
    """
    if points.ndim != 2 or points.shape[1] != 3 or camera_position.shape not in (points.shape, points.shape[1:]):
        raise InvalidInputError(
            "points, camera_position: expected (N, 3) and (3,) or (N, 3), got "
            f"{tuple(points.shape)} and {tuple(camera_position.shape)}"
        )
    if not bool(torch.isfinite(points).all() and torch.isfinite(camera_position).all()):
        raise InvalidInputError("points, camera_position: expected finite coordinates; drop beams without a return")
    ends = points.detach().cpu().double()
    box = _box(ends) if bounds is None else check_bounds(bounds)
    origin, voxel_size = frame_of_box(box, resolution, padding, margin=bounds is None)
    starts = camera_position.detach().cpu().double().expand(len(ends), 3)

    from geolearn.kernels.voxelize_rays import count_beams

    hits, passes = np.zeros((2, resolution, resolution, resolution), np.int32)
    count_beams((starts.numpy() - origin) / voxel_size, (ends.numpy() - origin) / voxel_size, hits, passes)
    return _grid(torch.from_numpy(hits > 0), torch.from_numpy(passes > 0), origin, voxel_size, points)


def _box(points: Tensor) -> Array:
    if len(points) == 0:
        raise InvalidInputError("bounds: needed where nothing is visible to fit the grid to")
    return torch.stack([points.amin(0), points.amax(0)]).double().numpy()


def _grid(surface: Tensor, free: Tensor, origin: Array, voxel_size: float, like: Tensor) -> VoxelGrid:
    values = torch.where(surface, SURFACE, torch.where(free, FREE, UNKNOWN)).float()
    return VoxelGrid(values.to(like.device), torch.from_numpy(origin), voxel_size)
