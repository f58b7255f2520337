"""Coloured PLY files and scenes of named parts, read back by ourselves and by trimesh."""

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.io.part_files import load_face_colours, save_labelled_ply, save_part_scene
from geolearn.io.upright import stand_up
from geolearn.ops.mesh_parts import split_parts
from geolearn.structures import Mesh

VERTS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 1]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 2]])
MESH = Mesh(VERTS, FACES, torch.tensor([0, 2, 2]))
COLOURS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.2, 0.4, 0.6]])


def test_labels_and_colours_come_back(tmp_path):
    path = tmp_path / "m.ply"
    save_labelled_ply(MESH, path, COLOURS)
    again = load_mesh(path)
    assert torch.equal(again.verts, VERTS)
    assert torch.equal(again.faces, FACES)
    assert again.face_labels.tolist() == [0, 2, 2]
    assert load_face_colours(path).tolist() == [[255, 0, 0], [51, 102, 153], [51, 102, 153]]
    seen = trimesh.load(path, process=False)
    assert seen.visual.face_colors[:, :3].tolist() == [[255, 0, 0], [51, 102, 153], [51, 102, 153]]


def test_colours_of_a_text_file_and_of_a_file_without(tmp_path):
    text = (
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nproperty uchar red\nproperty uchar green\n"
        "property uchar blue\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 7 8 9\n"
    )
    (tmp_path / "t.ply").write_text(text)
    assert load_face_colours(tmp_path / "t.ply").tolist() == [[7, 8, 9]]
    save_mesh(MESH, tmp_path / "plain.ply")
    assert load_face_colours(tmp_path / "plain.ply") is None


def test_a_scene_has_its_parts_by_name(tmp_path):
    parts = split_parts(MESH, names=["seat", "arm", "leg"])
    save_part_scene(parts, tmp_path / "s.glb", COLOURS[[0, 2]])
    scene = trimesh.load(tmp_path / "s.glb")
    assert set(scene.geometry) == {"seat", "leg"}
    assert len(scene.geometry["leg"].faces) == 2
    assert scene.geometry["seat"].visual.material.name == "seat"
    again = stand_up(load_mesh(tmp_path / "s.glb"), "y")
    assert torch.equal(again.triangles(), torch.cat([part.triangles() for part in parts.values()]))


def test_the_same_parts_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_part_scene(split_parts(MESH), tmp_path / f"{name}.glb", COLOURS[:2])
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda path: save_labelled_ply(Mesh(VERTS, FACES), path, COLOURS), "mesh: expected faces with labels"),
        (
            lambda path: save_labelled_ply(MESH, path, COLOURS[:2]),
            r"expected labels in 0\.\.1, one colour each, got 0\.\.2",
        ),
        (lambda path: save_part_scene({}, path.with_suffix(".glb"), COLOURS[:0]), "got 0 parts, 0 colours"),
        (lambda path: save_part_scene(split_parts(MESH), path.with_suffix(".glb"), COLOURS), "got 2 parts, 3 colours"),
        (lambda path: save_part_scene(split_parts(MESH), path, COLOURS[:2]), r"ends in \.glb, got 'x\.ply'"),
    ],
)
def test_what_cannot_be_saved_is_refused(call, message, tmp_path):
    with pytest.raises(InvalidInputError, match=message):
        call(tmp_path / "x.ply")
    assert not list(tmp_path.iterdir())
