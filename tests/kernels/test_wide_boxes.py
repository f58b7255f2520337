"""Trees of eight children: what every box and every cone holds, by walking down."""

import numpy as np
import pytest

from geolearn.kernels.wide_boxes import WideBoxes, build_boxes, first_child


def below(boxes: WideBoxes, node: int) -> list[int]:
    """Places of the triangles of a node or leaf."""
    nodes, leaves = len(boxes.bounds), len(boxes.triangles)
    if node >= nodes:
        return list(range(8 * (node - nodes), 8 * (node - nodes) + 8))
    there = np.isfinite(boxes.bounds[node].reshape(6, 8)[0])
    child = first_child.py_func(node, nodes, leaves)
    return [place for k in np.nonzero(there)[0] for place in below(boxes, child + int(k))]


@pytest.mark.parametrize("count", [1, 8, 9, 17, 64, 65, 130, 301, 1100])
def test_boxes_and_cones_hold_their_triangles(count):
    rng = np.random.default_rng(count)
    corners, normals = rng.normal(size=(count, 3, 3)), rng.normal(size=(count, 3)) + np.array([0, 0, 3])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals[::50] = 0
    boxes = build_boxes(corners, normals)
    assert len(set(boxes.place)) == count
    face = np.full(8 * len(boxes.triangles), -1)
    face[boxes.place] = np.arange(count)
    assert sorted(face[below(boxes, 0)][face[below(boxes, 0)] >= 0]) == list(range(count))
    seen = [0]
    for node in range(len(boxes.bounds)):
        child = first_child.py_func(node, len(boxes.bounds), len(boxes.triangles))
        bounds, cones = boxes.bounds[node].reshape(6, 8), boxes.cones[node].reshape(4, 8)
        for k in np.nonzero(np.isfinite(bounds[0]))[0]:
            seen.append(child + int(k))
            held = [f for f in face[below(boxes, child + int(k))] if f >= 0]
            points = corners[held].reshape(-1, 3)
            np.testing.assert_array_equal(bounds[:, k], np.concatenate([points.min(0), points.max(0)]))
            cosine = normals[held] @ cones[:3, k]
            if (normals[held] == 0).all(1).any():
                assert cones[3, k] == np.pi
            else:
                assert np.cos(cones[3, k]) == pytest.approx(cosine.min(), abs=1e-12)
    assert len(seen) == len(set(seen))
    assert len(seen) >= min(count, len(boxes.bounds))


def test_lanes_are_corners_and_sides_in_rows_of_eight():
    corners = np.random.default_rng(0).normal(size=(20, 3, 3))
    boxes = build_boxes(corners, corners[:, 0])
    for f, place in enumerate(boxes.place):
        lanes = boxes.triangles[place // 8].reshape(9, 8)[:, place % 8].reshape(3, 3)
        np.testing.assert_array_equal(lanes[0], corners[f, 0])
        np.testing.assert_array_equal(lanes[1:], corners[f, 1:] - corners[f, 0])
        np.testing.assert_array_equal(boxes.normals[place // 8].reshape(3, 8)[:, place % 8], corners[f, 0])
    assert np.isinf(boxes.triangles).sum() == 9 * (8 * len(boxes.triangles) - 20)
