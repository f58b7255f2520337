"""Skins, morph targets, sparse and empty accessors, hidden nodes: where glTF puts the vertices."""

import struct
from typing import Any

import numpy as np
import pytest
from seed_files import glb

from geolearn.io import MeshFormatError, load_mesh

VERTS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], "<f4")
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], "<u2")


class Builder:
    """A document of one mesh, to which accessors and nodes are added."""

    def __init__(self) -> None:
        self.binary = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "accessors": [],
            "bufferViews": [],
        }
        self.primitive: dict[str, Any] = {
            "attributes": {"POSITION": self.add(VERTS, "VEC3")},
            "indices": self.add(FACES.reshape(-1), "SCALAR"),
        }
        self.document["meshes"] = [{"primitives": [self.primitive]}]

    def view(self, values: np.ndarray) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": values.nbytes}
        self.binary += values.tobytes()
        self.document["bufferViews"].append(view)
        return len(self.document["bufferViews"]) - 1

    def add(self, values: np.ndarray, kind: str, **more: Any) -> int:
        code = {"<f4": 5126, "<u2": 5123, "|u1": 5121, "<i2": 5122, "<u4": 5125}[values.dtype.str]
        count = len(values)
        accessor = {"bufferView": self.view(values), "componentType": code, "count": count, "type": kind}
        self.document["accessors"].append(accessor | more)
        return len(self.document["accessors"]) - 1

    def load(self, folder):
        document = self.document | {"buffers": [{"byteLength": len(self.binary)}]}
        (folder / "a.glb").write_bytes(glb(document, self.binary))
        return load_mesh(folder / "a.glb")


def matrix(turn: float = 0, scale=(1, 1, 1), move=(0, 0, 0)) -> np.ndarray:
    """A turn about z after a scale, then a move."""
    c, s = np.cos(turn), np.sin(turn)
    result = np.eye(4)
    result[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * scale
    result[:3, 3] = move
    return result


def columns(*matrices: np.ndarray) -> np.ndarray:
    return np.stack([m.T.reshape(16) for m in matrices]).astype("<f4")


def skinned(weights, joints, worlds, inverses=None, node=None) -> Builder:
    builder = Builder()
    attributes = builder.primitive["attributes"]
    for i, (w, j) in enumerate(zip(weights, joints, strict=True)):
        attributes[f"WEIGHTS_{i}"] = builder.add(np.asarray(w), "VEC4", normalized=np.asarray(w).dtype.kind == "u")
        attributes[f"JOINTS_{i}"] = builder.add(np.asarray(j, "|u1"), "VEC4")
    builder.document["nodes"] = [{"mesh": 0, "skin": 0} | (node or {})]
    for world in worlds:
        builder.document["nodes"].append({"matrix": world.T.reshape(16).tolist()})
    numbers = list(range(1, 1 + len(worlds)))
    builder.document["scenes"] = [{"nodes": [0, *numbers]}]
    skin: dict[str, Any] = {"joints": numbers}
    if inverses is not None:
        skin["inverseBindMatrices"] = builder.add(columns(*inverses), "MAT4")
    builder.document["skins"] = [skin]
    return builder


def by_loop(weights, joints, worlds, inverses) -> np.ndarray:
    """Sum over influences of weight * world * inverse bind * vertex, weights over their sum; the definition."""
    result = np.zeros((len(VERTS), 3))
    for v, vertex in enumerate(VERTS):
        total = sum(float(w[v][k]) for w in weights for k in range(4))
        for w, j in zip(weights, joints, strict=True):
            for k in range(4):
                moved = worlds[j[v][k]] @ inverses[j[v][k]] @ [*vertex, 1]
                result[v] += float(w[v][k]) / total * moved[:3]
    return result


@pytest.mark.parametrize("sets", [1, 2])
@pytest.mark.parametrize("dtype", ["<f4", "|u1", "<u2"])
def test_linear_blend_skinning_against_its_definition(tmp_path, sets, dtype):
    rng = np.random.default_rng(3)
    worlds = [matrix(a, 1 + rng.random(3), rng.normal(size=3)) for a in (0.3, -1.2, 2.5)]
    inverses = [np.linalg.inv(matrix(a, move=rng.normal(size=3))) for a in (0.1, 0.2, 0.3)]
    weights = [rng.random((4, 4)) for _ in range(sets)]
    if dtype != "<f4":
        weights = [(w * np.iinfo(dtype).max).astype(dtype) for w in weights]
    else:
        weights = [w.astype("<f4") for w in weights]
    joints = [rng.integers(0, 3, (4, 4)) for _ in range(sets)]
    mesh = skinned(weights, joints, worlds, inverses, {"translation": [100, 0, 0]}).load(tmp_path)
    assert np.allclose(mesh.verts.numpy(), by_loop(weights, joints, worlds, inverses), atol=1e-5)
    assert mesh.faces.tolist() == FACES.tolist()


def test_joints_may_hang_on_a_node_that_the_mesh_does_not(tmp_path):
    """Without inverse bind matrices; the second joint is a child of the first."""
    builder = skinned(
        [np.eye(4, dtype="<f4")[[0, 0, 0, 0]]], [np.ones((4, 4))], [matrix(move=(1, 0, 0)), matrix(move=(0, 2, 0))]
    )
    builder.document["nodes"][1]["children"] = [2]
    builder.document["scenes"] = [{"nodes": [0, 1]}]
    assert np.allclose(builder.load(tmp_path).verts.numpy(), VERTS + np.array([1, 2, 0]))


def test_a_vertex_without_weights_follows_its_first_joint_and_a_mirror_turns_faces(tmp_path):
    builder = skinned([np.zeros((4, 4), "<f4")], [np.zeros((4, 4))], [matrix(scale=(-1, 1, 1))])
    mesh = builder.load(tmp_path)
    assert np.allclose(mesh.verts.numpy(), VERTS * [-1, 1, 1])
    assert mesh.faces.tolist() == FACES[:, [0, 2, 1]].tolist()


def test_a_skin_without_weights_in_the_mesh_leaves_the_node_in_force(tmp_path):
    builder = skinned([], [], [matrix()], node={"translation": [5, 0, 0]})
    assert np.allclose(builder.load(tmp_path).verts.numpy(), VERTS + np.array([5, 0, 0]))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda b: b.document["skins"][0].update(joints=[9]), r"skins\[0\]: joint 9 is no node of the file"),
        (lambda b: b.document["skins"][0].update(joints=[]), r"skins\[0\]: has no joints"),
        (lambda b: b.document["nodes"][0].update(skin=3), r"skins\[3\]: does not exist"),
        (lambda b: b.document["skins"][0].update(joints=[1]), "a vertex names joint 1, but the skin has 1"),
        (lambda b: b.document["skins"][0].update(inverseBindMatrices=0), r"accessors\[0\]: expected MAT4"),
    ],
)
def test_damaged_skins_are_named(tmp_path, change, message):
    builder = skinned([np.ones((4, 4), "<f4")], [np.ones((4, 4))], [matrix(), matrix()])
    change(builder)
    with pytest.raises(MeshFormatError, match=message):
        builder.load(tmp_path)


