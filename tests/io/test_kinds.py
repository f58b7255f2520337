"""Sound files that are easily read wrong or refused: small ones in `kinds/`, and each kind in every format that has it.

Tetrahedron: 4 faces, area 9, volume 1. Wedge: 8 faces, area 24, volume 6.
"""

import json
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from seed_files import glb

from geolearn.io import MeshFormatError, load_mesh, load_points, load_voxels, save_mesh
from geolearn.structures import Mesh

KINDS = Path(__file__).parent / "kinds"
VERTS = [[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]
FACES = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]


def measures(mesh: Mesh) -> tuple[int, float, float]:
    """The number of faces, area, and signed volume."""
    a, b, c = mesh.world_verts()[mesh.faces].unbind(1)
    normals = torch.linalg.cross(b - a, c - a)
    a = a - mesh.world_verts()[0]
    return len(mesh.faces), float(normals.norm(dim=1).sum() / 2), float((normals * a).sum() / 6)


TETRAHEDRON, WEDGE = (4, 9, 1), (8, 24, 6)


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("concave_arrow.obj", (2, 2, 0)),
        ("concave_L_bar.off", (20, 34, 10)),
        ("tristrips.ply", TETRAHEDRON),
        ("tristrips_restart.ply", WEDGE),
        ("off_face_over_lines.off", WEDGE),
        ("off_vertices_in_a_line.off", WEDGE),
        ("off_NCOFF.off", TETRAHEDRON),
        ("ply_blank_after_end_header.ply", TETRAHEDRON),
        ("ply_crlf_only_at_end_header.ply", TETRAHEDRON),
        ("gltf_sparse.gltf", TETRAHEDRON),
        ("gltf_primitive_without_position.gltf", TETRAHEDRON),
        ("gltf_skin_on_moved_node.gltf", TETRAHEDRON),
        ("stl_facet_per_line.stl", TETRAHEDRON),
        ("stl_end_loop.stl", TETRAHEDRON),
        ("stl_byte_order_mark.stl", TETRAHEDRON),
        ("obj_material_ends_in_backslash.obj", TETRAHEDRON),
        ("utm_house.obj", (12, 290.40, 269.452)),
        ("obj_face_of_two_corners.obj", TETRAHEDRON),
        ("ply_face_of_two_corners.ply", TETRAHEDRON),
        ("ply_nan_in_unused_vertex.ply", TETRAHEDRON),
        ("ply_two_properties_pad.ply", TETRAHEDRON),
        ("stl_bytes_behind_the_facets.stl", TETRAHEDRON),
        ("obj_utf16.obj", TETRAHEDRON),
        ("hollow_box.obj", (24, 312, 152)),
    ],
)
def test_what_each_file_holds(name, wanted):
    faces, area, volume = measures(load_mesh(KINDS / name))
    assert faces == wanted[0]
    assert area == pytest.approx(wanted[1], rel=1e-6)
    assert volume == pytest.approx(wanted[2], rel=1e-6, abs=1e-9)


def test_the_places_of_the_skinned_mesh_and_the_sparse_vertex():
    """The transform of a node with a skin is ignored: the joints place the vertices."""
    assert load_mesh(KINDS / "gltf_skin_on_moved_node.gltf").bounds.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert load_mesh(KINDS / "gltf_sparse.gltf").verts[3].tolist() == [0, 0, 3]


def test_a_comment_behind_a_value_of_binvox():
    grid = load_voxels(KINDS / "binvox_comment_behind_a_value.binvox")
    assert grid.values.shape == (2, 2, 2)
    assert grid.occupancy.nonzero().tolist() == [[0, 0, 0]]


def test_matlab_7_3_is_named_with_its_remedy(tmp_path):
    remedy = r"looks like MATLAB 7\.3 \(HDF5\)\. Save it again with MATLAB's save -v7\."
    with pytest.raises(MeshFormatError, match=rf"matlab_v7\.3\.mat: byte 0: .*{remedy}"):
        load_voxels(KINDS / "matlab_v7.3.mat")
    for name, data in {
        "a.mat": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "b.off": bytes(512) + b"\x89HDF\r\n\x1a\n",
        "c.npz": (KINDS / "matlab_v7.3.mat").read_bytes(),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MeshFormatError, match=remedy):
            (load_mesh if name.endswith("off") else load_voxels)(tmp_path / name)


