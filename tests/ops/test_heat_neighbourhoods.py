"""Averages over neighbourhoods: weights, their reach, and a dense solution of the same equations."""

import numpy as np
import pytest
import torch
from feature_meshes import ball, flat_square, join, soup
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.ops.face_adjacency import face_adjacency
from geolearn.ops.heat_neighbourhoods import HeatNeighbourhoods
from geolearn.structures import Mesh


def heat_of(mesh: Mesh) -> tuple[HeatNeighbourhoods, np.ndarray]:
    corners = mesh.triangles().double().numpy()
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    found = face_adjacency(mesh)
    sides = ((corners - np.roll(corners, -1, 1)) ** 2).sum((1, 2))
    return HeatNeighbourhoods(areas, found.pairs.numpy(), found.edge_length.double().numpy(), sides), areas


def opposite_cotangent(corners, edge):
    """Of the angle of a triangle that faces the edge of this length."""
    for k in range(3):
        a, b, c = corners[k], corners[(k + 1) % 3], corners[(k + 2) % 3]
        if np.isclose(np.linalg.norm(b - a), edge):
            return (a - c) @ (b - c) / np.linalg.norm(np.cross(a - c, b - c))
    raise AssertionError("no such edge")


def test_equals_a_dense_solution_with_flows_by_angles():
    """A ball pressed flat: some circumcentres lie outside of their triangles, and some flows are held at 20."""
    mesh = ball(1)
    mesh = Mesh(mesh.verts * torch.tensor([1.0, 0.9, 0.2]), mesh.faces)
    heat, areas = heat_of(mesh)
    corners = mesh.triangles().double().numpy()
    laplacian, held = np.zeros((80, 80)), 0
    found = face_adjacency(mesh)
    for (i, j), edge in zip(found.pairs.tolist(), found.edge_length.double().tolist(), strict=True):
        total = opposite_cotangent(corners[i], edge) + opposite_cotangent(corners[j], edge)
        flow = 2 / total if total > 0.1 else 20.0
        held += flow == 20
        laplacian[[i, j], [i, j]] += flow
        laplacian[[i, j], [j, i]] -= flow
    assert 0 < held < 60
    amounts = np.random.default_rng(0).normal(size=(80, 2))
    step = np.diag(areas) + 0.3**2 / 16 * laplacian
    expected = np.linalg.solve(step, areas[:, None] * np.linalg.solve(step, amounts))
    np.testing.assert_allclose(heat.per_area(amounts, 0.3), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(heat.average(amounts, 0.3), heat.per_area(areas[:, None] * amounts, 0.3), rtol=1e-6)


@pytest.mark.parametrize("radius", [0.1, 0.2])
def test_reaches_as_far_as_a_disc_of_that_radius_on_a_plane(radius):
    """The mean squared distance is radius^2 / 2, less where the end of the plane is near; the mean is at the face."""
    mesh = flat_square(40)
    heat, _ = heat_of(mesh)
    centres = mesh.triangles().double().mean(1).numpy()
    middle = np.linalg.norm(centres - [0.5, 0.5, 0], axis=1).argmin()
    away = centres - centres[middle]
    found = heat.average(np.concatenate([away, (away**2).sum(1, keepdims=True)], 1), radius)[middle]
    assert found[3] == pytest.approx(radius**2 / 2, rel=0.06)
    np.testing.assert_allclose(found[:3], 0, atol=4e-3)  # of a right triangle, the middle of its long side


@given(seed=st.integers(0, 1000), radius=st.floats(0.01, 3))
@settings(max_examples=20)
def test_weights_of_any_mesh_are_positive_and_sum_to_one(seed, radius):
    mesh = soup(seed)
    heat, _ = heat_of(mesh)
    weights = heat.average(np.eye(len(mesh.faces)), radius)
    assert weights.min() > -1e-9
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-4)


def test_heat_stays_in_its_component_and_amounts_stay():
    mesh = join(ball(1), Mesh(ball(1).verts + 1.0, ball(1).faces))
    heat, areas = heat_of(mesh)
    amounts = np.arange(80.0)[:, None]
    amounts = np.concatenate([amounts, 0 * amounts])
    found = heat.per_area(amounts, 0.5)
    np.testing.assert_allclose(found[80:], 0, atol=1e-9)
    np.testing.assert_allclose(areas @ found, amounts.sum(), rtol=1e-6)
    everything = heat.per_area(amounts, 100.0)[:80]
    np.testing.assert_allclose(everything, amounts.sum() / areas[:80].sum(), rtol=1e-2)


def test_no_faces_and_faces_without_area():
    nothing = HeatNeighbourhoods(np.zeros(0), np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0))
    assert nothing.average(np.zeros((0, 4)), 0.1).shape == (0, 4)
    flat = HeatNeighbourhoods(np.zeros(2), np.array([[0, 1]]), np.ones(1), np.full(2, 2.0))
    np.testing.assert_allclose(flat.average(np.array([[1.0], [3.0]]), 1e3), 2, rtol=1e-3)
