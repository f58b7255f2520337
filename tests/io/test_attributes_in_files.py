"""Colours, normals, texture coordinates, materials and groups: read, written, and as other programs see them."""

import io
import struct

import numpy as np
import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.structures import Material, Mesh, MeshAttributes

Image = pytest.importorskip("PIL.Image", reason="needs the extra [data]")
VERTS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]]
FACES = [[0, 1, 2], [0, 2, 3], [0, 1, 4], [1, 2, 4]]


def picture(kind: str = "PNG", colour: tuple[int, int, int] = (10, 200, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2), colour).save(file, kind)
    return file.getvalue()


RED = Material("red paint", (1.0, 0.25, 0.0, 0.5), 0.75, 0.5, (0.0, 0.5, 0.0))
WOOD = Material("wood", (1.0, 1.0, 1.0, 1.0), 0.0, 1.0, picture=picture(), picture_name="wood.png")


def unit(rows) -> np.ndarray:
    rows = np.array(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_vertex() -> MeshAttributes:
    return MeshAttributes(
        vertex_colours=torch.tensor([[0, 51, 255], [255, 0, 0], [1, 2, 3], [4, 5, 6], [128, 128, 128]]) / 255,
        normals=torch.from_numpy(unit(np.arange(15).reshape(5, 3) - 7)),
        uv=torch.arange(10).reshape(5, 2) / 16,
    )


def by_corner() -> MeshAttributes:
    """A sharp edge, a seam, and corners that have neither normal nor place in the picture."""
    return MeshAttributes(
        normals=torch.from_numpy(unit([[0, 0, -1], [0, -1, 0.5], [1, 0, 0.5]])),
        normal_index=torch.tensor([[0, 0, 0], [0, 0, 0], [1, 1, 1], [2, 2, -1]]),
        uv=torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1], [0.25, 0.75]]),
        uv_index=torch.tensor([[0, 1, 2], [0, 2, 3], [4, 1, 2], [-1, -1, -1]]),
        materials=(RED, WOOD),
        material_index=torch.tensor([0, 0, 1, 1]),
        groups=("seat", "left leg"),
        group_index=torch.tensor([0, 0, 0, 1]),
    )


def mesh_with(attributes: MeshAttributes) -> Mesh:
    return Mesh(torch.tensor(VERTS), torch.tensor(FACES), attributes=attributes)


def saved(folder, name: str, attributes: MeshAttributes, **options) -> Mesh:
    save_mesh(mesh_with(attributes), folder / name, **options)
    return load_mesh(folder / name)


def corners_of(mesh: Mesh, kind: str) -> list:
    """The normal or texture coordinate of every corner, None where there is none."""
    values, index = {"normal": ("normals", "normal_index"), "uv": ("uv", "uv_index")}[kind]
    values, index = getattr(mesh.attributes, values), getattr(mesh.attributes, index)
    index = mesh.faces if index is None else index
    return [[None if i < 0 else values[i].tolist() for i in face] for face in index.tolist()]


def assert_same(got: list, wanted: list) -> None:
    for face, other in zip(got, wanted, strict=True):
        for a, b in zip(face, other, strict=True):
            assert (a is None) == (b is None)
            assert a is None or np.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", ["a.off", "a.obj", "a.ply", "text.ply", "a.glb", "a.gltf"])
def test_what_belongs_to_vertices_comes_back(tmp_path, name):
    wanted = mesh_with(by_vertex())
    mesh = saved(tmp_path, name, by_vertex(), ascii=name == "text.ply")
    assert torch.equal(mesh.verts, wanted.verts)
    assert torch.equal(mesh.faces, wanted.faces)
    assert torch.allclose(mesh.attributes.vertex_colours, wanted.attributes.vertex_colours, atol=1e-4)
    assert_same(corners_of(mesh, "normal"), corners_of(wanted, "normal"))
    assert_same(corners_of(mesh, "uv"), corners_of(wanted, "uv"))


@pytest.mark.parametrize("name", ["a.off", "a.ply", "text.ply", "a.glb"])
def test_opacity_comes_back_and_colours_of_faces(tmp_path, name):
    colours = torch.linspace(0, 1, 20).reshape(5, 4).mul(255).round() / 255
    faces = (
        torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1], [51, 102, 153, 204]])
        / torch.tensor([1, 1, 1, 255])[:, None]
    )
    mesh = saved(tmp_path, name, MeshAttributes(vertex_colours=colours, face_colours=faces), ascii=name == "text.ply")
    assert torch.allclose(mesh.attributes.vertex_colours, colours, atol=1e-5)
    if name != "a.glb":
        assert torch.allclose(mesh.attributes.face_colours, faces, atol=1e-5)