# --- every kind in every format that has it ---


def text_of(kind: str, verts, faces) -> bytes:
    """An ascii file of any polygons."""
    rows = "".join(" ".join(map(repr, map(float, v))) + "\n" for v in verts)
    lists = "".join(" ".join(map(str, [len(f), *f])) + "\n" for f in faces)
    if kind == "off":
        return f"OFF\n{len(verts)} {len(faces)} 0\n{rows}{lists}".encode()
    if kind == "obj":
        rows = "".join(f"v {row}\n" for row in rows.splitlines())
        return (rows + "".join("f " + " ".join(str(i + 1) for i in f) + "\n" for f in faces)).encode()
    return (
        f"ply\nformat ascii 1.0\nelement vertex {len(verts)}\nproperty double x\nproperty double y\nproperty double z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n{rows}{lists}"
    ).encode()


def binary_ply(order: str, verts, faces) -> bytes:
    head = text_of("ply", verts, faces).split(b"end_header\n")[0] + b"end_header\n"
    name = b"binary_little_endian" if order == "<" else b"binary_big_endian"
    body = b"".join(struct.pack(order + "3d", *v) for v in verts)
    body += b"".join(struct.pack(f"{order}B{len(f)}i", len(f), *f) for f in faces)
    return head.replace(b"ascii", name) + body


def ascii_stl(verts, faces) -> bytes:
    facets = []
    for face in faces:
        corners = "".join(f"vertex {' '.join(map(repr, map(float, verts[i])))}\n" for i in face)
        facets.append(f"facet normal 0 0 0\nouter loop\n{corners}endloop\nendfacet\n")
    return f"solid a\n{''.join(facets)}endsolid a\n".encode()


def gltf_document(verts, faces) -> tuple[dict, bytes]:
    points, corners = np.array(verts, "<f4"), np.array(faces, "<u2")
    return {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(points), "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": corners.size, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": points.nbytes},
            {"buffer": 0, "byteOffset": points.nbytes, "byteLength": corners.nbytes},
        ],
        "buffers": [{"byteLength": points.nbytes + corners.nbytes}],
    }, points.tobytes() + corners.tobytes()


def load(folder, name: str, data: bytes) -> Mesh:
    (folder / name).write_bytes(data)
    return load_mesh(folder / name)


POLYGONS = {
    "a.off": lambda v, f: text_of("off", v, f),
    "a.obj": lambda v, f: text_of("obj", v, f),
    "a.ply": lambda v, f: text_of("ply", v, f),
    "little.ply": lambda v, f: binary_ply("<", v, f),
    "big.ply": lambda v, f: binary_ply(">", v, f),
}
TUBE = [[x, y, z] for z in (0, 2) for x, y in ((0, 0), (4, 0), (4, 4), (0, 4), (1, 1), (1, 3), (3, 3), (3, 1))]
CAP = [0, 1, 2, 3, 0, 4, 5, 6, 7, 4]  # a square with a square hole, joined by an edge there and back
TUBE_FACES = [
    [i + 8 for i in CAP],
    CAP[::-1],
    *[[i, (i + 1) % 4, (i + 1) % 4 + 8, i + 8] for i in range(4)],
    *[[4 + i, 4 + (i + 1) % 4, 12 + (i + 1) % 4, 12 + i] for i in range(4)],
]


