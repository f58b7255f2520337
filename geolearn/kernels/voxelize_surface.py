"""Which unit cells does a triangle meet? The separating-axis test, walked along the triangle and not over its box.

A closed triangle and a closed cube are disjoint exactly if one of 13 axes separates them (Akenine-Moeller, "Fast 3D
triangle-box overlap testing", 2001). Grouped as by Schwarz and Seidel ("Fast parallel surface and solid voxelization
on GPUs", SIGGRAPH Asia 2010) they are: three box axes, the plane of the triangle, and, in each of three axis-aligned
projections, three half-planes. Here each half-plane and plane test is one linear form in the cell index with a
bound on its rounding error; a value inside the bound is decided exactly (`voxelize_predicates`), so the answer is that
of rational arithmetic on the given float64 coordinates.

In the frame of a triangle u, v, w are a permutation of the axes, with w the one its normal is longest along: rows of
cells are walked along u, columns along v, and each column holds about three cells along w, so the work grows
with the cells met.
"""

import math

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.voxelize_predicates import orientation_2d, orientation_3d

# Roundings in a linear form: below 24 and 40 units of 2**-53 of the largest term (counted, then doubled).
_LINE_ERROR = 48 * 2.0**-53
_PLANE_ERROR = 80 * 2.0**-53
_SMALL = 12  # a box of so few cells is tested cell by cell; narrowing its ranges would cost more than it saves


@kernel
def _half_plane(ap, aq, bp, bq, reach):
    """Left of a -> b: `i*[0] + j*[1] + [2]` is the largest determinant over the corners of cell (i, j)."""
    slope_p, slope_q = aq - bq, bp - ap
    constant = max(slope_p, 0.0) + max(slope_q, 0.0) - slope_p * ap - slope_q * aq
    slack = _LINE_ERROR * (abs(slope_p) + abs(slope_q)) * reach
    return slope_p, slope_q, constant, slack, ap, aq, bp, bq


@kernel
def _meets_half_plane(half_plane, i, j):
    slope_p, slope_q, constant, slack, ap, aq, bp, bq = half_plane
    value = slope_p * i + slope_q * j + constant
    if value > slack:
        return True
    if value < -slack:
        return False
    for corner in range(4):
        if orientation_2d(ap, aq, bp, bq, float(i + (corner & 1)), float(j + (corner >> 1))) >= 0:
            return True
    return False


@kernel
def _projection(ap, aq, bp, bq, cp, cq, reach):
    """The three half-planes whose intersection is the triangle in one projection."""
    left, right = (bp - ap) * (cq - aq), (bq - aq) * (cp - ap)
    turn = left - right
    if abs(turn) <= 8 * 2.0**-53 * (abs(left) + abs(right)):
        turn = float(orientation_2d(ap, aq, bp, bq, cp, cq))
    if turn > 0.0:
        return (
            _half_plane(ap, aq, bp, bq, reach),
            _half_plane(bp, bq, cp, cq, reach),
            _half_plane(cp, cq, ap, aq, reach),
        )
    if turn < 0.0:
        return (
            _half_plane(bp, bq, ap, aq, reach),
            _half_plane(cp, cq, bp, bq, reach),
            _half_plane(ap, aq, cp, cq, reach),
        )
    # Seen edge-on: the line through the three points, from both sides. The box axes limit its length.
    ab, bc, ca = abs(bp - ap) + abs(bq - aq), abs(cp - bp) + abs(cq - bq), abs(ap - cp) + abs(aq - cq)
    if ab >= bc and ab >= ca:
        return (
            _half_plane(ap, aq, bp, bq, reach),
            _half_plane(bp, bq, ap, aq, reach),
            (0.0, 0.0, 1.0, 0.0, ap, aq, ap, aq),
        )
    if bc >= ca:
        return (
            _half_plane(bp, bq, cp, cq, reach),
            _half_plane(cp, cq, bp, bq, reach),
            (0.0, 0.0, 1.0, 0.0, ap, aq, ap, aq),
        )
    return _half_plane(cp, cq, ap, aq, reach), _half_plane(ap, aq, cp, cq, reach), (0.0, 0.0, 1.0, 0.0, ap, aq, ap, aq)


@kernel
def _meets_projection(projection, i, j):
    return (
        _meets_half_plane(projection[0], i, j)
        and _meets_half_plane(projection[1], i, j)
        and _meets_half_plane(projection[2], i, j)
    )


