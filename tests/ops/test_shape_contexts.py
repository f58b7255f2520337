"""Shape contexts of a ball and a square, by integrals over their surface."""

import numpy as np
import torch
from feature_meshes import ball, bent_plate, flat_square

from geolearn.ops import shape_context_features
from geolearn.ops.shape_contexts import FARTHEST, NEAREST, RINGS, SECTORS

RADIUS = 1 / (4 * np.pi) ** 0.5


def histogram(lengths, angles, weights) -> np.ndarray:
    """Places shared between the bins around them."""
    rings = np.log(np.maximum(lengths, NEAREST) / NEAREST) / np.log(FARTHEST / NEAREST) * RINGS
    row, column = np.clip(rings - 0.5, 0, RINGS - 1), np.clip(angles / np.pi * SECTORS - 0.5, 0, SECTORS - 1)
    rows = np.maximum(1 - np.abs(row[:, None] - np.arange(RINGS)), 0)
    columns = np.maximum(1 - np.abs(column[:, None] - np.arange(SECTORS)), 0)
    return np.einsum("p,pi,pj->ij", weights, rows, columns) / weights.sum()


def test_a_ball_by_integrals_over_its_arcs():
    """At the arc t from a pole, the chord is 2 r sin(t / 2) at pi / 2 + t / 2 to the normal; normals differ by t."""
    t = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    chord, arc, up = 2 * RADIUS * np.sin(t / 2), RADIUS * t, np.pi / 2 + t / 2
    expected = np.stack([histogram(arc, up, np.sin(t)), histogram(arc, t, np.sin(t)), histogram(chord, up, np.sin(t))])
    found = shape_context_features(ball(4)).square().reshape(-1, 3, RINGS, SECTORS).numpy()
    np.testing.assert_allclose(found.mean(0), expected, atol=0.012)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=0.05)


def test_a_plane_lies_level_with_all_normals_alike():
    mesh = flat_square(24)
    found = shape_context_features(mesh).square().reshape(-1, 3, RINGS, SECTORS)
    torch.testing.assert_close(found.sum((2, 3)), torch.ones(len(mesh.faces), 3), rtol=1e-4, atol=0)
    torch.testing.assert_close(found[:, 0, :, 4].sum(1), torch.ones(len(mesh.faces)), rtol=0, atol=1e-3)
    torch.testing.assert_close(found[:, 1, :, 0].sum(1), torch.ones(len(mesh.faces)), rtol=0, atol=1e-2)
    torch.testing.assert_close(found[:, 0].sum(2), found[:, 2].sum(2), rtol=0, atol=0.15)


def test_a_bump_looks_down_and_a_dent_looks_up():
    for sign, looking in ((1.0, slice(5, 9)), (-1.0, slice(0, 4))):
        bent, top = bent_plate(24, sign * 0.4)
        found = shape_context_features(bent)[top].square().reshape(3, RINGS, SECTORS)
        assert float(found[0, :, looking].sum()) > 0.5
