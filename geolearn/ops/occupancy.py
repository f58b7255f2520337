"""Occupancy of a grid from what a range sensor saw: point scans and depth images."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.ops.grid_frame import check_bounds, frame_of_box
from geolearn.structures import Cameras, VoxelGrid
from geolearn.structures._door import whole_number
from geolearn.typing import Array, Float, Tensor

FREE, UNKNOWN, SURFACE = 0.0, 0.5, 1.0

_LOG_ODDS, _LOG_ODDS_LIMIT = 1.38, 4.0
ScanModel = Literal["binary", "density", "hit"]
_SCAN_MODELS: tuple[ScanModel, ...] = get_args(ScanModel)


def occupancy_from_scan(
    points: Float[Tensor, "N 3"],
    origins: Float[Tensor, " 3"] | Float[Tensor, "N 3"],
    resolution: int,
    *,
    model: ScanModel = "binary",
    padding: int = 0,
    bounds: Tensor | Array | Sequence[Any] | None = None,
) -> VoxelGrid:
    """An occupancy grid from beams that were sent from `origins` and returned from `points`.

    The three models of VoxNet (Maturana and Scherer, IROS 2015, section III-B). A beam hits the cell it ends in and
    passes those before; of a cell with h hits and p passes the grid holds

    - "binary": the log odds 1.38 (h - p), from 0 where nothing was seen, limited to -4..4;
    - "density": the mean (h + 1) / (h + p + 2) of a beta distribution, the probability that the cell stops a beam;
    - "hit": 1 if h > 0, else 0.

    The paper limits the log odds after every beam; limiting their sum makes the result independent of the order of
    points. Its network takes "density" and "hit" as 2 x - 1.

    Args:
        points: where beams ended.
        origins: where they started, one sensor position or one per point.
        resolution: R, cells per axis, 1..512.
        model: "binary", "density" or "hit".
        padding: cells left empty around the points on every side.
        bounds: (2, 3), the box that is fitted, centred, by its longest side; by default that of the points. For
            cells of 0.1 m and R = 32 give a box of 3.2 m. Beams through the grid count where they end outside it.

    Returns:
        A float32 grid (R, R, R) on the device of `points`; computed on the CPU.

    Raises:
        InvalidInputError: shapes that do not fit, non-finite coordinates, no points and no bounds, or a resolution,
            padding or bounds out of range.
        UnknownNameError: an unknown model.

    >>> ends, origin = torch.tensor([[2.5, 0.5, 0.5]]), torch.tensor([-1.0, 0.5, 0.5])
    >>> occupancy_from_scan(ends, origin, 4, bounds=[[0.0, 0, 0], [4, 4, 4]]).values[:, 0, 0]
    tensor([-1.3800, -1.3800,  1.3800,  0.0000])
    """
    if model not in _SCAN_MODELS:
        raise unknown_name("occupancy model", model, _SCAN_MODELS)
    if points.ndim != 2 or points.shape[1] != 3 or origins.shape not in (points.shape, points.shape[1:]):
        raise InvalidInputError(
            f"points, origins: expected (N, 3) and (3,) or (N, 3), got {tuple(points.shape)} and {tuple(origins.shape)}"
        )
    if not bool(torch.isfinite(points).all() and torch.isfinite(origins).all()):
        raise InvalidInputError("points, origins: expected finite coordinates; drop beams without a return")
    ends = points.detach().cpu().double().contiguous().numpy()
    resolution, padding = whole_number(resolution, "resolution"), whole_number(padding, "padding")
    origin, voxel_size = _frame(ends, resolution, padding, bounds)
    starts = origins.detach().cpu().double().expand(len(ends), 3).numpy()

    from geolearn.kernels.voxelize_rays import count_beams  # late: Numba takes a while to import

    hits, passes = np.zeros((2, resolution, resolution, resolution), np.int32)
    count_beams((starts - origin) / voxel_size, (ends - origin) / voxel_size, hits, passes)
    if model == "binary":
        values = np.clip(_LOG_ODDS * (hits - passes), -_LOG_ODDS_LIMIT, _LOG_ODDS_LIMIT)
    elif model == "density":
        values = (hits + 1) / (hits + passes + 2)
    else:
        values = hits > 0
    return VoxelGrid(torch.from_numpy(values).float().to(points.device), torch.from_numpy(origin), voxel_size)


def occupancy_from_depth(
    depth: Float[Tensor, "N H W"],
    cameras: Cameras,
    resolution: int,
    *,
    padding: int = 0,
    bounds: Tensor | Array | Sequence[Any] | None = None,
) -> VoxelGrid:
    """Free, surface and unknown cells of a grid seen in depth images, usually one.

    As 3D ShapeNets reads a depth map (Wu et al., CVPR 2015, section 4.1): a cell that holds a point of the visible
    surface is 1 (surface), a cell whose centre lies in front of it is 0 (free), one behind it or outside the image is
    unknown, here 0.5. With several images a cell is surface if any shows it so, else free if any does.

    Args:
        depth: distances along the camera's z axis at pixel centres, in the unit of the world. 0, negative or infinite
            where the ray meets nothing, which makes all of it free; NaN where nothing was measured.
        cameras: N cameras of the images' size.
        resolution: R, cells per axis, 1..512. Give images of more pixels than cells, or surfaces have gaps.
        padding, bounds: as in `occupancy_from_scan`, for the points of the visible surface. Completion needs the
            bounds of the whole shape.

    Returns:
        A float32 grid (R, R, R) of 0, 0.5 and 1 on the device of `depth`.

    Raises:
        InvalidInputError: images and cameras that do not fit, nothing visible and no bounds, or a resolution, padding
            or bounds out of range.

    >>> camera = Cameras(torch.tensor([[[1.0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]]), torch.eye(4)[None], 1, 1)
    >>> box = [[-2.5, -2.5, 0], [2.5, 2.5, 5]]
    >>> occupancy_from_depth(torch.full((1, 1, 1), 2.5), camera, 5, bounds=box).values[2, 2].tolist()
    [0.0, 0.0, 1.0, 0.5, 0.5]
    """
    if depth.shape != (len(cameras), cameras.height, cameras.width):
        raise InvalidInputError(
            f"depth: expected {len(cameras)} images of {cameras.height} x {cameras.width} px, as the cameras have, got "
            f"shape {tuple(depth.shape)}"
        )
    depth = depth.detach()
    surface_points = torch.cat(
        [back_project(image, cameras[n]) for n, image in enumerate(depth)] or [depth.new_zeros(0, 3)]
    )
    resolution, padding = whole_number(resolution, "resolution"), whole_number(padding, "padding")
    origin, voxel_size = _frame(surface_points.cpu().double().numpy(), resolution, padding, bounds)
    grid = VoxelGrid(depth.new_full((resolution,) * 3, UNKNOWN), torch.from_numpy(origin), voxel_size)
    centres = grid.centres(torch.ones_like(grid.values).nonzero())
    values = grid.values.reshape(-1)
    for n, image in enumerate(depth):
        values[_in_front(centres, image, cameras[n])] = FREE
    cells = ((surface_points.double() - grid.origin) / voxel_size).floor().long()
    x, y, z = cells[((cells >= 0) & (cells < resolution)).all(1)].unbind(1)
    values[(x * resolution + y) * resolution + z] = SURFACE
    return VoxelGrid(values.reshape((resolution,) * 3), grid.origin, voxel_size)


def _frame(points: np.ndarray, resolution: int, padding: int, bounds: object) -> tuple[np.ndarray, float]:
    if bounds is not None:
        return frame_of_box(check_bounds(bounds), resolution, padding, margin=False)
    if len(points) == 0:
        raise InvalidInputError("bounds: needed where there are no points to fit the grid to")
    return frame_of_box(np.stack([points.min(0), points.max(0)]), resolution, padding, margin=True)


def back_project(depth: Float[Tensor, "H W"], camera: Cameras) -> Float[Tensor, "P 3"]:
    """World positions of the pixels of one image that show a surface."""
    row, column = (torch.isfinite(depth) & (depth > 0)).nonzero().unbind(1)
    pixels = torch.stack([column + 0.5, row + 0.5, torch.ones_like(row)], dim=1).to(depth)
    rays = pixels @ torch.linalg.inv(camera.K[0]).mT.to(depth)
    rotation, translation = camera.world_to_camera[0, :3, :3].to(depth), camera.world_to_camera[0, :3, 3].to(depth)
    return (rays * depth[row, column, None] - translation) @ rotation


def _in_front(points: Float[Tensor, "P 3"], depth: Float[Tensor, "H W"], camera: Cameras) -> Tensor:
    """Which points the camera looks through: inside the image, and nearer than the surface there."""
    pixels, distance = (value[0] for value in camera.project(points))
    seen = distance > 0
    column, row = torch.where(seen[:, None], pixels, -1.0).floor().clamp(-1, 1 << 30).long().unbind(1)
    seen &= (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    surface = depth[row.clamp(0, camera.height - 1), column.clamp(0, camera.width - 1)]
    surface = torch.where(surface > 0, surface, torch.where(surface.isnan(), surface, torch.inf))
    return seen & (distance < surface)
