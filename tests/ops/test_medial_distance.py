"""Balls inside shapes and what is seen from their centres, where it is known."""

import numpy as np
import pytest
import trimesh
from feature_meshes import ball, lopsided, side

from geolearn.ops import medial_distance_features
from geolearn.structures import Mesh

RADIUS, MEAN, ROOT, LOW, MEDIAN, HIGH, LARGEST, DEVIATION = range(8)


def columns(mesh: Mesh) -> np.ndarray:
    """The first eight columns as lengths in units of the mesh."""
    return 2 ** (4 * (medial_distance_features(mesh)[:, :8].double().numpy() - 1)) * side(mesh)


def test_the_ball_in_a_ball_is_that_ball():
    found = columns(ball(4, radius=2.0))
    for column in (MEAN, ROOT, LOW, MEDIAN, HIGH, LARGEST):
        np.testing.assert_allclose(found[:, column], 2, rtol=0.03)
    np.testing.assert_allclose(found[:, RADIUS], 2, rtol=0.05)
    assert np.median(found[:, RADIUS]) == pytest.approx(2, rel=0.02)


def test_a_plate_holds_balls_of_half_its_thickness():
    plate = Mesh.from_trimesh(trimesh.creation.box(extents=[20, 20, 1]).subdivide_to_size(1.6))
    centre = plate.triangles().mean(1).double().numpy()
    large = np.abs(centre[:, 2]) > 0.49
    found = columns(plate)
    from_edge = 10 - np.abs(centre[:, :2]).max(1)
    np.testing.assert_allclose(found[large, RADIUS], np.clip(from_edge, side(plate) / 128, 0.5)[large], rtol=0.01)
    deep = large & (from_edge > 3)
    assert (found[deep, LOW] < 1.1).all()
    assert (found[deep, LARGEST] > 3).all()  # some rays run along the plate


def test_a_rod_and_a_cone():
    rod = Mesh.from_trimesh(trimesh.creation.cylinder(radius=0.5, height=8, sections=48).subdivide_to_size(0.3))
    centre = rod.triangles().mean(1).double().numpy()
    middle = np.abs(centre[:, 2]) < 2
    radii = columns(rod)[middle, RADIUS]  # its sides are flat: a ball beside the middle of one is smaller
    assert np.median(radii) == pytest.approx(0.5, rel=0.15)
    assert radii.min() > 0.33
    cone = Mesh.from_trimesh(trimesh.creation.cone(radius=1, height=4, sections=96).subdivide_to_size(0.2))
    centre = cone.triangles().mean(1).double().numpy()
    flank = (centre[:, 2] > 1.5) & (centre[:, 2] < 3.7)
    # The centre lies on the axis, where the normal from the flank meets it.
    expected = np.linalg.norm(centre - [0, 0, 4], axis=1) * (1 / 4)
    share = columns(cone)[flank, RADIUS] / expected[flank]
    assert np.median(share) == pytest.approx(1, rel=0.1)
    assert share.min() > 0.6
    assert share.max() < 1.1


def test_a_ball_is_no_larger_than_half_of_the_way_across():
    from geolearn.ops.feature_surface import FeatureSurface
    from geolearn.ops.inner_lengths import cast_from
    from geolearn.ops.medial_distance import inner_balls

    surface = FeatureSurface(lopsided(2))
    across = cast_from(surface, surface.centres, np.array([[0.0, 0.0, 1.0]]), on_surface=True)[:, 0]
    radii = inner_balls(surface)
    assert (radii <= across / 2 * (1 + 1e-6)).all()
    assert (radii > 0).all()


def test_an_open_shape_holds_balls_of_at_most_one():
    from feature_meshes import flat_square

    found = medial_distance_features(flat_square(5)).numpy()
    np.testing.assert_allclose(found[:, RADIUS], 1)  # log2(1) / 4 + 1
    np.testing.assert_allclose(found[:, LARGEST], 1.25)
