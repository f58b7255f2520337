"""Polygons as triangles: areas by the shoelace formula, every corner used, edges of neighbours that fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.io import polygons as module
from geolearn.io.polygons import fan, ragged_positions, triangulate

ARROW = [(0, 0), (4, 0), (2, 1), (2, 4)]
ELL = [(0, 0), (3, 0), (3, 1), (1, 1), (1, 3), (0, 3)]
COMB = [(x, 0) for x in range(9)] + [(x, 3 if x % 2 else 1) for x in range(8, -1, -1)]
SPIRAL = [
    (0, 0),
    (6, 0),
    (6, 6),
    (1, 6),
    (1, 2),
    (4, 2),
    (4, 4),
    (3, 4),
    (3, 3),
    (2, 3),
    (2, 5),
    (5, 5),
    (5, 1),
    (0, 1),
]
MIDPOINTS = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
# A square with a square hole, joined to the outside by the edge (0, 0)-(1, 1) there and back.
FRAME = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
TWO_HOLES = [
    *[(0, 0), (9, 0), (9, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3)],
    *[(5, 1), (5, 3), (7, 3), (7, 1), (5, 1), (3, 3), (3, 1), (1, 1)],
]  # the second hole hangs on the first
SHAPES = {
    "arrow": ARROW,
    "L": ELL,
    "comb": COMB,
    "spiral": SPIRAL,
    "midpoints": MIDPOINTS,
    "frame": FRAME,
    "two": TWO_HOLES,
}
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]


def shoelace(points) -> float:
    x, y = np.array(points, dtype=float).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def areas(points, triangles) -> np.ndarray:
    """Signed areas of triangles (T, 3) over points in the plane."""
    a, b, c = np.moveaxis(np.array(points, dtype=float)[triangles], 1, 0)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def in_space(points, turn=TURN) -> np.ndarray:
    return np.column_stack([np.array(points, dtype=float), np.ones(len(points))]) @ turn.T


def check(points, triangles) -> None:
    """The triangles of one polygon cover it once, none is flat or turned over, and its own edges are theirs."""
    n = len(points)
    assert triangles.shape == (n - 2, 3)
    got = areas(points, triangles) * np.sign(shoelace(points))
    assert got.min() > 1e-9
    assert got.sum() == pytest.approx(abs(shoelace(points)), rel=1e-9)
    edges = {(a, b) for t in triangles.tolist() for a, b in zip(t, t[1:] + t[:1], strict=True)}
    assert len(edges) == 3 * (n - 2)
    for a, b in edges:
        assert (b, a) in edges or (b - a) % n == 1
    assert all((i, (i + 1) % n) in edges for i in range(n))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("turned_by", [0, 1, 3])
@pytest.mark.parametrize("backwards", [False, True])
def test_shapes_by_hand(name, turned_by, backwards):
    points = SHAPES[name][turned_by:] + SHAPES[name][:turned_by]
    points = points[::-1] if backwards else points
    triangles = triangulate(in_space(points), np.arange(len(points)), np.array([len(points)]))
    check(points, triangles)


def test_the_area_of_the_frame_is_that_without_its_hole():
    triangles = triangulate(in_space(FRAME), np.arange(10), np.array([10]))
    assert np.abs(areas(FRAME, triangles)).sum() == pytest.approx(12)


@given(st.lists(st.integers(3, 7), max_size=6))
def test_convex_polygons_are_fans(counts):
    """Regular polygons, as before there was anything else: hub and consecutive corners."""
    wanted, verts, first = [], np.zeros((0, 3)), 0
    for count in counts:
        angle = 2 * np.pi * np.arange(count) / count
        verts = np.concatenate([verts, np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)])
        wanted += [[first, first + k, first + k + 1] for k in range(1, count - 1)]
        first += count
    count = np.array(counts, dtype=np.int64)
    assert triangulate(verts, np.arange(len(verts)), count).tolist() == wanted
    assert fan(np.cumsum(count) - count, count).tolist() == wanted


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=6))
def test_ragged_positions(spans):
    start, count = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    assert ragged_positions(start, count).tolist() == [i for s, c in spans for i in range(s, s + c)]


def many(rng) -> list:
    polygons = [np.array(SHAPES[name], dtype=float) for name in rng.choice(list(SHAPES), 300)]
    polygons += [np.array([(0, 0), (1, 0), (0, 1)]), np.array([(0, 0), (1, 0), (1, 1), (0, 1)])] * 20
    rng.shuffle(order := np.arange(len(polygons)))
    return [polygons[i] for i in order]


@pytest.mark.parametrize("few", [2**14, 0], ids=["numpy", "kernel"])
def test_many_polygons_in_one_list_of_shared_vertices(monkeypatch, few):
    monkeypatch.setattr(module, "_FEW", few)
    polygons = many(np.random.default_rng(2))
    count = np.array([len(points) for points in polygons])
    points = np.concatenate(polygons)
    shuffled = np.random.default_rng(3).permutation(len(points))  # which vertex each corner is
    verts = np.zeros((len(points), 3))
    verts[shuffled] = in_space(points)
    triangles = triangulate(verts, shuffled, count)
    row = 0
    for first, n in zip(np.cumsum(count) - count, count, strict=True):
        own = triangles[row : row + n - 2]
        assert own.min() >= first
        assert own.max() < first + n
        if n > 3:
            check(points[first : first + n].tolist(), own - first)
        row += n - 2
    assert row == len(triangles)


def test_a_saddle_keeps_its_first_diagonal_and_a_dart_gets_the_other():
    saddle = np.array([[0, 0, 0.3], [1, 0, -0.3], [1, 1, 0.3], [0, 1, -0.3]])
    assert triangulate(saddle, np.arange(4), np.array([4])).tolist() == [[0, 1, 2], [0, 2, 3]]
    dart = np.array([[0, 0, 0], [2, 1, 0], [0, 2, 0], [0.5, 1, 0.0]])
    assert triangulate(dart, np.arange(4), np.array([4])).tolist() == [[1, 2, 3], [1, 3, 0]]


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0)] * 6,
        [(0, 0), (1, 0), (2, 0), (3, 0), (1, 0)],
        [(0, 0), (1, 1), (1, 0), (0, 1)],  # crosses itself
        [(0, 0), (4, 0), (4, 0), (4, 4), (0, 4)],  # a corner twice
        [(0, 0), (2, 0), (4, 0), (2, 0), (2, 2)],  # an edge there and back that joins nothing
    ],
)
def test_polygons_without_a_right_answer_get_their_number_of_triangles(points):
    triangles = triangulate(in_space(points), np.arange(len(points)), np.array([len(points)]))
    assert triangles.shape == (len(points) - 2, 3)
    assert set(triangles.reshape(-1).tolist()) == set(range(len(points)))


def star(n: int, rng: np.random.Generator) -> np.ndarray:
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(0.2, 1, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@given(st.integers(4, 60), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e6), st.floats(-1e6, 1e6))
@settings(max_examples=60)
def test_random_stars_of_any_size_anywhere(n, seed, scale, offset):
    points = star(n, np.random.default_rng(seed))
    if np.diff(np.append(np.arctan2(*points.T[::-1]), np.arctan2(*points[0][::-1]) + 2 * np.pi)).max() > 3:
        return  # the centre is not inside
    verts = in_space(points) * scale + offset * scale
    got = areas(points, triangulate(verts, np.arange(n), np.array([n])))
    assert got.sum() == pytest.approx(shoelace(points), rel=1e-5)
    assert np.abs(got).sum() == pytest.approx(shoelace(points), rel=1e-5)


def test_a_polygon_of_twenty_thousand_corners():
    points = star(20_000, np.random.default_rng(0))
    got = areas(points, triangulate(in_space(points), np.arange(20_000), np.array([20_000])))
    assert np.abs(got).sum() == pytest.approx(shoelace(points), rel=1e-6)
