"""Positions from float64 to float32 without bending the shape: far from 0 they count from an origin of their own.

float32 keeps 24 bits. A house 10 m long in a map grid, 5,000 km from 0, has its corners moved by up to 25 cm.
"""

import numpy as np

from geolearn.typing import Array

# Of the longest side: a 256th of a cell at 512 cells a side.
LARGEST_ROUNDING = 2.0**-17
_MOST = float(np.nextafter(2.0**128 - 2.0**103, 0.0))  # what is larger rounds to infinity


def about_origin(verts: Array, used: Array | slice) -> tuple[Array, Array | None]:
    """Positions (V, 3) that fit float32 in it, and the origin (float64, (3,)) that they count from, or None for 0.

    Where rounding to float32 would move one of the vertices `used` by more than `LARGEST_ROUNDING` times the longest
    side of their box, they count from the middle of the box, rounded to a power of two below that side. So what a file
    holds in float32 stays as it is, and so does what is not very far from 0 for its size.
    """
    if verts.dtype == np.float32:
        return np.ascontiguousarray(verts), None
    rounded = np.ascontiguousarray(verts, dtype=np.float32)
    if not is_far_from_0(verts, used):
        return rounded, None
    low, high = _box(verts, used)
    longest, moved = float((high - low).max()), np.abs(rounded - verts)[used]
    if not moved.max() > LARGEST_ROUNDING * longest:
        return rounded, None
    step = 2.0 ** np.floor(np.log2(longest))
    origin = np.round((low / 2 + high / 2) / step) * step
    return (verts - origin).astype(np.float32), origin


def is_far_from_0(verts: Array, used: Array | slice) -> bool:
    """Whether float32 can move positions (V, 3) by more than `LARGEST_ROUNDING` times their longest side."""
    low, high = (each.astype(np.float64) for each in _box(verts, used))
    longest, reach = float((high - low).max(initial=0)), float(np.abs([low, high]).max(initial=0))
    return longest > 0 and reach * 2.0**-24 > LARGEST_ROUNDING * longest


def _box(verts: Array, used: Array | slice) -> tuple[Array, Array]:
    chosen = verts if isinstance(used, slice) or used.all() else verts[used]
    if len(chosen) == 0:
        return np.zeros(3), np.zeros(3)
    return chosen.min(axis=0), chosen.max(axis=0)


def fits_float32(verts: Array) -> Array | None:
    """bool (V,): which positions are finite and not beyond float32; None where all are."""
    if verts.size == 0 or (verts.max() <= _MOST and verts.min() >= -_MOST):  # False where one is NaN
        return None
    return np.logical_and.reduce(np.abs(verts) <= _MOST, axis=1)
