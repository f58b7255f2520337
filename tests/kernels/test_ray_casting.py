"""Rays and balls inside triangles, against loops over all triangles."""

import numpy as np
import pytest
import trimesh

from geolearn.kernels.ray_casting import build_tree, cast_rays, touching_balls


def tree_of(triangles):
    order, bounds, first = build_tree(triangles)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return np.ascontiguousarray(triangles[order]), bounds, first, place


def slow_lengths(origins, directions, own, triangles):
    """Solve a + u e + v f = o + t d for every ray and triangle."""
    lengths = np.full((len(origins), len(directions)), np.inf)
    edge, other = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    normal = np.cross(edge, other)
    for i, origin in enumerate(origins):
        for k, direction in enumerate(directions):
            behind = (normal @ direction > 1e-12) & (np.arange(len(triangles)) != own[i])
            columns = np.stack([edge, other, np.broadcast_to(-direction, edge.shape)], 2)[behind]
            u, v, t = np.linalg.solve(columns, (origin - triangles[behind, 0])[..., None])[..., 0].T
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0)
            lengths[i, k] = t[hit].min(initial=np.inf)
    return lengths


def slow_nearest(point, triangles):
    """By a fine lattice of barycentric weights: an upper bound of the distance, and a good one."""
    steps = np.arange(31) / 30
    u, v = (value.reshape(-1) for value in np.meshgrid(steps, steps))
    u, v = u[u + v <= 1 + 1e-9], v[u + v <= 1 + 1e-9]
    weights = np.stack([1 - u - v, u, v], 1)
    return np.linalg.norm(np.einsum("wk,fkj->fwj", weights, triangles) - point, axis=2).min()


@pytest.mark.parametrize("count", [1, 3, 5, 64, 301])
def test_boxes_hold_their_triangles(count):
    triangles = np.random.default_rng(count).normal(size=(count, 3, 3))
    order, bounds, first = build_tree(triangles)
    assert sorted(order) == list(range(count))
    assert first[0] == 0
    assert first[-1] == count
    assert np.diff(first).max() <= 4
    leaves = len(first) - 1
    for node in range(2 * leaves - 1):
        low, high = node, node
        while low < leaves - 1:
            low, high = 2 * low + 1, 2 * high + 2
        held = triangles[order[first[low - leaves + 1] : first[high - leaves + 2]]].reshape(-1, 3)
        if len(held):
            np.testing.assert_array_equal(bounds[node], np.concatenate([held.min(0), held.max(0)]))


def test_an_empty_tree_meets_nothing():
    triangles, bounds, first, _ = tree_of(np.zeros((0, 3, 3)))
    one, eye = np.zeros((1, 3)), np.eye(3)[None]
    assert cast_rays(one, eye, np.array([-1]), np.eye(3), triangles, bounds, first).tolist() == [[np.inf] * 3]
    assert touching_balls(
        one, np.eye(3)[:1], np.array([-1]), 2.0, 2.0, triangles, triangles[:, 0], bounds, first
    ).tolist() == [2.0]


