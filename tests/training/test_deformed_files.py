"""Files of deformed meshes: everything but the vertices stays, materials come along, nothing is written elsewhere."""

import pytest
import torch

from geolearn.errors import GeolearnError
from geolearn.io import load_mesh
from geolearn.ops.quarter_turns import turn_matrix
from geolearn.structures import Mesh
from geolearn.training.deformed_files import turn_back, write_deformed

OBJ = """# a chair
mtllib chair.mtl
o seat
v 0 0 0
v 1.50 0 0 # right
v 1.5 2 0
v 0 2 0
vt 0 0
vt 1 1
vn 0 0 1
usemtl wood
s off
f 1/1/1 2/2/1 3/1/1 4/2/1
"""
MTL = "newmtl wood\nKd 1 0 0\nmap_Kd -s 1 1 1 pictures/wood.png\n"


@pytest.fixture
def chair(tmp_path):
    folder = tmp_path / "in"
    (folder / "pictures").mkdir(parents=True)
    (folder / "chair.obj").write_text(OBJ)
    (folder / "chair.mtl").write_text(MTL)
    (folder / "pictures" / "wood.png").write_bytes(b"a picture")
    return folder / "chair.obj"


def test_an_obj_keeps_all_but_its_vertices(chair, tmp_path):
    loaded, output = load_mesh(chair), tmp_path / "out" / "wide.obj"
    verts = loaded.verts.clone()
    verts[1:3, 0] = 2.25
    assert write_deformed(chair, output, loaded, verts) == []
    assert output.read_text() == OBJ.replace("1.50 0 0", "2.25 0 0").replace("v 1.5 2", "v 2.25 2")
    assert (output.parent / "chair.mtl").read_text() == MTL
    assert (output.parent / "pictures" / "wood.png").read_bytes() == b"a picture"


def test_what_did_not_move_is_the_same_file(chair, tmp_path):
    loaded = load_mesh(chair)
    for turn in (torch.eye(3), turn_matrix("+y", "+z")):
        upright = Mesh(loaded.verts @ turn.T, loaded.faces)
        verts = turn_back(loaded, upright, upright, turn)
        assert torch.equal(verts, loaded.verts)
        write_deformed(chair, tmp_path / "same.obj", loaded, verts)
        assert (tmp_path / "same.obj").read_bytes() == chair.read_bytes()


def test_a_motion_is_turned_back_into_the_frame_of_the_file(chair):
    loaded, turn = load_mesh(chair), turn_matrix("+y", "+z")  # y of the file points up
    upright = Mesh(loaded.verts @ turn.T, loaded.faces)
    higher = Mesh(upright.verts + torch.tensor([0.0, 0.0, 0.5]), loaded.faces)
    torch.testing.assert_close(turn_back(loaded, upright, higher, turn), loaded.verts + torch.tensor([0, 0.5, 0]))


@pytest.mark.parametrize("kind", ["off", "ply"])
def test_quads_stay_quads(tmp_path, kind):
    rows = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n"
    header = {
        "off": "OFF\n4 1 0\n",
        "ply": "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n",
    }[kind]
    source, output = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    source.write_text(header + rows)
    loaded = load_mesh(source)
    assert write_deformed(source, output, loaded, loaded.verts + torch.tensor([0.0, 0.0, 3.0])) == []
    assert output.read_text() == header + rows.replace("0\n", "3\n", 4)


def test_another_format_holds_triangles_and_says_what_is_lost(chair, tmp_path):
    loaded, output = load_mesh(chair), tmp_path / "chair.off"
    (warning,) = write_deformed(chair, output, loaded, 2 * loaded.verts)
    assert "chair.off holds triangles alone; texture coordinates and materials stay only from OBJ to OBJ" in warning
    written = load_mesh(output)
    torch.testing.assert_close(written.verts, 2 * loaded.verts)
    assert torch.equal(written.faces, loaded.faces)
    assert write_deformed(output, tmp_path / "again.stl", written, written.verts) == []  # an OFF has none to lose


def test_files_that_are_there_are_not_replaced(chair, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "chair.mtl").write_text("mine")
    loaded = load_mesh(chair)
    write_deformed(chair, out / "b.obj", loaded, loaded.verts)
    assert (out / "chair.mtl").read_text() == "mine"


def test_missing_materials_and_paths_that_lead_elsewhere_are_said(chair, tmp_path):
    (chair.parent / "pictures" / "wood.png").unlink()
    (tmp_path / "secret.mtl").write_text("newmtl a\n")
    chair.write_text("mtllib ../secret.mtl\nmtllib none.mtl\n" + OBJ)
    loaded = load_mesh(chair)
    (warning,) = write_deformed(chair, tmp_path / "out" / "b.obj", loaded, loaded.verts)
    assert warning == "not found beside chair.obj, so not copied: ../secret.mtl, none.mtl, pictures/wood.png"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.obj", "chair.mtl"]


def test_in_the_same_folder_nothing_is_copied(chair):
    loaded, before = load_mesh(chair), sorted(chair.parent.rglob("*"))
    assert write_deformed(chair, chair.with_name("b.obj"), loaded, loaded.verts) == []
    assert sorted(chair.parent.rglob("*")) == sorted([*before, chair.with_name("b.obj")])


def test_a_file_whose_vertices_cannot_be_replaced_leaves_nothing(tmp_path):
    source = tmp_path / "joined.obj"
    source.write_text("v 0 0 \\\n0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    loaded = load_mesh(source)
    with pytest.raises(GeolearnError, match=r"joined\.obj"):
        write_deformed(source, tmp_path / "out.obj", loaded, loaded.verts)
    assert not (tmp_path / "out.obj").exists()
