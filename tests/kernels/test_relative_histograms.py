"""Histograms around faces, against loops that share every sample by hand."""

import math
from itertools import product

import numpy as np
import pytest

from geolearn.kernels.relative_histograms import (
    distance_statistics,
    shape_context_histograms,
    spin_image_histograms,
)


def shared(row, column, rows, columns):
    """Weights of a place among bins: by its distance from their centres, all of it inside."""
    weights = np.zeros((rows, columns))
    row, column = np.clip(row - 0.5, 0, rows - 1), np.clip(column - 0.5, 0, columns - 1)
    for i, j in product(range(rows), range(columns)):
        weights[i, j] = max(1 - abs(row - i), 0) * max(1 - abs(column - j), 0)
    return weights


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    faces, samples, nodes = 6, 40, 12
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in rng.normal(size=(2, samples, 3))]
    return {
        "centres": rng.normal(size=(faces, 3)),
        "normals": unit[0][:faces].copy(),
        "corners": rng.integers(0, nodes, (faces, 3)),
        "distance": rng.uniform(0, 4, (nodes, samples)).astype(np.float32),
        "points": rng.normal(size=(samples, 3)),
        "point_normals": unit[1],
        "weights": rng.dirichlet(np.ones(samples)),
    }


def test_spin_images_equal_a_loop(scene):
    centres, normals, points, weights = (scene[key] for key in ("centres", "normals", "points", "weights"))
    found = spin_image_histograms(centres, normals, points, weights, 5, 7, 0.4)
    for f in range(len(centres)):
        expected = np.zeros((5, 7))
        for point, weight in zip(points, weights, strict=True):
            height = (point - centres[f]) @ normals[f]
            away = np.linalg.norm(point - centres[f] - height * normals[f])
            row, column = away / (away + 0.4) * 5, (height / (abs(height) + 0.4) + 1) / 2 * 7
            expected += weight * shared(row, column, 5, 7)
        np.testing.assert_allclose(found[f].reshape(5, 7), expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_shape_contexts_equal_a_loop(scene):
    rings, sectors, nearest, farthest = 6, 4, 0.05, 3.2
    lengths = np.maximum(np.arange(4097) * farthest / 4096, nearest)
    ring_of = rings * np.log(lengths / nearest) / np.log(farthest / nearest)
    found = shape_context_histograms(*scene.values(), ring_of, 4096 / farthest, rings, sectors)

    def ring(length):
        return rings * math.log(max(length, nearest) / nearest) / math.log(farthest / nearest)

    for f in range(len(found)):
        expected = np.zeros((3, rings, sectors))
        for s, weight in enumerate(scene["weights"]):
            away = scene["points"][s] - scene["centres"][f]
            straight, normal = np.linalg.norm(away), scene["normals"][f]
            geodesic = scene["distance"][scene["corners"][f], s].mean()
            elevation = math.acos(away @ normal / straight) / math.pi * sectors
            bend = math.acos(np.clip(scene["point_normals"][s] @ normal, -1, 1)) / math.pi * sectors
            places = (ring(geodesic), elevation), (ring(geodesic), bend), (ring(straight), elevation)
            for k, place in enumerate(places):
                expected[k] += weight * shared(*place, rings, sectors)
        np.testing.assert_allclose(found[f].reshape(3, rings, sectors), expected, atol=2e-4)


def test_distance_statistics_equal_sorted_weights(scene):
    shares = np.array([0.1, 0.5, 0.9])
    found = distance_statistics(scene["corners"], scene["distance"], scene["weights"], 4096, shares)
    for f, corners in enumerate(scene["corners"]):
        distance = scene["distance"][corners].astype(float).mean(0)
        mean, square = distance @ scene["weights"], distance**2 @ scene["weights"]
        np.testing.assert_allclose(found[f, :3], [mean, math.sqrt(square), distance.max()], rtol=1e-5)
        order = distance.argsort()
        at = np.searchsorted(scene["weights"][order].cumsum(), shares)
        np.testing.assert_allclose(found[f, 3:], distance[order][at], atol=2e-3)


def test_quantiles_run_straight_within_a_bin_and_zero_distances_are_zero():
    distance = np.array([[0.5, 1.5, 4.0]], np.float32)
    found = distance_statistics(np.zeros((1, 3), np.int64), distance, np.array([0.5, 0.25, 0.25]), 4, np.array([0.25]))
    assert found[0].tolist() == pytest.approx([1.625, math.sqrt(0.125 + 0.5625 + 4), 4.0, 0.5])
    none = distance_statistics(np.zeros((1, 3), np.int64), 0 * distance, np.full(3, 1 / 3), 4, np.array([0.25]))
    assert none.tolist() == [[0.0] * 4]
