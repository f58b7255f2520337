"""The surface kernel equals the separating-axis test in rational arithmetic, cell for cell."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.kernels.voxelize_surface import mark_surface

SOUP_KINDS = [
    "small",
    "large",
    "sliver",
    "segment",
    "point",
    "axis-aligned",
    "lattice",
    "half-lattice",
    "rounded-plane",
]


def meets(triangle, cell) -> bool:
    """All 13 axes for one closed triangle and one closed unit cube, in rational arithmetic."""
    corners = [[Fraction(x) for x in point] for point in triangle]
    edges = [[q - p for p, q in zip(corners[k], corners[(k + 1) % 3], strict=True)] for k in range(3)]

    def cross(p, q):
        return [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]]

    box = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    axes = [*box, cross(edges[0], edges[1]), *(cross(e, f) for e in edges for f in box)]
    for axis in axes:
        on_axis = [sum(x * y for x, y in zip(axis, corner, strict=True)) for corner in corners]
        low = sum(x * y for x, y in zip(axis, cell, strict=True)) + sum(min(x, 0) for x in axis)
        high = sum(x * y for x, y in zip(axis, cell, strict=True)) + sum(max(x, 0) for x in axis)
        if max(on_axis) < low or min(on_axis) > high:
            return False
    return True


def oracle(triangles, shape) -> np.ndarray:
    """A loop over all cells of each triangle's bounding box (one cell wider than needed) and all faces."""
    grid = np.zeros(shape, np.uint8)
    for triangle in np.asarray(triangles, float):
        low = np.clip(np.floor(triangle.min(0)) - 1, 0, shape).astype(int)
        high = np.clip(np.floor(triangle.max(0)) + 2, 0, shape).astype(int)
        for cell in product(*(range(lo, hi) for lo, hi in zip(low, high, strict=True))):
            if not grid[cell] and meets(triangle, cell):
                grid[cell] = 1
    return grid


def surface(triangles, shape) -> np.ndarray:
    grid = np.zeros(shape, np.uint8)
    triangles = np.asarray(triangles, np.float64).reshape(-1, 3, 3)
    mark_surface(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), grid)
    return grid


def soup(kind: str, count: int, size: int, rng) -> np.ndarray:
    if kind == "small":
        return rng.uniform(-1, size + 1, (count, 1, 3)) + rng.normal(0, 0.5, (count, 3, 3))
    if kind == "large":
        return rng.uniform(-0.5 * size, 1.5 * size, (count, 3, 3))
    if kind == "sliver":  # a far third corner close to the line of the others
        a, b = rng.uniform(0, size, (2, count, 3))
        return np.stack([a, b, a + rng.uniform(-1, 2, (count, 1)) * (b - a) + rng.normal(0, 1e-7, (count, 3))], 1)
    if kind == "segment":  # exactly collinear: small multiples of one integer direction
        a, step = rng.integers(0, size, (count, 1, 3)), rng.integers(-2, 3, (count, 1, 3))
        return (a + step * rng.integers(-2, 3, (count, 3, 1))).astype(float)
    if kind == "point":
        return np.repeat(rng.integers(0, 2 * size, (count, 1, 3)) / 2, 3, axis=1)
    if kind == "axis-aligned":  # in a plane that is a cell boundary half of the time
        triangles = rng.uniform(0, size, (count, 3, 3))
        for triangle in triangles:
            triangle[:, rng.integers(3)] = rng.integers(0, 2 * size) / 2
        return triangles
    if kind == "lattice":
        return rng.integers(-1, size + 2, (count, 3, 3)).astype(float)
    if kind == "half-lattice":
        return rng.integers(-2, 2 * size + 3, (count, 3, 3)) / 2
    # Corners of x + y + z = n or x + y = n, rounded: cell corners lie within rounding of the plane.
    a, b = rng.uniform(0, size / 2, (2, count, 3))
    level = rng.integers(2, size, (count, 1)).astype(float)
    c = np.where(rng.random((count, 1)) < 0.5, level - a - b, rng.uniform(0, size, (count, 3)))
    return np.stack([a, b, c], -1)


@pytest.mark.parametrize("kind", SOUP_KINDS)
def test_equals_the_rational_oracle(kind):
    size = 6
    for seed in range(3):
        triangles = soup(kind, 3 if kind == "large" else 6, size, np.random.default_rng(seed))
        np.testing.assert_array_equal(
            surface(triangles, (size,) * 3), oracle(triangles, (size,) * 3), str((kind, seed))
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOUP_KINDS)
def test_equals_the_rational_oracle_often(kind):
    for seed in range(100, 160):
        size = 4 + seed % 8
        triangles = soup(kind, 6, size, np.random.default_rng(seed))
        np.testing.assert_array_equal(
            surface(triangles, (size,) * 3), oracle(triangles, (size,) * 3), str((kind, seed))
        )


@given(st.lists(st.integers(-2, 10), min_size=9, max_size=9))
@settings(max_examples=25, deadline=None)
def test_equals_the_rational_oracle_on_half_integers(corners):
    triangle = np.reshape(corners, (1, 3, 3)) / 2
    np.testing.assert_array_equal(surface(triangle, (4, 4, 4)), oracle(triangle, (4, 4, 4)))


