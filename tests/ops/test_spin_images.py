"""Spin images of a ball and a square, by integrals over their surface."""

import numpy as np
import torch
from feature_meshes import ball, flat_square

from geolearn.ops import spin_image_features
from geolearn.ops.spin_images import COLUMNS, ROWS, SOFTNESS

RADIUS = 1 / (4 * np.pi) ** 0.5


def image(away, height, weights) -> np.ndarray:
    row = np.clip(away / (away + SOFTNESS) * ROWS - 0.5, 0, ROWS - 1)
    column = np.clip((height / (np.abs(height) + SOFTNESS) + 1) / 2 * COLUMNS - 0.5, 0, COLUMNS - 1)
    rows = np.maximum(1 - np.abs(row[:, None] - np.arange(ROWS)), 0)
    columns = np.maximum(1 - np.abs(column[:, None] - np.arange(COLUMNS)), 0)
    return np.einsum("p,pi,pj->ij", weights, rows, columns) / weights.sum()


def test_a_ball_by_an_integral_over_its_arcs():
    """At the arc t from a pole: r sin t from the axis, r (1 - cos t) below."""
    t = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    expected = image(RADIUS * np.sin(t), -RADIUS * (1 - np.cos(t)), np.sin(t))
    found = spin_image_features(ball(4)).square().reshape(-1, ROWS, COLUMNS).numpy()
    np.testing.assert_allclose(found.mean(0), expected, atol=0.01)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=0.04)


def test_a_square_is_level_and_as_wide_as_it_is():
    mesh = flat_square(24)
    found = spin_image_features(mesh).square().reshape(-1, ROWS, COLUMNS)
    torch.testing.assert_close(found[:, :, 4:6].sum((1, 2)), torch.ones(len(mesh.faces)), rtol=1e-4, atol=0)
    centre = mesh.triangles().mean(1)[:, :2].double().numpy()
    at = (np.arange(60) + 0.5) / 60
    places = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    for face in (0, 300, 575):
        away = np.linalg.norm(places - centre[face], axis=1)
        expected = image(away, np.zeros(len(away)), np.ones(len(away)))
        np.testing.assert_allclose(found[face].numpy(), expected, atol=0.02)


def test_above_and_below_are_told_apart():
    mesh = flat_square(24)
    lid = type(mesh)(mesh.verts + torch.tensor([0.0, 0.0, 0.3]), mesh.faces)
    both = type(mesh)(torch.cat([mesh.verts, lid.verts]), torch.cat([mesh.faces.flip(1), lid.faces + len(mesh.verts)]))
    found = spin_image_features(both).square().reshape(-1, ROWS, COLUMNS)
    assert float(found[:, :, 6:].sum((1, 2)).max()) < 1e-3  # nothing above the outside of a thick plate
    assert float((found[:, :, :4].sum((1, 2)) - 0.5).abs().max()) < 0.05
