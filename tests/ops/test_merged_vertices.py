"""Merging against a loop, and what stays as it was."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops import merge_vertices
from geolearn.structures import Mesh
from geolearn.structures.attributes import MeshAttributes

PLACE = st.tuples(*[st.integers(-1, 1)] * 3)


@given(st.lists(PLACE, min_size=3, max_size=30), st.sampled_from([0.0, 1.0, 1.5]))
def test_a_loop_merges_the_same(places, distance):
    verts = torch.tensor(places, dtype=torch.float32)
    faces = torch.arange(len(verts) // 3 * 3).reshape(-1, 3)
    group = list(range(len(verts)))
    for _ in verts:  # chains
        for i in range(len(verts)):
            for j in range(i):
                if float((verts[i] - verts[j]).norm()) <= distance:
                    group[i] = group[j] = min(group[i], group[j])
    first = sorted(set(group))
    merged = merge_vertices(Mesh(verts, faces), distance)
    assert torch.equal(merged.verts, verts[first])
    assert merged.faces.tolist() == [[first.index(group[corner]) for corner in face] for face in faces.tolist()]


def test_trimesh_merges_as_many():
    soup = trimesh.creation.icosphere(subdivisions=3)
    loose = Mesh(
        torch.tensor(np.array(soup.triangles)).reshape(-1, 3), torch.arange(3 * len(soup.faces)).reshape(-1, 3)
    )
    merged = merge_vertices(loose)
    assert len(merged.verts) == len(soup.vertices)
    assert merged.to_trimesh().is_watertight
    assert torch.equal(merged.triangles(), loose.triangles())


def test_minus_zero_is_zero():
    mesh = Mesh(torch.tensor([[0.0, 0, 0], [-0.0, 0, -0.0], [1, 0, 0]]), torch.tensor([[0, 1, 2]]))
    assert merge_vertices(mesh).faces.tolist() == [[0, 0, 1]]


def test_labels_and_attributes_stay():
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    colours = torch.arange(18).reshape(6, 3) / 18
    normals = torch.nn.functional.normalize(verts + 1, dim=1)
    attributes = MeshAttributes(colours, normals=normals, groups=("a",), group_index=torch.tensor([0, -1]))
    merged = merge_vertices(Mesh(verts, faces, torch.tensor([4, 7]), "name", attributes=attributes))
    assert (merged.face_labels.tolist(), merged.name) == ([4, 7], "name")
    assert torch.equal(merged.attributes.vertex_colours, colours[[0, 1, 2, 5]])
    assert torch.equal(merged.attributes.normals[merged.attributes.normal_index], normals[faces])  # corners keep theirs
    assert merged.attributes.group_index.tolist() == [0, -1]


@pytest.mark.parametrize("distance", [-1.0, float("nan"), float("inf")])
def test_distances_that_make_no_sense(distance):
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    with pytest.raises(InvalidInputError, match="distance: expected a finite number >= 0"):
        merge_vertices(mesh, distance)


def test_an_empty_mesh():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    for distance in (0.0, 1.0):
        assert len(merge_vertices(empty, distance).verts) == 0
