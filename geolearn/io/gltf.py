"""glTF 2.0 and GLB: the triangles of the scene, every node's transform applied.

Skins, morph targets and materials are skipped: vertices come in their rest pose. glTF has Y up; the coordinates stay
as they are. Vertices are not merged, except that primitives of a node that share an accessor share its vertices.
Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.gltf_container import BINARY_CHUNK, JSON_CHUNK, MAGIC, Document, open_glb, open_gltf, shown
from geolearn.io.triangles import Triangles, to_indices, to_positions
from geolearn.typing import Array

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_TRANSFORMS = {"matrix", "translation", "rotation", "scale"}
_HARMLESS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "KHR_mesh_quantization", "EXT_texture_", "KHR_xmp")
# Nodes may show one mesh many times, so a small file can describe a huge scene. This much is let through.
_FREE_BYTES, _BYTES_PER_FILE_BYTE = 64 * 2**20, 16


def read_glb(data: bytes, source: str, folder: Path) -> Triangles:
    """Triangles of a GLB file's bytes; buffers outside it are looked for in `folder` only."""
    return _scene(open_glb(data, source, folder))


def read_gltf(data: bytes, source: str, folder: Path) -> Triangles:
    """Triangles of a glTF JSON file's bytes; buffers outside it are looked for in `folder` only."""
    return _scene(open_gltf(data, source, folder))


def _scene(doc: Document) -> Triangles:
    version = doc.member(doc.member(doc.root, "asset", dict, "its JSON"), "version", str, "asset")
    if not version.startswith("2."):
        raise damaged(doc.source, "asset", f"expected version 2.x, got {version[:40]!r}", "Export it as glTF 2.0")
    required = doc.member(doc.root, "extensionsRequired", list, "its JSON", [])
    unknown = [shown(name) for name in required if not (isinstance(name, str) and name.startswith(_HARMLESS))]
    if unknown:
        raise damaged(
            doc.source,
            "extensionsRequired",
            f"needs {', '.join(unknown[:5])}, which is not supported",
            "Export it without compression and extensions",
        )
    verts: list[Array] = [np.zeros((0, 3), np.float32)]
    faces: list[Array] = [np.zeros((0, 3), np.int64)]
    num_verts = cost = 0
    for node, matrix in _nodes(doc):
        first_vertex: dict[int, int] = {}  # accessor -> where its vertices begin
        for where, primitive in _primitives(doc, node):
            attributes = doc.member(primitive, "attributes", dict, where)
            accessor = doc.member(attributes, "POSITION", int, where)
            positions = doc.accessor(accessor)
            corners = len(doc.accessor(doc.member(primitive, "indices", int, where, accessor)))
            cost += 24 * corners + (0 if accessor in first_vertex else 12 * len(positions))
            if cost > _FREE_BYTES + _BYTES_PER_FILE_BYTE * doc.size:
                raise damaged(
                    doc.source,
                    where,
                    f"the scene repeats its meshes until they need over {cost >> 20} MB, "
                    f"which a file of {doc.size} bytes does not justify",
                    "Export the scene with fewer instances",
                )
            if accessor not in first_vertex:
                first_vertex[accessor] = num_verts
                verts.append(_placed(doc, accessor, positions, matrix))
                num_verts += len(positions)
            triangles = _corners(doc, primitive, len(positions), where)
            with np.errstate(over="ignore", invalid="ignore"):
                if np.linalg.det(matrix[:3, :3]) < 0:  # a mirror turns faces inside out
                    triangles = triangles[:, [0, 2, 1]]
            faces.append(triangles + first_vertex[accessor])
    return Triangles(np.concatenate(verts), np.concatenate(faces))


def _nodes(doc: Document) -> Iterator[tuple[dict[str, Any], Array]]:
    """Every node of the default scene with its transform to the world, parents first."""
    nodes = doc.member(doc.root, "nodes", list, "its JSON", [])
    if doc.member(doc.root, "scenes", list, "its JSON", []):
        index = doc.member(doc.root, "scene", int, "its JSON", 0)
        roots = doc.member(doc.entry("scenes", index), "nodes", list, f"scenes[{index}]", [])
    else:
        children = {c for n in nodes if isinstance(n, dict) for c in _children(doc, n, "nodes") if type(c) is int}
        roots = [index for index in range(len(nodes)) if index not in children]
    todo: list[tuple[Any, Array]] = [(root, np.eye(4)) for root in reversed(roots)]
    seen: set[int] = set()
    while todo:
        index, parent = todo.pop()
        if type(index) is not int:
            raise damaged(doc.source, "nodes", f"expected the number of a node, got {shown(index)}")
        where = f"nodes[{index}]"
        node = doc.entry("nodes", index)
        if index in seen:
            raise damaged(doc.source, where, "is reached twice, but the nodes of a scene form a tree")
        seen.add(index)
        matrix = parent
        if not _TRANSFORMS.isdisjoint(node):
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused with the positions
                matrix = parent @ _transform(doc, node, where)
        yield node, matrix
        todo.extend((child, matrix) for child in reversed(_children(doc, node, where)))


def _children(doc: Document, node: dict[str, Any], where: str) -> list[Any]:
    return doc.member(node, "children", list, where, [])


def _transform(doc: Document, node: dict[str, Any], where: str) -> Array:
    """The node's matrix (4, 4), acting on column vectors."""
    matrix = doc.numbers(node, "matrix", 16, where)
    if matrix is not None:
        return np.array(matrix).reshape(4, 4).T
    x, y, z, w = doc.numbers(node, "rotation", 4, where) or (0.0, 0.0, 0.0, 1.0)
    norm = x * x + y * y + z * z + w * w
    if not 1e-6 < norm < 1e6:
        raise damaged(doc.source, where, f"expected a unit quaternion as rotation, got {[x, y, z, w]}")
    s = 2 / norm
    rotation = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    result = np.eye(4)
    result[:3, :3] = rotation * (doc.numbers(node, "scale", 3, where) or (1.0, 1.0, 1.0))
    result[:3, 3] = doc.numbers(node, "translation", 3, where) or (0.0, 0.0, 0.0)
    return result


