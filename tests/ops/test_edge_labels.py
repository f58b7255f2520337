"""MeshCNN's order of edges, against a plain walk, and labels per edge."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops.edge_labels import edge_areas, edges_in_face_order, face_labels_from_edges, soft_edge_labels


def walk(faces: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    number: dict[tuple[int, int], int] = {}
    of_face = []
    for face in faces:
        ends = [tuple(sorted((face[i], face[(i + 1) % 3]))) for i in range(3)]
        of_face.append([number.setdefault(pair, len(number)) for pair in ends])
    return [list(pair) for pair in number], of_face


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3, unique=True), max_size=12))
def test_the_order_of_a_plain_walk(faces):
    found = edges_in_face_order(torch.tensor(faces, dtype=torch.int64).reshape(-1, 3))
    assert (found.ends.tolist(), found.face_edges.tolist()) == walk(faces)


def test_a_face_takes_what_two_of_its_edges_say_else_what_its_first_says():
    face_edges = torch.tensor([[0, 1, 2], [2, 1, 0], [0, 3, 1], [3, 4, 5]])
    labels = torch.tensor([7, 8, 7, 9, 9, 5])
    assert face_labels_from_edges(face_edges, labels).tolist() == [7, 7, 7, 9]
    with pytest.raises(InvalidInputError, match="edge_labels: expected one for each of 6 edges, got 5"):
        face_labels_from_edges(face_edges, labels[:5])


def test_soft_labels_are_those_of_an_edge_and_its_neighbours():
    face_edges = edges_in_face_order(torch.tensor([[0, 1, 2], [0, 2, 3]])).face_edges
    soft = soft_edge_labels(face_edges, torch.tensor([0, 0, 1, 2, 2]), 3)
    assert [row.nonzero()[:, 0].tolist() for row in soft] == [[0, 1], [0, 1], [0, 1, 2], [1, 2], [1, 2]]
    with pytest.raises(InvalidInputError, match=r"edge_labels: expected values in 0\.\.1, got 0\.\.2"):
        soft_edge_labels(face_edges, torch.tensor([0, 0, 1, 2, 2]), 2)


def test_areas_of_edges_sum_to_one():
    face_edges = edges_in_face_order(torch.tensor([[0, 1, 2], [0, 2, 3]])).face_edges
    areas = edge_areas(face_edges, torch.tensor([1.0, 2.0]))
    assert areas.tolist() == pytest.approx([1 / 9, 1 / 9, 3 / 9, 2 / 9, 2 / 9])
