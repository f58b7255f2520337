"""Shortest paths along a graph on a surface: samples far from each other, and distances from many sources.

Nodes that wait are kept in a ring of buckets by their distance, a linked list per bucket (Dial, "Shortest-path forest
with topological ordering", CACM 1969; Meyer and Sanders, "Delta-stepping", 1998). A node goes back into its bucket when
a shorter path to it is found, so the distances are those of Dijkstra's algorithm.
"""

import math

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel

_RING = 64  # buckets, of which the longest link spans all but two
NOWHERE = -1


@kernel
def _unlink(node, ring, bucket, head, following, before):
    """Take a node out of its bucket."""
    after, ahead = following[node], before[node]
    if ahead == NOWHERE:
        head[bucket % ring] = after
    else:
        following[ahead] = after
    if after != NOWHERE:
        before[after] = ahead


@kernel(error_model="numpy")
def _spread(source, number, width, start, neighbour, length, distance, owner, bucket_of, head, following, before):
    """Lower `distance` to that from `source` wherever it is shorter, and set `owner` to `number` there.

    `bucket_of` and `head` hold NOWHERE before and after.
    """
    ring = len(head)
    distance[source], owner[source] = 0.0, number
    bucket_of[source], head[0] = 0, source
    following[source], before[source] = NOWHERE, NOWHERE
    waiting, bucket = 1, 0
    while waiting:
        node = head[bucket % ring]
        if node == NOWHERE:
            bucket += 1
            continue
        _unlink(node, ring, bucket, head, following, before)
        bucket_of[node] = NOWHERE
        waiting -= 1
        here = distance[node]
        for link in range(start[node], start[node + 1]):
            other = neighbour[link]
            through = here + length[link]
            if through < distance[other]:
                distance[other], owner[other] = through, number
                wanted, known = np.int32(through / width), bucket_of[other]
                if known == wanted:
                    continue
                if known == NOWHERE:
                    waiting += 1
                else:
                    _unlink(other, ring, known, head, following, before)
                first = head[wanted % ring]
                bucket_of[other], head[wanted % ring] = wanted, other
                following[other], before[other] = first, NOWHERE
                if first != NOWHERE:
                    before[first] = other


@kernel
def _straighten(source, number, points, component, distance, owner):
    """As `_spread` for the nodes of other components, which are as far as a straight line is long."""
    for node in range(len(points)):
        if component[node] != component[source]:
            x, y = points[node, 0] - points[source, 0], points[node, 1] - points[source, 1]
            z = points[node, 2] - points[source, 2]
            straight = np.float32(math.sqrt(x * x + y * y + z * z))
            if straight < distance[node]:
                distance[node], owner[node] = straight, number


def _bucket_width(length: np.ndarray) -> np.float32:
    return np.float32(length.max() / (_RING - 2)) if len(length) else np.float32(1.0)


@kernel(allocates=True)
def _farthest_points(count, first, width, points, component, several, start, neighbour, length):
    total = len(points)
    distance, owner = np.full(total, np.inf, np.float32), np.zeros(total, np.int32)
    bucket_of, head = np.full(total, NOWHERE, np.int32), np.full(_RING, NOWHERE, np.int32)
    following, before = np.empty(total, np.int32), np.empty(total, np.int32)
    samples = np.empty(count, np.int64)
    for number in range(count):
        node = first if number == 0 else np.argmax(distance)
        samples[number] = node
        if several:
            _straighten(node, number, points, component, distance, owner)
        _spread(node, number, width, start, neighbour, length, distance, owner, bucket_of, head, following, before)
    return samples, owner


def farthest_points(count, first, points, component, start, neighbour, length):
    """`count` nodes, each the farthest from those before (Gonzalez 1985), and the nearest of them to every node.

    The distance is that along the graph, or straight to another component. The search from each new sample stops where
    an older one is nearer, so all of them take about N log(count) steps. Ties go to the smaller index.

    `first`: the node to begin with. `points` float64 (N, 3), `component` int64 (N,). The links of node k are the
    entries start[k] to start[k + 1] of int32 `neighbour` and float32 `length`, in both directions.
    """
    several = len(points) > 0 and bool(component.max() > 0)
    width = _bucket_width(length)
    return _farthest_points(count, first, width, points, component, several, start, neighbour, length)


@parallel_kernel
def _distances(sources, width, points, component, several, start, neighbour, length):
    total = len(points)
    distance = np.full((len(sources), total), np.inf, np.float32)
    for row in numba.prange(len(sources)):
        owner = np.empty(total, np.int32)
        bucket_of, head = np.full(total, NOWHERE, np.int32), np.full(_RING, NOWHERE, np.int32)
        following, before = np.empty(total, np.int32), np.empty(total, np.int32)
        source, here = sources[row], distance[row]
        if several:
            _straighten(source, 0, points, component, here, owner)
        _spread(source, 0, width, start, neighbour, length, here, owner, bucket_of, head, following, before)
    return distance


def distances_from(sources, points, component, start, neighbour, length):
    """Distances float32 (S, N) from every source to every node: along the graph, or straight to another component."""
    several = len(points) > 0 and bool(component.max() > 0)
    width = _bucket_width(length)
    return _distances(sources, width, points, component, several, start, neighbour, length)
