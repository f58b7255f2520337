"""Which cells do the triangles of a mesh meet? Most small ones are settled by the cells of their corners."""

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel
from geolearn.kernels.voxelize_triangle import mark_triangle

_MASK = (1 << 20) - 1  # three cell indices share an int64


@kernel(allocates=True)
def used_box(verts, faces):
    """The lowest and highest corner (2, 3) of the vertices that faces use."""
    used = np.zeros(len(verts), np.bool_)
    for f in range(len(faces)):
        used[faces[f, 0]] = used[faces[f, 1]] = used[faces[f, 2]] = True
    box = np.empty((2, 3), verts.dtype)
    box[0], box[1] = np.inf, -np.inf
    for v in range(len(verts)):
        if used[v]:
            for axis in range(3):
                box[0, axis] = min(box[0, axis], verts[v, axis])
                box[1, axis] = max(box[1, axis], verts[v, axis])
    return box


@kernel(allocates=True)
def to_cells(verts, origin, voxel_size):
    """`(verts - origin) / voxel_size` in float64, (V, 3)."""
    points = np.empty(verts.shape, np.float64)
    for v in range(len(verts)):
        for axis in range(3):
            points[v, axis] = (np.float64(verts[v, axis]) - np.float64(origin[axis])) / voxel_size
    return points


@kernel(allocates=True)
def _cell_codes(points, shape):
    """x, y, z of the cell whose open cube holds each point, 20 bits each; -1 on a cell boundary or outside."""
    codes = np.empty(len(points), np.int64)
    for v in range(len(points)):
        x, y, z = np.floor(points[v, 0]), np.floor(points[v, 1]), np.floor(points[v, 2])
        inner = x < points[v, 0] and y < points[v, 1] and z < points[v, 2] and min(x, y, z) >= 0.0
        inner = inner and x < shape[0] and y < shape[1] and z < shape[2] and max(x, y, z) <= _MASK
        codes[v] = (int(x) << 40) + (int(y) << 20) + int(z) if inner else -1
    return codes


@parallel_kernel
def _mark_triangles(points, faces, codes, grid):
    # Threads write only the value 1, so cells that several triangles share come out the same in any order.
    shape = grid.shape
    flat = grid.reshape(grid.size)
    for f in numba.prange(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        # Most small triangles lie inside one cell or cross one boundary between two, which their corners tell.
        low, high = min(codes[i], codes[j], codes[k]), max(codes[i], codes[j], codes[k])
        step = high - low
        if low >= 0 and (step == 0 or step == 1 or step == 1 << 20 or step == 1 << 40):
            middle = codes[i] + codes[j] + codes[k] - low - high
            if middle in (low, high):
                flat[((low >> 40) * shape[1] + (low >> 20 & _MASK)) * shape[2] + (low & _MASK)] = 1
                flat[((high >> 40) * shape[1] + (high >> 20 & _MASK)) * shape[2] + (high & _MASK)] = 1
                continue
        a = (points[i, 0], points[i, 1], points[i, 2])
        b = (points[j, 0], points[j, 1], points[j, 2])
        c = (points[k, 0], points[k, 1], points[k, 2])
        mark_triangle(flat, shape, a, b, c)


def mark_surface(points: np.ndarray, faces: np.ndarray, grid: np.ndarray) -> None:
    """Set every cell of `grid` uint8 (nx, ny, nz) whose closed unit cube meets a triangle.

    `points` float64 (V, 3) are in cell units (cell i spans [i, i+1]), `faces` int64 (F, 3).
    """
    # Below about 5 ms of work a second thread saves little, and waiting for it costs much on a busy machine.
    small = len(faces) + 4 * max(grid.shape) ** 2 < 100_000
    (_mark_triangles.serial if small else _mark_triangles)(points, faces, _cell_codes(points, grid.shape), grid)
