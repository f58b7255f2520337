"""Parts of a labelled mesh: which faces, which vertices, and that nothing is lost."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.mesh_parts import split_parts
from geolearn.structures import Mesh

VERTS = torch.arange(18.0).reshape(6, 3)
FACES = torch.tensor([[5, 0, 1], [1, 2, 3], [0, 5, 3], [3, 1, 5]])
MESH = Mesh(VERTS, FACES, torch.tensor([2, 0, 2, 0]), "toy")


def test_every_face_is_in_its_part_in_order():
    parts = split_parts(MESH)
    assert list(parts) == ["part0", "part2"]
    assert [len(part.verts) for part in parts.values()] == [4, 4]  # 1 2 3 5 and 0 1 3 5
    for label, part in zip((0, 2), parts.values(), strict=True):
        assert torch.equal(part.triangles(), MESH.triangles()[MESH.face_labels == label])
        assert part.face_labels.unique().tolist() == [label]


def test_names_and_other_labels():
    parts = split_parts(MESH, torch.tensor([0, 0, 1, 0]), ["seat", "leg", "arm"])
    assert {name: (len(part.faces), part.name) for name, part in parts.items()} == {
        "seat": (3, "seat"),
        "leg": (1, "leg"),
    }


@pytest.mark.parametrize(
    "labels, names, message",
    [
        (None, (), "labels: mesh 'bare' has no face_labels; give labels"),
        (torch.tensor([0, 1]), (), "labels: expected 4, one per face, got 2"),
        (torch.tensor([0, -1, 0, 0]), (), r"labels: expected at least 0, got -1\.\.0"),
        (torch.tensor([0, 2, 0, 0]), ("a", "b"), r"labels: expected 0\.\.1, got 0\.\.2"),
        (torch.tensor([0, 1, 0, 0]), ("a", "a"), r"names: expected different ones, got \['a', 'a'\]"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(labels, names, message, as_installed):
    with pytest.raises(InvalidInputError, match=message):
        split_parts(Mesh(VERTS, FACES, name="bare"), labels, names)
