"""The visual hull at the resolution of the pictures, for shapes with thin parts: computed only where it may be."""

import numpy as np
import torch

from geolearn.fitting.hull import SEEN, hull_of_values, least_values, object_box
from geolearn.fitting.metrics import silhouette_iou
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Array, Float, Tensor

BLOCK = 4  # cells along the side of a block that is looked at as a whole
CELLS = 256  # along the longest side, at most
LEVELS = (0.5, 0.25, SEEN)  # opacities at which the hull may be cut
MARGIN = 2  # cells


def fine_hull_mesh(masks: Float[Tensor, "N H W"], cameras: Cameras, *, most_cells: int = CELLS) -> Mesh | None:
    """The visual hull on cells as large as a pixel, cut at the opacity that explains the masks best.

    `visual_hull_mesh` is too large by half a pixel and a part of its cells, which is much of a thin strut. Here every
    point takes the minimum mask value at its projections, and the surface is that of 0.5, 0.25 or 0.03: of 0.5, it is
    exact where parts are wider than a pixel; lower values keep narrower ones. The one with the best coverage IoU is
    taken.

    Only blocks of 4 x 4 x 4 cells that lie in all masks, dilated by the size of a block, are looked at. Memory is that
    of the whole grid, about 20 bytes a cell: 350 MB for 256 along each side, less in a flat box. Time is in proportion
    to the surface.

    Args:
        masks: opacities in [0, 1].
        cameras: those of the masks.
        most_cells: along the longest side of the box.

    Returns:
        The mesh, or None where no point is inside all masks.

    Raises:
        InvalidInputError: as `object_box`.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")[:, 0]
    >>> bool((fine_hull_mesh(masks, cameras).bounds[1] > 0.35).all())
    True
    """
    low, high = (corner.double().numpy() for corner in object_box(masks, cameras))
    longest = float((high - low).max())
    nearest, pixel = _pixel_sides(cameras, (low + high) / 2, longest)
    cell = max(pixel, longest / most_cells)
    origin = low - MARGIN * cell
    blocks = np.ceil(((high - low) / cell + 1 + 2 * MARGIN) / BLOCK).astype(int)
    values = _values_in_blocks(masks, cameras, origin, cell, blocks, nearest)
    if values is None:
        return None
    best, most = None, 0.0
    for level in LEVELS:
        mesh = hull_of_values(values, level, origin, cell)
        agreement = 0.0 if mesh is None else silhouette_iou(mesh, masks, cameras)["coverage_iou"]
        if best is not None and agreement < most:
            break  # lower levels only make it thicker
        if mesh is not None:
            best, most = mesh, agreement
    return best


def _values_in_blocks(
    masks: Tensor, cameras: Cameras, origin: Array, cell: float, blocks: Array, pixel: float
) -> Array | None:
    """The least mask values at all grid points, 0 where no block can hold the hull; None if none can."""
    corners = _grid(blocks) * (BLOCK * cell) + origin
    reach = int(np.ceil(BLOCK * cell * 3**0.5 / 2 / pixel)) + 1
    wide = torch.nn.functional.max_pool2d(masks[:, None], 2 * reach + 1, 1, reach)[:, 0]
    centres = torch.from_numpy(corners + (BLOCK - 1) / 2 * cell).float()
    kept = np.flatnonzero(least_values(centres, wide, cameras, 0) > 0)
    if len(kept) == 0:
        return None
    values = np.zeros((*blocks, BLOCK, BLOCK, BLOCK), np.float32)
    inner = _grid(np.full(3, BLOCK)) * cell
    flat = values.reshape(-1, BLOCK**3)
    for some in np.array_split(kept, 1 + len(kept) * BLOCK**3 // (1 << 22)):
        points = torch.from_numpy((corners[some, None] + inner).reshape(-1, 3)).float()
        flat[some] = least_values(points, masks, cameras, 0).reshape(-1, BLOCK**3)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 4, 2, 5)).reshape(blocks * BLOCK)


def _grid(size: Array) -> Array:
    """Indices (P, 3) of a grid, the last axis fastest."""
    return np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)


def _pixel_sides(cameras: Cameras, centre: Array, longest: float) -> tuple[float, float]:
    """The least length that a pixel may cover on the object, and the median over the cameras in its middle."""
    depth = cameras.project(torch.from_numpy(centre[None]).float())[1][:, 0]
    focal = cameras.K[:, [0, 1], [0, 1]].mean(1)
    nearest = (depth - longest * 3**0.5 / 2).clamp(min=longest / 10)
    return float((nearest / focal).min()), float((depth / focal).median())
