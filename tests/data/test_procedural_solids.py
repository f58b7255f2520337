"""What procedural shapes are made of: solids with known volumes, their exact union, and one-dimensional ramps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.data.procedural.assembly import known_volume, union_of_boxes
from geolearn.data.procedural.attributes import Ramp, ramp, shift
from geolearn.data.procedural.solids import (
    Solid,
    box,
    circle,
    ellipsoid,
    lathe,
    leg,
    loft,
    prism,
    ring,
    rounded,
    tube,
)
from geolearn.data.procedural.union import BadUnionError, _without_slivers, unite
from geolearn.errors import InvalidInputError


def volume(verts: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = verts[faces.T]
    return float((a * np.cross(b, c)).sum() / 6)


def is_closed(faces: np.ndarray) -> bool:
    edges = [(int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3)]
    return len(set(edges)) == len(edges) and {(b, a) for a, b in edges} == set(edges)


def polygon_area(sides: int) -> float:
    """Of a regular polygon in the unit circle."""
    return sides / 2 * math.sin(2 * math.pi / sides)


SQUARE = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
SOLIDS = [
    ("box", box((0, 0, 0), (1, 2, 3)), 6.0),
    ("turned box", box((0, 0, 0), (1, 2, 3)).turned(33, 1, (5.0, 6.0, 7.0)).moved(1, 2, 3), 6.0),
    ("scaled box", box((0, 0, 0), (1, 2, 3)).scaled(np.array([2.0, 1.0, 0.5])), 6.0),
    # a frustum of height 2 between areas 4 and 1: h/3 (A + a + sqrt(A a))
    ("tapered prism", prism(SQUARE, 0.0, 2.0, 0.5), 2 / 3 * (4 + 1 + 2)),
    ("square leg", leg((3, 0, 0), (0, 0, 2), 0.5, 0.5), 2.0),
    ("round leg", leg((3, 0, 0), (0, 0, 2), 0.5, 0.5, 10), 0.25 * polygon_area(10) * 2),
    ("cylinder", lathe([(0, 0), (2, 0), (2, 3), (0, 3)], 12), 4 * polygon_area(12) * 3),
    ("frustum", lathe([(0, 0), (2, 0), (1, 3), (0, 3)], 12), polygon_area(12) * (4 + 2 + 1)),
    ("cone off the axis", lathe([(0, 0), (2, 0), (0, 3)], 12, (4, 5)), 4 * polygon_area(12)),
    ("cup", lathe([(0, 0), (2, 0), (2, 3), (1, 3), (1, 1), (0, 1)], 8), polygon_area(8) * (4 * 3 - 1 * 2)),
    ("straight tube", tube([(0, 0, 0), (3, 4, 0)], 0.5, 6), 0.25 * polygon_area(6) * 5),
    ("ellipsoid", ellipsoid((1, 2, 3), (1, 2, 3), 64, 64), 4 / 3 * math.pi * 6),
    ("torus", ring(2.0, 0.5, 1.0, 96, 48), 2 * math.pi**2 * 2.0 * 0.25),
]


@pytest.mark.parametrize(("solid", "expected"), [case[1:] for case in SOLIDS], ids=[case[0] for case in SOLIDS])
def test_solids_are_closed_outward_and_as_large_as_by_hand(solid, expected):
    assert is_closed(solid.faces)
    assert sorted(set(solid.faces.reshape(-1).tolist())) == list(range(len(solid.verts)))
    fine = len(solid.verts) > 1000  # a round body made of flats
    assert volume(solid.verts, solid.faces) == pytest.approx(expected, rel=6e-3 if fine else 1e-9)
    if solid.volume is not None:
        assert solid.volume == pytest.approx(volume(solid.verts, solid.faces), rel=1e-9)


def test_a_loft_may_run_either_way():
    up = loft([[(x, y, z) for x, y in SQUARE] for z in (0, 1)])
    down = loft([[(x, y, z) for x, y in SQUARE] for z in (1, 0)])
    around = loft([[(x, y, z) for x, y in SQUARE[::-1]] for z in (0, 1)])
    assert [volume(s.verts, s.faces) for s in (up, down, around)] == pytest.approx([4.0, 4.0, 4.0])


def test_a_tube_keeps_its_width_through_a_corner():
    bent = tube([(0, 0, 0), (2, 0, 0), (2, 2, 0)], 0.25, 4)
    corner = bent.verts[4:8]
    # seen along either arm, the mitred square is as wide as the bar: its half diagonal is the radius
    assert np.abs(corner[:, 2]).max() <= 0.25 * math.sqrt(2) + 1e-9
    assert np.ptp(corner[:, 0]) == pytest.approx(np.ptp(corner[:, 1]))


@pytest.mark.parametrize("power", [2.0, 5.0, 14.0])
def test_a_rounded_outline_reaches_as_far_as_asked(power):
    x, y = np.array(rounded(0.7, 0.3, power, 20)).T
    assert (x.max(), x.min(), y.max(), y.min()) == pytest.approx((0.7, -0.7, 0.3, -0.3))
    if power == 2.0:
        assert np.hypot(x / x.max(), y / y.max()).max() < 1.02
    assert np.allclose(np.hypot(*np.array(circle(2.0, 7)).T), 2.0)


corners = st.lists(st.integers(0, 5), min_size=3, max_size=3)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(corners, corners), min_size=1, max_size=5))
def test_the_union_of_boxes_counts_every_cell_once(pairs):
    boxes, cells = [], set()
    for first, second in pairs:
        low = [min(a, b) for a, b in zip(first, second, strict=True)]
        high = [max(a, b) + 1 for a, b in zip(first, second, strict=True)]
        boxes.append(box((low[0], low[1], low[2]), (high[0], high[1], high[2])))
        cells |= {
            (x, y, z) for x in range(low[0], high[0]) for y in range(low[1], high[1]) for z in range(low[2], high[2])
        }
    assert union_of_boxes(boxes) == pytest.approx(len(cells))
    assert known_volume(boxes) == pytest.approx(len(cells))


def test_a_volume_is_known_of_boxes_or_of_one_solid():
    cup, cube = lathe([(0, 0), (1, 0), (1, 1), (0, 1)], 8), box((0, 0, 0), (1, 1, 1))
    assert known_volume([cup]) == cup.volume
    assert known_volume([cup, cube]) is None
    assert known_volume([cube.turned(10.0)]) == 1.0
    assert known_volume([cube.turned(10.0), cube]) is None
    assert known_volume([cube.warped(lambda verts: verts * 2)]) is None


def test_a_union_keeps_the_label_of_each_face():
    verts, faces, labels = unite([box((0, 0, 0), (1, 1, 1)), box((0.25, 0.25, 0.5), (0.75, 0.75, 2))], [7, 3])
    assert is_closed(faces)
    assert volume(verts, faces) == pytest.approx(1 + 0.25)
    area = np.linalg.norm(np.cross(*(verts[faces[:, i]] - verts[faces[:, 0]] for i in (1, 2))), axis=1) / 2
    assert area[labels == 7].sum() == pytest.approx(6 - 0.25)
    assert area[labels == 3].sum() == pytest.approx(4 * 0.5 * 1.0 + 0.25)
    assert set(labels) == {3, 7}
    assert (np.lexsort(faces.T[::-1]) == np.arange(len(faces))).all()
    assert (faces.argmin(1) == 0).all()


def test_parts_that_meet_in_an_edge_or_are_inside_out_are_refused():
    cube = box((0, 0, 0), (1, 1, 1))
    with pytest.raises(BadUnionError, match="an edge is not between exactly two faces"):
        unite([cube, cube.moved(1, 1, 0)], [0, 0])
    with pytest.raises(BadUnionError, match="part 1 with label 5 is no solid"):
        unite([cube, Solid(cube.verts, cube.faces[:-1])], [0, 5])


def test_slivers_are_cut_away_and_the_surface_stays_closed():
    cells = np.array([(0, 0, 0), (900, 0, 0), (0, 900, 0), (0, 0, 900), (400, 0, 0)])
    # a tetrahedron whose edge 0-1 is cut by vertex 4 on one side only: a face (0, 4, 1) without area fills the gap
    faces = np.array([(0, 2, 4), (4, 2, 1), (0, 4, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])
    labels = np.array([1, 1, 2, 3, 4, 5])
    assert is_closed(faces)
    cleaned, kept = _without_slivers(cells, faces, labels)
    assert is_closed(cleaned)
    assert volume(cells.astype(float), cleaned) == pytest.approx(900**3 / 6)
    sides = cells[cleaned]
    assert (np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]) != 0).any(1).all()
    assert sorted(kept.tolist()) == [1, 1, 3, 3, 4, 5]  # the sliver took its neighbour's label


def test_a_ramp_is_linear_between_landmarks_and_flat_beyond():
    up = ramp(2, {1.0: 0.0, 3.0: 1.0})
    points = np.array([[9, 9, -4], [0, 0, 1], [0, 0, 1.5], [0, 0, 3], [0, 0, 50]], dtype=float)
    assert up(points).tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]
    assert up.slopes() == [0.5]
    both = ramp(0, {1.0: 0.0, 2.0: 1.0}, mirrored=True)
    assert both(np.array([[-2.0, 0, 0], [-1.5, 0, 0], [0.5, 0, 0], [1.5, 0, 0]])).tolist() == [1.0, 0.5, 0.0, 0.5]
    with pytest.raises(InvalidInputError, match="landmarks: expected increasing coordinates along 2"):
        Ramp(2, ((0.0, 0.0, 1.0), (0.0, 0.0, 1.0)), (0.0, 1.0))


def test_limits_stop_short_of_a_fold():
    # all of a length of 4 shrinks within a slab of 1: at -1/4 the slab would have no height
    assert shift("height", 2, {0.0: 0.0, 1.0: 1.0}, (0.0, 4.0)).limits() == pytest.approx((-0.2, 1.0))
    # and what is pushed into a slab of 1 would reach its end at +1/4
    there_and_back = shift("bulge", 2, {0.0: 0.0, 4.0: 1.0, 5.0: 0.0}, (0.0, 4.0))
    assert there_and_back.limits() == pytest.approx((-0.5, 0.2))
