"""GLB and glTF: scene graph, primitive modes, files beside it and files that must not be read, damage."""

import base64
import copy
import json
import struct
from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from seed_files import blob, glb, scene, tetrahedron

from geolearn.io import MeshFormatError, load_mesh, save_mesh

POSITIONS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5]])
STRIP = [[0, 1, 2], [1, 3, 2]]


def load(folder, document: dict, binary: bytes):
    path = folder / "shape.glb"
    path.write_bytes(glb(document, binary))
    return load_mesh(path)


def test_the_scene_graph_is_applied_by_hand(tmp_path):
    """Node 1 doubles and moves by (1, 0, 0) + (1, 2, 3); node 2 mirrors x, turns about y, moves; node 3 stays."""
    mesh = load(tmp_path, *scene())
    c, s = 1 - 2 * 0.6 * 0.6, 2 * 0.6 * 0.8  # cosine and sine of the turn, from the quaternion (0, 0.6, 0, 0.8)
    turned = (POSITIONS * [-1, 1, 1]) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + [1, 2, 3]
    wanted = np.concatenate([POSITIONS * 2 + [2, 2, 3], turned, POSITIONS])
    assert np.allclose(mesh.verts.numpy(), wanted, atol=1e-6)
    fan_inside_out = [[1, 0, 2], [2, 0, 3]]  # (1, 2, 0), (2, 3, 0) with the mirror's winding
    assert mesh.faces.tolist() == [
        *STRIP,
        *(np.array(fan_inside_out) + 4).tolist(),
        *(np.array(STRIP) + 8).tolist(),
    ]


def test_trimesh_places_the_same_triangles(tmp_path):
    document, binary = scene()
    document["meshes"][0]["primitives"][0]["mode"] = 4
    document["accessors"][1]["count"] = 3
    document["bufferViews"][0].pop("byteStride")
    document["meshes"][1]["primitives"] = document["meshes"][0]["primitives"]
    mesh = load(tmp_path, document, binary)
    oracle = trimesh.load_scene(tmp_path / "shape.glb", process=False).to_geometry()
    ours = mesh.triangles().numpy()
    # The mirrored copy is wound the other way by us; compare corners as sets, per triangle, in a fixed order.
    rows = [np.sort(triangles.reshape(-1, 9), axis=1) for triangles in (ours, oracle.triangles)]
    assert np.allclose(*(sorted(r.astype(np.float32).round(4).tolist()) for r in rows), atol=1e-4)
    assert mesh.to_trimesh().area == pytest.approx(oracle.area, rel=1e-6)


@pytest.mark.parametrize("extension", ["glb", "gltf"])
@pytest.mark.parametrize("mesh", [tetrahedron(), blob()], ids=["tetrahedron", "blob"])
def test_trimesh_reads_what_we_write(tmp_path, mesh, extension):
    save_mesh(mesh, tmp_path / f"a.{extension}")
    oracle = trimesh.load_scene(tmp_path / f"a.{extension}", process=False).to_geometry()
    assert np.array_equal(oracle.vertices.astype(np.float32), mesh.verts.numpy())
    assert np.array_equal(oracle.faces, mesh.faces.numpy())


def test_we_read_what_trimesh_writes(tmp_path):
    mesh = tetrahedron()
    (tmp_path / "a.glb").write_bytes(mesh.to_trimesh().export(file_type="glb"))
    again = load_mesh(tmp_path / "a.glb")
    assert torch.equal(again.triangles(), mesh.triangles())


def test_quantized_positions_are_scaled(tmp_path):
    document, _ = scene()
    raw = np.array([[0, 0, 0], [32767, 0, 0], [0, -32768, 0], [16384, 0, 0]], "<i2")
    document["accessors"][0] |= {"componentType": 5122, "normalized": True}
    document["bufferViews"][0] = {"buffer": 0, "byteLength": 24}
    document["bufferViews"][1]["byteOffset"] = 24
    document["buffers"][0]["byteLength"] = 34
    document["scenes"] = [{"nodes": [3]}]
    mesh = load(tmp_path, document, raw.tobytes() + struct.pack("<5H", 9, 0, 1, 2, 3))
    assert np.allclose(mesh.verts.numpy(), [[0, 0, 0], [1, 0, 0], [0, -1, 0], [16384 / 32767, 0, 0]])


def test_without_a_scene_every_root_is_shown(tmp_path):
    document, binary = scene()
    del document["scenes"], document["scene"]
    assert load(tmp_path, document, binary).verts.shape == (12, 3)