@pytest.mark.parametrize("name", ["a.obj", "a.glb", "a.gltf"])
def test_what_belongs_to_corners_comes_back_with_materials_and_groups(tmp_path, name):
    wanted = mesh_with(by_corner())
    mesh = saved(tmp_path, name, by_corner())
    assert torch.equal(mesh.triangles(), wanted.triangles())
    if name == "a.obj":
        assert_same(corners_of(mesh, "normal"), corners_of(wanted, "normal"))
        assert_same(corners_of(mesh, "uv"), corners_of(wanted, "uv"))
    else:  # glTF has one for every corner of a primitive, or for none
        assert_same(corners_of(mesh, "normal")[:3], corners_of(wanted, "normal")[:3])
        assert corners_of(mesh, "normal")[3] == [None] * 3
        assert_same(corners_of(mesh, "uv"), corners_of(wanted, "uv"))
    attributes = mesh.attributes
    assert attributes.groups == ("seat", "left leg")
    assert attributes.group_index.tolist() == [0, 0, 0, 1]
    assert attributes.material_index.tolist() == [0, 0, 1, 1]
    for got, material in zip(attributes.materials, (RED, WOOD), strict=True):
        assert got.name == material.name
        assert got.colour == pytest.approx(material.colour, abs=1e-6)
        assert (got.metallic, got.roughness) == pytest.approx((material.metallic, material.roughness))
        assert got.emission == pytest.approx(material.emission, abs=1e-6)
        assert got.picture == material.picture
    assert mesh.labelled_by("groups").face_labels.tolist() == [0, 0, 0, 1]
    assert mesh.labelled_by("materials").face_labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["a.ply", "text.ply", "text.stl"])
def test_groups_of_ply_and_stl(tmp_path, name):
    attributes = MeshAttributes(groups=("seat", "left leg"), group_index=torch.tensor([0, 1, 1, 0]))
    mesh = saved(tmp_path, name, attributes, ascii="text" in name)
    assert mesh.attributes.groups == ("seat", "left leg")
    index = mesh.attributes.group_index.tolist()
    assert index == ([0, 1, 1, 0] if "ply" in name else [0, 0, 1, 1])


def test_trimesh_sees_the_colours_pictures_and_materials_of_glb(tmp_path):
    save_mesh(mesh_with(by_corner()), tmp_path / "a.glb")
    scene = trimesh.load_scene(tmp_path / "a.glb")
    materials = {m.name: m for m in (g.visual.material for g in scene.geometry.values())}
    assert materials["red paint"].metallicFactor == pytest.approx(0.75)
    linear = [1, ((0.25 + 0.055) / 1.055) ** 2.4, 0, 0.5]
    assert np.array(materials["red paint"].baseColorFactor) / 255 == pytest.approx(linear, abs=0.01)
    assert materials["wood"].baseColorTexture.getpixel((0, 0)) == (10, 200, 30)


def test_trimesh_sees_the_normals_and_coordinates_of_obj(tmp_path):
    save_mesh(mesh_with(by_vertex()), tmp_path / "a.obj")
    there = trimesh.load(tmp_path / "a.obj", process=False, maintain_order=True)
    assert np.allclose(there.vertex_normals, by_vertex().normals.numpy(), atol=1e-6)
    assert np.allclose(there.visual.uv, by_vertex().uv.numpy(), atol=1e-6)


OBJ = """mtllib my library.mtl
v 0 0 0 255 0 0
v 1 0 0 0 255 0
v 1 1 0 0 0 255
v 0 1 0 0 0 51
vt 0.5
vt 0 1 0
vn 0 0 1
o chair
g seat
usemtl a\\b
f 1/1/1 2/2/1 3//1 4
usemtl
g
f 1 2 3
o table
usemtl c d # not in the library
f -1/-1/-1 -2//-1 -3
"""
MTL = """newmtl a\\b
Kd 0.5 0.25 1.5
Tr 0.25
map_Kd -s 1 1 1 -clamp on pictures\\my wood.png
newmtl unused
Kd nan 0 x
"""


def test_an_obj_file_by_hand(tmp_path, caplog):
    (tmp_path / "my library.mtl").write_text(MTL)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "my wood.png").write_bytes(picture())
    (tmp_path / "a.obj").write_text(OBJ)
    mesh = load_mesh(tmp_path / "a.obj")
    attributes = mesh.attributes
    assert attributes.vertex_colours[3].tolist() == pytest.approx([0, 0, 0.2])
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2], [3, 2, 1]]
    assert attributes.uv.tolist() == [[0.5, 0], [0, 1]]
    assert attributes.uv_index.tolist() == [[0, 1, -1], [0, -1, -1], [-1] * 3, [1, -1, -1]]
    assert attributes.normal_index.tolist() == [[0, 0, 0], [0, 0, -1], [-1] * 3, [0, 0, -1]]
    assert attributes.groups == ("chair/seat", "chair", "table")
    assert attributes.group_index.tolist() == [0, 0, 1, 2]
    assert [m.name for m in attributes.materials] == ["a\\b", "c d"]
    assert attributes.material_index.tolist() == [0, 0, -1, 1]
    assert attributes.materials[0].colour == (0.5, 0.25, 1.0, 0.75)
    assert attributes.materials[0].picture == picture()
    assert not caplog.text
    bare = load_mesh(tmp_path / "a.obj", attributes=False)
    assert bare.attributes is None
    assert torch.equal(bare.verts, mesh.verts)
    assert torch.equal(bare.faces, mesh.faces)


