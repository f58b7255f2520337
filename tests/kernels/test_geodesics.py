"""Shortest paths and far samples, against SciPy's Dijkstra and a slow loop."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from geolearn.kernels.geodesics import distances_from, farthest_points


def random_graph(seed, count=80, links=160, spread=3.0):
    """A graph in several parts, with lengths of very different sizes: points, components and rows."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 3))
    pairs = np.unique(np.sort(rng.integers(0, count, (links, 2)), axis=1), axis=0)
    pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs[:, 1] - pairs[:, 0] < 20)]
    length = np.exp(rng.normal(size=len(pairs)) * spread / 2).astype(np.float32)
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    matrix = csr_array((np.tile(length, 2), (one, other)), shape=(count, count))
    component = connected_components(matrix, directed=False)[1].astype(np.int64)
    return points, component, matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, matrix


def slow_distances(points, component, matrix, sources):
    distance = dijkstra(matrix.astype(np.float64), indices=sources)
    straight = np.linalg.norm(points[sources][:, None] - points, axis=2)
    return np.where(component[sources][:, None] == component, distance, straight)


@pytest.mark.parametrize("seed", range(4))
def test_distances_equal_dijkstra(seed):
    points, component, start, neighbour, length, matrix = random_graph(seed)
    assert component.max() > 0
    sources = np.arange(0, len(points), 3)
    found = distances_from(sources, points, component, start, neighbour, length)
    np.testing.assert_allclose(found, slow_distances(points, component, matrix, sources), rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_each_sample_is_the_farthest_and_owns_what_is_nearest(seed):
    points, component, start, neighbour, length, matrix = random_graph(seed)
    samples, owner = farthest_points(25, 7, points, component, start, neighbour, length)
    distance = slow_distances(points, component, matrix, samples)
    assert samples[0] == 7
    for k in range(1, len(samples)):
        nearest = distance[:k].min(0)
        assert nearest[samples[k]] == pytest.approx(nearest.max(), rel=1e-5)
    np.testing.assert_allclose(distance[owner, np.arange(len(points))], distance.min(0), rtol=1e-5)


def test_all_nodes_can_be_samples_and_a_lone_node_is_one():
    points, component, start, neighbour, length, _ = random_graph(0)
    samples, owner = farthest_points(len(points), 0, points, component, start, neighbour, length)
    assert sorted(samples) == list(range(len(points)))
    assert (samples[owner] == np.arange(len(points))).all()
    alone = np.zeros(1, np.int64), np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    assert distances_from(np.zeros(1, np.int64), np.zeros((1, 3)), *alone).tolist() == [[0.0]]
