"""The record of colours, normals, texture coordinates, materials and groups."""

from dataclasses import replace

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Material, Mesh, MeshAttributes

VERTS, FACES = torch.eye(3), torch.tensor([[0, 1, 2], [2, 1, 0]])


def test_what_there_is_is_named_and_shown():
    attributes = MeshAttributes(
        vertex_colours=torch.zeros(3, 4),
        normals=VERTS,
        materials=(Material("a"),),
        material_index=torch.tensor([0, -1]),
    )
    assert attributes.names() == ["vertex_colours", "normals", "materials"]
    assert repr(attributes) == "MeshAttributes(vertex_colours, normals, materials)"
    assert repr(MeshAttributes()) == "MeshAttributes(none)"
    mesh = Mesh(VERTS, FACES, name="m", attributes=attributes, origin=torch.tensor([1.5, 0, 0]))
    assert repr(mesh) == "Mesh('m', 3 verts, 2 faces, vertex_colours, normals, materials, about (1.5, 0.0, 0.0))"
    assert repr(Material("a", picture=b"x", picture_name="p.png")).endswith("picture 'p.png')")


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"vertex_colours": torch.zeros(3, 2)}, "vertex_colours: expected 3 or 4 values each"),
        ({"normals": torch.zeros(3, 2)}, r"normals: expected shape \(any, 3\)"),
        ({"uv": torch.zeros(3, 2), "uv_index": [[0, 1, 3]]}, r"uv_index: expected -1..2 for 3 uv, got 0..3"),
        ({"normal_index": [[0, 1, 2]]}, r"normal_index: expected -1..-1 for 0 normals"),
        ({"material_index": [0, 0]}, "material_index: expected -1..-1 for 0 materials"),
        ({"groups": ("a",), "group_index": [-2, 0]}, r"group_index: expected -1..0 for 1 groups, got -2..0"),
        ({"uv": [[float("nan"), 0]]}, "uv: 1 of 2 values are NaN"),
    ],
)
def test_what_does_not_fit_itself(as_installed, parts, message):
    with pytest.raises(InvalidInputError, match=message):
        MeshAttributes(**parts)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"vertex_colours": torch.zeros(2, 3)}, "vertex_colours has 2 rows for 3 vertices"),
        ({"face_colours": torch.zeros(3, 3)}, "face_colours has 3 rows for 2 faces"),
        ({"normals": torch.zeros(4, 3)}, "normals has 4 rows for 3 vertices"),
        (
            {"normals": torch.zeros(4, 3), "normal_index": torch.tensor([[0, 1, 3]])},
            "normal_index has 1 rows for 2 faces",
        ),
        ({"groups": ("a",), "group_index": torch.tensor([0])}, "group_index has 1 rows for 2 faces"),
    ],
)
def test_what_does_not_fit_the_mesh(parts, message):
    with pytest.raises(InvalidInputError, match=message):
        Mesh(VERTS, FACES, attributes=MeshAttributes(**parts))


def test_a_changed_mesh_keeps_them_or_is_refused():
    mesh = Mesh(
        VERTS, FACES, origin=torch.tensor([8.0, 0, 0]), attributes=MeshAttributes(vertex_colours=torch.zeros(3, 3))
    )
    assert replace(mesh, verts=VERTS * 2).attributes is mesh.attributes
    assert mesh.normalised().attributes is mesh.attributes
    assert mesh.normalised().origin is None
    assert mesh.to("cpu").attributes.names() == ["vertex_colours"]
    with pytest.raises(InvalidInputError, match=r"or attributes=None"):
        replace(mesh, verts=torch.eye(4)[:, :3])


@pytest.mark.usefixtures("as_installed")
def test_labels_by_kind():
    mesh = Mesh(VERTS, FACES, attributes=MeshAttributes(groups=("a", "b"), group_index=torch.tensor([1, -1])))
    assert mesh.labelled_by("groups").face_labels.tolist() == [1, -1]
    with pytest.raises(InvalidInputError, match="has no materials"):
        mesh.labelled_by("materials")
    with pytest.raises(InvalidInputError, match="has no groups"):
        Mesh(VERTS, FACES).labelled_by("groups")
    with pytest.raises(InvalidInputError, match="kind: expected 'groups' or 'materials', got 'parts'"):
        mesh.labelled_by("parts")


def test_world_positions_are_float64():
    mesh = Mesh(VERTS, FACES, origin=torch.tensor([5334567.81, 0, 0], dtype=torch.float64))
    assert mesh.world_verts()[0].tolist() == [5334568.81, 0, 0]
    assert mesh.world_verts().dtype == torch.float64
    assert Mesh(VERTS, FACES).world_verts().tolist() == VERTS.tolist()
