"""Normals of vertices."""

import torch

from geolearn.ops import vertex_normals
from geolearn.structures import Mesh


def test_a_corner_leans_towards_the_larger_face():
    # Two triangles at a right angle along the y axis: areas 1/2 (normal +z) and 1 (normal +x).
    verts = torch.tensor([[0.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -2]], dtype=torch.float32)
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    found = vertex_normals(Mesh(verts, faces))
    expected = torch.tensor([2.0, 0.0, 1.0]) / 5**0.5
    assert torch.allclose(found[0], expected, atol=1e-6)
    assert torch.allclose(found[2], expected, atol=1e-6)
    assert found[1].tolist() == [0.0, 0.0, 1.0]
    assert found[3].tolist() == [1.0, 0.0, 0.0]


def test_without_area_there_is_no_normal_and_the_gradient_is_finite():
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], requires_grad=True)
    found = vertex_normals(Mesh(verts, torch.tensor([[0, 1, 2]])))
    assert not bool(found.any())
    found.sum().backward()
    assert bool(verts.grad.isfinite().all())
