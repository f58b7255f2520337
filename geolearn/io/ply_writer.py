"""PLY files, binary little endian and ascii."""

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.contents import Contents, number_lines
from geolearn.io.ply_looks import written_columns, written_comments
from geolearn.typing import Array

_TYPES = {"float": "<f4", "double": "<f8", "uchar": "u1", "int": "<i4"}


def _layout(mesh: Contents) -> tuple[list[tuple[str, str, Array]], list[tuple[str, str, Array]]]:
    """The plain properties of vertices and of faces: (names, type, values) each."""
    if len(mesh.verts) > 2**31:
        raise InvalidInputError(f"verts: PLY holds 32-bit indices, got {len(mesh.verts)} vertices; save as .obj")
    vertex, face = written_columns(mesh)
    vertex.insert(0, ("x y z", "float" if mesh.origin is None else "double", mesh.world()))
    if mesh.labels is not None:
        low, high = (int(mesh.labels.min()), int(mesh.labels.max())) if len(mesh.labels) else (0, 0)
        if not -(2**31) <= low <= high < 2**31:
            raise InvalidInputError(f"face_labels: PLY holds 32-bit labels, got {low}..{high}")
        face.insert(0, ("label", "int", mesh.labels[:, None]))
    return vertex, face


def _header(encoding: str, mesh: Contents, vertex: list, face: list) -> bytes:
    lines = ["ply", f"format {encoding} 1.0", "comment geolearn"]
    lines += [f"comment {comment}" for comment in written_comments(mesh)]
    for name, count, columns in (("vertex", len(mesh.verts), vertex), ("face", len(mesh.faces), face)):
        lines.append(f"element {name} {count}")
        if name == "face":
            lines.append("property list uchar int vertex_indices")
        lines += [f"property {kind} {prop}" for names, kind, _ in columns for prop in names.split()]
    return ("\n".join([*lines, "end_header"]) + "\n").encode()


def write_ply(mesh: Contents) -> bytes:
    """The bytes of a binary little endian PLY file; labels become the face property `label`."""
    vertex, face = _layout(mesh)
    corners = [("sides", "u1", np.full((len(mesh.faces), 1), 3)), ("corners", "int", mesh.faces)]
    parts = [_header("binary_little_endian", mesh, vertex, face)]
    for columns in (vertex, [*corners, *face]):
        fields = [(names, _TYPES.get(kind, kind), (values.shape[1],)) for names, kind, values in columns]
        rows = np.empty(len(columns[0][2]), dtype=np.dtype(fields))
        for names, _, values in columns:
            rows[names] = values
        parts.append(rows.tobytes())
    return b"".join(parts)


def write_ascii_ply(mesh: Contents) -> bytes:
    """The bytes of an ascii PLY file; nine digits give every float32 back exactly."""
    vertex, face = _layout(mesh)
    text = []
    for head, columns in (("", vertex), ("3 %d %d %d", [("corners", "int", mesh.faces), *face])):
        words = [head] if head else []
        for names, kind, values in columns[1:] if head else columns:
            form = mesh.position.split()[0] if names == "x y z" else ("%.9g" if kind == "float" else "%d")
            words += [form] * values.shape[1]
        text.append(number_lines(" ".join(words) + "\n", *(values for _, _, values in columns)))
    return _header("ascii", mesh, vertex, face) + "".join(text).encode()
