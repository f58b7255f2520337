"""Labelled meshes as files that viewers show: PLY with colours of faces, and glTF scenes of named parts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.io.files import read_regular, write_whole
from geolearn.io.gltf_container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from geolearn.io.ply import read_ply
from geolearn.io.ply_looks import to_bytes
from geolearn.io.upright import Z_TO_Y, turned
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, PathLike, Tensor, UInt8

_COLOURS = ("red", "green", "blue")


def save_labelled_ply(mesh: Mesh, path: PathLike, colours: Float[Tensor, "K 3"]) -> None:
    """A binary PLY whose faces have `label` and, by label, `red`, `green` and `blue`. `load_mesh` reads the labels.

    Args:
        mesh: with `face_labels` in 0..K-1.
        path: where to; the folder must exist.
        colours: of the labels, in [0, 1] (sRGB); rounded to 8 bits.

    Raises:
        InvalidInputError: no labels, or one without a colour.
    """
    labels = mesh.face_labels
    if labels is None or len(labels) == 0:
        raise InvalidInputError(f"mesh: expected faces with labels, got {mesh!r}")
    if not 0 <= int(labels.min()) <= int(labels.max()) < len(colours):
        raise InvalidInputError(
            f"mesh: expected labels in 0..{len(colours) - 1}, one colour each, got {int(labels.min())}.."
            f"{int(labels.max())}"
        )
    rows = np.zeros(len(labels), dtype=[("sides", "u1"), ("corners", "<i4", 3), ("label", "<i4"), ("colour", "u1", 3)])
    rows["sides"], rows["corners"], rows["label"] = 3, mesh.faces.cpu().numpy(), labels.cpu().numpy()
    rows["colour"] = _bytes(colours)[labels.cpu().numpy()]
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment geolearn\n"
        f"element vertex {len(mesh.verts)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(labels)}\nproperty list uchar int vertex_indices\nproperty int label\n"
        + "".join(f"property uchar {name}\n" for name in _COLOURS)
        + "end_header\n"
    )
    verts = mesh.verts.detach().cpu().numpy().astype("<f4")
    write_whole(path, header.encode() + verts.tobytes() + rows.tobytes())


def load_face_colours(path: PathLike) -> UInt8[Tensor, "F 3"] | None:
    """Red, green and blue of every face of a PLY file of triangles; None where its faces have no colour.

    Raises:
        MeshFormatError: the file is damaged or no PLY.
    """
    data, source = read_regular(path), str(path)
    looks = read_ply(data, source).looks
    if looks is None or looks.face_colours is None:
        return None
    return torch.from_numpy(to_bytes(looks.face_colours[:, :3]))


def save_part_scene(parts: Mapping[str, Mesh], path: PathLike, colours: Float[Tensor, "P 3"]) -> None:
    """A GLB scene with one named node, mesh and material per part, as 3D editors show and select them.

    It stands upright: glTF has Y up. The bytes depend on nothing but the arguments.

    Args:
        parts: name to mesh, Z up, as by `geolearn.ops.mesh_parts.split_parts`.
        path: ends in `.glb`; the folder must exist.
        colours: one per part, in [0, 1] (sRGB).

    Raises:
        InvalidInputError: another ending, no part, a part without faces, or not one colour per part.
    """
    if Path(path).suffix.lower() != ".glb":
        raise InvalidInputError(f"path: expected a name that ends in .glb, got {Path(path).name!r}")
    empty = [name for name, part in parts.items() if len(part.faces) == 0]
    if not parts or empty or len(colours) != len(parts):
        raise InvalidInputError(
            f"parts: expected at least one, with faces and a colour each, got {len(parts)} parts, {len(colours)} "
            f"colours, without faces: {empty}"
        )
    binary, views, accessors = b"", [], []
    for part in parts.values():
        verts = turned(part, Z_TO_Y).verts.detach().cpu().numpy().astype("<f4")
        faces = part.faces.cpu().numpy().astype("<u4")
        low, high = verts.min(axis=0).tolist(), verts.max(axis=0).tolist()
        accessors.append(
            {
                "bufferView": len(views),
                "componentType": 5126,
                "count": len(verts),
                "max": high,
                "min": low,
                "type": "VEC3",
            }
        )
        accessors.append({"bufferView": len(views) + 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"})
        for array, target in ((verts, 34962), (faces, 34963)):
            views.append({"buffer": 0, "byteLength": array.nbytes, "byteOffset": len(binary), "target": target})
            binary += array.tobytes()
    linear = (_bytes(colours) / 255.0) ** 2.2  # glTF holds linear light
    scene: dict[str, Any] = {
        "accessors": accessors,
        "asset": {"generator": "geolearn", "version": "2.0"},
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
        "materials": [
            {
                "doubleSided": True,
                "name": name,
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*(round(value, 6) for value in colour.tolist()), 1.0],
                    "metallicFactor": 0.0,
                },
            }
            for name, colour in zip(parts, linear, strict=True)
        ],
        "meshes": [
            {
                "name": name,
                "primitives": [
                    {"attributes": {"POSITION": 2 * i}, "indices": 2 * i + 1, "material": i, "mode": 4},
                ],
            }
            for i, name in enumerate(parts)
        ],
        "nodes": [{"mesh": i, "name": name} for i, name in enumerate(parts)],
        "scene": 0,
        "scenes": [{"nodes": list(range(len(parts)))}],
    }
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        len(chunk).to_bytes(4, "little") + kind + chunk for kind, chunk in ((JSON_CHUNK, text), (BINARY_CHUNK, binary))
    )
    write_whole(path, MAGIC + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks)


def _bytes(colours: Tensor) -> Array:
    return (colours.detach().cpu() * 255).round().clamp(0, 255).to(torch.uint8).numpy()
