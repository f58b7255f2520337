"""glTF 2.0 and GLB files of one mesh: a node for each group, a primitive for each material in it.

Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import json
from typing import Any, NamedTuple

import numpy as np

from geolearn.io.contents import Contents
from geolearn.io.formats import picture_type
from geolearn.io.gltf_container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from geolearn.io.gltf_looks import to_linear
from geolearn.structures.attributes import Material
from geolearn.typing import Array

_TRIANGLES, _FLOAT, _UINT = 4, 5126, 5125
_VERTICES, _INDICES = 34962, 34963  # what a bufferView is for
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class _Corners(NamedTuple):
    """Vertices as glTF has them: where corners of a vertex differ in what they carry, there is one for each."""

    vertex: Array  # which vertex of the mesh each is
    normal: Array | None  # which normal, -1 for none
    uv: Array | None
    faces: Array


def _split(mesh: Contents) -> _Corners:
    looks = mesh.looks
    indices = {}
    for name, values, index in (("normal", looks.normals, looks.normal_index), ("uv", looks.uv, looks.uv_index)):
        if values is not None:
            indices[name] = mesh.faces if index is None else index
    everyone = np.arange(len(mesh.verts))
    if all(np.array_equal(index, mesh.faces) for index in indices.values()):
        present = [everyone if name in indices else None for name in ("normal", "uv")]
        return _Corners(everyone, present[0], present[1], mesh.faces)
    rows = np.stack([mesh.faces, *indices.values()], axis=2).reshape(-1, 1 + len(indices))
    kinds, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # in order of first use
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    columns = dict(zip(indices, kinds[order].T[1:], strict=True))
    faces = rank[number.reshape(-1)].reshape(-1, 3)
    return _Corners(kinds[order, 0], columns.get("normal"), columns.get("uv"), faces)


class _Document:
    """A glTF document that grows part by part."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {"accessors": [], "asset": {"generator": "geolearn", "version": "2.0"}}
        self.root |= {
            "bufferViews": [],
            "buffers": [],
            "meshes": [],
            "nodes": [],
            "scene": 0,
            "scenes": [{"nodes": []}],
        }
        self.binary = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = {"buffer": 0, "byteLength": len(data), "byteOffset": len(self.binary)}
        self.binary += data
        self.root["bufferViews"].append(view if target is None else view | {"target": target})
        return len(self.root["bufferViews"]) - 1

    def accessor(self, values: Array, target: int, *, box: bool = False) -> int:
        """Values (n, width) or (n,), float32 or indices."""
        values = values.astype("<f4" if values.dtype.kind == "f" else "<u4")
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), target),
            "componentType": _FLOAT if values.dtype.kind == "f" else _UINT,
            "count": len(values),
            "type": _TYPES[1 if values.ndim == 1 else values.shape[1]],
        }
        if box:
            accessor |= {"max": values.max(axis=0).tolist(), "min": values.min(axis=0).tolist()}
        self.root["accessors"].append(accessor)
        return len(self.root["accessors"]) - 1


def _document(mesh: Contents) -> _Document:
    doc, looks = _Document(), mesh.looks
    corners = _split(mesh)
    shared: dict[str, int] = {"POSITION": doc.accessor(mesh.verts[corners.vertex], _VERTICES, box=True)}
    if looks.vertex_colours is not None:
        colours = looks.vertex_colours.astype(np.float64)
        colours = np.column_stack([to_linear(colours[:, :3]), colours[:, 3:]])
        shared["COLOR_0"] = doc.accessor(colours[corners.vertex], _VERTICES)
    optional: dict[str, tuple[int, Array]] = {}
    if looks.normals is not None and corners.normal is not None:
        optional["NORMAL"] = doc.accessor(looks.normals[corners.normal], _VERTICES), corners.normal
    if looks.uv is not None and corners.uv is not None:
        optional["TEXCOORD_0"] = doc.accessor(looks.uv[corners.uv] * [1, -1] + [0, 1.0], _VERTICES), corners.uv
    for group, faces in _runs(looks.group_index, np.arange(len(mesh.faces))):
        primitives = []
        for material, chosen in _runs(looks.material_index, faces):
            indices = corners.faces[chosen].reshape(-1)
            attributes = shared | {name: at for name, (at, number) in optional.items() if (number[indices] >= 0).all()}
            primitive = {"attributes": attributes, "indices": doc.accessor(indices, _INDICES), "mode": _TRIANGLES}
            primitives.append(primitive if material < 0 else primitive | {"material": material})
        node: dict[str, Any] = {"mesh": len(doc.root["meshes"])}
        if group >= 0:
            node["name"] = looks.groups[group]
        if mesh.origin is not None:
            node["translation"] = mesh.origin.tolist()
        doc.root["meshes"].append({"primitives": primitives})
        doc.root["nodes"].append(node)
    doc.root["scenes"][0]["nodes"] = list(range(len(doc.root["nodes"])))
    if looks.materials:
        _add_materials(doc, looks.materials)
    return doc


def _runs(index: Array | None, faces: Array) -> list[tuple[int, Array]]:
    """The faces of each number, in order of first use; -1 for all where nothing is numbered."""
    if index is None:
        return [(-1, faces)]
    numbers, first = np.unique(index[faces], return_index=True)
    return [(int(number), faces[index[faces] == number]) for number in numbers[np.argsort(first)]]


def _add_materials(doc: _Document, materials: tuple[Material, ...]) -> None:
    textures: dict[bytes, int] = {}
    doc.root["materials"] = []
    for material in materials:
        colour = [*to_linear(np.array(material.colour[:3])).tolist(), material.colour[3]]
        pbr: dict[str, Any] = {
            "baseColorFactor": colour,
            "metallicFactor": material.metallic,
            "roughnessFactor": material.roughness,
        }
        picture = material.picture
        if picture is not None and picture_type(picture) is not None:
            if picture not in textures:
                textures[picture] = len(textures)
                image = {
                    "bufferView": doc.view(picture),
                    "mimeType": picture_type(picture),
                    "name": material.picture_name,
                }
                doc.root.setdefault("images", []).append(image)
                doc.root.setdefault("textures", []).append({"source": textures[picture]})
            pbr["baseColorTexture"] = {"index": textures[picture]}
        entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": pbr}
        if any(material.emission):
            entry["emissiveFactor"] = to_linear(np.array(material.emission)).tolist()
        if material.colour[3] < 1:
            entry["alphaMode"] = "BLEND"
        doc.root["materials"].append(entry)


def _text(doc: _Document, buffer: dict[str, Any]) -> bytes:
    doc.root["buffers"] = [buffer]
    return json.dumps(doc.root, separators=(",", ":")).encode()


def write_glb(mesh: Contents) -> bytes:
    """The bytes of a GLB file with one mesh."""
    doc = _document(mesh)
    binary = bytes(doc.binary) + b"\0" * (-len(doc.binary) % 4)
    text = _text(doc, {"byteLength": len(doc.binary)})
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        len(chunk).to_bytes(4, "little") + kind + chunk for kind, chunk in ((JSON_CHUNK, text), (BINARY_CHUNK, binary))
    )
    return MAGIC + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks


def write_gltf(mesh: Contents) -> bytes:
    """The bytes of a glTF JSON file with one mesh, its buffer in a data URI."""
    doc = _document(mesh)
    uri = "data:application/octet-stream;base64," + base64.b64encode(doc.binary).decode()
    return _text(doc, {"byteLength": len(doc.binary), "uri": uri})
