"""glTF 2.0 and GLB: the triangles of the scene as it stands in its first moment.

Every node's transform is applied, the vertices of a skinned mesh stand where its joints put them, and morph targets
have the weights of the file; animations are not played. glTF has Y up; the coordinates stay as they are. Vertices are
not merged, except that primitives of a node that share an accessor share its vertices.
Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.gltf_container import Document, open_glb, open_gltf, shown
from geolearn.io.gltf_looks import LooksReader
from geolearn.io.gltf_nodes import Placed, scene_nodes
from geolearn.io.gltf_skins import morphed, skinned
from geolearn.io.surface import Surface, to_indices
from geolearn.typing import Array

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
# Extensions that change how a surface looks, sounds or moves, or say more about it, but not where it is.
_HARMLESS = (
    *("KHR_materials_", "KHR_texture_", "KHR_lights_", "KHR_mesh_quantization", "KHR_xmp", "KHR_animation_",
    "KHR_audio"), *("KHR_techniques_webgl", "KHR_interactivity", "KHR_physics_", "KHR_collision_",
    "KHR_environment_map", "KHR_node_"), *("EXT_texture_", "EXT_lights_", "EXT_materials_", "EXT_mesh_features",
    "EXT_instance_features", "EXT_mesh_manifold"), *("EXT_structural_metadata", "EXT_feature_metadata",
    "MSFT_texture_", "MSFT_packing_", "MSFT_audio_"), *("MSFT_lod", "ADOBE_materials_", "NV_materials_",
    "AGI_stk_metadata", "CESIUM_primitive_outline", "GODOT_", "OMI_"), *("GRIFFEL_", "VRM", "FB_geometry_metadata",
    "MPEG_texture_", "MPEG_audio_"),
)  # fmt: skip


def read_glb(data: bytes, source: str, folder: Path, looks: bool = True) -> Surface:
    """The surface in a GLB file's bytes; buffers outside it are looked for in `folder` only."""
    return _scene(open_glb(data, source, folder), looks)


def read_gltf(data: bytes, source: str, folder: Path, looks: bool = True) -> Surface:
    """The surface in a glTF JSON file's bytes; buffers outside it are looked for in `folder` only."""
    return _scene(open_gltf(data, source, folder), looks)


def _scene(doc: Document, with_looks: bool) -> Surface:
    _check_version(doc)
    looks = LooksReader(doc) if with_looks else None
    verts: list[Array] = [np.zeros((0, 3), np.float32)]
    faces: list[Array] = [np.zeros((0, 3), np.int64)]
    accessors: list[int] = []
    starts = [0]
    for placed in scene_nodes(doc):
        known: dict[
            tuple[int, ...], tuple[int, bool]
        ] = {}  # what makes vertices -> where they begin, are they mirrored
        for where, primitive in _primitives(doc, placed.node):
            attributes = doc.member(primitive, "attributes", dict, where)
            accessor = doc.member(attributes, "POSITION", int, where, None)
            if accessor is None:
                continue  # such a primitive should be skipped, says section 3.7.2.1
            _refuse_compressed(doc, primitive, accessor, where)
            positions = doc.values(accessor, "VEC3")
            corners = _corners(doc, primitive, len(positions), where)
            key = _key(doc, attributes, primitive, placed, where)
            doc.charge(24 * corners.size + (0 if key in known else 12 * len(positions)), where)
            if key not in known:
                points, mirrored = _place(doc, positions, attributes, primitive, placed, where)
                known[key] = starts[-1], mirrored
                verts.append(points)
                accessors.append(accessor)
                starts.append(starts[-1] + len(points))
                if looks is not None:
                    looks.add_vertices(attributes, len(points), where)
            first, mirrored = known[key]
            if mirrored:  # a mirror turns faces inside out
                corners = corners[:, [0, 2, 1]]
            faces.append(corners + first)
            if looks is not None:
                looks.add_primitive(primitive, placed, corners, len(positions), where)

    def place(vertex: int) -> str:
        part = int(np.searchsorted(starts, vertex, side="right")) - 1
        return f"accessors[{accessors[part]}], vertex {vertex - starts[part]}"

    corners = np.concatenate(faces)
    with np.errstate(invalid="ignore"):  # a signalling NaN, refused with the mesh
        points = np.concatenate(verts)
    hint = "" if len(corners) else _why_empty(doc)
    count = np.full(len(corners), 3)
    return Surface(points, place, corners.reshape(-1), count, looks=looks and looks.result(), hint=hint)


def _check_version(doc: Document) -> None:
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


def _why_empty(doc: Document) -> str:
    """What to say of a scene without a triangle."""
    meshes = len(doc.member(doc.root, "meshes", list, "its JSON", []))
    nodes = doc.member(doc.root, "nodes", list, "its JSON", [])
    if meshes and not any(isinstance(node, dict) and "mesh" in node for node in nodes):
        return f"no node shows any of its {meshes} meshes, so the scene is empty"
    if meshes:
        return f"its scene shows no triangles, though the file has {meshes} meshes"
    return ""


def _refuse_compressed(doc: Document, primitive: dict[str, Any], accessor: int, where: str) -> None:
    extensions = doc.member(primitive, "extensions", dict, where, {})
    if "KHR_draco_mesh_compression" in extensions and "bufferView" not in doc.entry("accessors", accessor):
        raise damaged(doc.source, where, "is compressed (KHR_draco_mesh_compression)", "Export it without compression")


def _primitives(doc: Document, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The primitives of a node's mesh that hold triangles, and where they stand."""
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


def _key(
    doc: Document, attributes: dict[str, Any], primitive: dict[str, Any], placed: Placed, where: str
) -> tuple[int, ...]:
    """What makes a primitive's vertices: two of one node with the same key share them."""
    names = ["POSITION", "COLOR_0"]
    if placed.joints is not None:
        names += sorted(name for name in attributes if name.startswith(("JOINTS_", "WEIGHTS_")))
    key = [doc.member(attributes, name, int, where, -1) for name in names]
    for target in doc.member(primitive, "targets", list, where, []) if placed.weights else []:
        key.append(doc.member(target, "POSITION", int, where, -1) if isinstance(target, dict) else -1)
    return tuple(key)


def _place(
    doc: Document,
    positions: Array,
    attributes: dict[str, Any],
    primitive: dict[str, Any],
    placed: Placed,
    where: str,
) -> tuple[Array, bool]:
    """Positions (V, 3) in the world, and whether they are mirrored."""
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and what overflows are refused with the mesh
        positions = morphed(doc, positions, primitive, placed.weights, where)
        if placed.joints is not None:
            points = skinned(doc, positions, attributes, placed.joints, where)
            if points is not None:
                return points
        matrix = placed.matrix
        if np.array_equal(matrix, np.eye(4)):
            return positions, False
        points = positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        return points, bool(np.linalg.det(matrix[:3, :3]) < 0)


def _corners(doc: Document, primitive: dict[str, Any], num_verts: int, where: str) -> Array:
    """Triangles (F, 3) of one primitive as indices into its own vertices."""
    accessor = doc.member(primitive, "indices", int, where, None)
    if accessor is None:
        corners = np.arange(num_verts)
    else:
        elements = doc.accessor(accessor, "SCALAR")
        if elements.dtype.kind != "u":
            raise damaged(doc.source, f"accessors[{accessor}]", "expected unsigned scalars as indices")
        doc.charge(24 * len(elements), where)
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