def test_a_signalling_nan_is_refused_without_a_warning(tmp_path):
    document, binary = scene()
    with pytest.raises(
        MeshFormatError, match=r"accessors\[0\], vertex 0: 3 of 12 vertices have a coordinate that is NaN"
    ):
        load(tmp_path, document, b"\1\0\xa0\x7f" + binary[4:])


def gltf_with_uri(folder, uri: str):
    document, _ = scene()
    document["buffers"][0]["uri"] = uri
    (folder / "shape.gltf").write_text(json.dumps(document))
    return load_mesh(folder / "shape.gltf")


def test_a_buffer_beside_the_file_is_read(tmp_path):
    _, binary = scene()
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir" / "data.bin").write_bytes(binary)
    by_file = gltf_with_uri(tmp_path, "sub%20dir/data.bin")
    by_data = gltf_with_uri(tmp_path, "data:application/gltf-buffer;base64," + base64.b64encode(binary).decode())
    assert torch.equal(by_file.verts, by_data.verts)
    assert len(by_file.verts) == 12


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "a/../../secret.bin", "..%2Fsecret.bin", "{abs}", "file://{abs}", "http://x/y", "link.bin",
            "C:\\x", "a\0b", "x" * 5000, "loop/x"]
)  # fmt: skip
def test_no_file_outside_the_folder_is_read(tmp_path, uri):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(scene()[1])
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(MeshFormatError, match=r"buffers\[0\]: points to .*, which is not inside the folder|is no file"):
        gltf_with_uri(folder, uri.replace("{abs}", str(secret)))


def test_a_missing_buffer_and_a_folder_are_named(tmp_path):
    with pytest.raises(MeshFormatError, match=r"there is no file 'data\.bin' beside it"):
        gltf_with_uri(tmp_path, "data.bin")
    with pytest.raises(MeshFormatError, match="there is no file '' beside it"):
        gltf_with_uri(tmp_path, "")
    with pytest.raises(MeshFormatError, match="expected a data URI in base64"):
        gltf_with_uri(tmp_path, "data:text/plain,hello")
    with pytest.raises(MeshFormatError, match="bad base64"):
        gltf_with_uri(tmp_path, "data:;base64,%%%")


def edit(*path_and_value: object) -> Callable[[dict], None]:
    """Set document[path[0]][path[1]]... to the last argument."""
    *path, last, value = path_and_value

    def apply(document: dict) -> None:
        for key in path:
            document = document[key]
        document[last] = value

    return apply


