"""PLY in its three encodings: polygons, foreign properties and elements, labels, and what damage says."""

import struct

import numpy as np
import pytest
import torch
import trimesh
from seed_files import blob, ply_with_quads, tetrahedron

from geolearn.errors import InvalidInputError
from geolearn.io import MeshFormatError, load_mesh, save_mesh
from geolearn.structures import Mesh

HEADER = (
    "ply\nformat {} 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
)
ASCII = HEADER.format("ascii") + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
FACE_AT = len(HEADER.format("binary_little_endian")) + 3 * 12
LITTLE = HEADER.format("binary_little_endian").encode() + np.eye(3, dtype="<f4").tobytes() + b"\3" + bytes(12)


def load(folder, data: bytes | str):
    path = folder / "shape.ply"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return load_mesh(path)


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_quads_beside_other_properties_and_elements(tmp_path, order):
    mesh = load(tmp_path, ply_with_quads(order))
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 4], [1, 2, 4]]
    assert mesh.face_labels is None


@pytest.mark.parametrize(
    "text",
    [
        ASCII,
        ASCII.replace("\n", "\r\n"),
        ASCII.replace("\n", "\r"),
        ASCII.replace("element vertex", "comment a # b\nobj_info c\n\nelement vertex"),
        ASCII.replace("vertex_indices", "vertex_index").replace("uchar", "uint8").replace(" int ", " int32 "),
        ASCII.rstrip() + "\n\n \n",
    ],
)
def test_ascii_spellings(tmp_path, text):
    mesh = load(tmp_path, text)
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("corner, shown", [("1e39", r"1e\+39"), ("0.5", "0.5"), ("nan", "nan"), ("4", "4")])
def test_a_corner_of_a_strip_that_names_no_vertex_is_refused(tmp_path, corner, shown):
    text = ASCII.replace("element face", "element tristrips").replace("3 0 1 2", "4 {} 1 2 0")
    assert load(tmp_path, text.format(0)).faces.tolist() == [[0, 1, 2], [1, 0, 2]]
    with pytest.raises(MeshFormatError, match=rf"line 13: 1 of 6 face corners name none .* the first is {shown}"):
        load(tmp_path, text.format(corner))


@pytest.mark.parametrize("ascii", [False, True])
def test_labels_come_back(tmp_path, ascii):
    mesh = blob(labelled=True)
    save_mesh(mesh, tmp_path / "a.ply", ascii=ascii)
    again = load_mesh(tmp_path / "a.ply")
    assert torch.equal(again.face_labels, mesh.face_labels)


def test_a_label_of_a_quad_goes_to_both_triangles(tmp_path):
    text = (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 2\nproperty int label\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0\n1 0 0\n1 1 0\n0 1 0\n-7 4 0 1 2 3\n9 3 0 1 2\n"
    )
    assert load(tmp_path, text).face_labels.tolist() == [-7, -7, 9]


def test_labels_beyond_32_bits_are_refused(tmp_path):
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), torch.tensor([2**31]))
    with pytest.raises(InvalidInputError, match="face_labels: PLY holds 32-bit labels, got 2147483648"):
        save_mesh(mesh, tmp_path / "a.ply")


@pytest.mark.parametrize("ascii", [False, True])
def test_trimesh_reads_what_we_write(tmp_path, ascii):
    mesh = tetrahedron()
    save_mesh(mesh, tmp_path / "a.ply", ascii=ascii)
    oracle = trimesh.load(tmp_path / "a.ply", process=False)
    assert np.array_equal(oracle.vertices.astype(np.float32), mesh.verts.numpy())
    assert np.array_equal(oracle.faces, mesh.faces.numpy())


def with_count(data: bytes, old: str, new: str) -> bytes:
    assert old.encode() in data
    return data.replace(old.encode(), new.encode())


