"""Curvatures where they are known: ball, cylinder, torus, box, plane."""

import numpy as np
import pytest
import torch
import trimesh
from feature_meshes import ball, flat_square, side

from geolearn.ops import curvature_features
from geolearn.ops.feature_surface import SCALES
from geolearn.structures import Mesh


def columns(mesh: Mesh, radius: float) -> np.ndarray:
    """The eight columns of one radius, curvatures in units of the mesh: k1, k2, mean, root of Gaussian, ..."""
    values = curvature_features(mesh).double().numpy().reshape(len(mesh.faces), len(SCALES), 8)
    values = values[:, SCALES.index(radius)]
    values[:, :6] = np.sinh(values[:, :6]) / (3 * radius * side(mesh))
    return values


@pytest.mark.parametrize("radius", [0.02, 0.06])
def test_a_ball_has_one_over_its_radius(radius):
    found = columns(ball(4, radius=2.5), radius)
    for column in (0, 1, 2, 3, 4):
        assert found[:, column].mean() == pytest.approx(1 / 2.5, rel=0.04)
    assert np.abs(found[:, 5]).mean() < 0.1
    assert (found[:, 6] > 0.7).mean() > 0.95  # a cap
    assert found[:, 7].min() > 0.97


def test_a_ball_from_inside_is_turned_and_a_bowl_is_a_cup():
    shape = ball(4)
    inward = columns(Mesh(shape.verts, shape.faces.flip(1)), 0.06)
    np.testing.assert_allclose(inward, columns(shape, 0.06), atol=1e-3)
    # The upper half, looking in: its volume about its own centre is negative, so it is turned as well...
    upper = Mesh(shape.verts, shape.faces[shape.triangles()[..., 2].mean(1) > 0])
    assert columns(upper, 0.02)[:, 2].mean() == pytest.approx(1, rel=0.06)
    # ...but the inside of a thick bowl is not.
    bowl = Mesh(
        torch.cat([upper.verts * 1.2, upper.verts]), torch.cat([upper.faces, upper.faces.flip(1) + len(upper.verts)])
    )
    found = columns(bowl, 0.02)
    inside = np.arange(len(bowl.faces)) >= len(upper.faces)
    assert np.median(found[~inside, 2]) == pytest.approx(1 / 1.2, rel=0.05)
    assert np.median(found[inside, 2]) == pytest.approx(-1, rel=0.05)
    assert np.median(found[inside, 6]) < -0.7


def test_a_cylinder_bends_one_way():
    shape = Mesh.from_trimesh(trimesh.creation.cylinder(radius=0.5, height=4, sections=64).subdivide_to_size(0.15))
    found = columns(shape, 0.06)
    middle = np.abs(shape.triangles().mean(1)[:, 2].numpy()) < 1
    assert found[middle, 0].mean() == pytest.approx(2, rel=0.05)
    assert np.abs(found[middle, 1]).mean() < 0.1
    assert found[middle, 2].mean() == pytest.approx(1, rel=0.05)
    assert np.abs(found[middle, 3]).mean() < 0.5
    assert found[middle, 6].mean() == pytest.approx(0.5, abs=0.05)  # a ridge
    top = (shape.triangles()[..., 2].amin(1).numpy() > 1.99) & (
        shape.triangles().mean(1)[:, :2].norm(dim=1).numpy() < 0.2
    )
    assert np.abs(found[top, :6]).max() < 0.5  # some of the rim is near
    assert np.abs(columns(shape, 0.02)[top, 6]).max() < 0.1


def test_a_torus_is_a_saddle_inside():
    """Curvatures 1 / r across the tube, and cos(angle) / distance to the axis along it."""
    shape = Mesh.from_trimesh(trimesh.creation.torus(1.0, 0.3, 120, 48))
    found = columns(shape, 0.035)
    centre = shape.triangles().mean(1).double().numpy()
    axis_distance = np.linalg.norm(centre[:, :2], axis=1)
    along = (axis_distance - 1) / 0.3 / axis_distance
    np.testing.assert_allclose(found[:, 0], 1 / 0.3, rtol=0.06)
    np.testing.assert_allclose(found[:, 1], along, atol=0.12)
    assert (found[axis_distance < 0.9, 6] < 0.45).all()
    assert (found[axis_distance > 1.1, 6] > 0.5).all()


def test_a_plane_is_flat_and_an_edge_is_not():
    found = columns(flat_square(20), 0.1)
    np.testing.assert_allclose(found[:, :7], 0, atol=1e-6)
    np.testing.assert_allclose(found[:, 7], 1, atol=1e-6)
    box = Mesh.from_trimesh(trimesh.creation.box().subdivide().subdivide().subdivide())
    found = columns(box, 0.035)
    from_edge = 0.5 - np.sort(np.abs(box.triangles().mean(1).numpy()), axis=1)[:, 1]
    assert found[from_edge < 0.05, 0].min() > 2
    assert np.abs(found[from_edge > 0.3, :6]).max() < 0.3


def test_all_of_a_turn_is_counted():
    """The mean curvature of a box, integrated: pi / 4 times the lengths of its edges."""
    box = Mesh.from_trimesh(trimesh.creation.box(extents=[1, 2, 3]))
    from geolearn.ops.curvature_features import _bending
    from geolearn.ops.feature_surface import FeatureSurface

    trace = _bending(FeatureSurface(box))[:, :3].sum()
    assert trace * side(box) == pytest.approx(np.pi / 2 * 4 * 6)


def test_agrees_with_libigl_on_a_bumpy_surface():
    igl = pytest.importorskip("igl")
    shape = trimesh.creation.icosphere(subdivisions=4)
    verts = shape.vertices * (1 + 0.15 * np.sin(3 * shape.vertices[:, :1]) * np.cos(2 * shape.vertices[:, 1:2]))
    mesh = Mesh(torch.tensor(verts).float(), torch.tensor(np.asarray(shape.faces)))
    found = columns(mesh, 0.035)
    most, least = igl.principal_curvature(verts, np.asarray(shape.faces))[2:4]
    theirs = (most + least)[shape.faces].mean(1) / 2
    assert np.corrcoef(np.abs(theirs), found[:, 2])[0, 1] > 0.97
    assert np.abs(theirs).mean() == pytest.approx(found[:, 2].mean(), rel=0.05)
