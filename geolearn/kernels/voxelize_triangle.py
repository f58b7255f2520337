"""Which unit cells does a triangle meet? The separating-axis test, walked along the triangle and not over its box.

A closed triangle and a closed cube are disjoint exactly if one of 13 axes separates them (Akenine-Moeller, "Fast 3D
triangle-box overlap testing", 2001). Grouped as by Schwarz and Seidel ("Fast parallel surface and solid voxelization
on GPUs", SIGGRAPH Asia 2010) they are: the three box axes, the plane of the triangle, and three half-planes in each
of three axis-aligned projections. Here every half-plane and the plane is a linear form in the cell index with a
bound on its rounding error; a value within the bound is decided exactly, so the answer is that of rational arithmetic
on the given float64 coordinates.

In the frame of a triangle u, v, w are a permutation of the axes with w the longest of its normal: rows of cells are
walked along u, columns along v, and each column holds about three cells along w, so the work grows with the cells met.
"""

import numpy as np

from geolearn.kernels.threads import kernel
from geolearn.kernels.voxelize_predicates import orientation_2d, orientation_3d

# Roundings in a linear form: below 24 and 40 units of 2**-53 of the largest term (counted, then doubled).
_LINE_ERROR = 48 * 2.0**-53
_PLANE_ERROR = 80 * 2.0**-53
_SMALL = 12  # a box of so few cells is tested cell by cell; narrowing its ranges would cost more than it saves


@kernel
def _line(slope_p, slope_q, ap, aq):
    """The largest value over the corners of cell (i, j) of a linear form that is 0 at a: slopes . (i, j) + [2]."""
    return slope_p, slope_q, max(slope_p, 0.0) + max(slope_q, 0.0) - slope_p * ap - slope_q * aq


@kernel
def _outline(a, b, c, turn, turn_error, reach):
    """Three lines ((slope, slope, constant), ...) that are all >= 0 on the cells a projected triangle meets.

    `turn` is twice the signed area. Also the bound on the error of their values, and the sign of `turn`.
    """
    ab_p, ab_q, bc_p, bc_q, ca_p, ca_q = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1], a[0] - c[0], a[1] - c[1]
    ab, bc, ca = abs(ab_p) + abs(ab_q), abs(bc_p) + abs(bc_q), abs(ca_p) + abs(ca_q)
    error = _LINE_ERROR * reach * max(ab, bc, ca)
    if abs(turn) <= 8 * 2.0**-53 * turn_error and turn_error > 0.0:
        turn = float(orientation_2d(a[0], a[1], b[0], b[1], c[0], c[1]))
    if turn != 0.0:
        sign = 1.0 if turn > 0.0 else -1.0
        return (
            _line(-sign * ab_q, sign * ab_p, a[0], a[1]),
            _line(-sign * bc_q, sign * bc_p, b[0], b[1]),
            _line(-sign * ca_q, sign * ca_p, c[0], c[1]),
            error,
            sign,
        )
    # Seen edge-on: the line through the three points, from both sides. The box axes limit its length.
    if bc >= ab and bc >= ca:
        ab_p, ab_q = bc_p, bc_q
    elif ca >= ab:
        ab_p, ab_q = ca_p, ca_q
    return _line(-ab_q, ab_p, c[0], c[1]), _line(ab_q, -ab_p, c[0], c[1]), (0.0, 0.0, 1.0 + error), error, 0.0


@kernel
def _reaches_exactly(p, q, sign, i, j):
    """Is a corner of cell (i, j) on the line through p and q, or to its left (its right for a sign of -1)?

    The corner farthest to that side decides; a difference of two floats has the right sign.
    """
    corner_i = float(i + 1 if (p[1] - q[1]) * sign > 0.0 else i)
    corner_j = float(j + 1 if (q[0] - p[0]) * sign > 0.0 else j)
    return orientation_2d(p[0], p[1], q[0], q[1], corner_i, corner_j) * sign >= 0.0


@kernel
def _meets_outline_exactly(a, b, c, turn, i, j):
    """Is cell (i, j) on the inner side of all edges, or of the line that an edge-on triangle is seen as?"""
    for p, q in ((a, b), (b, c), (c, a)):
        if turn >= 0.0 and not _reaches_exactly(p, q, 1.0, i, j):
            return False
        if turn <= 0.0 and not _reaches_exactly(p, q, -1.0, i, j):
            return False
    return True


@kernel
def _meets_outline(lines, a, b, c, i, j):
    first, second, third, error, turn = lines
    value = min(
        first[0] * i + first[1] * j + first[2],
        second[0] * i + second[1] * j + second[2],
        third[0] * i + third[1] * j + third[2],
    )
    return value > error or (value >= -error and _meets_outline_exactly(a, b, c, turn, i, j))


