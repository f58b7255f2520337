"""Paths along a surface: a graph over its vertices, and samples of it with their distances to everything."""

from typing import NamedTuple

import numpy as np

from geolearn.typing import Array, Float, Int


class SurfaceGraph(NamedTuple):
    """Links between vertices: those of vertex k are the entries `start[k]` to `start[k + 1]`.

    Attributes:
        component: int64 (N,), vertices with one number are connected.
        start: int64 (N + 1,).
        neighbour: int32, every link in both directions.
        length: float32.
    """

    component: Int[Array, " N"]
    start: Int[Array, " N+1"]
    neighbour: Int[Array, " L"]
    length: Float[Array, " L"]


def surface_graph(verts: Float[Array, "N 3"], faces: Int[Array, "F 3"]) -> SurfaceGraph:
    """Vertices linked along edges, and across them.

    Across an edge, the two corners opposite to it are linked by the straight line between them when the two faces are
    laid flat, if that line passes the edge. Paths then turn in steps of about 30 instead of 60 degrees: on an even mesh
    they are at most 1 / cos 15 = 1.035 times as long as the way on the surface, instead of 1.155 times.

    Args:
        verts: positions, one vertex each.
        faces: vertex indices; any soup of triangles.
    """
    from scipy import sparse  # late: SciPy takes a while to import
    from scipy.sparse import csgraph

    count = len(verts)
    ends = np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2)
    apex = np.roll(faces, -2, 1).reshape(-1)
    low, high = ends.min(1), ends.max(1)
    kept = low < high
    low, high, apex = low[kept], high[kept], apex[kept]
    order = np.lexsort((apex, high, low))
    low, high, apex = low[order], high[order], apex[order]
    new = np.ones(len(low), bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    edges = np.stack([low[new], high[new]], 1)
    along = np.linalg.norm(verts[edges[:, 0]] - verts[edges[:, 1]], axis=1)
    second = np.nonzero(~new)[0]
    corners, across = _across_edges(verts, low[second], high[second], apex[second - 1], apex[second])

    links = np.concatenate([edges, corners, edges[:, ::-1], corners[:, ::-1]])
    length = np.concatenate([along, across, along, across])
    order = np.lexsort((links[:, 1], links[:, 0]))
    start = np.concatenate([[0], np.cumsum(np.bincount(links[:, 0], minlength=count))]).astype(np.int64)
    neighbour, length = links[order, 1].astype(np.int32), length[order].astype(np.float32)
    matrix = sparse.csr_array((np.ones(len(neighbour), np.int8), neighbour, start), shape=(count, count))
    component = csgraph.connected_components(matrix, directed=False)[1]
    return SurfaceGraph(component.astype(np.int64), start, neighbour, length)


def _across_edges(verts: Array, low: Array, high: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """The pairs of corners opposite to an edge whose straight line passes it, with its length."""
    axis = verts[high] - verts[low]
    length = np.linalg.norm(axis, axis=1)
    axis = axis / np.where(length > 0, length, 1)[:, None]
    x1, height1 = _beside(verts[one] - verts[low], axis)
    x2, height2 = _beside(verts[other] - verts[low], axis)
    height = height1 + height2
    passing = x1 + (x2 - x1) * height1 / np.where(height > 0, height, 1)
    kept = (one != other) & (height > 0) & (passing > 0) & (passing < length)
    return np.stack([one, other], 1)[kept], np.hypot(x1 - x2, height)[kept]


def _beside(away: Array, axis: Array) -> tuple[Array, Array]:
    """How far along an axis, and how far from it."""
    along = (away * axis).sum(1)
    return along, np.linalg.norm(away - along[:, None] * axis, axis=1)


class SurfaceSamples(NamedTuple):
    """Vertices that stand for the surface.

    Attributes:
        points: (S, 3).
        normals: (S, 3), of the faces around, weighted by area.
        weights: (S,), the share of the area that is nearest to each; they sum to 1.
        distance: float32 (N, S), from every vertex of the surface along it.
    """

    points: Float[Array, "S 3"]
    normals: Float[Array, "S 3"]
    weights: Float[Array, " S"]
    distance: Float[Array, "N S"]


def surface_samples(
    verts: Float[Array, "N 3"], faces: Int[Array, "F 3"], cross: Float[Array, "F 3"], count: int
) -> SurfaceSamples:
    """`count` vertices far from each other, and the lengths of the paths from them (see `surface_graph`).

    The first is the one farthest from the centre of the area, each next one the farthest from those before along the
    surface (Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985). The distance between two
    components, which no path joins, is that of the straight line.

    Args:
        verts: positions, one vertex each.
        faces: vertex indices.
        cross: normals of the faces times twice their areas.
        count: S; all vertices if there are fewer.
    """
    from geolearn.kernels.geodesics import distances_from, farthest_points  # late: Numba takes a while to import

    total, count = len(verts), min(count, len(verts))
    if total == 0:
        nothing = np.zeros((0, 3))
        return SurfaceSamples(nothing, nothing, np.zeros(0), np.zeros((0, 0), np.float32))
    area = np.linalg.norm(cross, axis=1)
    share = np.bincount(faces.reshape(-1), np.repeat(area, 3), total)
    share = share / share.sum() if share.sum() > 0 else np.full(total, 1 / total)
    normals = np.stack([np.bincount(faces.reshape(-1), np.repeat(cross[:, k], 3), total) for k in range(3)], 1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.where(length > 0, length, 1)

    graph = surface_graph(verts, faces)
    first = int(((verts - share @ verts) ** 2).sum(1).argmax())
    nodes, owner = farthest_points(count, first, verts, *graph)
    distance = distances_from(nodes, verts, *graph)
    weights = np.bincount(owner, share, count)
    return SurfaceSamples(verts[nodes], normals[nodes], weights, np.ascontiguousarray(distance.T))