@pytest.mark.parametrize("name", ["../secret.png", "{abs}", "link.png", "gone.png", "words.png", "a/../../secret.png"])
def test_no_picture_outside_the_folder_is_read(tmp_path, name, caplog):
    (tmp_path / "secret.png").write_bytes(picture())
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "words.png").write_text("no picture at all")
    name = name.replace("{abs}", str(tmp_path / "secret.png"))
    (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    (folder / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n")
    mesh = load_mesh(folder / "a.obj")
    assert mesh.attributes.materials[0].picture is None
    assert "picture" in caplog.text


def test_a_library_outside_the_folder_is_not_read(tmp_path, caplog):
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 0 0\n")
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "a.obj").write_text("mtllib ../a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n")
    assert load_mesh(folder / "a.obj").attributes.materials[0].colour == (1, 1, 1, 1)
    assert "there is no file of materials '../a.mtl' beside it" in caplog.text


def test_names_that_an_obj_file_cannot_hold(tmp_path):
    for attributes in (
        MeshAttributes(materials=(Material("a\nb"),), material_index=torch.zeros(4, dtype=torch.long)),
        MeshAttributes(materials=(Material(""),), material_index=torch.zeros(4, dtype=torch.long)),
        MeshAttributes(groups=("a\rb",), group_index=torch.zeros(4, dtype=torch.long)),
    ):
        with pytest.raises(InvalidInputError, match=r"attributes: .*(line break|names of materials in one line)"):
            save_mesh(mesh_with(attributes), tmp_path / "a.obj")


def test_meshlab_writes_colours_before_normals_and_a_list_of_coordinates(tmp_path):
    rows = "".join(f"{x} {y} {z} {r} 0 255 255 0 0 1 \n" for (x, y, z), r in zip(VERTS, range(0, 250, 50), strict=True))
    faces = "".join(f"3 {a} {b} {c} \n" for a, b, c in FACES)
    (tmp_path / "a.off").write_text(f"NCOFF\n5 4 0\n{rows}{faces}")
    attributes = load_mesh(tmp_path / "a.off").attributes
    assert attributes.normals.tolist() == [[0, 0, 1]] * 5
    assert (attributes.vertex_colours * 255).round().tolist() == [[r, 0, 255, 255] for r in range(0, 250, 50)]
    header = (
        "ply\nformat binary_little_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "property ushort red\nproperty ushort green\nproperty ushort blue\nelement face 2\n"
        "property list uchar int vertex_indices\nproperty list uchar float texcoord\nproperty uchar red\n"
        "property uchar green\nproperty uchar blue\nend_header\n"
    )
    body = b"".join(struct.pack("<3f3H", *VERTS[i], 65535, 13107, 0) for i in range(4))
    body += struct.pack("<B3iB6f3B", 3, 0, 1, 2, 6, *np.arange(6), 255, 0, 51)
    body += struct.pack("<B4iB8f3B", 4, 0, 1, 2, 3, 8, *np.arange(8), 0, 102, 0)
    (tmp_path / "a.ply").write_bytes(header.encode() + body)
    mesh = load_mesh(tmp_path / "a.ply")
    assert mesh.attributes.vertex_colours[0].tolist() == pytest.approx([1, 0.2, 0])
    assert mesh.attributes.face_colours[:, 1].tolist() == pytest.approx([0, 0.4, 0.4])
    assert corners_of(mesh, "uv")[1] == [[0, 1], [2, 3], [4, 5]]
    assert corners_of(mesh, "uv")[2] == [[0, 1], [4, 5], [6, 7]]


def test_numbers_that_are_no_numbers_become_0(tmp_path):
    rows = "".join(f"{x} {y} {z} nan 0 1\n" for x, y, z in VERTS)
    (tmp_path / "a.off").write_text(f"NOFF\n5 4 0\n{rows}" + "".join(f"3 {a} {b} {c}\n" for a, b, c in FACES))
    assert load_mesh(tmp_path / "a.off").attributes.normals.tolist() == [[0, 0, 1]] * 5


def test_the_origin_and_attributes_of_far_shapes_go_together(tmp_path):
    mesh = Mesh(torch.tensor(VERTS), torch.tensor(FACES), origin=torch.tensor([5e6, -5e6, 64]), attributes=by_vertex())
    for name in ("a.ply", "a.obj", "a.off", "a.glb"):
        save_mesh(mesh, tmp_path / name)
        again = load_mesh(tmp_path / name)
        assert torch.allclose(again.world_verts(), mesh.world_verts(), rtol=0, atol=1e-6)
        assert torch.allclose(again.attributes.vertex_colours, by_vertex().vertex_colours, atol=1e-4)