def test_morph_targets_move_by_the_weights_of_the_node_or_else_of_the_mesh(tmp_path):
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 4, 3)).astype("<f4")
    builder = Builder()
    builder.primitive["targets"] = [
        {"POSITION": builder.add(first, "VEC3")},
        {"NORMAL": 0},
        {"POSITION": builder.add(second, "VEC3")},
    ]
    assert np.array_equal(builder.load(tmp_path).verts.numpy(), VERTS)
    builder.document["meshes"][0]["weights"] = [0.5, 1, 2]
    assert np.allclose(builder.load(tmp_path).verts.numpy(), VERTS + 0.5 * first + 2 * second, atol=1e-6)
    builder.document["nodes"][0] |= {"weights": [0, 0, -1], "translation": [1, 0, 0]}
    assert np.allclose(builder.load(tmp_path).verts.numpy(), VERTS - second + [1, 0, 0], atol=1e-6)
    builder.document["nodes"][0]["weights"] = [1]
    with pytest.raises(MeshFormatError, match="3 morph targets, but 1 weights"):
        builder.load(tmp_path)


def sparse(builder: Builder, rows, values: np.ndarray, index: np.ndarray) -> dict[str, Any]:
    view, code = builder.view(index), {"|u1": 5121, "<u2": 5123, "<u4": 5125}[index.dtype.str]
    indices = {"bufferView": view, "componentType": code}
    return {"count": len(rows), "indices": indices, "values": {"bufferView": builder.view(values)}}


@pytest.mark.parametrize("kind", ["|u1", "<u2", "<u4"])
def test_sparse_accessors_replace_elements(tmp_path, kind):
    builder = Builder()
    new = np.array([[9, 9, 9], [8, 8, 8]], "<f4")
    builder.document["accessors"][0]["sparse"] = sparse(builder, [1, 3], new, np.array([1, 3], kind))
    assert builder.load(tmp_path).verts.tolist() == [[0, 0, 0], [9, 9, 9], [0, 2, 0], [8, 8, 8]]
    del builder.document["accessors"][0]["bufferView"]  # what is nowhere stored is 0
    assert builder.load(tmp_path).verts.tolist() == [[0, 0, 0], [9, 9, 9], [0, 0, 0], [8, 8, 8]]


def test_sparse_indices_and_an_accessor_of_nothing(tmp_path):
    builder = Builder()
    builder.document["accessors"][1]["sparse"] = sparse(builder, [0], np.array([3], "<u2"), np.array([0], "|u1"))
    assert builder.load(tmp_path).faces[0].tolist() == [3, 2, 1]
    del builder.document["accessors"][0]["bufferView"]
    assert builder.load(tmp_path).verts.tolist() == [[0, 0, 0]] * 4


