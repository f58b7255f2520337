"""Exact signs against rational arithmetic, on inputs made to be nearly or exactly degenerate."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geolearn.kernels.voxelize_predicates import orientation_2d, orientation_3d

coordinate = st.floats(-600, 600, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-60)


def sign(value) -> int:
    return int(value > 0) - int(value < 0)


def rational_sign_2d(a, b, c) -> int:
    a, b, c = ([Fraction(x) for x in point] for point in (a, b, c))
    return sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def rational_sign_3d(a, b, c, p) -> int:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (
        [Fraction(x) - Fraction(y) for x, y in zip(q, p, strict=True)] for q in (a, b, c)
    )
    return sign(ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx))


@given(st.lists(coordinate, min_size=6, max_size=6))
@settings(deadline=None)
@example([0.0, 0.0, 0.1, 0.1, 0.3, 0.3])
@example([0.5, 0.5, 12.0, 12.0, 24.0, 24.000000000000004])
def test_sign_2d_is_that_of_rational_arithmetic(v):
    assert orientation_2d(*v) == rational_sign_2d(v[:2], v[2:4], v[4:])


@given(st.lists(coordinate, min_size=12, max_size=12))
@settings(deadline=None)
@example([0.1, 0.2, 0.3] * 4)
def test_sign_3d_is_that_of_rational_arithmetic(v):
    a, b, c, p = (tuple(v[k : k + 3]) for k in (0, 3, 6, 9))
    assert orientation_3d(a, b, c, *p) == rational_sign_3d(a, b, c, p)


@pytest.mark.parametrize("seed", range(4))
def test_points_within_one_unit_in_the_last_place_of_the_plane(seed):
    """Rounded points of a plane or a line: float64 gets many of these signs wrong, so they tell the two apart."""
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(150):
        a, b, c = rng.uniform(-20, 20, (3, 3))
        s, t = rng.uniform(-2, 2, 2)
        p = a + s * (b - a) + t * (c - a)
        p = np.where(rng.random(3) < 0.3, np.nextafter(p, np.inf), p)
        expected = rational_sign_3d(a, b, c, p)
        assert orientation_3d(tuple(a), tuple(b), tuple(c), *p) == expected
        wrong += sign(np.dot(np.cross(b - p, c - p), a - p)) != expected
        q = a + s * (b - a)
        assert orientation_2d(*a[:2], *b[:2], *q[:2]) == rational_sign_2d(a[:2], b[:2], q[:2])
    assert wrong > 5


@given(st.lists(st.integers(-8, 8), min_size=12, max_size=12))
@settings(max_examples=200, deadline=None)
def test_swapping_two_points_flips_the_sign(v):
    a, b, c, p = (tuple(float(x) / 2 for x in v[k : k + 3]) for k in (0, 3, 6, 9))
    assert orientation_3d(a, b, c, *p) == -orientation_3d(b, a, c, *p) == orientation_3d(b, c, a, *p)
    assert orientation_2d(*a[:2], *b[:2], *c[:2]) == -orientation_2d(*b[:2], *a[:2], *c[:2])
