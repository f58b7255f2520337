"""Rays inside triangles, against a loop over all triangles."""

import numpy as np
import pytest
import trimesh

from geolearn.kernels.ray_casting import cast_rays
from geolearn.kernels.wide_boxes import build_boxes


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


def test_an_empty_tree_meets_nothing():
    boxes = build_boxes(np.zeros((0, 3, 3)), np.zeros((0, 3)))
    one, eye = np.zeros((1, 3)), np.eye(3)[None]
    found = cast_rays(one, eye, np.array([-1]), np.eye(3), boxes.triangles, boxes.bounds)
    assert found.tolist() == [[np.inf] * 3]


@pytest.mark.parametrize("count", [40, 150, 600])  # one level of boxes, two, three
def test_rays_equal_a_loop_over_triangles(count):
    rng = np.random.default_rng(count)
    triangles = rng.normal(size=(count, 3, 3))
    triangles[: count // 12] = triangles[: count // 12, :1]  # without area
    origins, directions = triangles[::4].mean(1), rng.normal(size=(7, 3))
    frames = np.linalg.qr(rng.normal(size=(len(origins), 3, 3)))[0]
    boxes = build_boxes(triangles, np.zeros((count, 3)))
    own = np.where(np.arange(len(origins)) % 2 == 0, np.arange(0, count, 4), -1)
    found = cast_rays(
        origins, frames, np.where(own >= 0, boxes.place[own], -1), directions, boxes.triangles, boxes.bounds
    )
    for i in range(len(origins)):
        expected = slow_lengths(origins[i : i + 1], directions @ frames[i], own[i : i + 1], triangles)
        if own[i] < 0:  # it starts on its own triangle, at length 0 up to the sign of rounding
            expected, found[i] = np.where(expected < 1e-6, 0, expected), np.where(found[i] < 1e-6, 0, found[i])
            continue
        np.testing.assert_allclose(found[i : i + 1], expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(found).mean() > 0.3


def test_rays_along_the_axes_of_a_box():
    shape = trimesh.creation.box(extents=[2, 4, 6])
    boxes = build_boxes(np.array(shape.triangles), shape.face_normals)
    origins, own = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, -2.0], [9.0, 0.0, 0.0]]), np.full(3, -1)
    directions = np.concatenate([np.eye(3), -np.eye(3)])
    frames = np.broadcast_to(np.eye(3), (3, 3, 3)).copy()
    found = cast_rays(origins, frames, own, directions, boxes.triangles, boxes.bounds)
    assert found[0].tolist() == [1, 2, 3, 1, 2, 3]
    assert found[1].tolist() == [0.5, 1, 5, 1.5, 3, 1]
    assert found[2].tolist() == [np.inf] * 3 + [10.0] + [np.inf] * 2  # through the box, out of its far side
