"""Caps that close a mesh with holes, and signed crossings of upward rays with a closed mesh."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geolearn.kernels.threads import kernel
from geolearn.kernels.voxelize_predicates import orientation_2d

# Moves the tip of a cap off planes that cell centres lie in, where a cap must not pass.
_OFF_PLANES = np.array([0.0717284, 0.0432651, 0.0591793])


def _weld(points: np.ndarray) -> np.ndarray:
    """A number per point, the same for equal positions, below len(points)."""
    order = np.lexsort(points.T)
    new = (points[order[1:]] != points[order[:-1]]).any(1)
    number = np.zeros(len(points), np.int64)
    number[order[1:]] = np.cumsum(new)
    return number


def cap(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Triangles (C, 3, 3) with the same boundary as the mesh: a cone over each connected part of the boundary.

    Vertices at one position are one. The boundary is what remains when each edge is cancelled against its reverse, so
    flipped neighbours leave an edge that counts twice.
    """
    vertex = _weld(points)
    edges = vertex[faces][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    ends = np.sort(edges, axis=1)
    edge, index = np.unique(ends[:, 0] * len(points) + ends[:, 1], return_inverse=True)
    times = np.bincount(index.reshape(-1), np.where(edges[:, 0] < edges[:, 1], 1.0, -1.0)).astype(np.int64)
    low, high = edge // len(points), edge % len(points)
    times[low == high] = 0  # from a degenerate face
    start = np.repeat(np.where(times > 0, low, high), np.abs(times))
    stop = np.repeat(np.where(times > 0, high, low), np.abs(times))

    position = np.zeros_like(points)
    position[vertex] = points
    graph = coo_array((np.ones(len(start)), (start, stop)), shape=(len(points), len(points)))
    count, part = connected_components(graph, directed=False)
    size = np.maximum(np.bincount(part[start], minlength=count), 1)
    tip = np.stack([np.bincount(part[start], position[start, axis], minlength=count) / size for axis in range(3)], 1)
    return np.stack([position[start], position[stop], tip[part[start]] + _OFF_PLANES], axis=1)


def triangles_by_layer(triangles: np.ndarray, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Which triangles cross the plane x + 1/2 of each layer x: `list[starts[x] : starts[x + 1]]`."""
    first = np.clip(np.ceil(triangles[:, :, 0].min(1) - 0.5), 0, layers).astype(np.int64)
    last = np.clip(np.floor(triangles[:, :, 0].max(1) - 0.5), -1, layers - 1).astype(np.int64)
    spans = np.maximum(last - first + 1, 0)
    layer = np.repeat(first - np.cumsum(spans) + spans, spans) + np.arange(spans.sum())
    order = np.argsort(layer, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(layer, minlength=layers))])
    return starts, np.repeat(np.arange(len(triangles)), spans)[order]


@kernel
def _side(ax, ay, bx, by, px, py):
    """On which side of a -> b the point p lies, never 0 unless a = b: p is moved by (e, e^2) for an infinitesimal e.

    So of the triangles around an edge or a vertex that p lies on, exactly those of a consistent choice hold p.
    """
    left, right = (bx - ax) * (py - ay), (by - ay) * (px - ax)
    side = left - right
    if abs(side) <= 8 * 2.0**-53 * (abs(left) + abs(right)):
        side = float(orientation_2d(ax, ay, bx, by, px, py))
        if side == 0.0:
            side = ay - by
        if side == 0.0:
            side = bx - ax
    return 1 if side > 0.0 else (-1 if side < 0.0 else 0)


@kernel(allocates=True)
def crossings_above(x, ny, nz, triangles, signs, chosen):
    """Signed crossings in layer x, int32 (ny, nz): the sum from z on up is that of the ray from the cell's centre.

    A triangle whose outside looks up counts `signs`, one whose outside looks down counts the opposite.
    """
    crossings = np.zeros((ny, nz), np.int32)
    px = x + 0.5
    for f in chosen:
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        first = max(np.ceil(min(a[1], b[1], c[1]) - 0.5), 0.0)
        last = min(np.floor(max(a[1], b[1], c[1]) - 0.5), ny - 1.0)
        for y in range(int(min(first, ny)), int(max(last, -1.0)) + 1):
            py = y + 0.5
            side = _side(a[0], a[1], b[0], b[1], px, py)
            if side == 0 or side != _side(b[0], b[1], c[0], c[1], px, py):
                continue
            if side != _side(c[0], c[1], a[0], a[1], px, py):
                continue
            u = (b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)
            v = (c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)
            w = (a[0] - px) * (b[1] - py) - (a[1] - py) * (b[0] - px)
            total = u + v + w
            height = (u * a[2] + v * b[2] + w * c[2]) / total if total != 0.0 else a[2]
            height = min(max(height, min(a[2], b[2], c[2])), max(a[2], b[2], c[2]))  # rounding, on a steep sliver
            top = np.ceil(height - 0.5) - 1.0  # the last cell whose centre is below
            if top >= 0.0:
                crossings[y, int(min(top, nz - 1.0))] += side * signs[f]
    return crossings