def _primitives(doc: Document, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The primitives of a node's mesh that have faces (points and lines have none)."""
    index = doc.member(node, "mesh", int, "nodes", None)
    if index is None:
        return
    primitives = doc.member(doc.entry("meshes", index), "primitives", list, f"meshes[{index}]")
    for i, primitive in enumerate(primitives):
        where = f"meshes[{index}].primitives[{i}]"
        if not isinstance(primitive, dict):
            raise damaged(doc.source, where, "is not an object")
        mode = doc.member(primitive, "mode", int, where, _TRIANGLES)
        if not 0 <= mode <= _FAN:
            raise damaged(doc.source, where, f"expected a mode in 0..6, got {mode}")
        if mode >= _TRIANGLES:
            yield where, primitive


def _placed(doc: Document, accessor: int, positions: Array, matrix: Array) -> Array:
    """Positions (V, 3) in the world, float32."""
    where = f"accessors[{accessor}]"
    if positions.shape[1] != 3:
        raise damaged(doc.source, where, "expected 3-vectors as POSITION")
    normalized = doc.member(doc.entry("accessors", accessor), "normalized", bool, where, False)
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and what overflows are refused below
        points = positions.astype(np.float64)
        if normalized and positions.dtype.kind != "f":
            points = np.maximum(points / np.iinfo(positions.dtype).max, -1)
        if not np.array_equal(matrix, np.eye(4)):
            points = points @ matrix[:3, :3].T + matrix[:3, 3]
    return to_positions(points, doc.source, lambda row: f"{where}, vertex {row}")


def _corners(doc: Document, primitive: dict[str, Any], num_verts: int, where: str) -> Array:
    """Triangles (F, 3) of one primitive as indices into its own vertices."""
    accessor = doc.member(primitive, "indices", int, where, None)
    if accessor is None:
        corners = np.arange(num_verts)
    else:
        elements = doc.accessor(accessor)
        if elements.shape[1] != 1 or elements.dtype.kind != "u":
            raise damaged(doc.source, f"accessors[{accessor}]", "expected unsigned scalars as indices")
        place = f"accessors[{accessor}], index "
        corners = to_indices(elements[:, 0], num_verts, doc.source, lambda corner: place + str(corner))
    mode = doc.member(primitive, "mode", int, where, _TRIANGLES)
    if mode == _TRIANGLES:
        if len(corners) % 3:
            raise damaged(doc.source, where, f"expected a multiple of 3 corners for triangles, got {len(corners)}")
        return corners.reshape(-1, 3)
    first = np.arange(max(len(corners) - 2, 0))
    if mode == _FAN:
        order = np.stack([first + 1, first + 2, np.zeros_like(first)], axis=1)
    else:  # every second triangle of a strip is wound the other way
        odd = first % 2
        order = np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)
    return corners[order]


def _document(triangles: Triangles, uri: str | None) -> tuple[bytes, bytes]:
    """JSON text and binary buffer of one mesh in one node."""
    verts, faces = triangles.verts.astype("<f4"), triangles.faces.astype("<u4")
    binary = verts.tobytes() + faces.tobytes()
    colours = None if triangles.colours is None else _linear(triangles.colours)
    if colours is not None:
        binary += colours.tobytes()
    buffer: dict[str, Any] = {"byteLength": len(binary)}
    if uri is not None:
        buffer["uri"] = uri + base64.b64encode(binary).decode()
    accessors = [
        {
            "bufferView": 0,
            "componentType": 5126,
            "count": len(verts),
            "max": verts.max(axis=0).tolist(),
            "min": verts.min(axis=0).tolist(),
            "type": "VEC3",
        },
        {"bufferView": 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
    ]
    views = [
        {"buffer": 0, "byteLength": verts.nbytes, "byteOffset": 0, "target": 34962},
        {"buffer": 0, "byteLength": faces.nbytes, "byteOffset": verts.nbytes, "target": 34963},
    ]
    attributes = {"POSITION": 0}
    if colours is not None:
        attributes["COLOR_0"] = 2
        accessors.append({"bufferView": 2, "componentType": 5126, "count": len(colours), "type": "VEC3"})
        views.append(
            {"buffer": 0, "byteLength": colours.nbytes, "byteOffset": verts.nbytes + faces.nbytes, "target": 34962}
        )
    root = {
        "accessors": accessors,
        "asset": {"generator": "geolearn", "version": "2.0"},
        "bufferViews": views,
        "buffers": [buffer],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 1, "mode": _TRIANGLES}]}],
        "nodes": [{"mesh": 0}],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
    }
    return json.dumps(root, separators=(",", ":")).encode(), binary


def _linear(colours: Array) -> Array:
    """sRGB bytes as the linear light that glTF holds (IEC 61966-2-1)."""
    value = colours.astype(np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype("<f4")


def write_glb(triangles: Triangles) -> bytes:
    """The bytes of a GLB file with one mesh."""
    text, binary = _document(triangles, None)
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        len(chunk).to_bytes(4, "little") + kind + chunk for kind, chunk in ((JSON_CHUNK, text), (BINARY_CHUNK, binary))
    )
    return MAGIC + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks


def write_gltf(triangles: Triangles) -> bytes:
    """The bytes of a glTF JSON file with one mesh, its buffer in a data URI."""
    return _document(triangles, "data:application/octet-stream;base64,")[0]