@kernel
def _meets_plane_exactly(a, b, c, x, y, z):
    above = below = False
    for corner in range(8):
        side = orientation_3d(
            a, b, c, float(x + (corner & 1)), float(y + ((corner >> 1) & 1)), float(z + (corner >> 2))
        )
        above = above or side >= 0
        below = below or side <= 0
        if above and below:
            return True
    return False


@kernel
def _first_cell(low):
    """The lowest cell whose closed interval [i, i+1] reaches up to `low`, as a float."""
    return math.ceil(low) - 1.0


@kernel
def _widen(low, high, pu, pv, pw, qu, qv, qw, plane):
    """Extend ((v, w) low, high) by the point where the edge p-q crosses u = plane, if it does."""
    if (pu < plane) != (qu < plane):
        t = (plane - pu) / (qu - pu)
        v, w = pv + t * (qv - pv), pw + t * (qw - pw)
        return (min(low[0], v), min(low[1], w)), (max(high[0], v), max(high[1], w))
    return low, high


@kernel
def _slab_ranges(i, au, av, aw, bu, bv, bw, cu, cv, cw, slack):
    """Cells along v and w (as floats) that the triangle may meet between u = i and u = i + 1."""
    low, high = (np.inf, np.inf), (-np.inf, -np.inf)
    for pu, pv, pw in ((au, av, aw), (bu, bv, bw), (cu, cv, cw)):
        if i <= pu <= i + 1:
            low, high = (min(low[0], pv), min(low[1], pw)), (max(high[0], pv), max(high[1], pw))
    for plane in (i, i + 1):
        low, high = _widen(low, high, au, av, aw, bu, bv, bw, plane)
        low, high = _widen(low, high, bu, bv, bw, cu, cv, cw, plane)
        low, high = _widen(low, high, cu, cv, cw, au, av, aw, plane)
    return (
        _first_cell(low[0] - slack),
        math.floor(high[0] + slack),
        _first_cell(low[1] - slack),
        math.floor(high[1] + slack),
    )


@kernel
def _mark_one_layer(grid, base, u, v, a, b, c, low, high, reach, strides):
    """The triangle lies inside one layer of cells along w: only its outline in (u, v) matters."""
    outline = _projection(a[u], a[v], b[u], b[v], c[u], c[v], reach)
    small = (high[u] - low[u] + 1) * (high[v] - low[v] + 1) <= _SMALL
    slack = 2.0**-44 * reach
    first, last = low[v], high[v]
    for i in range(low[u], high[u] + 1):
        if not small:
            start, stop, _, _ = _slab_ranges(i, a[u], a[v], 0.0, b[u], b[v], 0.0, c[u], c[v], 0.0, slack)
            first, last = int(max(start, low[v])), int(min(stop, high[v]))
        for j in range(first, last + 1):
            if _meets_projection(outline, i, j):
                grid[base + i * strides[u] + j * strides[v]] = 1


@kernel
def _mark(grid, u, v, w, normal, error, a, b, c, low, high, reach, strides):
    """The general triangle: rows along u, columns along v, cells along w."""
    uv = _projection(a[u], a[v], b[u], b[v], c[u], c[v], reach)
    uw = _projection(a[u], a[w], b[u], b[w], c[u], c[w], reach)
    vw = _projection(a[v], a[w], b[v], b[w], c[v], c[w], reach)
    nu, nv, nw = normal[u], normal[v], normal[w]
    plane_slack = _PLANE_ERROR * error * reach
    # n . (centre of cell) + offset is the distance from the plane in units of |n|; half the cube's extent is `radius`.
    radius = 0.5 * (abs(nu) + abs(nv) + abs(nw))
    offset = 0.5 * (nu + nv + nw) - (nu * a[u] + nv * a[v] + nw * a[w])
    steep = abs(nw) * 2.0**-20 > plane_slack  # else the plane says too little about w
    slack = 2.0**-44 * reach
    small = (high[u] - low[u] + 1) * (high[v] - low[v] + 1) * (high[w] - low[w] + 1) <= _SMALL
    start_v, stop_v, start_w, stop_w = float(low[v]), float(high[v]), float(low[w]), float(high[w])
    for i in range(low[u], high[u] + 1):
        if not small:
            start_v, stop_v, start_w, stop_w = _slab_ranges(
                i, a[u], a[v], a[w], b[u], b[v], b[w], c[u], c[v], c[w], slack
            )
            start_v, stop_v = max(start_v, low[v]), min(stop_v, high[v])
            start_w, stop_w = max(start_w, low[w]), min(stop_w, high[w])
        for j in range(int(start_v), int(stop_v) + 1):
            if not _meets_projection(uv, i, j):
                continue
            column = nu * i + nv * j + offset
            first, last = start_w, stop_w
            if steep:
                middle = -column / nw
                half = (radius + plane_slack) / abs(nw) + slack
                first, last = max(first, math.ceil(middle - half)), min(last, math.floor(middle + half))
            for k in range(int(first), int(last) + 1):
                distance = abs(column + nw * k) - radius
                if distance > plane_slack or not (_meets_projection(uw, i, k) and _meets_projection(vw, j, k)):
                    continue
                if distance < -plane_slack or _meets_plane_exactly(a, b, c, *_unpermute(u, v, i, j, k)):
                    grid[i * strides[u] + j * strides[v] + k * strides[w]] = 1


