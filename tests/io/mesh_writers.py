"""Small meshes written by hand in every format, and what is measured of them."""

import struct
from pathlib import Path

import numpy as np
import torch

from geolearn.io import load_mesh
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


def binary_stl(verts, faces, count=None, more=b"") -> bytes:
    facets = b"".join(struct.pack("<12fH", 0, 0, 0, *np.ravel([verts[i] for i in f]), 0) for f in faces)
    return bytes(80) + struct.pack("<I", len(faces) if count is None else count) + facets + more


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