@kernel
def _meets_plane_exactly(a, b, c, i, j, k):
    above = below = False
    for corner in range(8):
        side = orientation_3d(
            a, b, c, float(i + (corner & 1)), float(j + ((corner >> 1) & 1)), float(k + (corner >> 2))
        )
        above = above or side >= 0
        below = below or side <= 0
        if above and below:
            return True
    return False


@kernel
def _clip(line, error, i, low, high):
    """Narrow the cells j in low..high (floats) to those where the line may be >= 0 in row i; low > high for none."""
    rest = line[0] * i + line[2] + error
    if line[1] > 0.0:
        low = max(low, min(np.ceil(-rest / line[1] - 1e-9), high + 1.0))
    elif line[1] < 0.0:
        high = min(high, max(np.floor(-rest / line[1] + 1e-9), low - 1.0))
    elif rest < 0.0:
        high = low - 1.0
    return low, high


@kernel
def _clip_row(lines, i, low, high):
    first, second, third, error, _ = lines
    low, high = _clip(first, error, i, low, high)
    low, high = _clip(second, error, i, low, high)
    return _clip(third, error, i, low, high)


@kernel
def _mark_one_layer(grid, base, stride_u, stride_v, a, b, c, low_u, high_u, low_v, high_v, reach):
    """The triangle lies inside one layer of cells along w: only its outline in (u, v) matters."""
    left, right = (b[0] - a[0]) * (c[1] - a[1]), (b[1] - a[1]) * (c[0] - a[0])
    lines = _outline(a, b, c, left - right, abs(left) + abs(right), reach)
    small = (high_u - low_u + 1) * (high_v - low_v + 1) <= _SMALL
    first, last = low_v, high_v
    for i in range(low_u, high_u + 1):
        if not small:
            start, stop = _clip_row(lines, float(i), float(low_v), float(high_v))
            first, last = int(start), int(stop)
        for j in range(first, last + 1):
            cell = base + i * stride_u + j * stride_v
            if grid[cell] == 0 and _meets_outline(lines, a, b, c, i, j):
                grid[cell] = 1


@kernel
def _mark(grid, strides, a, b, c, low, high, normal, error, reach):
    """The general triangle in its frame (u, v, w): rows along u, columns along v, cells along w."""
    nu, nv, nw = normal
    stride_u, stride_v, stride_w = strides
    a_uv, b_uv, c_uv = (a[0], a[1]), (b[0], b[1]), (c[0], c[1])
    a_uw, b_uw, c_uw = (a[0], a[2]), (b[0], b[2]), (c[0], c[2])
    a_vw, b_vw, c_vw = (a[1], a[2]), (b[1], b[2]), (c[1], c[2])
    uv = _outline(a_uv, b_uv, c_uv, nw, error[2], reach)
    uw = _outline(a_uw, b_uw, c_uw, -nv, error[1], reach)
    vw = _outline(a_vw, b_vw, c_vw, nu, error[0], reach)
    # n . (cell's centre - a), within half the extent of the cube along n where the plane meets the cell.
    plane_error = _PLANE_ERROR * (error[0] + error[1] + error[2]) * reach
    radius = 0.5 * (abs(nu) + abs(nv) + abs(nw))
    if error[0] == 0.0 and error[1] == 0.0:  # it lies along an axis, so that the box has decided
        radius = np.inf
    offset = 0.5 * (nu + nv + nw) - (nu * a[0] + nv * a[1] + nw * a[2])
    tall = abs(nw) * 2.0**-20 > plane_error  # else the plane says too little about w
    per_w = 1.0 / nw if tall else 0.0
    half = (radius + plane_error) * abs(per_w) + 1e-9
    small = (high[0] - low[0] + 1) * (high[1] - low[1] + 1) * (high[2] - low[2] + 1) <= _SMALL
    first_v, last_v = low[1], high[1]
    start_w, stop_w = float(low[2]), float(high[2])
    for i in range(low[0], high[0] + 1):
        if not small:
            start, stop = _clip_row(uv, float(i), float(low[1]), float(high[1]))
            first_v, last_v = int(start), int(stop)
            if not tall:
                start_w, stop_w = _clip_row(uw, float(i), float(low[2]), float(high[2]))
        for j in range(first_v, last_v + 1):
            if not _meets_outline(uv, a_uv, b_uv, c_uv, i, j):
                continue
            column = nu * i + nv * j + offset
            if tall:
                middle = min(max(-column * per_w, low[2] - 2.0 - half), high[2] + 2.0 + half)  # fits an integer
                first_w = int(max(float(low[2]), np.ceil(middle - half)))
                last_w = int(min(float(high[2]), np.floor(middle + half)))
            else:
                start, stop = _clip_row(vw, float(j), start_w, stop_w)
                first_w, last_w = int(start), int(stop)
            for k in range(first_w, last_w + 1):
                cell = i * stride_u + j * stride_v + k * stride_w
                distance = abs(column + nw * k) - radius
                if (
                    grid[cell] == 0
                    and distance <= plane_error
                    and _meets_outline(uw, a_uw, b_uw, c_uw, i, k)
                    and _meets_outline(vw, a_vw, b_vw, c_vw, j, k)
                    and (distance < -plane_error or _meets_plane_exactly(a, b, c, i, j, k))
                ):
                    grid[cell] = 1