@pytest.mark.parametrize(
    "change, message",
    [
        ({"count": 5}, "5 elements of 1 bytes, 1 apart"),
        ({"count": -1}, r"expected a count >= 0"),
        ({"indices": {"bufferView": 9, "componentType": 5121}}, r"bufferViews\[9\]: does not exist"),
        ({"indices": {"bufferView": 2, "componentType": 5126}}, "unsigned indices"),
        ({"values": {"bufferView": 2}}, "12 bytes, 12 apart, from byte 0, do not fit"),
    ],
)
def test_damaged_sparse_accessors_are_named(tmp_path, change, message):
    builder = Builder()
    parts = sparse(builder, [1], np.ones((1, 3), "<f4"), np.array([1], "|u1"))
    builder.document["accessors"][0]["sparse"] = parts | change
    with pytest.raises(MeshFormatError, match=message):
        builder.load(tmp_path)


def test_a_sparse_index_out_of_range_and_zeros_without_end(tmp_path):
    builder = Builder()
    builder.document["accessors"][0]["sparse"] = sparse(builder, [4], np.ones((1, 3), "<f4"), np.array([4], "|u1"))
    with pytest.raises(MeshFormatError, match="replaces element 4, but there are 4"):
        builder.load(tmp_path)
    builder = Builder()
    builder.document["accessors"][0] = {"componentType": 5126, "count": 10**12, "type": "VEC3"}
    with pytest.raises(MeshFormatError, match=r"which a file of .* bytes does not justify"):
        builder.load(tmp_path)


def test_hidden_nodes_are_not_shown(tmp_path):
    builder = Builder()
    builder.document["nodes"] = [
        {"children": [1, 2]},
        {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}},
        {"mesh": 0},
    ]
    builder.document["extensionsRequired"] = ["KHR_node_visibility"]
    assert len(builder.load(tmp_path).faces) == 4


@pytest.mark.parametrize(
    "name", ["KHR_materials_unlit", "KHR_texture_basisu", "EXT_texture_webp", "KHR_lights_punctual", "EXT_lights_ies",
             "KHR_animation_pointer", "EXT_structural_metadata", "VRMC_vrm", "KHR_xmp_json_ld", "KHR_mesh_quantization"]
)  # fmt: skip
def test_extensions_that_concern_only_looks_are_let_through(tmp_path, name):
    builder = Builder()
    builder.document["extensionsRequired"] = [name]
    assert len(builder.load(tmp_path).faces) == 4


@pytest.mark.parametrize(
    "name", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "EXT_mesh_gpu_instancing", "ACME_x"]
)
def test_extensions_that_may_change_the_shape_are_refused(tmp_path, name):
    builder = Builder()
    builder.document["extensionsRequired"] = [name]
    with pytest.raises(MeshFormatError, match=f"needs '{name}', which is not supported"):
        builder.load(tmp_path)


def test_a_compressed_primitive_without_a_plain_copy_is_no_mesh_of_zeros(tmp_path):
    builder = Builder()
    builder.primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {}}}
    assert len(builder.load(tmp_path).faces) == 4  # a plain copy is there
    for accessor in builder.document["accessors"]:
        del accessor["bufferView"]
    with pytest.raises(MeshFormatError, match=r"is compressed \(KHR_draco_mesh_compression\)"):
        builder.load(tmp_path)


def test_normals_of_turned_and_mirrored_nodes(tmp_path):
    """A normal goes with the inverse transpose; under a scale of (2, 1, 1) the plane x = y tilts."""
    builder = Builder()
    normal = np.array([[1, -1, 0]] * 4, "<f4") / np.float32(np.sqrt(2))
    builder.primitive["attributes"]["NORMAL"] = builder.add(normal, "VEC3")
    builder.document["nodes"] = [{"mesh": 0, "scale": [2, 1, 1], "rotation": [0, 0, np.sqrt(0.5), np.sqrt(0.5)]}]
    mesh = builder.load(tmp_path)
    expected = np.array([2, 1, 0]) / np.sqrt(5)  # (1/2, -1, 0) turned by 90 degrees about z
    assert np.allclose(mesh.attributes.normals.numpy(), expected, atol=1e-6)


def test_strips_of_a_mesh_that_two_nodes_show(tmp_path):
    builder = Builder()
    builder.binary += b"\0" * (-len(builder.binary) % 4) + struct.pack("<4H", 0, 1, 2, 3)
    builder.document["nodes"] = [{"mesh": 0, "name": "left"}, {"mesh": 0, "translation": [9, 0, 0], "name": "right"}]
    builder.document["scenes"] = [{"nodes": [0, 1]}]
    mesh = builder.load(tmp_path)
    assert mesh.attributes.groups == ("left", "right")
    assert mesh.labelled_by("groups").face_labels.tolist() == [0] * 4 + [1] * 4
