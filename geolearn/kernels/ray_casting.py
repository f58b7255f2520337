"""Rays and balls inside a mesh: where a ray leaves it, and the largest ball that touches it in a point from inside.

A binary tree of boxes over the triangles: the children of node k are 2k+1 and 2k+2, all leaves lie on the last level.
"""

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel

_LEAF = 4  # triangles per leaf, at most
_DEPTH = 64  # of the stack; a binary tree needs one entry per level
_ROUNDS = 32  # of shrinking a ball


def build_tree(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of the triangles (F,), bounds of the nodes (2^(L+1) - 1, 6), and first triangle of each leaf (2^L + 1,).

    Every node is split at the median of the centres along the axis in which they spread most. `triangles` (F, 3, 3).
    """
    leaves = 1
    while leaves * _LEAF < len(triangles):
        leaves *= 2
    first = np.arange(leaves + 1) * len(triangles) // leaves
    low, high = triangles.min(1), triangles.max(1)
    order = np.arange(len(triangles))
    centres = low + high
    parts = leaves
    while parts > 1:  # split all nodes of a level at once: sort within each of them
        node = np.repeat(np.arange(leaves // parts), np.diff(first[::parts]))
        where = first[:-1:parts]
        some = np.diff(first[::parts]) > 0
        spread = np.zeros((leaves // parts, 3))
        spread[some] = np.maximum.reduceat(centres[order], where[some]) - np.minimum.reduceat(
            centres[order], where[some]
        )
        along = centres[order, spread.argmax(1)[node]]
        order = order[np.lexsort((along, node))]
        parts //= 2
    bounds = np.empty((2 * leaves - 1, 6))
    bounds[:, :3], bounds[:, 3:] = np.inf, -np.inf
    some = np.diff(first) > 0
    bounds[leaves - 1 :][some, :3] = np.minimum.reduceat(low[order], first[:-1][some])
    bounds[leaves - 1 :][some, 3:] = np.maximum.reduceat(high[order], first[:-1][some])
    level = leaves // 2
    while level >= 1:
        children = bounds[2 * level - 1 : 4 * level - 1]
        bounds[level - 1 : 2 * level - 1, :3] = np.minimum(children[0::2, :3], children[1::2, :3])
        bounds[level - 1 : 2 * level - 1, 3:] = np.maximum(children[0::2, 3:], children[1::2, 3:])
        level //= 2
    return order, bounds, first


@kernel
def _enters(box, ox, oy, oz, ix, iy, iz, farthest):
    """How far along a ray a box begins; inf if the ray does not meet it before `farthest`. i: one over direction."""
    near, far = 0.0, farthest
    a, b = (box[0] - ox) * ix, (box[3] - ox) * ix
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (box[1] - oy) * iy, (box[4] - oy) * iy
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (box[2] - oz) * iz, (box[5] - oz) * iz
    near, far = max(near, min(a, b)), min(far, max(a, b))
    return near if near <= far * (1.0 + 1e-12) else np.inf


@kernel
def _leaves_through(corners, ox, oy, oz, dx, dy, dz):
    """How far along a ray it passes the triangle from behind; inf if not (Moeller and Trumbore 1997)."""
    ax, ay, az = corners[0, 0], corners[0, 1], corners[0, 2]
    ex, ey, ez = corners[1, 0] - ax, corners[1, 1] - ay, corners[1, 2] - az
    fx, fy, fz = corners[2, 0] - ax, corners[2, 1] - ay, corners[2, 2] - az
    px, py, pz = dy * fz - dz * fy, dz * fx - dx * fz, dx * fy - dy * fx
    determinant = ex * px + ey * py + ez * pz
    if determinant >= 0.0:  # seen from the front, or edge-on
        return np.inf
    sx, sy, sz = ox - ax, oy - ay, oz - az
    u = (sx * px + sy * py + sz * pz) / determinant
    if u < -1e-9 or u > 1.0 + 1e-9:
        return np.inf
    qx, qy, qz = sy * ez - sz * ey, sz * ex - sx * ez, sx * ey - sy * ex
    v = (dx * qx + dy * qy + dz * qz) / determinant
    if v < -1e-9 or u + v > 1.0 + 1e-9:
        return np.inf
    return (fx * qx + fy * qy + fz * qz) / determinant


@kernel
def _ray_length(ox, oy, oz, dx, dy, dz, own, triangles, bounds, first, stack, entry):
    """How far a ray runs until it leaves the mesh through a triangle other than `own`; inf if it never does."""
    ix = 1.0 / dx if dx != 0.0 else 1e300
    iy = 1.0 / dy if dy != 0.0 else 1e300
    iz = 1.0 / dz if dz != 0.0 else 1e300
    leaf_node = len(first) - 2
    nearest = np.inf
    stack[0], entry[0] = 0, 0.0
    waiting = 1
    while waiting:
        waiting -= 1
        if entry[waiting] > nearest:
            continue
        node = stack[waiting]
        if node >= leaf_node:
            for f in range(first[node - leaf_node], first[node - leaf_node + 1]):
                if f != own:
                    t = _leaves_through(triangles[f], ox, oy, oz, dx, dy, dz)
                    if 0.0 <= t < nearest:
                        nearest = t
            continue
        one, other = 2 * node + 1, 2 * node + 2
        t_one = _enters(bounds[one], ox, oy, oz, ix, iy, iz, nearest)
        t_other = _enters(bounds[other], ox, oy, oz, ix, iy, iz, nearest)
        if t_one < t_other:
            one, other, t_one, t_other = other, one, t_other, t_one
        if t_one < np.inf:
            stack[waiting], entry[waiting] = one, t_one
            waiting += 1
        if t_other < np.inf:
            stack[waiting], entry[waiting] = other, t_other
            waiting += 1
    return nearest


@parallel_kernel
def cast_rays(origins, frames, own, directions, triangles, bounds, first):
    """Lengths float32 (N, R) of R rays from each of N points until they leave the mesh; inf where they do not.

    `frames` (N, 3, 3): rows are the axes in which `directions` (R, 3) are given. `own` (N,): a triangle that the rays
    of a point do not meet, or -1. `triangles` are in the tree's order.
    """
    lengths = np.empty((len(origins), len(directions)), np.float32)
    for i in numba.prange(len(origins)):
        stack, entry = np.empty(_DEPTH, np.int64), np.empty(_DEPTH)
        x, y, z = frames[i, 0], frames[i, 1], frames[i, 2]
        for ray in range(len(directions)):
            a, b, c = directions[ray, 0], directions[ray, 1], directions[ray, 2]
            lengths[i, ray] = _ray_length(
                origins[i, 0],
                origins[i, 1],
                origins[i, 2],
                a * x[0] + b * y[0] + c * z[0],
                a * x[1] + b * y[1] + c * z[1],
                a * x[2] + b * y[2] + c * z[2],
                own[i],
                triangles,
                bounds,
                first,
                stack,
                entry,
            )
    return lengths


@kernel
def _squared_distance_to_box(box, x, y, z):
    a = max(max(box[0] - x, x - box[3]), 0.0)
    b = max(max(box[1] - y, y - box[4]), 0.0)
    c = max(max(box[2] - z, z - box[5]), 0.0)
    return a * a + b * b + c * c


@kernel
def _nearest_on_triangle(corners, x, y, z):
    """The point of a triangle nearest to a point (Ericson, "Real-time collision detection", 2005, section 5.1.5)."""
    ax, ay, az = corners[0, 0], corners[0, 1], corners[0, 2]
    bx, by, bz = corners[1, 0] - ax, corners[1, 1] - ay, corners[1, 2] - az
    cx, cy, cz = corners[2, 0] - ax, corners[2, 1] - ay, corners[2, 2] - az
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
def touching_balls(points, normals, own, largest, most_alike, triangles, triangle_normals, bounds, first):
    """Radii float64 (N,) of the largest balls inside the mesh that touch it in a point, with centre p - r n.

    Shrinking balls (Ma, Bae and Choi, "3D medial axis point approximation using nearest neighbors and the normal
    field", The Visual Computer 2012): from the ball that the inward ray just fits in, at most `largest`, to the ball
    through the surface point q nearest to its centre, r = |p - q|^2 / (2 n . (p - q)), until no point is inside.
    Triangles whose normal has a product of more than `most_alike` with n do not count: the small bend to the next facet
    of a round part is no other side of it. `own` (N,): the triangle that p lies on.
    """
    radii = np.empty(len(points))
    for i in numba.prange(len(points)):
        stack = np.empty(_DEPTH, np.int64)
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        across = _ray_length(px, py, pz, -nx, -ny, -nz, own[i], triangles, bounds, first, stack, np.empty(_DEPTH))
        r = min(0.5 * across, largest)
        leaf_node = len(first) - 2
        for _ in range(_ROUNDS):
            x, y, z = px - r * nx, py - r * ny, pz - r * nz
            nearest = r * r * (1.0 - 1e-6)
            qx, qy, qz = px, py, pz
            stack[0] = 0
            waiting = 1
            while waiting:
                waiting -= 1
                node = stack[waiting]
                if _squared_distance_to_box(bounds[node], x, y, z) >= nearest:
                    continue
                if node < leaf_node:
                    one, other = 2 * node + 1, 2 * node + 2
                    if _squared_distance_to_box(bounds[one], x, y, z) < _squared_distance_to_box(
                        bounds[other], x, y, z
                    ):
                        one, other = other, one
                    stack[waiting], stack[waiting + 1] = one, other
                    waiting += 2
                    continue
                for f in range(first[node - leaf_node], first[node - leaf_node + 1]):
                    alike = nx * triangle_normals[f, 0] + ny * triangle_normals[f, 1] + nz * triangle_normals[f, 2]
                    if f == own[i] or alike > most_alike:
                        continue
                    tx, ty, tz = _nearest_on_triangle(triangles[f], x, y, z)
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
