"""Fill by the generalised winding number, which stays meaningful where a surface has holes.

w(q) is the sum over triangles of the signed solid angle at q, over 4 pi (Jacobson, Kavan and Sorkine-Hornung, "Robust
inside-outside segmentation using generalized winding numbers", SIGGRAPH 2013). It is split as in their section 4.2: a
cap C with the boundary of the mesh M makes M - C closed, so that w_M = w_(M-C) + w_C. The first is an integer, the
signed number of crossings above q; only the second, of one triangle per boundary edge, needs solid angles.

Far groups of those are replaced by the first two terms of their expansion (Barill, Dickson, Schmidt, Levin and
Jacobson, "Fast winding numbers for soups and clouds", SIGGRAPH 2018): a group with area vector N and first moment M
about its centre p acts as

    N . g(r) + sum_ij M_ij dg_i/dr_j (r),    g(r) = r / (4 pi |r|^3),    r = p - q.
"""

import math

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.voxelize_crossings import cap, crossings_above, triangles_by_layer

_LEAF = 8  # triangles whose solid angles are summed one by one
_FAR = 4.0  # a group is far at so many radii; then w is off by less than 0.02 (tested), where 0.5 decides
_DEPTH = 64  # of the stack; a binary tree needs one entry per level


@kernel
def _solid_angle(a, b, c):
    """Signed solid angle of a triangle seen from the origin (Van Oosterom and Strackee, 1983)."""
    la = math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
    lb = math.sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
    lc = math.sqrt(c[0] * c[0] + c[1] * c[1] + c[2] * c[2])
    volume = (
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    ab = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    bc = b[0] * c[0] + b[1] * c[1] + b[2] * c[2]
    ca = c[0] * a[0] + c[1] * a[1] + c[2] * a[2]
    return 2.0 * math.atan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)


@kernel
def _triangles_of(group, first_leaf, count):
    """First and last + 1 of the triangles below a group."""
    leaf, leaves = group, 1
    while leaf < first_leaf:
        leaf, leaves = 2 * leaf + 1, 2 * leaves
    start = min((leaf - first_leaf) * _LEAF, count)
    return start, min(start + leaves * _LEAF, count)


@parallel_kernel
def _expand_groups(corners, first_leaf, centre, squared_radius, moments):
    """Fill the groups of a heap-ordered binary tree: children of k are 2k+1 and 2k+2, leaves start at `first_leaf`.

    `corners` float64 (F, 3, 3) are in an order in which neighbours are near. `moments` (groups, 12): N, then M.
    """
    for group in numba.prange(len(centre)):
        start, stop = _triangles_of(group, first_leaf, len(corners))
        total, plain, weighted = 0.0, np.zeros(3), np.zeros(3)
        for pass_ in range(2):
            if pass_ == 1 and stop > start:
                for axis in range(3):
                    centre[group, axis] = weighted[axis] / total if total > 0.0 else plain[axis] / (stop - start)
            for f in range(start, stop):
                ab, ac = corners[f, 1] - corners[f, 0], corners[f, 2] - corners[f, 0]
                nx = 0.5 * (ab[1] * ac[2] - ab[2] * ac[1])
                ny = 0.5 * (ab[2] * ac[0] - ab[0] * ac[2])
                nz = 0.5 * (ab[0] * ac[1] - ab[1] * ac[0])
                middle = (corners[f, 0] + corners[f, 1] + corners[f, 2]) / 3.0
                if pass_ == 0:
                    area = math.sqrt(nx * nx + ny * ny + nz * nz)
                    total += area
                    plain += middle
                    weighted += area * middle
                    continue
                for corner in range(3):
                    away = corners[f, corner] - centre[group]
                    squared_radius[group] = max(squared_radius[group], np.sum(away * away))
                for i, n in enumerate((nx, ny, nz)):
                    moments[group, i] += n
                    for j in range(3):
                        moments[group, 3 + 3 * i + j] += n * (middle[j] - centre[group, j])


