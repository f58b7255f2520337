"""The largest ball inside a mesh that touches it in a point."""

import numba
import numpy as np

from geolearn.kernels.ray_casting import ray_length
from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.wide_boxes import DEPTH, LOWEST, WideBoxes, first_child, wait_in_order

_ROUNDS = 32  # of shrinking a ball


@kernel(error_model="numpy")
def _reaches_eight(boxes, cones, x, y, z, nx, ny, nz, squared):
    """Bit k: whether box k of eight is nearer to a point, and holds a triangle that does not face as the normal n.

    `cones` are mean directions and the greatest product of n with them for which that may be.
    """
    reached = 0
    for k in range(8):
        a = max(max(boxes[k] - x, x - boxes[24 + k]), 0.0)
        b = max(max(boxes[8 + k] - y, y - boxes[32 + k]), 0.0)
        c = max(max(boxes[16 + k] - z, z - boxes[40 + k]), 0.0)
        alike = nx * cones[k] + ny * cones[8 + k] + nz * cones[16 + k]
        reached |= int((a * a + b * b + c * c < squared) & (alike <= cones[24 + k])) << k
    return reached


@kernel(error_model="numpy")
def _squared_distance(boxes, k, x, y, z):
    """From a point to box k of eight."""
    a = max(max(boxes[k] - x, x - boxes[24 + k]), 0.0)
    b = max(max(boxes[8 + k] - y, y - boxes[32 + k]), 0.0)
    c = max(max(boxes[16 + k] - z, z - boxes[40 + k]), 0.0)
    return a * a + b * b + c * c


@kernel(error_model="numpy")
def _faces_eight(corners, normals, x, y, z, nx, ny, nz, squared, most_alike):
    """Bit k: whether the plane of triangle k of eight is nearer to a point, and the triangle does not face as n."""
    faced = 0
    for k in range(8):
        mx, my, mz = normals[k], normals[8 + k], normals[16 + k]
        height = (x - corners[k]) * mx + (y - corners[8 + k]) * my + (z - corners[16 + k]) * mz
        alike = nx * mx + ny * my + nz * mz
        faced |= int((height * height <= squared * (1.0 + 1e-9)) & (alike <= most_alike)) << k
    return faced


@kernel
def _nearest_on_triangle(corners, k, x, y, z):
    """The point of triangle k of eight nearest to a point (Ericson, "Real-time collision detection", 2005, 5.1.5)."""
    ax, ay, az = corners[k], corners[8 + k], corners[16 + k]
    bx, by, bz = corners[24 + k], corners[32 + k], corners[40 + k]
    cx, cy, cz = corners[48 + k], corners[56 + k], corners[64 + k]
    px, py, pz = x - ax, y - ay, z - az
    d1, d2 = bx * px + by * py + bz * pz, cx * px + cy * py + cz * pz
    if d1 <= 0.0 and d2 <= 0.0:
        return ax, ay, az
    bb, bc, cc = bx * bx + by * by + bz * bz, bx * cx + by * cy + bz * cz, cx * cx + cy * cy + cz * cz
    d3, d4 = d1 - bb, d2 - bc
    if d3 >= 0.0 and d4 <= d3:
        return ax + bx, ay + by, az + bz
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3) if d1 > d3 else 0.0
        return ax + v * bx, ay + v * by, az + v * bz
    d5, d6 = d1 - bc, d2 - cc
    if d6 >= 0.0 and d5 <= d6:
        return ax + cx, ay + cy, az + cz
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6) if d2 > d6 else 0.0
        return ax + w * cx, ay + w * cy, az + w * cz
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        whole = (d4 - d3) + (d5 - d6)
        w = (d4 - d3) / whole if whole > 0.0 else 0.0
        return ax + bx + w * (cx - bx), ay + by + w * (cy - by), az + bz + w * (cz - bz)
    whole = va + vb + vc
    v, w = (vb / whole, vc / whole) if whole > 0.0 else (0.0, 0.0)
    return ax + v * bx + w * cx, ay + v * by + w * cy, az + v * bz + w * cz


@parallel_kernel
def _shrink(points, normals, own, largest, most_alike, triangles, triangle_normals, bounds, cones):
    radii = np.empty(len(points))
    nodes, leaves = len(bounds), len(triangles)
    for i in numba.prange(len(points)):
        stack, entry = np.empty(DEPTH, np.int64), np.empty(DEPTH)
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        r = min(0.5 * ray_length(px, py, pz, -nx, -ny, -nz, own[i], triangles, bounds, stack, entry), largest)
        for _ in range(_ROUNDS):
            x, y, z = px - r * nx, py - r * ny, pz - r * nz
            nearest = r * r * (1.0 - 1e-6)
            qx, qy, qz = px, py, pz
            stack[0], entry[0] = 0, 0.0
            waiting = 1
            while waiting:
                waiting -= 1
                if entry[waiting] >= nearest:
                    continue
                node = stack[waiting]
                if node < nodes:
                    boxes, child, bottom = bounds[node], first_child(node, nodes, leaves), waiting
                    reached = _reaches_eight(boxes, cones[node], x, y, z, nx, ny, nz, nearest)
                    while reached:
                        k = LOWEST[reached]
                        reached &= reached - 1
                        away = _squared_distance(boxes, k, x, y, z)
                        wait_in_order(child + k, away, bottom, waiting, stack, entry)
                        waiting += 1
                    continue
                corners, facing, place = triangles[node - nodes], triangle_normals[node - nodes], 8 * (node - nodes)
                faced = _faces_eight(corners, facing, x, y, z, nx, ny, nz, nearest, most_alike)
                while faced:
                    k = LOWEST[faced]
                    faced &= faced - 1
                    if place + k != own[i]:
                        tx, ty, tz = _nearest_on_triangle(corners, k, x, y, z)
                        squared = (tx - x) ** 2 + (ty - y) ** 2 + (tz - z) ** 2
                        if squared < nearest:
                            nearest, qx, qy, qz = squared, tx, ty, tz
            along = nx * (px - qx) + ny * (py - qy) + nz * (pz - qz)
            if along <= 0.0:
                break
            smaller = ((px - qx) ** 2 + (py - qy) ** 2 + (pz - qz) ** 2) / (2.0 * along)
            if not smaller < r:
                break
            r = smaller
        radii[i] = r
    return radii


def touching_balls(points, normals, own, largest: float, most_alike: float, boxes: WideBoxes) -> np.ndarray:
    """Radii float64 (N,) of the largest balls inside the mesh that touch it in a point, with centre p - r n.

    Shrinking balls (Ma, Bae and Choi, "3D medial axis point approximation using nearest neighbors and the normal
    field", The Visual Computer 2012): from the ball that the inward ray just fits in, at most `largest`, to the ball
    through the surface point q nearest to its centre, r = |p - q|^2 / (2 n . (p - q)), until no point is inside.
    Triangles whose normal has a product of more than `most_alike` with n do not count: the small bend to the next facet
    of a round part is no other side of it. Boxes in which all do not count are passed by their cones of normals: a ball
    on a small bump would else look at all of the bump. `own` (N,): the place of the triangle that p lies on, or -1.
    """
    cones = boxes.cones.reshape(-1, 4, 8).copy()
    within = np.arccos(min(most_alike, 1.0)) - np.minimum(cones[:, 3], np.pi)
    cones[:, 3] = np.where(within > 0, np.cos(within) + 1e-9, np.inf)
    return _shrink(
        points, normals, own, largest, most_alike, boxes.triangles, boxes.normals, boxes.bounds, cones.reshape(-1, 32)
    )