@kernel
def _turned(p, w, swapped):
    """(x, y, z) as (u, v, w) where w is that axis and u, v are the two after it, or swapped."""
    u = p[1] if w == 0 else (p[2] if w == 1 else p[0])
    v = p[2] if w == 0 else (p[0] if w == 1 else p[1])
    return (v if swapped else u), (u if swapped else v), (p[0] if w == 0 else (p[1] if w == 1 else p[2]))


@kernel
def mark_triangle(grid, shape, a, b, c):
    """Set the cells of the flat `grid` whose closed unit cube meets the triangle abc."""
    # The cells of the bounding box: the closed interval [i, i+1] reaches up to the lowest corner from i = ceil - 1 on.
    box_low = (
        np.ceil(min(a[0], b[0], c[0])) - 1.0,
        np.ceil(min(a[1], b[1], c[1])) - 1.0,
        np.ceil(min(a[2], b[2], c[2])) - 1.0,
    )
    box_high = (
        np.floor(max(a[0], b[0], c[0])),
        np.floor(max(a[1], b[1], c[1])),
        np.floor(max(a[2], b[2], c[2])),
    )
    if (
        min(box_high[0], box_high[1], box_high[2]) < 0.0
        or box_low[0] >= shape[0]
        or box_low[1] >= shape[1]
        or box_low[2] >= shape[2]
    ):
        return
    low_x, high_x = int(max(box_low[0], 0.0)), int(min(box_high[0], shape[0] - 1.0))
    low_y, high_y = int(max(box_low[1], 0.0)), int(min(box_high[1], shape[1] - 1.0))
    low_z, high_z = int(max(box_low[2], 0.0)), int(min(box_high[2], shape[2] - 1.0))
    strides = (shape[1] * shape[2], shape[2], 1)
    size = (box_high[0] - box_low[0], box_high[1] - box_low[1], box_high[2] - box_low[2])
    wide_axes = int(size[0] > 0.0) + int(size[1] > 0.0) + int(size[2] > 0.0)
    if wide_axes <= 1:  # inside one row of cells, so it meets all from end to end
        for x in range(low_x, high_x + 1):
            for y in range(low_y, high_y + 1):
                for z in range(low_z, high_z + 1):
                    grid[x * strides[0] + y * strides[1] + z] = 1
        return
    low, high = (low_x, low_y, low_z), (high_x, high_y, high_z)
    reach = 2.0 + max(
        shape[0],
        shape[1],
        shape[2],
        -min(box_low[0], box_low[1], box_low[2]),
        max(box_high[0], box_high[1], box_high[2]),
    )
    if wide_axes == 2:
        w = 0 if size[0] == 0.0 else (1 if size[1] == 0.0 else 2)
    else:
        ab, ac = (b[0] - a[0], b[1] - a[1], b[2] - a[2]), (c[0] - a[0], c[1] - a[1], c[2] - a[2])
        plus = (ab[1] * ac[2], ab[2] * ac[0], ab[0] * ac[1])
        minus = (ab[2] * ac[1], ab[0] * ac[2], ab[1] * ac[0])
        normal = (plus[0] - minus[0], plus[1] - minus[1], plus[2] - minus[2])
        error = (abs(plus[0]) + abs(minus[0]), abs(plus[1]) + abs(minus[1]), abs(plus[2]) + abs(minus[2]))
        steepest = max(abs(normal[0]), abs(normal[1]), abs(normal[2]))
        w = 0 if abs(normal[0]) == steepest else (1 if abs(normal[1]) == steepest else 2)
    size_u, size_v, _ = _turned(size, w, False)
    swapped = size_v > size_u
    a, b, c = _turned(a, w, swapped), _turned(b, w, swapped), _turned(c, w, swapped)
    low, high, strides = _turned(low, w, swapped), _turned(high, w, swapped), _turned(strides, w, swapped)
    if wide_axes == 2:
        _mark_one_layer(
            grid, low[2] * strides[2], strides[0], strides[1], (a[0], a[1]), (b[0], b[1]), (c[0], c[1]),
            low[0], high[0], low[1], high[1], reach,
        )  # fmt: skip
    else:
        normal, error = _turned(normal, w, swapped), _turned(error, w, swapped)
        if swapped:  # an odd permutation mirrors the frame
            normal = (-normal[0], -normal[1], -normal[2])
        _mark(grid, strides, a, b, c, low, high, normal, error, reach)