@kernel
def winding_number_at(qx, qy, qz, corners, first_leaf, centre, squared_radius, moments, stack):
    total = 0.0
    stack[0] = 0
    waiting = 1
    while waiting:
        waiting -= 1
        group = stack[waiting]
        x, y, z = centre[group, 0] - qx, centre[group, 1] - qy, centre[group, 2] - qz
        squared = x * x + y * y + z * z
        if squared > _FAR * _FAR * squared_radius[group]:
            m = moments[group]
            inverse = 1.0 / squared
            trace = m[3] + m[7] + m[11]
            quadratic = (
                x * (m[3] * x + m[4] * y + m[5] * z)
                + y * (m[6] * x + m[7] * y + m[8] * z)
                + z * (m[9] * x + m[10] * y + m[11] * z)
            )
            total += (m[0] * x + m[1] * y + m[2] * z + trace - 3.0 * quadratic * inverse) * inverse * math.sqrt(inverse)
        elif group < first_leaf:
            stack[waiting] = 2 * group + 2
            stack[waiting + 1] = 2 * group + 1
            waiting += 2
        else:
            start = (group - first_leaf) * _LEAF
            for f in range(start, min(start + _LEAF, len(corners))):
                total += _solid_angle(
                    (corners[f, 0, 0] - qx, corners[f, 0, 1] - qy, corners[f, 0, 2] - qz),
                    (corners[f, 1, 0] - qx, corners[f, 1, 1] - qy, corners[f, 1, 2] - qz),
                    (corners[f, 2, 0] - qx, corners[f, 2, 1] - qy, corners[f, 2, 2] - qz),
                )
    return total / (4.0 * math.pi)


@parallel_kernel
def _mark_wound(surface, closed, signs, starts, layers, corners, first_leaf, centre, squared_radius, moments):
    nx, ny, nz = surface.shape
    for x in numba.prange(nx):
        crossings = crossings_above(x, ny, nz, closed, signs, layers[starts[x] : starts[x + 1]])
        stack = np.empty(_DEPTH, np.int64)
        for y in range(ny):
            above = 0
            for z in range(nz - 1, -1, -1):
                above += crossings[y, z]
                if surface[x, y, z] == 0:
                    w = float(above)
                    if len(corners):
                        w += winding_number_at(
                            x + 0.5, y + 0.5, z + 0.5, corners, first_leaf, centre, squared_radius, moments, stack
                        )
                    surface[x, y, z] = abs(w) > 0.5


def interleaved_bits(positions: np.ndarray) -> np.ndarray:
    """Morton codes: positions (N, 3) on a lattice of 1024 to the side, their bits interleaved."""
    low, high = positions.min(0), positions.max(0)
    lattice = ((positions - low) / max(float((high - low).max()), np.finfo(float).tiny) * 1023).astype(np.int64)
    code = np.zeros(len(positions), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= (lattice[:, axis] >> bit & 1) << (3 * bit + axis)
    return code


def fill_wound(surface: np.ndarray, points: np.ndarray, faces: np.ndarray) -> None:
    """Set every cell of `surface` uint8 (nx, ny, nz) at whose centre |w| > 1/2; `points` in cell units."""
    if len(faces) == 0:
        return
    corners = cap(points, faces)
    if len(corners) < len(faces):
        closed = np.concatenate([points[faces], corners])
        signs = np.repeat([1, -1], [len(faces), len(corners)])
    else:  # a soup of loose triangles is its own best cap
        corners = points[faces]
        closed, signs = np.empty((0, 3, 3)), np.empty(0, np.int64)
    starts, layers = triangles_by_layer(closed, surface.shape[0])
    if len(corners):
        corners = corners[np.argsort(interleaved_bits(corners.mean(1)), kind="stable")]
    _mark_wound(surface, closed, signs, starts, layers, *grow_tree(corners))


def grow_tree(corners: np.ndarray) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]:
    """The tree over triangles (F, 3, 3), as `winding_number_at` takes it."""
    leaves = 1 << max(math.ceil(len(corners) / _LEAF) - 1, 0).bit_length()
    centre, squared_radius = np.zeros((2 * leaves - 1, 3)), np.zeros(2 * leaves - 1)
    moments = np.zeros((2 * leaves - 1, 12))
    _expand_groups(corners, leaves - 1, centre, squared_radius, moments)
    return corners, leaves - 1, centre, squared_radius, moments