@pytest.mark.parametrize("name", POLYGONS)
def test_the_bore_of_a_square_tube_stays_open(tmp_path, name):
    """4 x 4 without 2 x 2, 2 high: caps 12 each, walls 4 (4 + 2) 2."""
    mesh = load(tmp_path, name, POLYGONS[name](TUBE, TUBE_FACES))
    faces, area, volume = measures(mesh)
    assert (faces, area, volume) == (32, pytest.approx(24 + 48), pytest.approx(24))
    edges = torch.cat([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)
    assert all((b, a) in directed for a, b in directed)


BAR = [[x, y, z] for z in (0, 1) for x, y in ((0, 0), (2, 0), (4, 0), (4, 1), (0, 1))]  # a corner on a straight side
BAR_FACES = [[4, 3, 2, 1, 0], [5, 6, 7, 8, 9], [0, 1, 6, 5], [1, 2, 7, 6], [2, 3, 8, 7], [3, 4, 9, 8], [4, 0, 5, 9]]


@pytest.mark.parametrize("name", POLYGONS)
def test_a_corner_on_a_straight_side_is_a_corner_of_triangles_that_have_an_area(tmp_path, name):
    mesh = load(tmp_path, name, POLYGONS[name](BAR, BAR_FACES))
    assert measures(mesh) == (16, pytest.approx(18), pytest.approx(4))
    assert mesh.to_trimesh().is_watertight
    assert mesh.to_trimesh().area_faces.min() > 0.1


FAR = {name: write for name, write in POLYGONS.items() if "." in name} | {"a.stl": ascii_stl}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("offset", [[691234.37, 5334567.81, 512.13], [-2.5e7, 0.25, 1e-3], [1e9, 1e9, -1e9]])
def test_far_from_0_the_shape_is_kept_about_an_origin(tmp_path, name, offset, caplog):
    verts = np.array(VERTS, dtype=float) + offset
    mesh = load(tmp_path, name, FAR[name](verts.tolist(), FACES))
    assert mesh.origin is not None
    assert mesh.origin.dtype == torch.float64
    assert "so far from 0 that float32 would bend the shape" in caplog.text
    order = [mesh.world_verts().sub(torch.tensor(v)).norm(dim=1).argmin().item() for v in verts]
    assert torch.allclose(mesh.world_verts()[order], torch.tensor(verts), rtol=0, atol=1e-6)
    assert measures(mesh) == (4, pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
    assert mesh.verts.abs().max() < 8
    assert str(tuple(mesh.origin.tolist())) in repr(mesh)
    # It can be had back: saved and read again it lies where it lay.
    for extension in ("off", "obj", "ply", "stl", "glb", "gltf"):
        save_mesh(mesh, tmp_path / f"again.{extension}", ascii=extension == "stl")
        again = load_mesh(tmp_path / f"again.{extension}")
        assert measures(again)[1:] == (pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
        assert torch.allclose(again.world_verts().amin(0), torch.tensor(verts).amin(0), rtol=0, atol=1e-6)


def test_binary_stl_refuses_what_it_would_bend(tmp_path):
    mesh = load_mesh(KINDS / "utm_house.obj")
    with pytest.raises(ValueError, match=r"mesh: binary STL holds float32, which would bend a shape about \[691240"):
        save_mesh(mesh, tmp_path / "a.stl")


def test_a_node_that_is_far_away_counts_too(tmp_path):
    document, binary = gltf_document(VERTS, FACES)
    document["nodes"][0]["translation"] = [691234.37, 5334567.81, 512.13]
    mesh = load(tmp_path, "a.glb", glb(document, binary))
    assert measures(mesh) == (4, pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
    assert mesh.world_verts()[1].tolist() == pytest.approx([691235.37, 5334567.81, 512.13], abs=1e-6)


@pytest.mark.parametrize("offset", [0, 1, 100, 0.1])
def test_near_0_coordinates_stay_as_they_are(tmp_path, offset):
    verts = np.array(VERTS) + offset
    mesh = load(tmp_path, "a.ply", text_of("ply", verts.tolist(), FACES))
    assert mesh.origin is None
    assert np.array_equal(mesh.verts.numpy(), verts.astype(np.float32))


def test_what_a_file_holds_in_float32_stays_as_it_is(tmp_path):
    verts = (np.array(VERTS) + 5334567.81).astype(np.float32)
    data = binary_ply("<", verts, FACES).replace(b"double", b"float")
    head, body = data[: data.index(b"end_header\n") + 11], data[-4 * 13 :]
    mesh = load(tmp_path, "a.ply", head + verts.astype("<f4").tobytes() + body)
    assert mesh.origin is None
    assert np.array_equal(mesh.verts.numpy(), verts)


def test_the_rule_for_an_origin_is_the_largest_move_over_the_longest_side(tmp_path):
    """A third at 2^k: float32 keeps 2^(k - 24), so the move passes 2^-17 of a side of 1 at about k = 8."""
    moved = {}
    for exponent in range(4, 14):
        verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1 / 3, 0]]) + 2.0**exponent
        mesh = load(tmp_path, "a.obj", text_of("obj", verts.tolist(), [[0, 1, 2]]))
        moved[exponent] = np.abs(verts.astype(np.float32) - verts).max()
        assert (mesh.origin is not None) == (moved[exponent] > 2.0**-17)
    assert min(moved.values()) < 2.0**-17 < max(moved.values())


WITH_LINES = [[0, 1], *FACES, [2], [3, 1]]


@pytest.mark.parametrize("name", POLYGONS)
def test_faces_of_fewer_than_three_corners_are_left_out_and_said(tmp_path, name, caplog):
    mesh = load(tmp_path, name, POLYGONS[name](VERTS, WITH_LINES))
    assert mesh.faces.tolist() == FACES
    assert f"{name}: 3 faces of fewer than 3 corners are left out" in caplog.text
    with pytest.raises(MeshFormatError, match="1 of 17 face corners name none of the 4 vertices"):
        load(tmp_path, name, POLYGONS[name](VERTS, [[0, 9], *WITH_LINES[1:]]))


@pytest.mark.parametrize("name", POLYGONS)
@pytest.mark.parametrize("stray", [[np.nan] * 3, [0, np.inf, 0], [1e39, 0, 0]])
def test_stray_vertices_of_no_face_are_left_out_and_said(tmp_path, name, stray, caplog):
    verts = [VERTS[0], stray, *VERTS[1:], stray]
    faces = [[i + (i > 0) for i in face] for face in FACES]
    mesh = load(tmp_path, name, POLYGONS[name](verts, faces))
    assert mesh.verts.tolist() == VERTS
    assert mesh.faces.tolist() == FACES
    assert "2 vertices of no face that are NaN or infinite are left out" in caplog.text
    with pytest.raises(
        MeshFormatError, match="1 of 6 vertices have a coordinate that is NaN, infinite or beyond float32"
    ):
        load(tmp_path, name, POLYGONS[name](verts, [*faces, [0, 1, 2]]))


def test_a_stray_vertex_of_gltf(tmp_path):
    document, binary = gltf_document([*VERTS, [np.nan] * 3], FACES)
    assert load(tmp_path, "a.glb", glb(document, binary)).verts.tolist() == VERTS


BEHIND = {
    "a.off": (text_of("off", VERTS, FACES), b"<!-- made by -->\n"),
    "a.ply": (text_of("ply", VERTS, FACES), b"-- end --\n"),
    "little.ply": (binary_ply("<", VERTS, FACES), b"\1\2\3"),
    "big.ply": (binary_ply(">", VERTS, FACES), bytes(50) + b"x"),
    "a.stl": (ascii_stl(VERTS, FACES), b"; end of file\n"),
    "a.glb": (glb(*gltf_document(VERTS, FACES)), b"\0\0\0\0more"),
}


@pytest.mark.parametrize("name", BEHIND)
def test_bytes_behind_the_end_are_not_read_and_that_is_said(tmp_path, name, caplog):
    data, more = BEHIND[name]
    mesh = load(tmp_path, name, data + more)
    assert measures(mesh) == (4, pytest.approx(9), pytest.approx(1))
    assert "behind what the header promises are not read" in caplog.text
    caplog.clear()
    load(tmp_path, name, data)
    assert not caplog.text


def binary_stl(verts, faces, count=None, more=b"") -> bytes:
    facets = b"".join(struct.pack("<12fH", 0, 0, 0, *np.ravel([verts[i] for i in f]), 0) for f in faces)
    return bytes(80) + struct.pack("<I", len(faces) if count is None else count) + facets + more


@pytest.mark.parametrize("more", [b"\0", bytes(50), bytes(1000), b"\xff" * 100, b"made by a program" * 3])
def test_bytes_behind_the_facets(tmp_path, more):
    assert len(load(tmp_path, "a.stl", binary_stl(VERTS, FACES, more=more)).faces) == 4


def test_facets_behind_the_promised_ones_are_no_waste(tmp_path):
    with pytest.raises(MeshFormatError, match="byte 80: the header promises 3 facets, but 4 follow"):
        load(tmp_path, "a.stl", binary_stl(VERTS, FACES, count=3))


def test_voxel_files_with_bytes_behind_the_end(tmp_path, caplog):
    from geolearn.io import save_voxels
    from geolearn.structures import VoxelGrid

    grid = VoxelGrid(torch.arange(27).reshape(3, 3, 3) % 4 == 0)
    for extension in ("binvox", "npy", "mat"):
        path = tmp_path / f"a.{extension}"
        save_voxels(grid, path)
        path.write_bytes(path.read_bytes() + b"more bytes!!")
        assert torch.equal(load_voxels(path).values, grid.values)
        assert f"a.{extension}: " in caplog.text
        caplog.clear()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.off", "a.obj", "a.ply", "a.stl", "a.gltf", "a.xyz"])
def test_text_in_any_unicode_is_read(tmp_path, name, encoding):
    document, binary = gltf_document(VERTS, FACES)
    document["buffers"][0]["uri"] = "a.bin"
    (tmp_path / "a.bin").write_bytes(binary)
    texts = {
        "a.stl": ascii_stl(VERTS, FACES),
        "a.gltf": json.dumps(document).encode(),
        "a.xyz": "".join(f"{x} {y} {z}\n" for x, y, z in VERTS).encode(),
    }
    text = texts.get(name) or POLYGONS[name](VERTS, FACES)
    (tmp_path / name).write_bytes(text.decode().encode(encoding))
    if name == "a.xyz":
        assert load_points(tmp_path / name).points.tolist() == VERTS
    else:
        assert measures(load_mesh(tmp_path / name)) == (4, pytest.approx(9), pytest.approx(1))


@pytest.mark.parametrize("name", ["a.off", "a.obj", "a.ply", "a.stl"])
@pytest.mark.parametrize("line_break", ["\r\n", "\r", "mixed"])
def test_any_line_breaks_mixed_as_well(tmp_path, name, line_break):
    text = (ascii_stl(VERTS, FACES) if name == "a.stl" else POLYGONS[name](VERTS, FACES)).decode()
    if line_break == "mixed":
        lines = text.split("\n")
        text = "".join(line + ("\r\n", "\n", "\r")[i % 3] for i, line in enumerate(lines))
    else:
        text = text.replace("\n", line_break)
    assert measures(load(tmp_path, name, text.encode())) == (4, pytest.approx(9), pytest.approx(1))


def test_point_clouds_are_called_point_clouds(tmp_path):
    for name in ("a.off", "a.obj", "a.ply", "little.ply"):
        with pytest.raises(MeshFormatError, match=rf"{name}: a point cloud: 4 points and no faces"):
            load(tmp_path, name, POLYGONS[name](VERTS, []))
    for name in ("a.xyz", "a.pts", "a.txt"):
        with pytest.raises(
            MeshFormatError, match=r"its points without faces are no mesh\. Make a surface of them first"
        ):
            load(tmp_path, name, b"0 0 0\n1 0 0\n0 1 0\n")


def test_a_gltf_whose_nodes_show_nothing_says_so(tmp_path):
    document, binary = gltf_document(VERTS, FACES)
    del document["nodes"], document["scenes"]
    with pytest.raises(MeshFormatError, match="no node shows any of its 1 meshes, so the scene is empty"):
        load(tmp_path, "a.glb", glb(document, binary))
    document["nodes"], document["scenes"] = [{"mesh": 0}, {}], [{"nodes": [1]}]
    with pytest.raises(MeshFormatError, match="its scene shows no triangles, though the file has 1 meshes"):
        load(tmp_path, "a.glb", glb(document, binary))


def test_nothing_is_said_of_a_plain_file(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, logger="geolearn")
    for name, write in POLYGONS.items():
        load(tmp_path, name, write(VERTS, FACES))
    load(tmp_path, "a.stl", ascii_stl(VERTS, FACES))
    load(tmp_path, "a.glb", glb(*gltf_document(VERTS, FACES)))
    assert not caplog.text