@pytest.mark.parametrize(
    "change, message",
    [
        (edit("asset", "version", "1.0"), "asset: expected version 2.x, got '1.0'"),
        (edit("asset", {}), "asset: version is missing"),
        (edit("asset", 3), "expected asset to be dict, got 3"),
        (edit("extensionsRequired", ["KHR_draco_mesh_compression"]), "needs 'KHR_draco_mesh_compression'"),
        (edit("scene", 7), r"scenes\[7\]: does not exist"),
        (edit("scene", True), "expected scene to be int, got True"),
        (edit("scene", 10**30), "expected scene to be int"),
        (edit("scenes", [5]), r"scenes\[0\]: is not an object"),
        (edit("nodes", 1, "children", [0]), r"nodes\[0\]: is reached twice"),
        (edit("nodes", 0, "children", [1, 1]), r"nodes\[1\]: is reached twice"),
        (edit("nodes", 0, "children", ["1"]), "expected the number of a node, got '1'"),
        (edit("nodes", 0, "children", [-1]), r"nodes\[-1\]: does not exist"),
        (edit("nodes", 1, "matrix", [1, 2]), "expected matrix to be 16 finite numbers"),
        (edit("nodes", 1, "matrix", [float("nan")] * 16), "expected matrix to be 16 finite numbers"),
        (edit("nodes", 1, "matrix", [3e38] * 16), "vertices have a coordinate that is NaN, infinite or beyond float32"),
        (edit("nodes", 2, "rotation", [0, 0, 0, 0]), r"nodes\[2\]: expected a unit quaternion"),
        (edit("nodes", 2, "rotation", [0, 0, 0, 1e-20]), r"nodes\[2\]: expected a unit quaternion"),
        (edit("nodes", 3, "mesh", 9), r"meshes\[9\]: does not exist: there are 2 meshes"),
        (edit("meshes", 0, "primitives", 0, "mode", 9), "expected a mode in 0..6, got 9"),
        (edit("meshes", 0, "primitives", 0, "mode", 4), "expected a multiple of 3 corners for triangles, got 4"),
        (edit("meshes", 0, "primitives", 0, "attributes", 3), "expected attributes to be dict, got 3"),
        (edit("meshes", 0, "primitives", 0, "indices", 0), r"accessors\[0\]: expected SCALAR of a component type"),
        (edit("accessors", 0, "type", "SCALAR"), r"accessors\[0\]: expected VEC3 of a component type .* got 'SCALAR'"),
        (edit("accessors", 1, "componentType", 5126), r"accessors\[1\]: 4 elements of 4 bytes"),
        (edit("accessors", 0, "componentType", 1), r"accessors\[0\]: expected VEC3 .* got 'VEC3' of 1"),
        (edit("accessors", 0, "count", 5), r"accessors\[0\]: 5 elements of 12 bytes, 12 apart, .* do not fit the 48"),
        (edit("accessors", 0, "count", 2**62), "do not fit the 48 bytes"),
        (edit("accessors", 0, "count", -1), "expected a count of elements >= 1, got -1"),
        (edit("accessors", 0, "count", 3), "1 of 4 face corners name none of the 3 vertices; the first is 3"),
        (edit("accessors", 0, "byteOffset", -4), "do not fit"),
        (edit("accessors", 0, "sparse", {}), r"accessors\[0\]\.sparse: count is missing"),
        (edit("bufferViews", 0, "byteStride", 0), "12 bytes, 0 apart"),
        (edit("bufferViews", 0, "byteStride", 16), "12 bytes, 16 apart"),
        (edit("bufferViews", 1, "byteLength", 99), r"bufferViews\[1\]: bytes 48..147 lie outside the 58"),
        (edit("bufferViews", 1, "byteOffset", -1), "lie outside"),
        (edit("buffers", 0, "byteLength", 59), r"buffers\[0\]: promises 59 bytes, got 58"),
        (edit("nodes", []), r"nodes\[0\]: does not exist"),
        (edit("scenes", [{"nodes": []}]), "its scene shows no triangles, though the file has 2 meshes"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    document, binary = copy.deepcopy(scene())
    change(document)
    with pytest.raises(MeshFormatError, match=rf"shape\.glb: .*{message}"):
        load(tmp_path, document, binary)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda data: b"glTX" + data[4:], "expected GLB|this is not GLB"),
        (lambda data: data[:4] + struct.pack("<I", 1) + data[8:], "byte 4: expected version 2 of glTF, got 1"),
        (lambda data: data[:-1], "byte 8: the header promises .* bytes"),
        (lambda data: data[:12] + struct.pack("<I", 2**31) + data[16:], "byte 12: a chunk of 2147483648 bytes"),
        (lambda data: data[:16] + b"BIN\0" + data[20:], "byte 12: the first chunk is not JSON"),
        (lambda data: data[:20] + b"?" + data[21:], "its JSON: Expecting value"),
        (lambda data: data[:20] + b"\xff" + data[21:], "its JSON: 'utf-8' codec can't decode"),
    ],
)
def test_a_damaged_container_is_named(tmp_path, change, message):
    (tmp_path / "shape.glb").write_bytes(change(glb(*scene())))
    with pytest.raises(MeshFormatError, match=rf"shape\.glb: .*({message})"):
        load_mesh(tmp_path / "shape.glb")


@pytest.mark.parametrize("text", ['{"a":' + "[" * 100_000, "[1]", '{"asset": ' + "9" * 5000 + "}", '{"asset": 1'])
def test_hostile_json_is_refused(tmp_path, text):
    (tmp_path / "shape.gltf").write_text(text)
    with pytest.raises(MeshFormatError, match=r"shape\.gltf: (its JSON|byte 0): "):
        load_mesh(tmp_path / "shape.gltf")


def test_a_scene_that_repeats_its_meshes_without_end_is_refused(tmp_path):
    """Twenty thousand nodes show one mesh of a thousand faces: 0.4 MB of text would become 720 MB of triangles."""
    document, _ = scene()
    binary = np.zeros((1000, 3), "<f4").tobytes() + np.zeros(3000, "<u2").tobytes()
    document["meshes"][0]["primitives"][0]["mode"] = 4
    document["accessors"][0]["count"] = 1000
    document["accessors"][1] |= {"count": 3000, "byteOffset": 0}
    document["bufferViews"] = [
        {"buffer": 0, "byteLength": 12000},
        {"buffer": 0, "byteOffset": 12000, "byteLength": 6000},
    ]
    document["buffers"][0]["byteLength"] = 18000
    document["nodes"] = [{"mesh": 0}] * 20_000
    document["scenes"] = [{"nodes": list(range(20_000))}]
    with pytest.raises(MeshFormatError, match="the scene repeats its meshes until they need over"):
        load(tmp_path, document, binary)
