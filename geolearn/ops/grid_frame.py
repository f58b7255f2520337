"""Where a grid lies so that a box fills it: one rule for meshes, scans and depth maps."""

import math

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import to_tensor

MAX_RESOLUTION = 512


def frame_of_box(box: np.ndarray, resolution: int, padding: int, *, margin: bool) -> tuple[np.ndarray, float]:
    """The `origin` and `voxel_size` of the grid that `box`, its lowest and highest corner (2, 3), fills.

    Uniform scale, centred: the longest side fills `resolution - 2 * padding` cells. With `margin` the cells are larger
    by a rounding error of float32 (some 1e-7), so that the closed cells of the padding do not touch the box. A box
    without extent (one point) gets cells of size 1.

    Raises:
        InvalidInputError: a resolution outside 1..512, or padding that leaves no cell.
    """
    if not 1 <= resolution <= MAX_RESOLUTION:
        raise InvalidInputError(f"resolution: expected 1..{MAX_RESOLUTION} cells per axis, got {resolution}")
    if padding < 0 or 2 * padding >= resolution:
        raise InvalidInputError(
            f"padding: expected 0..{(resolution - 1) // 2} cells per side for resolution {resolution}, got {padding}"
        )
    low, high = box.astype(np.float64)
    longest = float((high - low).max())
    if margin and longest > 0:
        reach = float(np.abs(box).max()) + longest * resolution / (resolution - 2 * padding)
        longest += 2.0**-22 * reach  # twice what rounding the origin to float32 can take from both sides
    voxel_size = longest / (resolution - 2 * padding) if longest > 0 else 1.0
    if not math.isfinite(voxel_size) or voxel_size < 2.0**-126:
        raise InvalidInputError(f"bounds: expected a box of usable size, got a longest side of {longest:.4g}")
    origin = ((low + high) / 2 - resolution * voxel_size / 2).astype(np.float32)
    return origin, voxel_size


def check_bounds(bounds: object) -> np.ndarray:
    """The lowest and highest corner of `bounds`, (2, 3) numbers in the unit of the world."""
    low, high = box = to_tensor(bounds, "bounds", torch.float32, (2, 3)).cpu().numpy()
    if (high < low).any() or (high == low).all():
        raise InvalidInputError(
            f"bounds: expected a lowest and a highest corner of a box, got {low.tolist()} and {high.tolist()}"
        )
    return box
