"""Vertices replaced inside mesh files: all else stays, to the byte."""

import re
from pathlib import Path

import pytest
import torch

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io import load_mesh, save_mesh, save_moved
from geolearn.structures import Mesh

OBJ = b"""# a sheet\r
mtllib sheet.mtl
o one
v 0 0 0   # corner
 v\t1.50 0 0 0.5 0.25 1
vt 0.1 0.2
vn 0 0 1
v 0 1e0 0
usemtl red
s off
f 1/1/1 2/1/1 3/1/1 4/1/1
o two
v -2 +3 4
vt 0.5 0.5
f -1/2 -2/2 -3/2
"""
OFF = b"""COFF # a comment
 4 2 0

0 0 0 255 0 0 255
1.50 0 0 255 0 0 255
# another
0 1 0 1 1 1 1
-2 3 4 0 0 0 0
3 0 1 2
3 2 1 3 9 9 9
"""
PLY = b"""ply
format ascii 1.0
comment kept
element vertex 4
property uchar red
property float x
property float y
property float z
element face 1
property list uchar int vertex_indices
property float quality
end_header
7 0 0 0
8 1.50 0 0
9 0 1 0
10 -2 3 4
3 0 1 3 0.25
"""
FILES = {"obj": OBJ, "off": OFF, "ply": PLY}


def binary_ply() -> bytes:
    import numpy as np

    rows = np.zeros(4, [("x", ">f8"), ("y", ">f8"), ("flag", ">u2"), ("z", ">f8")])
    rows["x"], rows["y"], rows["z"] = [0, 1.5, 0, -2], [0, 0, 1, 3], [0, 0, 0, 4]
    rows["flag"] = [1, 2, 3, 4]
    head = b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty double x\nproperty double y\n"
    head += b"property ushort flag\nproperty double z\n"
    head += b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    return head + rows.tobytes() + bytes([3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3])


def written(folder: Path, kind: str, data: bytes | None = None) -> Path:
    path = folder / f"in.{kind}"
    path.write_bytes(FILES[kind] if data is None else data)
    return path


@pytest.mark.parametrize("kind", ["obj", "off", "ply", "binary"])
def test_where_nothing_moved_every_byte_stays(kind, tmp_path):
    path = written(tmp_path, "ply", binary_ply()) if kind == "binary" else written(tmp_path, kind)
    out = tmp_path / f"out{path.suffix}"
    save_moved(path, out, load_mesh(path).verts)
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["obj", "off", "ply", "binary"])
def test_only_what_moved_is_written_anew(kind, tmp_path):
    path = written(tmp_path, "ply", binary_ply()) if kind == "binary" else written(tmp_path, kind)
    out, before = tmp_path / f"out{path.suffix}", load_mesh(path)
    verts = before.verts.clone()
    verts[2] = torch.tensor([0.1, -1 / 3, 1e-7])
    save_moved(path, out, verts)
    after = load_mesh(out)
    assert torch.equal(after.verts, verts)
    assert torch.equal(after.faces, before.faces)
    if kind != "binary":
        changed = [
            (old, new)
            for old, new in zip(path.read_bytes().split(b"\n"), out.read_bytes().split(b"\n"), strict=True)
            if old != new
        ]
        assert len(changed) == 1


def test_what_stands_around_the_numbers_stays(tmp_path):
    path = written(tmp_path, "obj")
    save_moved(path, tmp_path / "out.obj", load_mesh(path).verts + 1)
    text = (tmp_path / "out.obj").read_bytes()
    assert b"v 1 1 1   # corner\n v\t2.5 1 1 0.5 0.25 1\n" in text
    assert re.sub(rb"(?m)^( ?v\s)\S+ \S+ \S+", rb"\1", text) == re.sub(rb"(?m)^( ?v\s)\S+ \S+ \S+", rb"\1", OBJ)
    path = written(tmp_path, "ply")
    save_moved(path, tmp_path / "out.ply", load_mesh(path).verts + 1)
    assert b"\n7 1 1 1\n8 2.5 1 1\n" in (tmp_path / "out.ply").read_bytes()
    path = written(tmp_path, "ply", binary_ply())
    save_moved(path, tmp_path / "out.ply", load_mesh(path).verts + 1)
    assert len((tmp_path / "out.ply").read_bytes()) == len(binary_ply())


