"""Rays inside a mesh: where they leave it."""

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.wide_boxes import DEPTH, LOWEST, first_child, wait_in_order


@kernel(error_model="numpy")
def _enters_eight(boxes, ox, oy, oz, ix, iy, iz, farthest):
    """Bit k: whether a ray meets box k of eight before `farthest`. i: one over direction."""
    met = 0
    for k in range(8):
        a, b = (boxes[k] - ox) * ix, (boxes[24 + k] - ox) * ix
        c, d = (boxes[8 + k] - oy) * iy, (boxes[32 + k] - oy) * iy
        e, f = (boxes[16 + k] - oz) * iz, (boxes[40 + k] - oz) * iz
        near = max(max(min(a, b), min(c, d)), max(min(e, f), 0.0))
        far = min(min(max(a, b), max(c, d)), min(max(e, f), farthest))
        met |= int((near <= far * (1.0 + 1e-12)) & (near < np.inf)) << k
    return met


@kernel(error_model="numpy")
def _enters(boxes, k, ox, oy, oz, ix, iy, iz):
    """How far along a ray box k begins, which the ray meets."""
    a, b = (boxes[k] - ox) * ix, (boxes[24 + k] - ox) * ix
    c, d = (boxes[8 + k] - oy) * iy, (boxes[32 + k] - oy) * iy
    e, f = (boxes[16 + k] - oz) * iz, (boxes[40 + k] - oz) * iz
    return max(max(min(a, b), min(c, d)), max(min(e, f), 0.0))


@kernel(error_model="numpy")
def _may_leave_eight(corners, ox, oy, oz, dx, dy, dz, nearest):
    """Bit k: whether a ray passes triangle k of eight from behind before `nearest`, or fails to by rounding alone."""
    left = 0
    for k in range(8):
        ex, ey, ez = corners[24 + k], corners[32 + k], corners[40 + k]
        fx, fy, fz = corners[48 + k], corners[56 + k], corners[64 + k]
        px, py, pz = dy * fz - dz * fy, dz * fx - dx * fz, dx * fy - dy * fx
        size = -(ex * px + ey * py + ez * pz)
        sx, sy, sz = ox - corners[k], oy - corners[8 + k], oz - corners[16 + k]
        u = -(sx * px + sy * py + sz * pz)
        qx, qy, qz = sy * ez - sz * ey, sz * ex - sx * ez, sx * ey - sy * ex
        v = -(dx * qx + dy * qy + dz * qz)
        t = -(fx * qx + fy * qy + fz * qz)
        least, most = -2e-9 * size, (1.0 + 3e-9) * size
        passed = (size > 0.0) & (u >= least) & (v >= least) & (u + v <= most) & (t >= 0.0) & (t <= most * nearest)
        left |= int(passed) << k
    return left


@kernel(error_model="numpy")
def _leaves_through(corners, k, ox, oy, oz, dx, dy, dz):
    """How far along a ray it passes triangle k of eight from behind; inf if not (Moeller and Trumbore 1997)."""
    ex, ey, ez = corners[24 + k], corners[32 + k], corners[40 + k]
    fx, fy, fz = corners[48 + k], corners[56 + k], corners[64 + k]
    px, py, pz = dy * fz - dz * fy, dz * fx - dx * fz, dx * fy - dy * fx
    determinant = ex * px + ey * py + ez * pz
    if determinant >= 0.0:  # seen from the front, or edge-on
        return np.inf
    sx, sy, sz = ox - corners[k], oy - corners[8 + k], oz - corners[16 + k]
    u = (sx * px + sy * py + sz * pz) / determinant
    qx, qy, qz = sy * ez - sz * ey, sz * ex - sx * ez, sx * ey - sy * ex
    v = (dx * qx + dy * qy + dz * qz) / determinant
    if u < -1e-9 or u > 1.0 + 1e-9 or v < -1e-9 or u + v > 1.0 + 1e-9:
        return np.inf
    t = (fx * qx + fy * qy + fz * qz) / determinant
    return t if t >= 0.0 else np.inf


@kernel(error_model="numpy")
def ray_length(ox, oy, oz, dx, dy, dz, own, triangles, bounds, stack, entry):
    """How far a ray runs until it leaves the mesh through a triangle other than that in place `own`; inf if never."""
    ix = 1.0 / dx if dx != 0.0 else 1e300
    iy = 1.0 / dy if dy != 0.0 else 1e300
    iz = 1.0 / dz if dz != 0.0 else 1e300
    nodes, leaves = len(bounds), len(triangles)
    nearest = np.inf
    stack[0], entry[0] = 0, 0.0
    waiting = 1
    while waiting:
        waiting -= 1
        if entry[waiting] > nearest:
            continue
        node = stack[waiting]
        if node >= nodes:
            corners, place = triangles[node - nodes], 8 * (node - nodes)
            left = _may_leave_eight(corners, ox, oy, oz, dx, dy, dz, nearest)
            while left:
                k = LOWEST[left]
                left &= left - 1
                if place + k != own:
                    nearest = min(nearest, _leaves_through(corners, k, ox, oy, oz, dx, dy, dz))
            continue
        boxes, child, bottom = bounds[node], first_child(node, nodes, leaves), waiting
        met = _enters_eight(boxes, ox, oy, oz, ix, iy, iz, nearest)
        while met:
            k = LOWEST[met]
            met &= met - 1
            wait_in_order(child + k, _enters(boxes, k, ox, oy, oz, ix, iy, iz), bottom, waiting, stack, entry)
            waiting += 1
    return nearest


@parallel_kernel
def cast_rays(origins, frames, own, directions, triangles, bounds):
    """Lengths float32 (N, R) of R rays from each of N points until they leave the mesh; inf where they do not.

    `frames` (N, 3, 3): rows are the axes in which `directions` (R, 3) are given. `own` (N,): the place of a triangle
    that the rays of a point do not meet, or -1. `triangles` and `bounds`: see `WideBoxes`.
    """
    lengths = np.empty((len(origins), len(directions)), np.float32)
    for i in numba.prange(len(origins)):
        stack, entry = np.empty(DEPTH, np.int64), np.empty(DEPTH)
        x, y, z = frames[i, 0], frames[i, 1], frames[i, 2]
        for ray in range(len(directions)):
            a, b, c = directions[ray, 0], directions[ray, 1], directions[ray, 2]
            lengths[i, ray] = ray_length(
                origins[i, 0],
                origins[i, 1],
                origins[i, 2],
                a * x[0] + b * y[0] + c * z[0],
                a * x[1] + b * y[1] + c * z[1],
                a * x[2] + b * y[2] + c * z[2],
                own[i],
                triangles,
                bounds,
                stack,
                entry,
            )
    return lengths
