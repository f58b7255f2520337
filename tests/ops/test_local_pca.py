"""Spreads of neighbourhoods where they are known: plane, rod, ball, fold, tip."""

import numpy as np
import pytest
import trimesh
from feature_meshes import ball, bent_plate, flat_square, side

from geolearn.ops import face_normals, local_pca_features
from geolearn.ops.feature_surface import SCALES
from geolearn.ops.local_pca import _moments
from geolearn.structures import Mesh

LINE, PLANE, BALL, SPREAD, ABOVE, BESIDE = range(6)


def columns(mesh: Mesh, radius: float) -> np.ndarray:
    values = local_pca_features(mesh).double().numpy().reshape(len(mesh.faces), len(SCALES), 6)
    return values[:, SCALES.index(radius)]


def test_a_plane_spreads_two_ways():
    mesh = flat_square(40)
    middle = ((mesh.triangles().mean(1)[:, :2] - 0.5).abs().amax(1) < 0.1).numpy()
    found = columns(mesh, 0.1)
    assert found[middle, LINE].max() < 0.05
    assert found[middle, PLANE].min() > 0.95
    assert found[:, BALL].max() < 1e-4
    np.testing.assert_allclose(found[middle, SPREAD], 0.5**0.5, rtol=0.03)
    np.testing.assert_allclose(found[:, ABOVE], 0, atol=1e-5)
    assert found[middle, BESIDE].max() < 0.06
    corner = (mesh.triangles().mean(1)[:, :2] < 0.05).all(1).numpy()
    assert found[corner, BESIDE].min() > 0.15


def test_a_rod_is_a_line_with_its_ends_aside():
    rod = Mesh.from_trimesh(trimesh.creation.cylinder(radius=0.1, height=6, sections=12).subdivide_to_size(0.12))
    along = rod.triangles().mean(1)[:, 2].abs().numpy()
    found = columns(rod, 0.5)
    assert found[along < 1, LINE].min() > 0.6
    assert found[along < 1, BESIDE].max() < 0.03
    flank = face_normals(rod.triangles())[:, 2].abs().numpy() < 0.5
    assert found[flank & (along > 2.9), BESIDE].min() > 0.2
    np.testing.assert_allclose(found[:, :3].sum(1), 1, atol=1e-5)
    # A long way off the axis is where the neighbourhood's middle lies below the face, by the radius of the rod.
    below = -0.1 / (0.5 * side(rod))
    np.testing.assert_allclose(np.sinh(found[along < 1, ABOVE]) / 4, below, rtol=0.15)


def test_a_large_neighbourhood_of_a_ball_is_a_ball():
    found = columns(ball(3), 0.8)
    assert found[:, BALL].min() > 0.5
    small = columns(ball(3), 0.1)
    assert small[:, PLANE].min() > 0.6
    assert (found[:, SPREAD] < small[:, SPREAD]).all()


def test_moments_are_exact_integrals():
    """Against many points of a triangle, evenly spread by a square that is folded over its diagonal."""
    corners = np.array([[[1.0, 2, 3], [2, 0, 1], [0, 1, 4]]])
    at = (np.arange(300) + 0.5) / 300
    u, v = (value.reshape(-1) for value in np.meshgrid(at, at))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = corners[0, 0] + u[:, None] * (corners[0, 1] - corners[0, 0]) + v[:, None] * (corners[0, 2] - corners[0, 0])
    expected = np.concatenate([points.mean(0), (points[:, :, None] * points[:, None, :]).mean(0).reshape(-1)])
    np.testing.assert_allclose(_moments(corners)[0], expected, rtol=1e-4)


def test_a_dent_lies_below_and_a_bump_above_their_surroundings():
    for sign in (1.0, -1.0):
        bent, top = bent_plate(40, sign * 0.2)
        assert sign * columns(bent, 0.3)[top, ABOVE] < -0.5


def test_spreads_equal_those_of_weights_worked_out_one_by_one():
    """The weights of the neighbourhood, one solution per face, on the moments of the faces."""
    from geolearn.ops.feature_surface import FeatureSurface

    surface = FeatureSurface(ball(2))
    weights = surface.heat.average(np.eye(len(surface.triangles)), 0.3)
    moments = _moments(surface.corners)
    found = columns(ball(2), 0.3)
    for face in range(0, 320, 40):
        middle = weights[face] @ moments[:, :3]
        second = (weights[face][:, None] * moments[:, 3:]).sum(0).reshape(3, 3)
        deviations = np.linalg.svd(second - np.outer(middle, middle))[1] ** 0.5
        assert found[face, SPREAD] == pytest.approx(np.linalg.norm(deviations) / 0.3, rel=1e-3)
        assert found[face, LINE] == pytest.approx(1 - deviations[1] / deviations[0], abs=1e-3)
