"""Cut triangles: the same surface, shorter edges, no gaps."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.ops.edge_splitting import split_long_edges
from geolearn.ops.welding import weld_vertices


def areas(verts, faces):
    corners = verts[faces]
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def side_lengths(verts, faces):
    corners = verts[faces]
    return np.linalg.norm(corners - np.roll(corners, -1, 1), axis=2)


@pytest.mark.parametrize("longest", [5.0, 1.0, 0.4, 0.1])
def test_a_box_stays_a_closed_box(longest):
    box = trimesh.creation.box(extents=[1, 2, 3])
    verts, faces, parent = split_long_edges(np.array(box.vertices), np.array(box.faces), longest, most=10**6)
    assert side_lengths(verts, faces).max() <= longest
    cut = trimesh.Trimesh(verts, faces, process=False)
    assert cut.is_watertight
    assert cut.volume == pytest.approx(6)
    np.testing.assert_allclose(np.bincount(parent, areas(verts, faces)), box.area_faces)
    np.testing.assert_allclose(cut.face_normals, box.face_normals[parent], atol=1e-9)
    assert (np.diff(parent) >= 0).all()
    assert longest < 5 or len(faces) == 12


def test_a_long_needle_does_not_get_thinner():
    """A triangle of 100 by 1: no part has an angle below a third of the smallest."""
    verts = np.array([[0.0, 0, 0], [100, 0, 0], [50, 1, 0]])
    verts, faces, _ = split_long_edges(verts, np.array([[0, 1, 2]]), 1.5, most=10**6)
    sides = np.sort(side_lengths(verts, faces), axis=1)
    smallest = np.arcsin(2 * areas(verts, faces) / (sides[:, 1] * sides[:, 2]))
    assert smallest.min() > np.arctan(1 / 50) / 3
    assert len(faces) < 2000


def test_the_number_of_triangles_is_bounded():
    box = trimesh.creation.box()
    _, faces, parent = split_long_edges(np.array(box.vertices), np.array(box.faces), 1e-3, most=500)
    assert 125 <= len(faces) <= 500
    assert set(parent) == set(range(12))
    _, faces, _ = split_long_edges(np.array(box.vertices), np.array(box.faces), 1e-3, most=12)
    assert len(faces) == 12


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_soups_keep_their_area_and_their_neighbours(seed):
    """Broken meshes: non-manifold edges, faces without area, faces given twice."""
    rng = np.random.default_rng(seed)
    verts, faces = torch.tensor(rng.integers(-2, 3, (7, 3))).double(), torch.tensor(rng.integers(0, 7, (12, 3)))
    verts, faces = (value.numpy() for value in weld_vertices(verts, faces))
    cut_verts, cut, parent = split_long_edges(verts, faces, 0.9, most=10**5)
    assert side_lengths(cut_verts, cut).max() <= 0.9
    np.testing.assert_allclose(np.bincount(parent, areas(cut_verts, cut), len(faces)), areas(verts, faces), atol=1e-9)
    # Every middle of an edge is a corner of a part of each face of that edge.
    rounded = [set(map(tuple, np.round(cut_verts[cut[parent == f]].reshape(-1, 3), 6))) for f in range(len(faces))]
    for face, corners in enumerate(faces):
        for a, b in zip(corners, np.roll(corners, -1), strict=True):
            if np.linalg.norm(verts[a] - verts[b]) > 0.9:
                assert tuple(np.round((verts[a] + verts[b]) / 2, 6) + 0.0) in {
                    tuple(np.array(point) + 0.0) for point in rounded[face]
                }
