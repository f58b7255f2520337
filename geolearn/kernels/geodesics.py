"""Shortest paths along a graph on a surface: samples far from each other, and distances from many sources."""

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel


@kernel
def _push(keys, nodes, size, key, node):
    """Put an entry into a binary heap of `size` entries."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if keys[parent] <= key:
            break
        keys[place], nodes[place] = keys[parent], nodes[parent]
        place = parent
    keys[place], nodes[place] = key, node
    return size + 1


@kernel
def _drop_first(keys, nodes, size):
    """Remove the smallest entry."""
    size -= 1
    key, node = keys[size], nodes[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[place], nodes[place] = keys[child], nodes[child]
        place = child
    keys[place], nodes[place] = key, node
    return size


@kernel
def _spread(source, start, neighbour, length, distance, keys, nodes):
    """Lower `distance` to that from `source` wherever it is shorter (Dijkstra 1959, with entries left to go stale)."""
    distance[source] = 0.0
    size = _push(keys, nodes, 0, np.float32(0.0), source)
    while size:
        key, node = keys[0], nodes[0]
        size = _drop_first(keys, nodes, size)
        if key > distance[node]:
            continue
        for link in range(start[node], start[node + 1]):
            other = neighbour[link]
            through = key + length[link]
            if through < distance[other]:
                distance[other] = through
                size = _push(keys, nodes, size, through, other)


@kernel
def _spread_patch(patch, source, start, neighbour, length, distance, owner, keys, nodes):
    """As `_spread`, also noting which source is the nearest."""
    distance[source] = 0.0
    owner[source] = patch
    size = _push(keys, nodes, 0, np.float32(0.0), source)
    while size:
        key, node = keys[0], nodes[0]
        size = _drop_first(keys, nodes, size)
        if key > distance[node]:
            continue
        for link in range(start[node], start[node + 1]):
            other = neighbour[link]
            through = key + length[link]
            if through < distance[other]:
                distance[other] = through
                owner[other] = patch
                size = _push(keys, nodes, size, through, other)


@kernel(allocates=True)
def farthest_points(first, count, points, component, start, neighbour, length):
    """`count` nodes, each the farthest from those before (Gonzalez 1985), and the nearest of them to every node.

    The distance is that along the graph, or straight to another component. The search for each new sample stops where
    an older one is nearer, so the whole takes about N log N log(count) steps. Ties go to the smaller index.

    `points` float64 (N, 3); `component` int64 (N,); the graph as rows `start`, `neighbour`, float32 `length`.
    """
    total = len(points)
    distance = np.full(total, np.inf, np.float32)
    owner = np.zeros(total, np.int64)
    samples = np.empty(count, np.int64)
    keys, nodes = np.empty(len(neighbour) + 1, np.float32), np.empty(len(neighbour) + 1, np.int64)
    several = total > 0 and component.max() > 0
    node = first
    for patch in range(count):
        samples[patch] = node
        if several:
            for other in range(total):
                if component[other] != component[node]:
                    x, y, z = points[other] - points[node]
                    straight = np.float32(np.sqrt(x * x + y * y + z * z))
                    if straight < distance[other]:
                        distance[other], owner[other] = straight, patch
        _spread_patch(patch, node, start, neighbour, length, distance, owner, keys, nodes)
        node = np.argmax(distance)
    return samples, owner


@parallel_kernel
def distances_from(sources, points, component, start, neighbour, length):
    """Distances float32 (S, N) from every source to every node: along the graph, or straight to another component."""
    distance = np.full((len(sources), len(points)), np.inf, np.float32)
    for row in numba.prange(len(sources)):
        keys, nodes = np.empty(len(neighbour) + 1, np.float32), np.empty(len(neighbour) + 1, np.int64)
        source = sources[row]
        _spread(source, start, neighbour, length, distance[row], keys, nodes)
        for other in range(len(points)):
            if component[other] != component[source]:
                x, y, z = points[other] - points[source]
                distance[row, other] = np.float32(np.sqrt(x * x + y * y + z * z))
    return distance
