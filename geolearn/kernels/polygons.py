"""Triangles of polygons by cutting ears, concave polygons included.

An ear is a corner whose triangle lies inside the polygon. The ear of the best shape is cut off, and again, until three
corners are left (Held, "FIST: fast industrial-strength triangulation of polygons", Algorithmica 30, 2001). Corners on a
straight side stay corners, so that the triangles fit those of the neighbouring polygon. A hole that is joined to the
outside by an edge there and back is a polygon like any other.

Corners are rounded to a grid of 2^28 cells along the longer side of the polygon. On it every sign is that of whole
numbers, so no rounding can make two answers contradict each other. The time grows like the corners times the few that
lie near an ear.
"""

import numpy as np

from geolearn.kernels.threads import kernel

_CELLS = 2.0**28
_SLACK = 8  # cells by which rounding may move a corner off the straight line that it was on
_CHOICE = 64  # ears that are compared before the best one is cut
_UNKNOWN, _NO_EAR, _LOOSE_EAR, _EAR = 0, 1, 2, 3


@kernel
def _turn(points, a, b, c):
    """Twice the area of a, b, c in cells: positive where they turn counter-clockwise, 0 where they lie on a line."""
    left = (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1])
    return left - (points[b, 1] - points[a, 1]) * (points[c, 0] - points[a, 0])


@kernel
def _length(points, a, b):
    return max(abs(points[a, 0] - points[b, 0]), abs(points[a, 1] - points[b, 1]))


@kernel
def _equal(points, a, b):
    return points[a, 0] == points[b, 0] and points[a, 1] == points[b, 1]


@kernel
def _enters(points, tip, before, behind, other):
    """Does the way from `tip` to `other` run inside the convex corner between `behind` and `before`?"""
    return _turn(points, tip, behind, other) > 0 and _turn(points, tip, other, before) > 0


@kernel
def _in_the_way(points, before, behind, a, tip, c, other):
    """What the corner `other` makes of an ear: still one, a loose one where it is close to it, or none."""
    if other in (a, tip, c):
        return _EAR
    if _equal(points, other, tip):
        enters = _enters(points, tip, a, c, before[other]) or _enters(points, tip, a, c, behind[other])
        return _NO_EAR if enters else _EAR
    if _equal(points, other, a) or _equal(points, other, c):
        return _EAR
    cut = _turn(points, c, a, other)
    first, second = _turn(points, a, tip, other), _turn(points, tip, c, other)
    if cut < -_SLACK * _length(points, a, c) or first < 0 or second < 0:
        return _EAR
    if cut == 0 or (cut > 0 and first > 0 and second > 0):
        return _NO_EAR
    return _LOOSE_EAR