@pytest.mark.parametrize("seed", range(3))
def test_rays_equal_a_loop_over_triangles(seed):
    rng = np.random.default_rng(seed)
    triangles = rng.normal(size=(60, 3, 3))
    triangles[:5] = triangles[:5, :1]  # without area
    origins, directions = triangles[::4].mean(1), rng.normal(size=(7, 3))
    frames = np.linalg.qr(rng.normal(size=(len(origins), 3, 3)))[0]
    ordered, bounds, first, place = tree_of(triangles)
    own = np.where(np.arange(len(origins)) % 2 == 0, np.arange(0, 60, 4), -1)
    found = cast_rays(origins, frames, np.where(own >= 0, place[own], -1), directions, ordered, bounds, first)
    for i in range(len(origins)):
        expected = slow_lengths(origins[i : i + 1], directions @ frames[i], own[i : i + 1], triangles)
        if own[i] < 0:  # it starts on its own triangle, at length 0 up to the sign of rounding
            expected, found[i] = np.where(expected < 1e-6, 0, expected), np.where(found[i] < 1e-6, 0, found[i])
            continue
        np.testing.assert_allclose(found[i : i + 1], expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(found).mean() > 0.3


def test_rays_along_the_axes_of_a_box():
    shape = trimesh.creation.box(extents=[2, 4, 6])
    triangles, bounds, first, _ = tree_of(np.array(shape.triangles))
    origins, own = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, -2.0], [9.0, 0.0, 0.0]]), np.full(3, -1)
    directions = np.concatenate([np.eye(3), -np.eye(3)])
    frames = np.broadcast_to(np.eye(3), (3, 3, 3)).copy()
    found = cast_rays(origins, frames, own, directions, triangles, bounds, first)
    assert found[0].tolist() == [1, 2, 3, 1, 2, 3]
    assert found[1].tolist() == [0.5, 1, 5, 1.5, 3, 1]
    assert found[2].tolist() == [np.inf] * 3 + [10.0] + [np.inf] * 2  # through the box, out of its far side


@pytest.mark.parametrize("seed", range(2))
def test_balls_touch_and_hold_nothing(seed):
    """On a bumpy ball: no triangle reaches into a ball, and a slightly larger one holds something."""
    rng = np.random.default_rng(seed)
    shape = trimesh.creation.icosphere(subdivisions=2)
    verts = shape.vertices * (1 + 0.3 * np.sin(5 * shape.vertices @ rng.normal(size=3)))[:, None]
    triangles = verts[shape.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    ordered, bounds, first, place = tree_of(triangles)
    points = triangles.mean(1)
    radii = touching_balls(points, normals, place, 10.0, 2.0, ordered, normals[np.argsort(place)], bounds, first)
    assert radii.max() < 2
    for f in range(0, len(triangles), 23):
        others = np.delete(triangles, f, 0)
        assert slow_nearest(points[f] - radii[f] * normals[f], others) >= radii[f] * (1 - 1e-5)
        larger = 1.05 * radii[f]
        assert slow_nearest(points[f] - larger * normals[f], others) < larger


def test_balls_of_a_plate_and_its_edge_and_outside():
    """Half as thick as the plate; up to its side near the edge; as large as allowed where nothing is in the way."""
    plate = trimesh.creation.box(extents=[10, 10, 0.5])
    triangles, bounds, first, _ = tree_of(np.array(plate.triangles))
    points = np.array([[0.1, 0.2, 0.25], [4.9, 0.0, 0.25], [4.9, 0.0, 0.25]])
    normals = np.array([[0.0, 0, 1], [0.0, 0, 1], [0.0, 0, -1]])
    inside = trimesh.triangles.points_to_barycentric(triangles, np.repeat(points[2:], 12, 0)).min(1) >= 0
    own = np.array([-1, -1, np.argmax(inside & (triangles[:, :, 2] == 0.25).all(1))])
    radii = touching_balls(points, normals, own, 3.0, 2.0, triangles, 0 * triangles[:, 0], bounds, first)
    np.testing.assert_allclose(radii, [0.25, 0.1, 3.0], rtol=1e-5)


def test_facets_that_face_alike_are_passed():
    """In a rod of 48 flat sides a ball beside a bend is stopped by it, unless small bends do not count."""
    rod = trimesh.creation.cylinder(radius=0.5, height=8, sections=48)
    triangles, bounds, first, place = tree_of(np.array(rod.triangles))
    normals = np.empty_like(rod.face_normals)
    normals[place] = rod.face_normals
    side = np.nonzero(np.abs(rod.face_normals[:, 2]) < 0.5)[0]
    points, outward = rod.triangles_center[side] * [1, 1, 0.1], rod.face_normals[side]
    for most_alike, expected in ((2.0, 0.333), (0.8, 0.5)):
        radii = touching_balls(points, outward, place[side], 9.0, most_alike, triangles, normals, bounds, first)
        np.testing.assert_allclose(radii, expected, rtol=0.07)
