"""Beams through a grid against a traversal in rational arithmetic."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.kernels.voxelize_rays import count_beams


def traverse(origin, point, size):
    """All cells that hold a stretch of the beam, found between consecutive crossings, and the cell of its end."""
    o, p = [Fraction(x) for x in origin], [Fraction(x) for x in point]
    crossings = {Fraction(0), Fraction(1)}
    for start, end in zip(o, p, strict=True):
        for face in range(size + 1):
            if start != end and 0 < (face - start) / (end - start) < 1:
                crossings.add((face - start) / (end - start))
    ordered = sorted(crossings)
    cells = []
    for low, high in pairwise(ordered):
        middle = (low + high) / 2
        cell = tuple(floor(start + middle * (end - start)) for start, end in zip(o, p, strict=True))
        if all(0 <= index < size for index in cell) and cell not in cells:
            cells.append(cell)
    last = tuple(floor(x) for x in p)
    inside = all(0 <= index < size for index in last)
    return [cell for cell in cells if not inside or cell != last], last if inside else None


def expected_counts(origins, points, size):
    hits, misses = np.zeros((2, size, size, size), np.int32)
    for origin, point in zip(origins, points, strict=True):
        passed, last = traverse(origin, point, size)
        for cell in passed:
            misses[cell] += 1
        if last is not None:
            hits[last] += 1
    return hits, misses


def counts(origins, points, size):
    hits, misses = np.zeros((2, size, size, size), np.int32)
    count_beams(np.asarray(origins, float).reshape(-1, 3), np.asarray(points, float).reshape(-1, 3), hits, misses)
    return hits, misses


def check(origins, points, size):
    for got, want in zip(counts(origins, points, size), expected_counts(origins, points, size), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("seed", range(5))
def test_random_beams(seed):
    rng = np.random.default_rng(seed)
    size = 9
    spread = [1, 1, 3, 30, 1000][seed]
    origins = rng.uniform(-0.5, 1.5, (60, 3)) * size * spread
    points = rng.uniform(-0.2, 1.2, (60, 3)) * size
    check(origins, points, size)
    check(points, origins, size)


def test_a_beam_that_ends_on_the_far_face_from_outside_meets_no_cell():
    hits, misses = counts([[0.0, 4.5, 0.0]], [[0.0, 4.0, 0.0]], 4)
    assert hits.sum() == misses.sum() == 0


@given(st.lists(st.integers(-4, 12), min_size=6, max_size=6))
@settings(max_examples=1000, deadline=None)
def test_beams_between_lattice_points_and_cell_centres(coordinates):
    """Along faces, edges and diagonals of cells, where several crossings fall together."""
    halves = np.array(coordinates) / 2
    check(halves[None, :3], halves[None, 3:], 4)


def test_hand_values():
    hits, misses = counts([[0.5, 0.5, 0.5]], [[3.5, 0.5, 0.5]], 4)
    assert np.argwhere(hits).tolist() == [[3, 0, 0]]
    assert np.argwhere(misses).tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    hits, misses = counts([[-2.0, -2.0, -2.0]], [[2.5, 2.5, 2.5]], 4)  # from outside along the diagonal
    assert np.argwhere(hits).tolist() == [[2, 2, 2]]
    assert np.argwhere(misses).tolist() == [[0, 0, 0], [1, 1, 1]]
    hits, misses = counts([[2.5, 1.5, 9.0]], [[2.5, 1.5, -9.0]], 4)  # through the grid
    assert not hits.any()
    assert np.argwhere(misses).tolist() == [[2, 1, z] for z in range(4)]


def test_beams_that_miss_the_grid_or_have_no_length():
    hits, misses = counts([[-1.0, 5, 0], [9, 9, 9], [1.5, 1.5, 1.5]], [[5.0, 9, 0], [8, 8, 8], [1.5, 1.5, 1.5]], 4)
    assert hits.sum() == hits[1, 1, 1] == 1
    assert not misses.any()
    hits, misses = counts(np.zeros((0, 3)), np.zeros((0, 3)), 4)
    assert not hits.any()
