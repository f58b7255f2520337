"""Balls inside triangles, against a look at all triangles."""

import numpy as np
import pytest
import trimesh

from geolearn.kernels.touching_balls import touching_balls
from geolearn.kernels.wide_boxes import WideBoxes, build_boxes


def slow_nearest(point, triangles):
    """By a fine lattice of barycentric weights: an upper bound of the distance, and a good one."""
    steps = np.arange(31) / 30
    u, v = (value.reshape(-1) for value in np.meshgrid(steps, steps))
    u, v = u[u + v <= 1 + 1e-9], v[u + v <= 1 + 1e-9]
    weights = np.stack([1 - u - v, u, v], 1)
    return np.linalg.norm(np.einsum("wk,fkj->fwj", weights, triangles) - point, axis=2).min()


def test_in_an_empty_tree_balls_are_as_large_as_allowed():
    boxes = build_boxes(np.zeros((0, 3, 3)), np.zeros((0, 3)))
    assert touching_balls(np.zeros((1, 3)), np.eye(3)[:1], np.array([-1]), 2.0, 2.0, boxes).tolist() == [2.0]


@pytest.mark.parametrize("seed", range(2))
def test_balls_touch_and_hold_nothing(seed):
    """On a bumpy ball: no triangle reaches into a ball, and a slightly larger one holds something."""
    rng = np.random.default_rng(seed)
    shape = trimesh.creation.icosphere(subdivisions=2)
    verts = shape.vertices * (1 + 0.3 * np.sin(5 * shape.vertices @ rng.normal(size=3)))[:, None]
    triangles = verts[shape.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    boxes, points = build_boxes(triangles, normals), triangles.mean(1)
    radii = touching_balls(points, normals, boxes.place, 10.0, 2.0, boxes)
    assert radii.max() < 2
    for f in range(0, len(triangles), 23):
        others = np.delete(triangles, f, 0)
        assert slow_nearest(points[f] - radii[f] * normals[f], others) >= radii[f] * (1 - 1e-5)
        larger = 1.05 * radii[f]
        assert slow_nearest(points[f] - larger * normals[f], others) < larger


def test_balls_of_a_plate_and_its_edge_and_outside():
    """Half as thick as the plate; up to its side near the edge; as large as allowed where nothing is in the way."""
    plate = trimesh.creation.box(extents=[10, 10, 0.5])
    triangles = np.array(plate.triangles)
    boxes = build_boxes(triangles, np.zeros((12, 3)))
    points = np.array([[0.1, 0.2, 0.25], [4.9, 0.0, 0.25], [4.9, 0.0, 0.25]])
    normals = np.array([[0.0, 0, 1], [0.0, 0, 1], [0.0, 0, -1]])
    inside = trimesh.triangles.points_to_barycentric(triangles, np.repeat(points[2:], 12, 0)).min(1) >= 0
    own = np.array([-1, -1, boxes.place[np.argmax(inside & (triangles[:, :, 2] == 0.25).all(1))]])
    radii = touching_balls(points, normals, own, 3.0, 2.0, boxes)
    np.testing.assert_allclose(radii, [0.25, 0.1, 3.0], rtol=1e-5)


def test_facets_that_face_alike_are_passed():
    """In a rod of 48 flat sides a ball beside a bend is stopped by it, unless small bends do not count."""
    rod = trimesh.creation.cylinder(radius=0.5, height=8, sections=48)
    boxes = build_boxes(np.array(rod.triangles), np.array(rod.face_normals))
    side = np.nonzero(np.abs(rod.face_normals[:, 2]) < 0.5)[0]
    points, outward = rod.triangles_center[side] * [1, 1, 0.1], rod.face_normals[side]
    for most_alike, expected in ((2.0, 0.333), (0.8, 0.5)):
        radii = touching_balls(points, outward, boxes.place[side], 9.0, most_alike, boxes)
        np.testing.assert_allclose(radii, expected, rtol=0.07)


@pytest.mark.parametrize("most_alike", [0.9, 0.7, 0.0, -0.6])
def test_cones_of_normals_pass_nothing_that_counts(most_alike):
    """The same radii, to the bit, as when every box is looked into; some triangles have no normal."""
    rng = np.random.default_rng(0)
    shape = trimesh.creation.icosphere(subdivisions=3)
    verts = shape.vertices * (1 + 0.2 * np.sin(7 * shape.vertices @ rng.normal(size=3)))[:, None]
    triangles = verts[shape.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    normals[rng.random(len(normals)) < 0.01] = 0
    boxes = build_boxes(triangles, normals)
    cones = boxes.cones.reshape(-1, 4, 8).copy()
    cones[:, 3] = np.pi
    everywhere = WideBoxes(*boxes[:-1], cones.reshape(-1, 32))
    found, expected = (
        touching_balls(triangles.mean(1), normals, boxes.place, 1.0, most_alike, tree) for tree in (boxes, everywhere)
    )
    np.testing.assert_array_equal(found, expected)
    assert (found < 1).mean() > 0.5
