"""Thickness where it is known: ball, plate, rod, cone, nested and open shapes."""

import numpy as np
import pytest
import torch
import trimesh
from feature_meshes import ball, flat_square, join, side

from geolearn.ops import shape_diameter_features
from geolearn.ops.inner_lengths import length_forms
from geolearn.structures import Mesh

DIAMETER, MEAN, MEDIAN, LEAST, LARGEST = range(5)
SPREAD, LEAVING = 15, 16
NARROW, WIDE = 0, 3


def columns(mesh: Mesh, cone: int = WIDE) -> np.ndarray:
    """The 18 columns of one cone, the first five as lengths in units of the mesh."""
    values = shape_diameter_features(mesh).double().numpy().reshape(len(mesh.faces), 4, 18)[:, cone]
    values[:, :5] = 2 ** (4 * (values[:, :5] - 1)) * side(mesh)
    return values


def tilts(count: int) -> np.ndarray:
    return np.pi / 3 * (np.arange(count) + 0.5) / 32


@pytest.mark.parametrize("cone, count", [(0, 8), (1, 16), (2, 24), (3, 32)])
def test_a_ball_by_its_chords(cone, count):
    found, chords = columns(ball(4, radius=3.0), cone), 6 * np.cos(tilts(count))
    near = np.abs(chords - np.median(chords)) <= chords.std()
    diameter = np.average(chords[near], weights=1 / tilts(count)[near])
    for column, expected in (
        (DIAMETER, diameter),
        (MEAN, chords.mean()),
        (MEDIAN, np.median(chords)),
        (LEAST, chords.min()),
        (LARGEST, chords.max()),
    ):
        np.testing.assert_allclose(found[:, column], expected, rtol=0.03)
    np.testing.assert_allclose(found[:, SPREAD], chords.std() / (chords.std() + chords.mean()), atol=0.01)
    assert (found[:, LEAVING] == 1).all()


def test_a_plate_by_the_slant_of_rays():
    plate = Mesh.from_trimesh(trimesh.creation.box(extents=[20, 20, 0.5]).subdivide_to_size(2.0))
    middle = (plate.triangles().mean(1)[:, :2].abs().amax(1) < 5).numpy()
    found = columns(plate)[middle]
    np.testing.assert_allclose(found[:, LEAST], 0.5, rtol=1e-3)
    np.testing.assert_allclose(found[:, LARGEST], 0.5 / np.cos(tilts(32)[-1]), rtol=1e-3)
    np.testing.assert_allclose(found[:, MEAN], (0.5 / np.cos(tilts(32))).mean(), rtol=1e-3)


def test_a_cone_is_thin_at_its_tip():
    """At the distance s from the tip of a cone of half opening a, it is s tan(2 a) across."""
    shape = trimesh.creation.cone(radius=1, height=4, sections=96).subdivide_to_size(0.2)
    cone = Mesh.from_trimesh(shape)
    half = np.arctan(1 / 4)
    centre = cone.triangles().mean(1).double().numpy()
    from_tip = np.linalg.norm(centre - [0, 0, 4], axis=1)
    flank = (centre[:, 2] > 1.5) & (centre[:, 2] < 3.7)
    straight = from_tip * np.tan(2 * half)
    np.testing.assert_allclose(columns(cone, NARROW)[flank, MEDIAN], straight[flank], rtol=0.12)


def test_the_nearest_way_out_counts_and_entering_does_not():
    """A small ball in a large one: rays from outside pass into it, and leave at its far side; a hollow ends them."""
    inner = ball(2, radius=0.3)
    solid = join(ball(3), inner)
    outside = columns(solid, NARROW)[: len(ball(3).faces)]
    assert outside[:, LARGEST].min() == pytest.approx(1.3, abs=0.02)
    assert columns(solid, NARROW)[len(ball(3).faces) :, MEAN].mean() == pytest.approx(0.57, abs=0.03)
    hollow = join(ball(3), Mesh(inner.verts, inner.faces.flip(1)))
    assert columns(hollow, NARROW)[: len(ball(3).faces), LEAST].min() == pytest.approx(0.7, abs=0.02)


def test_rays_that_never_leave_are_long_and_counted():
    found = shape_diameter_features(flat_square(6)).reshape(-1, 4, 18)
    assert bool((found[:, :, LEAVING] == 0).all())
    torch.testing.assert_close(found[:, :, :5], torch.full((72, 4, 5), 1.25))  # log2(2) / 4 + 1
    mesh = ball(3)
    upper = Mesh(mesh.verts, mesh.faces[mesh.triangles()[..., 2].mean(1) > 0])
    some = columns(upper)[:, LEAVING]
    assert 0 < some.mean() < 1


def test_forms_of_lengths():
    from geolearn.ops.feature_surface import FeatureSurface

    surface = FeatureSurface(ball(2))
    count = len(surface.triangles)
    lengths = np.stack([np.full(count, 1 / 16), np.linspace(0.1, 1.1, count), np.full(count, 1e-9)], 1)
    found = length_forms(surface, lengths)
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(found[:, 1], np.log2(lengths[:, 1]) / 4 + 1)
    np.testing.assert_allclose(found[:, 2], -0.75)
    np.testing.assert_allclose(found[:, 3], 0, atol=1e-9)
    np.testing.assert_allclose(found[:, 4], surface.heat.average(found[:, 1:2], 0.05)[:, 0])
    np.testing.assert_allclose(found[:, 6], 0)
    np.testing.assert_allclose(found[:, 7], np.log(4 * np.linspace(0, 1, count) + 1) / np.log(5))


def test_agrees_with_libigl_on_a_club():
    """Its means are over the half space, ours over a cone; both follow the thickness, which grows tenfold."""
    igl = pytest.importorskip("igl.embree")
    shape = ball(3)
    thickness = 0.1 + 0.9 * ((shape.verts[:, 2:] + 1) / 2) ** 2
    mesh = Mesh(torch.cat([thickness * shape.verts[:, :2], 4 * shape.verts[:, 2:]], 1), shape.faces)
    verts, faces = mesh.verts.double().numpy(), mesh.faces.numpy()
    corners = verts[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    theirs = igl.shape_diameter_function(verts, faces, corners.mean(1), normals, 200)
    assert np.corrcoef(np.log(theirs), np.log(columns(mesh)[:, MEAN]))[0, 1] > 0.9