@pytest.mark.parametrize("rows", [2, 5000])  # walked by Python, and by a kernel
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind, letter", [("char", "b"), ("short", "h"), ("int", "i")])
def test_a_list_of_less_than_nothing_is_refused(tmp_path, rows, order, kind, letter):
    """Lists of three and of four corners in turns, the last one of -1: no length is read as an unsigned one."""
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = HEADER.format(name).replace("face 1", f"face {rows}").replace("uchar", kind)
    body = struct.pack(order + "9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    lists = [[0, 1, 2], [0, 1, 2, 0]] * (rows // 2)
    packed = [struct.pack(f"{order}{letter}{len(each)}i", len(each), *each) for each in lists]
    at = len(head) + len(body) + sum(map(len, packed[:-1]))
    path = tmp_path / "a.ply"
    path.write_bytes(head.encode() + body + b"".join(packed))
    assert len(load_mesh(path).faces) == rows // 2 * 3
    path.write_bytes(head.encode() + body + b"".join(packed[:-1]) + struct.pack(order + letter, -1) + bytes(400))
    with pytest.raises(MeshFormatError, match=f"byte {at}: a list vertex_indices of -1 values"):
        load_mesh(path)


@pytest.mark.parametrize(
    "data, message",
    [
        ("", "expected PLY .*, got an empty file"),
        ("plywood", "this is not PLY"),
        (ASCII[:60], "there is no line end_header"),
        (ASCII.replace("format ascii 1.0\n", ""), "there is no line format"),
        (ASCII.replace("ascii", "utf8"), "line 2: not a line of a PLY header: 'format utf8 1.0'"),
        (ASCII.replace("vertex 3", "vertex -3"), "line 3: not a line of a PLY header: 'element vertex -3'"),
        (ASCII.replace("float z", "floot z"), "line 6: not a line of a PLY header"),
        (ASCII.replace("uchar", "float"), "line 8: a list cannot have a length of type float"),
        (ASCII.replace("float z", "float y"), "y of vertex occurs twice"),
        (
            ASCII.replace("element face", "element vertex 1\nproperty int a\nelement face"),
            "element vertex occurs twice",
        ),
        (ASCII.replace("float z", "float w"), "element vertex has no property z"),
        (ASCII.replace("vertex_indices", "corners"), "element face has no property list of whole numbers"),
        (ASCII.replace("element face", "element odd 2\nelement face"), "element odd has rows but no properties"),
        (ASCII.replace("face 1", "face 2"), "it promises 2 rows of face, but only 1 lines are left"),
        (ASCII.replace("vertex 3", "vertex 999999999999"), "it promises 999999999999 rows of vertex"),
        (ASCII.replace("vertex 3", "vertex " + "9" * 5000), "line 3: not a line of a PLY header"),
        (ASCII + "1 2 3\n", "line 14: 1 lines more than the header promises: '1 2 3'"),
        (ASCII.replace("1 0 0", "1 0"), "line 11: the numbers do not fit the properties of vertex"),
        (ASCII.replace("1 0 0", "1 0 0 0"), "line 11: the numbers do not fit"),
        (ASCII.replace("1 0 0", "1 0 inf"), "line 11: 1 of 3 vertices have a coordinate that is NaN"),
        (ASCII.replace("3 0 1 2", "4 0 1 2"), "line 13: the numbers do not fit the properties of face"),
        (ASCII.replace("3 0 1 2", "-3 0 1 2"), "line 13: the numbers do not fit"),
        (ASCII.replace("3 0 1 2", "2 0 1"), "a point cloud: 3 points and no faces"),
        (ASCII.replace("3 0 1 2", "3 0 1 3"), "line 13: 1 of 3 face corners name none of the 3 vertices"),
        (LITTLE[:-1], f"byte {FACE_AT}: the row of face that begins here ends"),
        (with_count(LITTLE, "vertex 3", "vertex 9"), "promises 9 rows of vertex, at least 12 bytes each"),
        (with_count(LITTLE, "vertex 3", "vertex 999999999999"), "promises 999999999999 rows of vertex"),
        (with_count(LITTLE, "uchar", "uint8").replace(b"\3" + bytes(12), b"\xff" + bytes(12)), "the row of face"),
        (
            LITTLE.replace(b"\x80\x3f", b"\xa0\x7f").replace(b"\3" + bytes(12), struct.pack("<B3i", 3, 0, 1, 2)),
            "3 of 3 vertices have a coordinate that is NaN",
        ),  # a signalling NaN
        (LITTLE[:-4] + b"\3\0\0\0", f"byte {FACE_AT}: 1 of 3 face corners name none of the 3 vertices; the first is 3"),
        (LITTLE[:-4] + b"\xff\xff\xff\xff", "the first is -1"),
        (HEADER.format("ascii").replace("vertex 3", "vertex 0").replace("face 1", "face 0"), "0 vertices and 0 faces"),
    ],
)
def test_damage_is_named(tmp_path, data, message):
    with pytest.raises(MeshFormatError, match=rf"shape\.ply: .*({message})"):
        load(tmp_path, data)
