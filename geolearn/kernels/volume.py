"""Volume rendering: trilinear samples of grids along rays, and front-to-back compositing, each with its gradient.

Rays are given in index space, where cell (i, j, k) has its centre at (i, j, k); outside the grid the value is 0,
reached linearly from the outermost centres. Sample s of a ray lies at origin + (first + s + 0.5) * step * direction.
Positions are computed in float64, values in the dtype of the grid.
"""

import math

from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

SLAB = 8  # grid planes per work item of the scatter


@kernel
def _position(origin, direction, t):
    return origin[0] + t * direction[0], origin[1] + t * direction[1], origin[2] + t * direction[2]


@parallel_kernel
def sample_along_rays(grids, origins, directions, first, count, start, step, samples):
    """Fill `samples` (T, C), which comes as zeros.

    Args:
        grids: (B, R, R, R, C). View v sees grid v // (V / B).
        origins: float64 (V, 3); directions: float64 (V, P, 3).
        first, count: int64 (V, P), which samples of each ray to take.
        start: int64 (V, P), the row of each ray's first sample.
        step: distance between samples.
    """
    views, pixels = first.shape
    size, channels = grids.shape[1], grids.shape[4]
    views_per_grid = views // grids.shape[0]
    for ray in prange(views * pixels):
        view, pixel = ray // pixels, ray % pixels
        grid = grids[view // views_per_grid]
        for s in range(count[view, pixel]):
            t = (first[view, pixel] + s + 0.5) * step
            x, y, z = _position(origins[view], directions[view, pixel], t)
            ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
            for i in range(max(ix, 0), min(ix + 2, size)):
                for j in range(max(iy, 0), min(iy + 2, size)):
                    for k in range(max(iz, 0), min(iz + 2, size)):
                        weight = (1.0 - abs(x - i)) * (1.0 - abs(y - j)) * (1.0 - abs(z - k))
                        for c in range(channels):
                            samples[start[view, pixel] + s, c] += weight * grid[i, j, k, c]


@parallel_kernel
def scatter_to_grids(gradients, origins, directions, first, count, start, step, grids):
    """Add the gradients (T, C) of samples to `grids` (B, R, R, R, C): the transpose of `sample_along_rays`.

    A work item owns some planes of one grid and visits every ray, so each cell sums its samples in ray order whatever
    the number of threads.
    """
    views, pixels = first.shape
    size, channels = grids.shape[1], grids.shape[4]
    views_per_grid = views // grids.shape[0]
    slabs = (size + SLAB - 1) // SLAB
    for item in prange(grids.shape[0] * slabs):
        low = item % slabs * SLAB
        high = min(low + SLAB, size)
        grid = grids[item // slabs]
        for view in range(item // slabs * views_per_grid, (item // slabs + 1) * views_per_grid):
            for pixel in range(pixels):
                begin, end = _samples_between(
                    low - 1.0, high, origins[view, 0], directions[view, pixel, 0], first[view, pixel], step
                )
                for s in range(max(begin, 0), min(end, count[view, pixel])):
                    t = (first[view, pixel] + s + 0.5) * step
                    x, y, z = _position(origins[view], directions[view, pixel], t)
                    ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
                    for i in range(max(ix, low), min(ix + 2, high)):
                        for j in range(max(iy, 0), min(iy + 2, size)):
                            for k in range(max(iz, 0), min(iz + 2, size)):
                                weight = (1.0 - abs(x - i)) * (1.0 - abs(y - j)) * (1.0 - abs(z - k))
                                for c in range(channels):
                                    grid[i, j, k, c] += weight * gradients[start[view, pixel] + s, c]


@kernel
def _samples_between(low, high, origin, direction, first, step):
    """A range of sample numbers that holds all with low <= origin + t * direction <= high, and at most a few more."""
    if abs(direction) < 1e-9:
        return 0, (1 << 62) if low - 1 <= origin <= high + 1 else 0
    a, b = (low - origin) / direction, (high - origin) / direction
    begin = math.floor(min(a, b) / step - 0.5) - first
    end = math.ceil(max(a, b) / step - 0.5) - first + 1
    return begin, end


@parallel_kernel
def gradient_along_rays(grids, gradients, origins, directions, first, count, start, step, to_origins, to_directions):
    """Fill `to_origins` and `to_directions` (V, P, 3), which come as zeros: the gradient of every ray's own line."""
    views, pixels = first.shape
    size, channels = grids.shape[1], grids.shape[4]
    views_per_grid = views // grids.shape[0]
    for ray in prange(views * pixels):
        view, pixel = ray // pixels, ray % pixels
        grid = grids[view // views_per_grid]
        for s in range(count[view, pixel]):
            t = (first[view, pixel] + s + 0.5) * step
            x, y, z = _position(origins[view], directions[view, pixel], t)
            ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
            for i in range(max(ix, 0), min(ix + 2, size)):
                for j in range(max(iy, 0), min(iy + 2, size)):
                    for k in range(max(iz, 0), min(iz + 2, size)):
                        wx, wy, wz = 1.0 - abs(x - i), 1.0 - abs(y - j), 1.0 - abs(z - k)
                        value = 0.0
                        for c in range(channels):
                            value += gradients[start[view, pixel] + s, c] * grid[i, j, k, c]
                        # a weight falls with the distance from its cell: -1 from the lower one, +1 from the upper
                        slopes = (
                            (2 * (i - ix) - 1) * wy * wz * value,
                            (2 * (j - iy) - 1) * wx * wz * value,
                            (2 * (k - iz) - 1) * wx * wy * value,
                        )
                        for axis in range(3):
                            to_origins[view, pixel, axis] += slopes[axis]
                            to_directions[view, pixel, axis] += t * slopes[axis]


@parallel_kernel
def composite(alphas, emissions, start, count, inclusive, images, weights):
    """Fill `images` (M, C) and `weights` (M,), which come as zeros, with sum_i w_i e_i and sum_i w_i of every ray.

    w_i = a_i prod_{j<i} (1 - a_j), times (1 - a_i) where `inclusive`. `alphas` (T,) and `emissions` (T, C) hold the
    samples of ray m in the rows start[m] to start[m] + count[m].
    """
    for ray in prange(len(start)):
        transmission = 1.0
        for s in range(start[ray], start[ray] + count[ray]):
            alpha = alphas[s]
            weight = transmission * alpha
            transmission *= 1.0 - alpha
            if inclusive:
                weight *= 1.0 - alpha
            weights[ray] += weight
            for c in range(emissions.shape[1]):
                images[ray, c] += weight * emissions[s, c]


@parallel_kernel
def composite_backward(alphas, emissions, start, count, inclusive, to_images, to_weights, to_alphas, to_emissions):
    """Fill `to_alphas` (T,) and `to_emissions` (T, C), from the gradients of `images` and `weights`.

    With T_i = prod_{j<i} (1 - a_j), E_i the gradient of w_i and B_i what lies behind i as seen from there,
    B_{i-1} = a_i E_i + (1 - a_i) B_i and dL/da_i = T_i (E_i - B_i): no division, so opaque samples are no special case.
    """
    for ray in prange(len(start)):
        transmission = 1.0
        for s in range(start[ray], start[ray] + count[ray]):
            to_alphas[s] = transmission
            transmission *= 1.0 - alphas[s]
        behind = 0.0
        for s in range(start[ray] + count[ray] - 1, start[ray] - 1, -1):
            alpha, transmission = alphas[s], to_alphas[s]
            weight, slope = alpha, 1.0  # of the sample itself, and its derivative by alpha
            if inclusive:
                weight, slope = alpha * (1.0 - alpha), 1.0 - 2.0 * alpha
            energy = to_weights[ray]
            for c in range(emissions.shape[1]):
                energy += to_images[ray, c] * emissions[s, c]
                to_emissions[s, c] = transmission * weight * to_images[ray, c]
            to_alphas[s] = transmission * (slope * energy - behind)
            behind = weight * energy + (1.0 - alpha) * behind