def test_long_triangles_cross_a_wide_grid():
    """More cells per row than the cell-by-cell path takes, in a grid that is not a cube."""
    rng = np.random.default_rng(5)
    triangles = np.concatenate([np.add(rng.uniform(-6, 6, (2, 3, 3)), (20, 6, 3)), rng.uniform(-10, 50, (1, 3, 3))])
    np.testing.assert_array_equal(surface(triangles, (32, 12, 6)), oracle(triangles, (32, 12, 6)))


@pytest.mark.parametrize(
    "corner, touched",
    [([2.5, 2.5, 2.5], 1), ([2.0, 2.5, 2.5], 2), ([2.0, 3.0, 2.5], 4), ([2.0, 3.0, 1.0], 8), ([0.0, 0.0, 0.0], 1)],
)
def test_a_point_touches_the_cells_around_it(corner, touched):
    assert surface([[corner] * 3], (5, 5, 5)).sum() == touched


def test_a_square_on_a_cell_boundary_marks_both_sides():
    square = [[[1, 1, 2], [3, 1, 2], [3, 3, 2]], [[1, 1, 2], [3, 3, 2], [1, 3, 2]]]
    expected = np.zeros((5, 5, 5), np.uint8)
    expected[0:4, 0:4, 1:3] = 1  # the neighbours that share only an edge or a corner with it, too
    np.testing.assert_array_equal(surface(square, (5, 5, 5)), expected)


def test_corner_order_and_face_order_change_nothing():
    rng = np.random.default_rng(0)
    triangles = np.concatenate([soup(kind, 30, 16, rng) for kind in SOUP_KINDS])
    expected = surface(triangles, (16,) * 3)
    for _ in range(5):
        order = rng.permutation(len(triangles))
        shuffled = np.stack([triangles[f][rng.permutation(3)] for f in order])
        np.testing.assert_array_equal(surface(shuffled, (16,) * 3), expected)


def test_symmetries_of_the_cube_commute():
    """Half-integer corners turn and mirror without rounding, so the 48 symmetries must commute exactly."""
    rng = np.random.default_rng(1)
    size = 12
    triangles = np.concatenate([soup("half-lattice", 20, size, rng), soup("segment", 10, size, rng)])
    expected = surface(triangles, (size,) * 3)
    for axes in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        for flips in product([False, True], repeat=3):
            moved = triangles[..., axes]
            moved = np.where(flips, size - moved, moved)
            turned = np.flip(expected.transpose(axes), [axis for axis in range(3) if flips[axis]])
            np.testing.assert_array_equal(surface(moved, (size,) * 3), turned)


def test_shifting_by_whole_cells_shifts_the_cells():
    triangles = soup("half-lattice", 20, 8, np.random.default_rng(2))
    inside = surface(np.add(triangles, (5, 2, 3)), (20, 20, 20))
    np.testing.assert_array_equal(inside[5:13, 2:10, 3:11], surface(triangles, (8, 8, 8)))


def test_thread_count_changes_nothing():
    triangles = np.concatenate([soup(kind, 100, 24, np.random.default_rng(3)) for kind in SOUP_KINDS])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        serial = surface(triangles, (24,) * 3)
        torch.set_num_threads(2)
        np.testing.assert_array_equal(surface(triangles, (24,) * 3), serial)
    finally:
        torch.set_num_threads(threads)


def test_far_and_absent_triangles_mark_nothing():
    far = np.array([[[1, 0, 0], [1, 5, 0], [1, 0, 5]], [[-2, -2, -2], [-1, -9, -3], [-4, -2, -9]]])
    for scale in (20.0, 1e6, 1e30, 1e70):
        assert not surface(far * scale, (4, 4, 4)).any()
    assert not surface(np.empty((0, 3, 3)), (4, 4, 4)).any()


@pytest.mark.parametrize("scale", [1e3, 1e12, 1e20])
def test_an_enormous_triangle_cuts_the_grid_where_it_should(scale):
    corners = np.array([[3.0, 2.5, 1.25], [-1.5, 0.75, -1.0], [-1.5, -3.25, -0.25]]) * scale  # around the origin
    expected = oracle([corners], (4, 4, 4))
    assert 8 <= expected.sum() < 64
    np.testing.assert_array_equal(surface([corners], (4, 4, 4)), expected)


def test_a_huge_triangle_around_the_grid_marks_the_plane_through_it():
    huge = [
        [[-1e7, -1e7, 2.5], [2e7, -1e7, 2.5], [-1e7, 2e7, 2.5]],
        [[-1e7, -1e7, -1e7], [1e7, -1e7, -1e7], [0, 1e7, 1e7]],
    ]
    expected = np.zeros((5, 5, 5), np.uint8)
    expected[:, :, 2] = 1  # the flat one
    for y, z in product(range(5), repeat=2):
        expected[:, y, z] |= abs(y - z) <= 1  # the plane y = z touches its cells' neighbours along an edge
    np.testing.assert_array_equal(surface(huge, (5, 5, 5)), expected)
