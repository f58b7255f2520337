"""Polygons of a file as triangles."""

import numpy as np

from geolearn.typing import Array

_FEW = 2**14  # polygons that NumPy tests before the compiler is loaded
_FLAT = 1e-7  # height of a triangle over its side, below which a corner counts as one on a straight line


def ragged_positions(start: Array, count: Array) -> Array:
    """The positions start[i], start[i] + 1, ..., start[i] + count[i] - 1 for every i, in one flat array."""
    before = np.cumsum(count) - count
    return np.repeat(start - before, count) + np.arange(int(count.sum()))


def fan(first: Array, count: Array) -> Array:
    """Triangles (T, 3) of polygons that begin at `first` and have `count` corners each (>= 3), as positions of corners.

    Polygon (c0, c1, ..., cn) becomes (c0, c1, c2), (c0, c2, c3), ...
    """
    hub = np.repeat(first, count - 2)
    step = ragged_positions(np.ones_like(count), count - 2)
    return np.stack([hub, hub + step, hub + step + 1], axis=1)


def triangulate(verts: Array, corners: Array, count: Array) -> Array:
    """Triangles of polygons, polygon after polygon, count - 2 each, as positions (T, 3) in the flat list of corners.

    Every corner is one of a triangle. A polygon is cut into the fan from its first corner where that covers it, as with
    all convex ones; else a quadrilateral along its other diagonal; else ears are cut off.

    Args:
        verts: (V, 3) positions, finite where a polygon uses them.
        corners: int64, the vertices of polygon after polygon.
        count: int64 (P,), their corners, at least 3.
    """
    first = np.cumsum(count) - count
    if len(count) == 0 or int(count.max()) == 3:
        return np.arange(len(corners)).reshape(-1, 3)
    triangles = fan(first, count)
    many = np.flatnonzero(count > 3)
    many = many[~_fan_fits(verts, corners, first[many], count[many])]
    if not len(many):
        return triangles
    row = np.cumsum(count - 2) - (count - 2)  # the first triangle of each polygon
    quads = many[count[many] == 4]
    if len(quads):
        turned = first[quads][:, None] + np.array([1, 2, 3, 0])
        fits = _fan_fits(verts, corners[turned].reshape(-1), np.arange(len(quads)) * 4, count[quads])
        triangles[row[quads[fits]]] = turned[fits][:, [0, 1, 2]]
        triangles[row[quads[fits]] + 1] = turned[fits][:, [0, 2, 3]]
        many = np.setdiff1d(many, quads[fits], assume_unique=True)
    if len(many):
        from geolearn.kernels.polygons import cut_ears

        ears = np.empty((int((count[many] - 2).sum()), 3), np.int64)
        cut_ears(np.ascontiguousarray(verts, np.float64), corners, first[many], count[many], ears)
        triangles[ragged_positions(row[many], count[many] - 2)] = ears
    return triangles


def _fan_fits(verts: Array, corners: Array, first: Array, count: Array) -> Array:
    """bool: the fan from a polygon's first corner covers it, and none of its triangles is flat but by equal corners."""
    if len(first) > _FEW:
        from geolearn.kernels.polygons import fan_fits

        fits = np.empty(len(first), dtype=bool)
        fan_fits(np.ascontiguousarray(verts, np.float64), corners, first, count, _FLAT, fits)
        return fits
    hub = verts[corners[np.repeat(first, count - 2)]].astype(np.float64)
    step = ragged_positions(first + 1, count - 2)
    a, b = verts[corners[step]] - hub, verts[corners[step + 1]] - hub
    cross = np.cross(a, b)
    start = np.cumsum(count - 2) - (count - 2)
    normal = np.add.reduceat(cross, start)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.repeat(normal / np.where(length > 0, length, 1), count - 2, axis=0)
    sides = [(side * side).sum(axis=1) for side in (a, b, b - a)]
    good = (cross * normal).sum(axis=1) > _FLAT * np.maximum(sides[0], sides[1])
    good |= np.minimum.reduce(sides) == 0  # two corners in one place: nothing makes that better
    return np.logical_and.reduceat(good, start)
