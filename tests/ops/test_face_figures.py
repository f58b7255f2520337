"""Ways of counting right faces and edges: values worked out by hand, and slow loops."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_figures import (
    area_accuracy,
    confusion,
    face_accuracy,
    face_figures,
    hard_edge_accuracy,
    label_figures,
    mean_iou,
    soft_edge_accuracy,
)
from geolearn.structures import Mesh

# Two triangles over a square and a third beside it, of twice the area of either:
#   edges in face order: 0-1, 1-2, 0-2 | 2-3, 0-3 | 1-4, 2-4
VERTS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [3, 0, 0]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 2]])
MESH = Mesh(VERTS, FACES, torch.tensor([0, 1, 0]))


def test_accuracies_by_face_and_by_area():
    predicted = torch.tensor([0, 1, 1])
    assert face_accuracy(predicted, MESH.face_labels) == pytest.approx(200 / 3)
    assert area_accuracy(predicted, MESH.face_labels, torch.tensor([0.5, 0.5, 1.0])) == pytest.approx(50)


def test_confusion_and_what_follows_from_it():
    counts = confusion(torch.tensor([0, 1, 1, 0, 0]), torch.tensor([0, 0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [2, 1, 0], [0, 0, 0]]
    found = label_figures(counts)
    assert found.recall[:2].tolist() == pytest.approx([50, 100 / 3])
    assert found.precision[:2].tolist() == pytest.approx([100 / 3, 50])
    assert found.iou[:2].tolist() == pytest.approx([25, 25])
    assert all(math.isnan(value[2]) for value in found)
    assert mean_iou(counts) == pytest.approx(25)


def test_figures_of_a_set_are_means_over_meshes():
    small = Mesh(VERTS[:3], FACES[:1], torch.tensor([1]))
    found = face_figures([MESH, small], [torch.tensor([0, 1, 1]), torch.tensor([1])], 2)
    assert found["face_accuracy"] == pytest.approx((200 / 3 + 100) / 2)
    assert found["area_accuracy"] == pytest.approx((50 + 100) / 2)
    assert found["mean_iou"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)


def test_soft_edges_by_hand():
    """The edge 0-2 is labelled 1, all others 0: right for the second face is then 0, and 1 beside that edge."""
    edge_labels = torch.tensor([0, 0, 1, 0, 0, 0, 0])
    assert soft_edge_accuracy(MESH, torch.tensor([0, 0, 0]), edge_labels) == pytest.approx(100)
    # Label 1 on the third face: its edges 1-2 (beside 0-2: accepted), 1-4 and 2-4 (not beside it: refused).
    # Of the area 2, the edges 1-4 and 2-4 have 1 / 3 each, of the third face alone.
    assert soft_edge_accuracy(MESH, torch.tensor([1, 1, 1]), edge_labels) == pytest.approx(100 * (1 - (2 / 3) / 2))
    assert soft_edge_accuracy(MESH, torch.tensor([0, 0, 2]), edge_labels) == pytest.approx(
        100 * (1 - (2 / 3) / 2 - 0.5 * (0.5 / 3 + 1 / 3) / 2)
    )


def test_soft_edges_like_a_slow_loop():
    random = torch.Generator().manual_seed(3)
    verts = torch.rand(12, 3, generator=random)
    faces = torch.stack([torch.randperm(12, generator=random)[:3] for _ in range(14)])
    predicted = torch.randint(0, 3, (14,), generator=random)
    edges: dict[tuple[int, int], int] = {}
    of_face = []
    for face in faces.tolist():
        ends = [tuple(sorted((face[i], face[(i + 1) % 3]))) for i in range(3)]
        of_face.append([edges.setdefault(pair, len(edges)) for pair in ends])
    labels = torch.randint(0, 3, (len(edges),), generator=random)
    area = [float(torch.linalg.cross(verts[b] - verts[a], verts[c] - verts[a]).norm()) for a, b, c in faces]
    total = 0.0
    for edge in range(len(edges)):
        mine = [face for face in range(14) if edge in of_face[face]]
        right = {int(labels[other]) for face in mine for other in of_face[face]}
        credit = sum(int(predicted[face]) in right for face in mine) / len(mine)
        total += credit * sum(area[face] for face in mine) / 3
    found = soft_edge_accuracy(Mesh(verts, faces), predicted, labels)
    assert found == pytest.approx(100 * total / sum(area), rel=1e-5)


def test_hard_edges_count_half_between_two_labels():
    predicted = torch.tensor([0, 1, 0])
    # 0-1: right; 1-2: right twice; 0-2: half; 2-3 and 0-3: right; 1-4: wrong; 2-4: right.
    assert hard_edge_accuracy(MESH, predicted, torch.tensor([0, 0, 1, 1, 1, 1, 0])) == pytest.approx(100 * 5.5 / 7)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: confusion(torch.tensor([0]), torch.tensor([4]), 3), r"labels: expected 0\.\.2, got 0\.\.4"),
        (lambda: face_accuracy(torch.zeros(0).long(), torch.zeros(0).long()), "at least one, got 0 and 0"),
        (lambda: face_figures([], [], 2), "got 0 for 0 meshes"),
        (lambda: face_figures([Mesh(VERTS, FACES)], [torch.zeros(3).long()], 2), "'' has no face_labels"),
        (
            lambda: soft_edge_accuracy(MESH, torch.zeros(3).long(), torch.zeros(6).long()),
            "expected 3 predictions and 7 labels of edges for '', got 3 and 6",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
