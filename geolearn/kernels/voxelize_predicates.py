"""Exact signs of orientation determinants for float64 points.

After Shewchuk, "Adaptive precision floating-point arithmetic and fast robust geometric predicates" (Discrete &
Computational Geometry 18, 1997). A plain float64 value that exceeds the bound on its rounding error has the right sign.
Else the terms of the determinant are added as an expansion, a list of float64 numbers of growing magnitude whose exact
sum is the determinant, so that the last one has its sign. Exact as long as no product of three coordinates underflows
or overflows.
"""

import numpy as np

from geolearn.kernels.threads import kernel


@kernel
def _two_sum(a, b):
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


@kernel
def two_product(a, b):
    product = a * b
    scaled = 134217729.0 * a  # 2**27 + 1 splits a float64 into two halves of 26 bits
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = 134217729.0 * b
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


@kernel
def _add(expansion, length, value):
    """Add `value` to the expansion in place, dropping zeros; returns the new length."""
    kept = 0
    for i in range(length):
        value, error = _two_sum(value, expansion[i])
        if error != 0.0:
            expansion[kept] = error
            kept += 1
    if value != 0.0:
        expansion[kept] = value
        kept += 1
    return kept


@kernel
def _add_product(expansion, length, a, b, c):
    """Add a * b * c exactly."""
    product, error = two_product(a, b)
    for part in (error, product):
        if part != 0.0:
            high, low = two_product(part, c)
            length = _add(expansion, length, low)
            length = _add(expansion, length, high)
    return length


@kernel
def _sign(expansion, length):
    if length == 0:
        return 0
    return 1 if expansion[length - 1] > 0.0 else -1


@kernel(allocates=True)
def orientation_2d(ax, ay, bx, by, cx, cy):
    """Sign of (b - a) x (c - a): 1 where a, b, c turn counter-clockwise, 0 where they lie on a line."""
    left, right = (ax - cx) * (by - cy), (ay - cy) * (bx - cx)
    error = 4 * 2.0**-53 * (abs(left) + abs(right))
    if abs(left - right) > error or error == 0.0:
        return int(left > right) - int(left < right)
    terms = np.empty(16)
    length = _add_product(terms, 0, ax, by, 1.0)
    length = _add_product(terms, length, -ay, bx, 1.0)
    length = _add_product(terms, length, bx, cy, 1.0)
    length = _add_product(terms, length, -by, cx, 1.0)
    length = _add_product(terms, length, cx, ay, 1.0)
    length = _add_product(terms, length, -cy, ax, 1.0)
    return _sign(terms, length)


@kernel(allocates=True)
def orientation_3d(a, b, c, x, y, z):
    """Sign of ((b - p) x (c - p)) . (a - p) for the point p = (x, y, z): on which side of the plane abc p lies."""
    ax, ay, az, bx, by, bz, cx, cy, cz = (
        a[0] - x, a[1] - y, a[2] - z, b[0] - x, b[1] - y, b[2] - z, c[0] - x, c[1] - y, c[2] - z
    )  # fmt: skip
    value = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    size = (
        abs(ax) * (abs(by * cz) + abs(bz * cy))
        + abs(ay) * (abs(bz * cx) + abs(bx * cz))
        + abs(az) * (abs(bx * cy) + abs(by * cx))
    )
    if abs(value) > 8 * 2.0**-53 * size or size == 0.0:
        return int(value > 0.0) - int(value < 0.0)
    p = (x, y, z)
    # A difference of two float64 is exactly a float64 and a tail; the tail is mostly zero.
    difference = np.empty((3, 3, 2))
    for i, corner in enumerate((a, b, c)):
        for axis in range(3):
            difference[i, axis, 0], difference[i, axis, 1] = _two_sum(corner[axis], -p[axis])
    terms = np.empty(256)
    length = 0
    for first in range(3):
        for parity in range(2):
            second = (first + 1 + parity) % 3
            third = 3 - first - second
            for parts in range(8):
                product = difference[0, first, parts & 1]
                if parity:
                    product = -product
                length = _add_product(
                    terms,
                    length,
                    product,
                    difference[1, second, (parts >> 1) & 1],
                    difference[2, third, parts >> 2],
                )
    return _sign(terms, length)