@kernel
def _judge(points, before, behind, tip, left, starts, members, side):
    """Is the corner `tip` an ear? A loose ear is nearly flat, or has other corners on its sides or close to the cut.

    Looks at the `left` corners that are not yet cut off, or at those in the cells around the ear where these are fewer.
    """
    a, c = before[tip], behind[tip]
    area = _turn(points, a, tip, c)
    if area <= 0:
        return _NO_EAR
    verdict = _EAR if area > _SLACK * _length(points, a, c) else _LOOSE_EAR
    low_x = min(points[a, 0], points[tip, 0], points[c, 0]) - _SLACK
    high_x = max(points[a, 0], points[tip, 0], points[c, 0]) + _SLACK
    low_y = min(points[a, 1], points[tip, 1], points[c, 1]) - _SLACK
    high_y = max(points[a, 1], points[tip, 1], points[c, 1]) + _SLACK
    first_x, last_x = max(low_x // side, 0), high_x // side
    first_y, last_y = max(low_y // side, 0), high_y // side
    cells = 2**28 // side + 1
    last_x, last_y = min(last_x, cells - 1), min(last_y, cells - 1)
    if (last_x - first_x + 1) * (last_y - first_y + 1) >= left:
        other = behind[c]
        while other != a:
            x, y = points[other, 0], points[other, 1]
            if low_x <= x <= high_x and low_y <= y <= high_y:
                verdict = min(verdict, _in_the_way(points, before, behind, a, tip, c, other))
                if verdict == _NO_EAR:
                    return verdict
            other = behind[other]
        return verdict
    for row in range(first_x, last_x + 1):
        for place in range(starts[row * cells + first_y], starts[row * cells + last_y + 1]):
            other = members[place]
            x, y = points[other, 0], points[other, 1]
            if before[other] >= 0 and low_x <= x <= high_x and low_y <= y <= high_y:
                verdict = min(verdict, _in_the_way(points, before, behind, a, tip, c, other))
                if verdict == _NO_EAR:
                    return verdict
    return verdict


@kernel
def _shape(points, a, b, c):
    """Twice the area over the square of the longest side: 0 for a line, 0.87 for the best triangle."""
    longest = max(_length(points, a, b), _length(points, b, c), _length(points, c, a))
    return _turn(points, a, b, c) / (float(longest) * float(longest)) if longest > 0 else 0.0


@kernel
def _best_ear(points, before, behind, start, left, state, shape, level, starts, members, side):
    """The corner to cut next and the level that had to be gone to: the best ear, else the best loose one, else any.

    Of many ears the best of the first `_CHOICE` from `start` on.
    """
    for wanted in range(level, _NO_EAR, -1):
        for again in range(2):
            best, best_shape, found = -1, -1.0, 0
            corner = start
            while True:
                if state[corner] == _UNKNOWN:
                    state[corner] = _judge(points, before, behind, corner, left, starts, members, side)
                    shape[corner] = _shape(points, before[corner], corner, behind[corner])
                if state[corner] >= wanted:
                    found += 1
                    if shape[corner] > best_shape:
                        best, best_shape = corner, shape[corner]
                corner = behind[corner]
                if corner == start or found == _CHOICE:
                    break
            if best >= 0:
                return best, level
            if again == 0:  # a corner that was in the way may be gone
                while state[corner] != _UNKNOWN:
                    state[corner] = _UNKNOWN
                    corner = behind[corner]
    # What is left has no area, or the polygon crosses itself: first the corners without area, then the best shape.
    best, best_shape = start, -np.inf
    corner = start
    for _ in range(_CHOICE):
        value = _shape(points, before[corner], corner, behind[corner])
        if value == 0.0:
            return corner, _NO_EAR
        if value > best_shape:
            best, best_shape = corner, value
        corner = behind[corner]
        if corner == start:
            break
    return best, _NO_EAR


@kernel(allocates=True)
def _cells(points):
    """The corners by square cells, about as many: where each cell begins in the list, the list, and a cell's side."""
    across = 1
    while across * across < len(points) and across < 2**14:
        across *= 2
    side = 2**28 // across
    cells = 2**28 // side + 1
    starts = np.zeros(cells * cells + 1, np.int64)
    for i in range(len(points)):
        starts[points[i, 0] // side * cells + points[i, 1] // side + 1] += 1
    starts = np.cumsum(starts)
    filled, members = starts.copy(), np.empty(len(points), np.int64)
    for i in range(len(points)):
        cell = points[i, 0] // side * cells + points[i, 1] // side
        members[filled[cell]] = i
        filled[cell] += 1
    return starts, members, side


@kernel(allocates=True)
def _flatten(verts, corners):
    """The corners (n, 2) in cells, seen along the longest axis of their normal, counter-clockwise."""
    normal = np.zeros(3)  # Newell's: the sum over edges, about the first corner
    low, high = verts[corners[0]].copy(), verts[corners[0]].copy()
    for i in range(len(corners)):
        p, q = corners[i], corners[(i + 1) % len(corners)]
        for axis in range(3):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (verts[p, u] - verts[corners[0], u]) * (verts[q, v] - verts[corners[0], v])
            normal[axis] -= (verts[p, v] - verts[corners[0], v]) * (verts[q, u] - verts[corners[0], u])
            low[axis], high[axis] = min(low[axis], verts[p, axis]), max(high[axis], verts[p, axis])
    longest = 0
    for axis in range(1, 3):
        if abs(normal[axis]) > abs(normal[longest]):
            longest = axis
    u, v = (longest + 1) % 3, (longest + 2) % 3
    if normal[longest] < 0.0:
        u, v = v, u
    extent = max(high[u] - low[u], high[v] - low[v])
    scale = _CELLS / extent if extent > 0.0 else 0.0
    points = np.empty((len(corners), 2), np.int64)
    for i in range(len(corners)):
        points[i, 0] = int(np.rint((verts[corners[i], u] - low[u]) * scale))
        points[i, 1] = int(np.rint((verts[corners[i], v] - low[v]) * scale))
    return points


@kernel(allocates=True)
def cut_ears(verts, corners, first, count, triangles):
    """Triangles (T, 3) of polygons, as positions in `corners` (int64, indices into `verts` float64 (V, 3), finite).

    Polygon i has the corners first[i] .. first[i] + count[i] - 1 and gets count[i] - 2 triangles, in its own sense.
    """
    row = 0
    for polygon in range(len(first)):
        n = count[polygon]
        points = _flatten(verts, corners[first[polygon] : first[polygon] + n])
        before, behind = np.arange(n) - 1, np.arange(n) + 1
        before[0], behind[n - 1] = n - 1, 0
        state, shape = np.zeros(n, np.uint8), np.zeros(n)
        starts, members, side = _cells(points)
        start, level = 0, _EAR
        for done in range(n - 2):
            tip, level = _best_ear(points, before, behind, start, n - done, state, shape, level, starts, members, side)
            a, c = before[tip], behind[tip]
            triangles[row, 0] = first[polygon] + a
            triangles[row, 1] = first[polygon] + tip
            triangles[row, 2] = first[polygon] + c
            row += 1
            behind[a], before[c], before[tip] = c, a, -1
            state[a] = state[c] = _UNKNOWN
            start = c


@kernel
def fan_fits(verts, corners, first, count, flat, fits):
    """Set `fits` where no triangle of the polygon's fan is turned over, or flatter than `flat` times a side squared."""
    for polygon in range(len(first)):
        origin, n = corners[first[polygon]], count[polygon]
        nx = ny = nz = 0.0
        for sweep in range(2):  # first the normal, the sum of those of the triangles; then each triangle against it
            good = True
            for i in range(1, n - 1):
                p, q = corners[first[polygon] + i], corners[first[polygon] + i + 1]
                ax, ay, az = (
                    verts[p, 0] - verts[origin, 0],
                    verts[p, 1] - verts[origin, 1],
                    verts[p, 2] - verts[origin, 2],
                )
                bx, by, bz = (
                    verts[q, 0] - verts[origin, 0],
                    verts[q, 1] - verts[origin, 1],
                    verts[q, 2] - verts[origin, 2],
                )
                x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
                if sweep == 0:
                    nx, ny, nz = nx + x, ny + y, nz + z
                else:
                    side_a, side_b = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
                    side_c = (bx - ax) ** 2 + (by - ay) ** 2 + (bz - az) ** 2
                    if min(side_a, side_b, side_c) > 0.0:  # two corners in one place: nothing makes that better
                        good = good and x * nx + y * ny + z * nz > flat * max(side_a, side_b)
            if sweep == 0:
                norm = np.sqrt(nx * nx + ny * ny + nz * nz)
                if norm > 0.0:
                    nx, ny, nz = nx / norm, ny / norm, nz / norm
        fits[polygon] = good
