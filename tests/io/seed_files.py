"""Good files of every format, small and by hand: what the tests read, cut and damage."""

import base64
import functools
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import torch

from geolearn.io import save_mesh, save_voxels
from geolearn.structures import Mesh, VoxelGrid

MESHES = {
    "off": ".off",
    "obj": ".obj",
    "ply-ascii": ".ply",
    "ply-little": ".ply",
    "ply-big": ".ply",
    "stl-ascii": ".stl",
    "stl-binary": ".stl",
    "glb": ".glb",
    "gltf": ".gltf",
}
VOXELS = {"binvox": ".binvox", "mat": ".mat", "npy": ".npy", "npz": ".npz"}
EXTENSIONS = MESHES | VOXELS
POINTS = {"xyz": ".xyz", "pcd": ".pcd"}
KINDS = Path(__file__).parent / "kinds"


def tetrahedron() -> Mesh:
    verts = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.25, 0.5, 1]])
    return Mesh(verts, torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]))


def blob(labelled: bool = False) -> Mesh:
    generator = torch.Generator().manual_seed(7)
    faces = torch.randint(0, 40, (60, 3), generator=generator)
    return Mesh(torch.randn(40, 3, generator=generator), faces, torch.arange(60) % 5 if labelled else None)


def written(record: Mesh | VoxelGrid, extension: str, **options: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seed{extension}"
        (save_mesh if isinstance(record, Mesh) else save_voxels)(record, path, **options)
        return path.read_bytes()


def ply_with_quads(order: str) -> bytes:
    """Triangles, quads, a list of floats beside the indices, and an element nobody knows."""
    encoding = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[order]
    header = (
        f"ply\nformat {encoding} 1.0\ncomment by hand\nelement vertex 5\nproperty double x\nproperty double y\n"
        "property double z\nproperty uchar red\nelement odd 2\nproperty short a\nproperty list ushort char b\n"
        "element face 3\nproperty uchar flags\nproperty list uchar uint vertex_index\n"
        "property list uchar float texcoord\nend_header\n"
    ).encode()
    verts = [(0.0, 0.0, 0.0, 9), (1.0, 0.0, 0.0, 8), (1.0, 1.0, 0.0, 7), (0.0, 1.0, 0.0, 6), (0.5, 0.5, 1.0, 5)]
    odd = [(-3, (1, -2)), (4, ())]
    faces = [(1, (0, 1, 2, 3), (0.5, 0.25)), (0, (0, 1, 4), ()), (2, (1, 2, 4), (1.0,))]
    if not order:
        rows = [" ".join(map(str, v)) for v in verts]
        rows += [" ".join(map(str, (a, len(b), *b))) for a, b in odd]
        rows += [" ".join(map(str, (flag, len(c), *c, len(t), *t))) for flag, c, t in faces]
        return header + "\n".join(rows).encode() + b"\n"
    body = b"".join(struct.pack(order + "dddB", *v) for v in verts)
    body += b"".join(struct.pack(f"{order}hH{len(b)}b", a, len(b), *b) for a, b in odd)
    for flag, corners, texture in faces:
        layout = f"{order}BB{len(corners)}IB{len(texture)}f"
        body += struct.pack(layout, flag, len(corners), *corners, len(texture), *texture)
    return header + body


def glb(document: dict, binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I", len(text)) + b"JSON" + text + struct.pack("<I", len(binary)) + b"BIN\0" + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def scene() -> tuple[dict, bytes]:
    """Two meshes (a strip of shorts, a fan without indices) under nodes with every kind of transform."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5]], "<f4").tobytes()
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 3]}],
        "nodes": [
            {"children": [1, 2], "translation": [1, 2, 3]},
            {"mesh": 0, "matrix": [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 1, 0, 0, 1]},
            {"mesh": 1, "rotation": [0, 0.6, 0, 0.8], "scale": [-1, 1, 1]},
            {"mesh": 0},
        ],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "mode": 5}]},
            {"primitives": [{"attributes": {"POSITION": 0}, "mode": 6}, {"attributes": {"POSITION": 0}, "mode": 1}]},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "byteOffset": 2, "componentType": 5123, "count": 4, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 48, "byteStride": 12},
            {"buffer": 0, "byteOffset": 48, "byteLength": 10},
        ],
        "buffers": [{"byteLength": 58}],
    }, positions + struct.pack("<5H", 9, 0, 1, 2, 3)


OFF_BY_HAND = b"""COFF # colours
# a comment
5 3 0

0 0 0 255 0 0 255
1 0 0 255 0 0 255
1 1 0 255 0 0 255 # another
0 1 0 255 0 0 255
0.5 0.5 1e0 1 1 1 1
4 0 1 2 3 0.5 0.5 0.5
3 0 1 4
3 1 2 4 7
"""
OBJ_BY_HAND = b"""# two objects
mtllib none.mtl
o first
v 0 0 0
v 1 0 0 1.0
v 1 1 0 0.1 0.2 0.3
v 0 1 0
vt 0 0
vn 0 0 1
f 1/1/1 2/1/1 3//1 4
f -4 -3 \\
  -2
o second
g part
v 0.5 0.5 1e0
s off
usemtl none
f 1 2 5
l 1 2
"""


PCD = (
    "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ normal_x normal_y normal_z rgb\nSIZE 4 4 4 1 4 4 4 4\n"
    "TYPE F F F U F F F U\nCOUNT 1 1 1 3 1 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA {}\n"
)


def point_seeds(kind: str) -> list[bytes]:
    """Good files of points."""
    if kind == "xyz":
        return [b"3\n0 0 0 0 0 1\n1 0 0.5 0 1 0\n-1 2e1 3 1 0 0\n", b"//X Y Z R G B\n1,2,3,255,0,9\n4,5,6,1,2,3\n"]
    body = b"".join(struct.pack("<3f3B3fI", i, 2, 3, 9, 9, 9, 0, 0, 1, 0x102030) for i in range(2))
    columns = struct.pack("<6f", 0, 1, 2, 2, 3, 3) + bytes(6) + struct.pack("<6f2I", 0, 0, 0, 0, 1, 1, 5, 6)
    packed = b"".join(
        bytes([len(part) - 1]) + part for part in (columns[i : i + 32] for i in range(0, len(columns), 32))
    )
    return [
        PCD.format("ascii").encode() + b"0 2 3 9 9 9 0 0 1 1056816\n1 2 nan 9 9 9 0 0 1 7\n",
        PCD.format("binary").encode() + body,
        PCD.format("binary_compressed").encode() + struct.pack("<II", len(packed), len(columns)) + packed,
    ]


@functools.cache
def seeds(kind: str) -> list[bytes]:
    """Good files to start from."""
    if kind in POINTS:
        return point_seeds(kind)
    small, large, extension = tetrahedron(), blob(), EXTENSIONS[kind]
    if kind == "off":
        return [written(small, ".off"), written(large, ".off"), OFF_BY_HAND, b"OFF4 4 0" + written(small, ".off")[9:]]
    if kind == "obj":
        return [written(small, ".obj"), written(large, ".obj"), OBJ_BY_HAND]
    if kind == "ply-ascii":
        return [written(small, ".ply", ascii=True), written(blob(True), ".ply", ascii=True), ply_with_quads("")]
    if kind == "ply-little":
        return [written(small, ".ply"), written(blob(True), ".ply"), ply_with_quads("<")]
    if kind == "ply-big":
        return [ply_with_quads(">")]
    if kind == "stl-ascii":
        return [written(small, ".stl", ascii=True), written(large, ".stl", ascii=True)]
    if kind in ("glb", "gltf"):
        document, binary = scene()
        by_hand = glb(document, binary)
        if kind == "gltf":
            uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
            document["buffers"][0]["uri"] = uri
            by_hand = json.dumps(document).encode()
        return [written(small, extension), written(large, extension), by_hand]
    if kind in VOXELS:
        generator = torch.Generator().manual_seed(3)
        solid = VoxelGrid(torch.rand(9, 9, 9, generator=generator) > 0.7, torch.tensor([0.5, -1, 2]), 0.25)
        soft = VoxelGrid(torch.rand(4, 4, 4, generator=generator))
        full = VoxelGrid(torch.ones(16, 16, 16, dtype=torch.bool))
        grids = [solid, full] if kind == "binvox" else [solid, full, soft]
        return [written(grid, extension) for grid in grids]
    return [written(small, extension), written(large, extension)]