@kernel
def _unpermute(u, v, i, j, k):
    """Cell (i, j, k) of the frame u, v, w as x, y, z."""
    x = i if u == 0 else (j if v == 0 else k)
    y = i if u == 1 else (j if v == 1 else k)
    z = i if u == 2 else (j if v == 2 else k)
    return x, y, z


@kernel
def _mark_triangle(grid, shape, strides, a, b, c):
    # The cells of the bounding box, before and after the grid's border cuts them.
    box_low = (
        _first_cell(min(a[0], b[0], c[0])),
        _first_cell(min(a[1], b[1], c[1])),
        _first_cell(min(a[2], b[2], c[2])),
    )
    box_high = (
        math.floor(max(a[0], b[0], c[0])),
        math.floor(max(a[1], b[1], c[1])),
        math.floor(max(a[2], b[2], c[2])),
    )
    for axis in range(3):
        if box_high[axis] < 0 or box_low[axis] >= shape[axis]:
            return
    low = (int(max(box_low[0], 0.0)), int(max(box_low[1], 0.0)), int(max(box_low[2], 0.0)))
    high = (
        int(min(box_high[0], shape[0] - 1.0)),
        int(min(box_high[1], shape[1] - 1.0)),
        int(min(box_high[2], shape[2] - 1.0)),
    )
    wide = (box_low[0] < box_high[0], box_low[1] < box_high[1], box_low[2] < box_high[2])
    wide_axes = int(wide[0]) + int(wide[1]) + int(wide[2])
    if wide_axes <= 1:  # inside one row of cells, so it meets all from end to end
        for x in range(low[0], high[0] + 1):
            for y in range(low[1], high[1] + 1):
                for z in range(low[2], high[2] + 1):
                    grid[x * strides[0] + y * strides[1] + z] = 1
        return
    reach = 1.0 + max(shape[0], shape[1], shape[2])
    for axis in range(3):
        reach = max(reach, 2.0 - box_low[axis], 2.0 + box_high[axis])
    if wide_axes == 2:
        w = 0 if not wide[0] else (1 if not wide[1] else 2)
        u, v = (w + 1) % 3, (w + 2) % 3
        if box_high[v] - box_low[v] > box_high[u] - box_low[u]:
            u, v = v, u
        _mark_one_layer(grid, low[w] * strides[w], u, v, a, b, c, low, high, reach, strides)
        return
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    normal = (aby * acz - abz * acy, abz * acx - abx * acz, abx * acy - aby * acx)
    error = abs(aby * acz) + abs(abz * acy) + abs(abz * acx) + abs(abx * acz) + abs(abx * acy) + abs(aby * acx)
    steepest = max(abs(normal[0]), abs(normal[1]), abs(normal[2]))
    w = 0 if abs(normal[0]) == steepest else (1 if abs(normal[1]) == steepest else 2)
    u, v = (w + 1) % 3, (w + 2) % 3
    if box_high[v] - box_low[v] > box_high[u] - box_low[u]:
        u, v = v, u
    _mark(grid, u, v, w, normal, error, a, b, c, low, high, reach, strides)


@parallel_kernel
def mark_surface(points, faces, grid):
    """Set every cell of `grid` uint8 (nx, ny, nz) whose closed unit cube meets a triangle.

    `points` float64 (V, 3) are in cell units (cell i spans [i, i+1]), `faces` int64 (F, 3). Threads write only the
    value 1, so cells that several triangles share come out the same in any order.
    """
    shape = grid.shape
    strides = (shape[1] * shape[2], shape[2], 1)
    flat = grid.reshape(grid.size)
    for f in numba.prange(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        a = (points[i, 0], points[i, 1], points[i, 2])
        b = (points[j, 0], points[j, 1], points[j, 2])
        c = (points[k, 0], points[k, 1], points[k, 2])
        _mark_triangle(flat, shape, strides, a, b, c)
