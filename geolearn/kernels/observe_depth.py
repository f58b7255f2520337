"""What a depth map says of the cells of a grid, counted in finer cells."""

import math

import numpy as np
from numba import prange

from geolearn.kernels.threads import parallel_kernel


@parallel_kernel
def observe(depth, projection, origin, voxel_size, fine, observed):
    """Fill `observed` (R, R, R) with 0 (free), 1 (unknown) or 2 (surface) by the rule of `observe_depth`.

    Every cell is cut into fine^3 subcells. With d the depth at the pixel that the centre of a subcell falls into, z its
    own depth and s the side of a subcell, it is outside where z <= d - s/2, surface where z <= d + 5s/2, and otherwise,
    as where no pixel shows it, inside.

    Args:
        depth: float64 (H, W), infinite where a ray meets nothing, NaN where nothing was measured.
        projection: float64 (3, 4), world to homogeneous pixels, whose last coordinate is the depth.
        origin: float64 (3,), corner of the grid.
        observed: uint8.
    """
    size, (height, width) = observed.shape[0], depth.shape
    step = voxel_size / fine
    most = fine * fine
    for x in prange(size):
        for y in range(size):
            for z in range(size):
                inside, outside, surface = 0, 0, 0
                for a in range(fine):
                    px = origin[0] + x * voxel_size + (a + 0.5) * step
                    for b in range(fine):
                        py = origin[1] + y * voxel_size + (b + 0.5) * step
                        for c in range(fine):
                            pz = origin[2] + z * voxel_size + (c + 0.5) * step
                            w = projection[2, 0] * px + projection[2, 1] * py + projection[2, 2] * pz + projection[2, 3]
                            if w <= 0.0:
                                inside += 1
                                continue
                            u = projection[0, 0] * px + projection[0, 1] * py + projection[0, 2] * pz + projection[0, 3]
                            v = projection[1, 0] * px + projection[1, 1] * py + projection[1, 2] * pz + projection[1, 3]
                            column, row = math.floor(u / w), math.floor(v / w)
                            if column < 0 or row < 0 or column >= width or row >= height:
                                inside += 1
                                continue
                            gap = depth[row, column] - w
                            if gap >= 0.5 * step:
                                outside += 1
                            elif gap >= -2.5 * step:
                                surface += 1
                            else:  # behind, or not measured
                                inside += 1
                if (inside > 0 and outside > 0 and surface > 0) or surface > most:
                    observed[x, y, z] = np.uint8(2)
                elif outside >= inside:
                    observed[x, y, z] = np.uint8(0)
                else:
                    observed[x, y, z] = np.uint8(1)
