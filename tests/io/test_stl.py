"""STL: both encodings, merged corners, and what damage says."""

import struct

import numpy as np
import pytest
import trimesh
from seed_files import blob, tetrahedron

from geolearn.io import MeshFormatError, load_mesh, save_mesh, stl, welding, words

FACET = "facet normal 0 0 1\n outer loop\n  vertex 0 0 0\n  vertex 1 0 0\n  vertex 0 1 0\n endloop\nendfacet\n"
UPSIDE = "facet normal 0 0 0\nouter loop\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 -0.0\nendloop\nendfacet\n"


@pytest.fixture(autouse=True, params=[False, True], ids=["numpy", "kernel"])
def way_of_reading(request, monkeypatch):
    """Short files by NumPy, long ones by kernels: the same result, the same errors."""
    for module in (stl, welding, words):
        monkeypatch.setattr(module, "kernels_pay", lambda size: request.param)


def load(folder, data: bytes | str):
    path = folder / "shape.stl"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return load_mesh(path)


def binary(corners, head: bytes = b"", count: int | None = None) -> bytes:
    facets = b"".join(struct.pack("<12fH", *[0, 0, 0], *np.ravel(facet), 0) for facet in corners)
    return head.ljust(80, b" ") + struct.pack("<I", len(corners) if count is None else count) + facets


@pytest.mark.parametrize(
    "text",
    [
        f"solid a name\n{FACET}{UPSIDE}endsolid a name\n",
        f"solid one\n{FACET}endsolid one\nsolid two\n{UPSIDE}end solid",
        f"SOLID\n{FACET.upper()}{UPSIDE}ENDSOLID".replace("\n", "\r\n"),
    ],
)
def test_ascii_corners_merge_in_order_of_first_use(tmp_path, text):
    mesh = load(tmp_path, text)
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [1, 3, 2]]


@pytest.mark.parametrize(
    "text",
    [
        f"solid\n{FACET}endsolid",
        f" \n\tsolid\r{FACET}endsolid x y z\r\r\n".replace("\n", "\r"),
        f"solid a\n{FACET.replace('facet normal 0 0 1', 'facet normal nan -inf 1e400')}endsolid\n",
        f"solid a\n{FACET.replace('endloop', 'end  loop').replace('endfacet', 'end facet')}end solid\n",
        f"solid a {FACET.replace(chr(10), ' ')}\nendsolid a\n",
        f"solid a solid\vendsolid\n{FACET.replace(' ', chr(11))}endsolid a",
        f"solid a\n{FACET.replace('vertex', chr(9) + 'VerTex' + chr(12))}endsolid\n",
        f"solid a\n{FACET.replace('1 0 0', '+1.0e+0 -0e9 0.00000000000000000000000000000000001e-400')}endsolid",
        f"solid a\n{FACET.replace('1 0 0', '1000000000000000000000000e-24 .0 0.')}endsolid a",
        f"solid a\n{FACET}endsolid a\n and more",
    ],
)
def test_other_spellings_of_one_facet(tmp_path, text):
    mesh = load(tmp_path, text)
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2]]


def test_solids_are_groups(tmp_path):
    mesh = load(tmp_path, f"solid  a b \n{FACET}{UPSIDE}endsolid\nsolid\nendsolid\n\nsolid c\n{UPSIDE}endsolid c\n")
    assert mesh.attributes.groups == ("a b", "", "c")
    assert mesh.attributes.group_index.tolist() == [0, 0, 2]


@pytest.mark.parametrize("head", [b"", b"solid but binary"])
def test_binary_corners_merge(tmp_path, head):
    mesh = load(tmp_path, binary([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 1, 0], [0, 1, -0.0]]], head))
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [1, 3, 2]]


