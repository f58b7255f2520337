"""The nearest point of a triangle mesh, and its winding number, at any points.

Both walk the binary tree of `voxelize_winding.grow_tree`: groups of neighbouring triangles with a centre and a
radius. A group whose sphere is farther than the nearest triangle found so far holds no nearer one.
"""

import math

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.voxelize_winding import winding_number_at

_LEAF = 8  # triangles, as in `grow_tree`
_DEPTH = 64  # of the stack
_ROUND = 64  # points of which each begins with the face that was nearest to the one before it
_SLACK = 1e-12  # by which rounding may make a squared distance too small
_FLAT = 1e-20  # of the product of two squared sides: the square of twice the area of a triangle that is a line


@kernel
def _nearest_on_line(px, py, pz, a, b, c):
    """The nearest point of the three sides."""
    x, y, z, least = a[0], a[1], a[2], math.inf
    for p, q in ((a, b), (b, c), (c, a)):
        dx, dy, dz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        length = dx * dx + dy * dy + dz * dz
        t = ((px - p[0]) * dx + (py - p[1]) * dy + (pz - p[2]) * dz) / length if length > 0.0 else 0.0
        t = min(max(t, 0.0), 1.0)
        qx, qy, qz = p[0] + t * dx, p[1] + t * dy, p[2] + t * dz
        squared = (px - qx) ** 2 + (py - qy) ** 2 + (pz - qz) ** 2
        if squared < least:
            x, y, z, least = qx, qy, qz, squared
    return x, y, z


@kernel
def _nearest_on_triangle(px, py, pz, a, b, c):
    """The point of a triangle that is nearest to p (Ericson, "Real-time collision detection", 2005, section 5.1.5)."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = px - a[0], py - a[1], pz - a[2]
    d1, d2 = abx * apx + aby * apy + abz * apz, acx * apx + acy * apy + acz * apz
    if d1 <= 0.0 and d2 <= 0.0:
        return a[0], a[1], a[2]
    bpx, bpy, bpz = px - b[0], py - b[1], pz - b[2]
    d3, d4 = abx * bpx + aby * bpy + abz * bpz, acx * bpx + acy * bpy + acz * bpz
    if d3 >= 0.0 and d4 <= d3:
        return b[0], b[1], b[2]
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0 and d1 > d3:
        t = d1 / (d1 - d3)
        return a[0] + t * abx, a[1] + t * aby, a[2] + t * abz
    cpx, cpy, cpz = px - c[0], py - c[1], pz - c[2]
    d5, d6 = abx * cpx + aby * cpy + abz * cpz, acx * cpx + acy * cpy + acz * cpz
    if d6 >= 0.0 and d5 <= d6:
        return c[0], c[1], c[2]
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0 and d2 > d6:
        t = d2 / (d2 - d6)
        return a[0] + t * acx, a[1] + t * acy, a[2] + t * acz
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0 and (d4 - d3) + (d5 - d6) > 0.0:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return b[0] + t * (c[0] - b[0]), b[1] + t * (c[1] - b[1]), b[2] + t * (c[2] - b[2])
    total = va + vb + vc  # the square of twice the area
    sides = (abx * abx + aby * aby + abz * abz) * (acx * acx + acy * acy + acz * acz)
    if total <= _FLAT * sides:
        return _nearest_on_line(px, py, pz, a, b, c)
    v, w = vb / total, vc / total
    return a[0] + v * abx + w * acx, a[1] + v * aby + w * acy, a[2] + v * abz + w * acz


@kernel
def _squared_distance_to_group(px, py, pz, centre, squared_radius):
    """No triangle of the group is nearer than this, squared."""
    x, y, z = px - centre[0], py - centre[1], pz - centre[2]
    away, radius = math.sqrt(x * x + y * y + z * z), math.sqrt(squared_radius)
    gap = away - radius - 2e-15 * (away + radius)  # what rounding may have added
    return gap * gap if gap > 0.0 else 0.0


@kernel
def _nearest_face(px, py, pz, corners, number, first_leaf, centre, squared_radius, stack, bounds, first):
    """Position in `corners` of the nearest triangle, and the nearest point; among equals the smallest `number`."""
    best = first
    x, y, z = _nearest_on_triangle(px, py, pz, corners[first, 0], corners[first, 1], corners[first, 2])
    least = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2
    stack[0], bounds[0] = 0, 0.0
    waiting = 1
    while waiting:
        waiting -= 1
        group = stack[waiting]
        if bounds[waiting] * (1.0 - _SLACK) > least:
            continue
        if group >= first_leaf:
            start = (group - first_leaf) * _LEAF
            for f in range(start, min(start + _LEAF, len(corners))):
                qx, qy, qz = _nearest_on_triangle(px, py, pz, corners[f, 0], corners[f, 1], corners[f, 2])
                squared = (px - qx) ** 2 + (py - qy) ** 2 + (pz - qz) ** 2
                if squared < least or (squared == least and number[f] < number[best]):
                    least, best = squared, f
                    x, y, z = qx, qy, qz
            continue
        left, right = 2 * group + 1, 2 * group + 2
        to_left = _squared_distance_to_group(px, py, pz, centre[left], squared_radius[left])
        to_right = _squared_distance_to_group(px, py, pz, centre[right], squared_radius[right])
        if to_left > to_right:  # the nearer one is looked at first
            left, right = right, left
            to_left, to_right = to_right, to_left
        stack[waiting], bounds[waiting] = right, to_right
        stack[waiting + 1], bounds[waiting + 1] = left, to_left
        waiting += 2
    return best, x, y, z


@parallel_kernel
def find_nearest(points, corners, number, first_leaf, centre, squared_radius, nearest, face):
    """Fill `nearest` (N, 3) and `face` (N,) for `points` (N, 3), float64; `number` (F,) is each triangle's face."""
    for round_ in numba.prange((len(points) + _ROUND - 1) // _ROUND):
        stack, bounds = np.empty(_DEPTH, np.int64), np.empty(_DEPTH)
        best = 0
        for i in range(round_ * _ROUND, min((round_ + 1) * _ROUND, len(points))):
            best, x, y, z = _nearest_face(
                points[i, 0], points[i, 1], points[i, 2], corners, number, first_leaf, centre, squared_radius, stack,
                bounds, best,
            )  # fmt: skip
            nearest[i, 0], nearest[i, 1], nearest[i, 2] = x, y, z
            face[i] = number[best]


@parallel_kernel
def find_winding_numbers(points, corners, first_leaf, centre, squared_radius, moments, found):
    """Fill `found` (N,) with the winding number of the triangles at every point, to within 0.02 (tested)."""
    for round_ in numba.prange((len(points) + _ROUND - 1) // _ROUND):
        stack = np.empty(_DEPTH, np.int64)
        for i in range(round_ * _ROUND, min((round_ + 1) * _ROUND, len(points))):
            found[i] = winding_number_at(
                points[i, 0], points[i, 1], points[i, 2], corners, first_leaf, centre, squared_radius, moments, stack
            )
