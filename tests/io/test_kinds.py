"""Sound files that are easily read wrong or refused: small ones in `kinds/`, and each kind in every format that has it.

Tetrahedron: 4 faces, area 9, volume 1. Wedge: 8 faces, area 24, volume 6.
"""

import json
import logging

import numpy as np
import pytest
import torch
from mesh_writers import (
    FACES,
    KINDS,
    POLYGONS,
    VERTS,
    ascii_stl,
    binary_ply,
    binary_stl,
    gltf_document,
    load,
    measures,
    text_of,
)
from seed_files import glb

from geolearn.io import MeshFormatError, load_mesh, load_points, load_voxels

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
