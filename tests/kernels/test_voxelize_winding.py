"""Filling by the winding number against the sum of solid angles over all triangles, at every cell."""

import numpy as np
import pytest
import torch
import trimesh

from geolearn.kernels.voxelize_crossings import cap
from geolearn.kernels.voxelize_winding import fill_wound, grow_tree, interleaved_bits, winding_number_at


def winding_numbers(points, faces, size) -> np.ndarray:
    """The definition: the sum of signed solid angles over 4 pi, at the centres of all cells."""
    centres = np.stack(np.meshgrid(*[np.arange(size) + 0.5] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    total = np.zeros(len(centres))
    for some in np.array_split(np.asarray(faces), max(1, len(faces) // 50)):
        a, b, c = (points[some[:, k]] - centres for k in range(3))
        la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
        below = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        total += 2 * np.arctan2((a * np.cross(b, c)).sum(-1), below).sum(1)
    return (total / (4 * np.pi)).reshape(size, size, size)


def wound(points, faces, size) -> np.ndarray:
    cells = np.zeros((size,) * 3, np.uint8)
    fill_wound(cells, np.asarray(points, float), np.asarray(faces, np.int64))
    return cells.astype(bool)


def check(points, faces, size, uncertain=0.02):
    """Equal to the definition wherever |w| is not within `uncertain` of 1/2; most cells are not."""
    number = np.abs(winding_numbers(points, faces, size))
    certain = np.abs(number - 0.5) > uncertain
    assert certain.mean() > 0.9
    np.testing.assert_array_equal(wound(points, faces, size)[certain], (number > 0.5)[certain])


def ball(subdivisions=3, radius=6.3, centre=(8.1, 7.9, 8.05)):
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return sphere.vertices + centre, np.asarray(sphere.faces)


def test_a_closed_ball():
    points, faces = ball()
    inside = wound(points, faces, 16)
    check(points, faces, 16)
    check(points, faces[:, ::-1], 16)  # inside out: |w| decides
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * 6.3**3, rel=0.05)


@pytest.mark.parametrize("kept", [0.95, 0.7, 0.3])
def test_a_ball_with_holes(kept):
    points, faces = ball()
    check(points, faces[np.random.default_rng(0).random(len(faces)) < kept], 16)


def test_a_face_without_area_has_no_part_in_a_cap():
    """An edge from a vertex to itself is no boundary, though it stands on one."""
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 5, 0], [1, 1, 6]], float)
    open_tetrahedron = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    for degenerate in ([0, 0, 0], [0, 0, 1], [1, 2, 2]):
        with_it = np.concatenate([open_tetrahedron, [degenerate]])
        np.testing.assert_array_equal(cap(points, with_it), cap(points, open_tetrahedron))


def test_a_bowl_with_a_level_rim_through_cell_centres():
    """The rim lies in the plane z = 8.5, through the centres of the cells that a flat cap would pass."""
    points, faces = ball(centre=(8, 8, 8.5))
    bowl = faces[points[faces].mean(1)[:, 2] < 8.5]
    check(points, bowl, 16)


@pytest.mark.parametrize("flip", [1, -1])
def test_a_flat_rim_through_cell_centres_inside_a_ball(flip):
    """An open box whose rim is the plane z = 8.5: a cap in that plane would be met, and missed, by cell centres."""
    box = trimesh.creation.box(bounds=[[5, 5, 5], [11, 11, 8.5]])
    walls = np.asarray(box.faces)[~(box.vertices[box.faces][..., 2] == 8.5).all(1)][:, ::flip]
    points, faces = ball(radius=7.4)
    check(np.concatenate([points, box.vertices]), np.concatenate([faces, walls + len(points)]), 16)


def test_far_groups_are_expanded_accurately():
    """All triangles of a closed ball in the tree: 1 inside and 0 outside, within what the docstring promises."""
    points, faces = ball(4, radius=5.0, centre=(0, 0, 0))
    triangles = np.asarray(points[faces])
    tree = grow_tree(triangles[np.argsort(interleaved_bits(triangles.mean(1)))])
    queries = np.random.default_rng(7).uniform(-7, 7, (3000, 3))
    distance = np.linalg.norm(queries, axis=1)
    queries = queries[np.abs(distance - 5) > 0.05]  # not between the ball and its facets
    found = np.array([winding_number_at(*query, *tree, np.empty(64, np.int64)) for query in queries])
    error = np.abs(found - (np.linalg.norm(queries, axis=1) < 5))
    assert error.max() < 0.02
    assert error.mean() < 0.002


def test_loose_flipped_doubled_and_degenerate_faces():
    rng = np.random.default_rng(1)
    points, faces = ball(2)
    flipped = np.where(rng.random((len(faces), 1)) < 0.1, faces[:, ::-1], faces)
    doubled = np.concatenate([flipped, faces[:40], faces[:9, [0, 0, 1]], faces[:9, [2, 2, 2]]])
    check(points, doubled, 16)
    loose = points[doubled].reshape(-1, 3)  # every face with corners of its own: equal positions are one vertex
    np.testing.assert_array_equal(wound(loose, np.arange(len(loose)).reshape(-1, 3), 16), wound(points, doubled, 16))


def test_a_soup_of_unconnected_triangles():
    soup = np.random.default_rng(2).uniform(1, 11, (150, 3, 3))
    check(soup.reshape(-1, 3), np.arange(450).reshape(-1, 3), 12)


def test_a_cavity_stays_empty_and_a_second_layer_changes_nothing():
    points, faces = ball()
    inner, _ = ball(radius=3.2)
    both = np.concatenate([points, inner])
    hollow = np.concatenate([faces, faces[:, ::-1] + len(points)])
    check(both, hollow, 16)
    assert not wound(both, hollow, 16)[8, 8, 8]
    nested = np.concatenate([faces, faces + len(points)])
    np.testing.assert_array_equal(wound(both, nested, 16), wound(points, faces, 16))


def test_rays_through_vertices_and_edges_count_once():
    """An octahedron with corners above cell centres: each column ray meets vertices or edges."""
    points = np.array([[5, 0, 0], [-5, 0, 0], [0, 5, 0], [0, -5, 0], [0, 0, 5], [0, 0, -5]]) + 6.5
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    distance = np.abs(np.stack(np.meshgrid(*[np.arange(13) - 6] * 3))).sum(0)
    inside = wound(points, faces, 13)
    assert inside[distance < 5].all()
    assert not inside[distance > 5].any()


def test_what_reaches_out_of_the_grid_still_counts():
    points, faces = ball(centre=(2, 14, 8))
    check(points, faces, 16)
    check(points, faces[np.random.default_rng(4).random(len(faces)) < 0.8], 16)


def test_thread_count_and_face_order_change_nothing():
    points, faces = ball()
    shuffled = np.random.default_rng(3).permutation(faces)
    np.testing.assert_array_equal(wound(points, shuffled, 16), wound(points, faces, 16))
    faces = faces[np.random.default_rng(0).random(len(faces)) < 0.8]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        serial = wound(points, faces, 16)
        torch.set_num_threads(2)
        np.testing.assert_array_equal(wound(points, faces, 16), serial)
    finally:
        torch.set_num_threads(threads)


def test_no_faces_and_one_face():
    assert not wound(np.zeros((0, 3)), np.zeros((0, 3), int), 3).any()
    check(np.array([[0.2, 0.1, 1.3], [3.6, 0.4, 1.1], [0.4, 3.7, 1.2]]), [[0, 1, 2]], 4)