@pytest.mark.parametrize(
    "text", [b"OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", b"OFF3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"]
)
def test_counts_on_the_first_line(text, tmp_path):
    path = written(tmp_path, "off", text)
    verts = load_mesh(path).verts + torch.tensor([0.5, 0, 0])
    save_moved(path, tmp_path / "out.off", verts)
    assert torch.equal(load_mesh(tmp_path / "out.off").verts, verts)
    assert (tmp_path / "out.off").read_bytes().startswith(text.split(b"\n")[0])


def test_a_large_file_of_ours(tmp_path):
    generator = torch.Generator().manual_seed(0)
    mesh = Mesh(torch.randn(3000, 3, generator=generator), torch.arange(3000).reshape(-1, 3))
    for kind in ("obj", "off", "ply"):
        save_mesh(mesh, tmp_path / f"a.{kind}")
        verts = mesh.verts * 1.5
        save_moved(tmp_path / f"a.{kind}", tmp_path / f"b.{kind}", verts)
        save_mesh(Mesh(verts, mesh.faces), tmp_path / f"c.{kind}")
        assert (tmp_path / f"b.{kind}").read_bytes() == (tmp_path / f"c.{kind}").read_bytes()


@pytest.mark.usefixtures("as_installed")
class TestRefusals:
    def test_formats(self, tmp_path):
        path = written(tmp_path, "obj")
        with pytest.raises(InvalidInputError, match=r"expected the format of the source, one of \.obj, \.off, \.ply"):
            save_moved(path, tmp_path / "out.off", torch.zeros(4, 3))
        with pytest.raises(InvalidInputError, match="expected the format of the source"):
            save_moved(tmp_path / "a.glb", tmp_path / "b.glb", torch.zeros(4, 3))

    def test_counts(self, tmp_path):
        with pytest.raises(InvalidInputError, match=r"verts: expected \(4, 3\), as in\.obj has, got \(3, 3\)"):
            save_moved(written(tmp_path, "obj"), tmp_path / "out.obj", torch.zeros(3, 3))

    def test_layouts_that_cannot_be_replaced(self, tmp_path):
        joined = written(tmp_path, "obj", b"v 0 0 0\nv 1 \\\n0 0\nv 0 1 0\nf 1 2 3\n")
        with pytest.raises(MeshFormatError, match=r"2 lines of vertices for 3 vertices.*another format"):
            save_moved(joined, tmp_path / "out.obj", torch.zeros(3, 3))
        joined = written(tmp_path, "obj", b"v 0 0 0\nv 1 0 \\\n0\nv 0 1 0\nf 1 2 3\n")
        with pytest.raises(MeshFormatError, match=r"2 lines of vertices for 3 vertices"):
            save_moved(joined, tmp_path / "out.obj", torch.ones(3, 3))
        first = PLY.replace(b"property uchar red", b"property list uchar uchar red").replace(b"\n7 ", b"\n1 7 ")
        first = first.replace(b"\n8 ", b"\n1 8 ").replace(b"\n9 ", b"\n1 9 ").replace(b"\n10 ", b"\n1 10 ")
        with pytest.raises(MeshFormatError, match="its first element is not the vertices, or they hold lists"):
            save_moved(written(tmp_path, "ply", first), tmp_path / "out.ply", torch.zeros(4, 3))
        assert not (tmp_path / "out.ply").exists()


def test_a_shape_far_from_0_stays_where_it_is(tmp_path):
    source = Path(__file__).parent / "kinds" / "utm_house.obj"
    mesh = load_mesh(source)
    moved = mesh.verts.clone()
    moved[4, 2] += 0.5
    save_moved(source, tmp_path / "a.obj", moved)
    again = load_mesh(tmp_path / "a.obj")
    assert torch.equal(again.origin, mesh.origin)
    assert torch.allclose(again.verts, moved, rtol=0, atol=1e-6)