@pytest.mark.parametrize(
    "data, message",
    [
        (f"solid a\n{FACET}", "line 8: the file ends without endsolid"),
        ("solid a\nendsolid a\n", "an empty mesh: 0 vertices and 0 faces"),
        (f"solid a\n{FACET}facet normal 0 0 1\nendsolid\n", "line 9: expected outer, got 'facet normal 0 0 1'"),
        (
            f"solid a\n{FACET.replace('endloop', 'vertex 1 1 1')}endsolid\n",
            "line 7: expected endloop, got 'vertex 1 1 1'",
        ),
        (f"solid a\n{FACET.replace('1 0 0', '1 0')}endsolid\n", "line 6: expected vertex, got 'vertex 0 1 0'"),
        (f"solid a\n{FACET.replace('1 0 0', '1 0 z')}endsolid\n", "line 5: expected numbers, got 'z'"),
        (
            f"solid a\n{FACET.replace('1 0 0', '1 nan 0')}endsolid\n",
            "line 5: 1 of 3 corners have a coordinate that is NaN",
        ),
        (f"solid a\nnonsense\n{FACET}endsolid\n", "line 2: expected facet, got 'nonsense'"),
        (f"solid a\n{FACET}nonsense\nendsolid\n", "line 9: expected facet, got 'nonsense'"),
        (
            f"solid a\n{FACET.replace('facet normal', 'facetnormal')}endsolid\n",
            "line 2: expected facet, got 'facetnormal 0",
        ),
        (f"solid a\n{FACET.replace('vertex 1', 'vertex1')}endsolid\n", "line 5: expected vertex, got 'vertex1 0 0'"),
        (f"solid a\n{FACET.replace('endloop', 'endlop')}endsolid\n", "line 7: expected endloop, got 'endlop'"),
        (f"solid a\n{FACET.replace('0 1 0', '0 1 0 0')}endsolid\n", "line 6: expected endloop, got 'vertex 0 1 0 0'"),
        (f"solid a\n{FACET.replace('0 1 0', '0 1')}endsolid\n", "line 8: expected endloop, got 'endfacet'"),
        (f"solid a\n{FACET.replace('1 0 0', '1 1e39 0')}endsolid\n", "line 5: 1 of 3 corners have a coordinate"),
        (f"solid a\n{FACET[:-9]}", "line 7: the file ends without endsolid"),
        (binary([np.eye(3)], count=2), r"byte 80: expected 84 \+ 50 x 2 = 184 bytes .* got 134"),
        (binary([np.eye(3)], count=0), "byte 80: the header promises 0 facets, but 1 follow"),
        (binary([np.eye(3)], count=2**32 - 1), "for the 4294967295 facets it promises"),
        (binary([np.eye(3)])[:-1], "byte 80: .* got 133"),
        (binary([np.eye(3), np.full((3, 3), np.inf)]), r"byte 134 \(facet 1\): 3 of 6 corners"),
        (binary([]), "an empty mesh"),
        (b"short", "this is not STL"),
        (b"", "expected STL, got an empty file"),
    ],
)
def test_damage_is_named(tmp_path, data, message):
    with pytest.raises(MeshFormatError, match=rf"shape\.stl: .*{message}"):
        load(tmp_path, data)


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("mesh", [tetrahedron(), blob()], ids=["tetrahedron", "blob"])
def test_triangles_come_back_exactly_and_trimesh_reads_them(tmp_path, mesh, ascii):
    save_mesh(mesh, tmp_path / "a.stl", ascii=ascii)
    again = load_mesh(tmp_path / "a.stl")
    assert np.array_equal(again.triangles().numpy(), mesh.triangles().numpy())
    oracle = trimesh.load(tmp_path / "a.stl", process=False)
    assert np.array_equal(oracle.triangles.astype(np.float32), mesh.triangles().numpy())


def test_written_normals_follow_the_winding(tmp_path):
    save_mesh(tetrahedron(), tmp_path / "a.stl")
    facets = np.frombuffer((tmp_path / "a.stl").read_bytes()[84:], dtype="<f4,<f4,<f4,(3,3)<f4,<u2")
    for nx, ny, nz, corners, _ in facets:
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        assert np.allclose([nx, ny, nz], normal / np.linalg.norm(normal), atol=1e-6)
