"""OBJ: every way to write a face, and what damage says."""

import numpy as np
import pytest
import trimesh

from geolearn.io import MeshFormatError, load_mesh

VERTS = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def load(folder, text: str):
    path = folder / "shape.obj"
    path.write_bytes(text.encode())
    return load_mesh(path)


@pytest.mark.parametrize(
    "faces",
    [
        "f 1 2 3\nf 1 3 4",
        "f 1 2 3 4",
        "vt 0 0\nf 1/1 2/1 3/1 4/1",
        "vn 0 0 1\nf 1//1 2//1 3//1 4//1",
        "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3//1 4",
        "f -4 -3 -2 -1",
        "f -4/-1/-1 -3/-1/-1 -2/-1/-1 -1/-1/-1",
        "f 1 2 \\\n3 4",
        "o one\nf 1 2 3\no two # comment\ng part\nusemtl x\ns 1\nf 1 3 4\nl 1 2\np 1",
        "F 1 2 3 # not a face\nf 1 2 3 4 # a face",
        "\tf  1\t2 3  4 \r\n",
    ],
)
def test_the_same_square(tmp_path, faces):
    mesh = load(tmp_path, f"# by hand\nmtllib none.mtl\n{VERTS}{faces}\n")
    assert mesh.verts.tolist() == SQUARE
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_negative_indices_count_from_the_face_on(tmp_path):
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 0 0 5\nv 1 0 5\nv 0 1 5\nf -3 -2 -1\nf 1 2 -1\n"
    assert load(tmp_path, text).faces.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 5]]


def test_colours_and_weights_after_the_position_are_skipped(tmp_path):
    mesh = load(tmp_path, "v 1 2 3 0.5\nv 4 5 6 1 0 0\nv 7 8 9\nf 1 2 3\n")
    assert mesh.verts.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_a_face_may_stand_before_its_vertices(tmp_path):
    assert load(tmp_path, f"f 1 2 3\n{VERTS}").faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    "text, message",
    [
        (f"{VERTS}f 1 2 5\n", "line 5: 1 of 3 face corners name none of the 4 vertices; the first is 5"),
        (f"{VERTS}f 1 2 -5\n", "line 5: .*the first is -5"),
        (f"{VERTS}f 0 1 2\n", "line 5: a face has the vertex index 0, but OBJ counts from 1"),
        (f"{VERTS}f 1 2.5 3\n", r"line 5: expected numbers such as 3, 3/1, 3//2 or 3/1/2, got '2\.5'"),
        (f"{VERTS}f 1 2\n", "a point cloud: 4 points and no faces"),
        (f"{VERTS}f\n", "a point cloud: 4 points and no faces"),
        (f"{VERTS}f 1 2 x\n", "line 5: expected numbers such as .*, got 'x'"),
        (f"{VERTS}f 1/1/x 2 3\n", "line 5: expected numbers"),
        (f"{VERTS}f 1 /2 3\n", "line 5: expected numbers such as .*, got '/2'"),
        (f"{VERTS}f 1 2 99999999999999999999\n", "line 5: 1 of 3 face corners"),
        (f"{VERTS}v 0 0\nf 1 2 3\n", "line 5: expected 3 coordinates after v, got 2"),
        (f"{VERTS}v 0 0 nan\nf 1 2 5\n", "line 5: 1 of 5 vertices have a coordinate that is NaN"),
        (f"# c\n\n{VERTS}v 0 1,5 0\nf 1 2 3\n", "line 7: expected numbers, got '1,5'"),
        (VERTS, "a point cloud: 4 points and no faces"),
        ("f 1 2 3\n", "line 1: 3 of 3 face corners name none of the 0 vertices"),
        ("hello world\n", "this is not OBJ"),
        ("", "expected OBJ, got an empty file"),
    ],
)
def test_damage_is_named(tmp_path, text, message):
    with pytest.raises(MeshFormatError, match=rf"shape\.obj: .*({message})"):
        load(tmp_path, text)


def test_the_bunny_is_what_trimesh_reads(unpacked):
    path = unpacked("meshes_and_softras.tar.xz") / "meshes" / "stanford-bunny.obj"
    mesh, oracle = load_mesh(path), trimesh.load(path, process=False, maintain_order=True)
    assert np.array_equal(mesh.verts.numpy(), oracle.vertices.astype(np.float32))
    assert np.array_equal(mesh.faces.numpy(), oracle.faces)
