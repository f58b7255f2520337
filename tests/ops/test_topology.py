"""Edges and neighbouring faces, against hand values and sets."""

import torch

from geolearn.ops import adjacent_faces, mesh_edges

TETRAHEDRON = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def test_tetrahedron():
    assert mesh_edges(TETRAHEDRON).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert sorted(adjacent_faces(TETRAHEDRON).tolist()) == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]


def test_against_sets():
    faces = torch.randint(0, 12, (40, 3), generator=torch.Generator().manual_seed(0))
    edges = {tuple(sorted((f[i], f[i - 1]))) for f in faces.tolist() for i in range(3) if f[i] != f[i - 1]}
    assert mesh_edges(faces).tolist() == [list(edge) for edge in sorted(edges)]


def test_boundary_and_empty():
    assert adjacent_faces(torch.tensor([[0, 1, 2]])).tolist() == []
    assert adjacent_faces(torch.tensor([[0, 1, 2], [2, 1, 3]])).tolist() == [[0, 1]]
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert mesh_edges(none).shape == adjacent_faces(none).shape == (0, 2)
