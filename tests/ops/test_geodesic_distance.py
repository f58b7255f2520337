"""Average geodesic distances where they are known: ball, square, rod; and those of potpourri3d."""

import numpy as np
import pytest
import torch
import trimesh
from feature_meshes import ball, flat_square, lopsided, side

from geolearn.ops import geodesic_distance_features
from geolearn.structures import Mesh

MEAN, ROOT, FARTHEST, RELATIVE, LOGARITHM, SHAPE = range(6)
MEDIAN = 6 + 4


def test_a_ball_is_the_same_from_everywhere():
    """Arcs from a pole: mean pi / 2, mean square pi^2 / 2 - 2, half of the area within pi / 2."""
    radius = 1 / (4 * np.pi) ** 0.5
    found = geodesic_distance_features(ball(4)).numpy()
    np.testing.assert_allclose(found[:, MEAN], np.pi / 2 * radius, rtol=0.035)
    np.testing.assert_allclose(found[:, ROOT], (np.pi**2 / 2 - 2) ** 0.5 * radius, rtol=0.035)
    np.testing.assert_allclose(found[:, FARTHEST], np.pi * radius, rtol=0.05)
    np.testing.assert_allclose(found[:, MEDIAN], np.pi / 2 * radius, rtol=0.05)
    for share in (1, 3, 7, 9):  # the cap of a tenth, ... of the area
        arc = np.arccos(1 - 2 * share / 10) * radius
        np.testing.assert_allclose(found[:, 5 + share].mean(), arc, rtol=0.04)
    assert np.abs(found[:, LOGARITHM]).max() < 0.02


def test_a_square_from_its_middle_and_from_its_corner():
    mesh = flat_square(32)
    found = geodesic_distance_features(mesh).numpy()
    centre = mesh.triangles().mean(1)[:, :2].numpy()
    middle = np.abs(centre - 0.5).max(1) < 0.022
    corner = centre.max(1) < 0.04
    log = np.log(1 + 2**0.5)
    assert found[middle, MEAN].mean() == pytest.approx((2**0.5 + log) / 6, rel=0.06)
    assert found[corner, MEAN].mean() == pytest.approx((2**0.5 + log) / 3, rel=0.05)
    assert found[middle, FARTHEST].mean() == pytest.approx(0.5**0.5, rel=0.05)
    assert found[middle, RELATIVE].max() < 0.02
    assert found[corner, RELATIVE].min() > 0.9
    assert (found[:, RELATIVE] >= 0).all()
    assert (found[:, RELATIVE] <= 1).all()


def test_a_rod_is_twice_as_far_from_its_end():
    rod = Mesh.from_trimesh(trimesh.creation.cylinder(radius=0.05, height=4, sections=12).subdivide_to_size(0.12))
    found = geodesic_distance_features(rod).numpy() * side(rod)
    along = rod.triangles().mean(1)[:, 2].numpy()
    expected = ((2 + along) ** 2 + (2 - along) ** 2) / 2 / 4  # mean of |x - along| for x from -2 to 2
    np.testing.assert_allclose(found[:, MEAN], expected, rtol=0.05)
    np.testing.assert_allclose(found[np.abs(along) > 1.95, 5 + 5], 2, rtol=0.05)  # half of it is within 2 of an end


def test_quantiles_rise_and_statistics_fit_together():
    found = geodesic_distance_features(lopsided()).double().numpy()
    assert (np.diff(found[:, 6:], axis=1) > 0).all()
    assert (found[:, 14] <= found[:, FARTHEST]).all()
    np.testing.assert_allclose(found[:, SHAPE], np.sqrt(found[:, ROOT] ** 2 / found[:, MEAN] ** 2 - 1), rtol=1e-3)
    by_quantiles = (found[:, 6:-1] + found[:, 7:]).sum(1) / 20  # the mean of the middle 80 %, times 0.8
    assert np.corrcoef(by_quantiles, found[:, MEAN])[0, 1] > 0.99


def test_agrees_with_the_heat_method_of_potpourri3d_from_every_vertex():
    potpourri3d = pytest.importorskip("potpourri3d")
    mesh = lopsided(3)
    verts, faces = mesh.verts.double().numpy(), mesh.faces.numpy()
    solver = potpourri3d.MeshHeatMethodDistanceSolver(verts, faces)
    corners = verts[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    share = np.bincount(faces.reshape(-1), np.repeat(area / 3, 3)) / area.sum()
    mean = sum(weight * solver.compute_distance(vertex) for vertex, weight in enumerate(share))
    theirs = mean[faces].mean(1) / side(mesh)
    found = geodesic_distance_features(mesh)[:, MEAN].numpy()
    np.testing.assert_allclose(found, theirs, rtol=0.05)
    assert np.corrcoef(found, theirs)[0, 1] > 0.98


def test_numbers_of_samples_above_the_vertices_are_all_of_them():
    tetrahedron = Mesh(
        torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
        torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
    )
    found = geodesic_distance_features(tetrahedron)
    torch.testing.assert_close(found, found[:1].expand(4, 15), rtol=0, atol=0.03)
