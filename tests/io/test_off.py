"""OFF: what Geomview, ModelNet and MeshLab write, and what damage says."""

import pytest
import torch

from geolearn.io import MeshFormatError, load_mesh

SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
VERTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


def load(folder, text: str):
    path = folder / "shape.off"
    path.write_bytes(text.encode())
    return load_mesh(path)


@pytest.mark.parametrize(
    "text",
    [
        f"OFF\n4 2 0\n{VERTS}3 0 1 2\n3 0 2 3\n",
        f"OFF4 2 0\n{VERTS}3 0 1 2\n3 0 2 3\n",
        f"OFF 4 2\n{VERTS}3 0 1 2\n3 0 2 3",
        f"# made by hand\n\nOFF # first\n# counts\n4 2 0 # three\n\n{VERTS}\n3 0 1 2 # a\n\n3 0 2 3",
        f"OFF\n4 2 0\n{VERTS}3 0 1 2 255 0 0\n3 0 2 3 0.5 0.5 0.5 1.0\n",
        f"OFF\n4 2 0\n{VERTS}3 0 1 2 7\n3 0 2 3\n",
        f"OFF\n4 1 0\n{VERTS}4 0 1 2 3\n",
        f"off\n4 1 0\n{VERTS}4 0 1 2 3\n",
        f"\ufeffOFF\n4 1 0\n{VERTS}4 0 1 2 3\n",
        f"OFF\n4 1 0\n{VERTS}4 0 1 2 3\n".replace("\n", "\r\n"),
        f"OFF\n4 1 0\n{VERTS}4 0 1 2 3\n".replace("\n", "\r"),
        f"OFF\n4 1 0\n{VERTS}4.0 0.0 1e0 2 3\n",
        "COFF\n4 1 0\n0 0 0 1 1 1 1\n1 0 0 1 1 1 1\n1 1 0 1 1 1 1\n0 1 0 1 1 1 1\n4 0 1 2 3\n",
        "OFF\n4 1 0\n0 0 0 9 9 9\n1 0 0 9 9 9\n1 1 0 9 9 9\n0 1 0 9 9 9\n4 0 1 2 3\n",
        "NOFF\n4 1 0\n0 0 0 0 0 1\n1 0 0 0 0 1\n1 1 0 0 0 1\n0 1 0 0 0 1\n4 0 1 2 3\n",
        "STCNOFF\n4 1 0\n" + "".join(f"{x} {y} 0 0 0 1 9 9 9 9 0.5 0.5\n" for x, y, _ in SQUARE) + "4 0 1 2 3\n",
    ],
)
def test_the_same_square(tmp_path, text):
    mesh = load(tmp_path, text)
    assert mesh.verts.tolist() == SQUARE
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.name == "shape"


@pytest.mark.parametrize(
    "text, message",
    [
        ("OFF", "the file ends before its counts"),
        ("OFF\n4\n", "line 2: expected the counts .* got '4'"),
        ("OFF\n-4 2 0\n", "line 2: expected the counts .* got '-4 2 0'"),
        ("OFF\n4.5 2 0\n", "line 2: expected the counts"),
        ("OFF\nnan 2 0\n", "line 2: expected the counts"),
        ("OFF\nfour 2 0\n", "line 2: expected the counts .* got 'four 2 0'"),
        (f"OFF\n4 2 0\n{VERTS}3 0 1 2\n", "line 2: the header promises 4 vertices and 2 faces.* but 5 lines follow"),
        (f"OFF\n4 1 0\n{VERTS}3 0 1 2\n3 0 2 3\n", "line 2: the header promises .* but 6 lines follow"),
        (f"OFF\n999999999999 1 0\n{VERTS}", "the header promises 999999999999 vertices"),
        ("OFF\n1e308 1 0\n", r"line 2: expected the counts .* got '1e308 1 0'"),
        (f"OFF\n4 1 0\n{VERTS}3 0 1 4\n", "line 7: 1 of 3 face corners name none of the 4 vertices; the first is 4"),
        (f"OFF\n4 1 0\n{VERTS}3 0 1 -1\n", "line 7: .*the first is -1"),
        (f"OFF\n4 1 0\n{VERTS}3 0 1 1.5\n", r"line 7: .*the first is 1\.5"),
        (f"OFF\n4 1 0\n{VERTS}2 0 1\n", "a point cloud: 4 points and no faces"),
        (f"OFF\n4 1 0\n{VERTS}4 0 1 2\n", "line 7: expected a number of corners, that many indices"),
        (f"OFF\n4 1 0\n{VERTS}3 0 1 2 1 2 3 4 5\n", "line 7: .* at most 4 values of colour; got 9 numbers"),
        (f"OFF\n4 1 0\n{VERTS}nan 0 1 2\n", "line 7: expected a number of corners"),
        ("OFF\n3 1 0\n0 0 0\n0 inf 0\n0 0 1e39\n3 0 1 2", "line 4: 2 of 3 vertices .* NaN, infinite or beyond float32"),
        ("OFF\n3 1 0\n0 0 0\n0 0\n0 0 1\n3 0 1 2", "line 4: expected 3 numbers for a vertex, got 2"),
        ("OFF\n3 1 0\n0 0 0\n0 0 0 1\n0 0 1\n3 0 1 2", "line 4: expected 3 numbers for a vertex, got 4"),
        ("OFF\n3 1 0\n0 0 0 1 1 1 1 1\n0 0 1\n0 1 1\n3 0 1 2", "line 3: expected 3 numbers for a vertex, got 8"),
        (f"OFF\n4 0 0\n{VERTS}", "a point cloud: 4 points and no faces"),
        ("OFF\n0 0 0\n", "an empty mesh: 0 vertices and 0 faces"),
        ("OFF BINARY\n", "the variant 'OFF BINARY' is not supported"),
        ("4OFF\n1 1 1\n", "the variant '4OFF' is not supported"),
        ("4 2 0\n", "expected OFF .*looks like rows of points"),
        ("hello\n", "this is not OFF"),
    ],
)
def test_damage_is_named(tmp_path, text, message):
    with pytest.raises(MeshFormatError, match=rf"shape\.off: .*{message}"):
        load(tmp_path, text)


def test_an_unused_vertex_and_a_degenerate_face_are_kept(tmp_path):
    mesh = load(tmp_path, f"OFF\n4 2 0\n{VERTS}3 0 0 1\n3 0 1 2\n")
    assert mesh.verts.shape == (4, 3)
    assert mesh.faces.tolist() == [[0, 0, 1], [0, 1, 2]]
    assert mesh.faces.dtype == torch.int64
