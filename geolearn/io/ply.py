"""PLY, the Stanford polygon format: ascii, binary little endian, binary big endian.

Read: `vertex` with x, y, z; `face` with polygons in `vertex_indices` or `vertex_index` and, if there is one, a whole
number `label` per face. Other properties and elements are skipped.
Source: http://paulbourke.net/dataformats/ply/
"""

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.lines import Lines, plain_text
from geolearn.io.ply_header import Element, parse_header
from geolearn.io.ply_rows import AsciiRows, BinaryRows, Column
from geolearn.io.triangles import Triangles, fan, number_lines, to_indices, to_positions
from geolearn.typing import Array

_INDEX_NAMES = ("vertex_indices", "vertex_index")
_COLOURS = ("red", "green", "blue")


def read_ply(data: bytes, source: str) -> Triangles:
    """Triangles of a PLY file's bytes; `source` names it in errors."""
    header = parse_header(data, source)
    if header.byte_order:
        rows = BinaryRows(data, source, header.size)
    else:
        rows = AsciiRows(Lines(plain_text(data, comments=False), source, header.size), source)
    verts, corners, labels = None, None, None
    for element in header.elements:
        if element.name == "vertex":
            _need(element, ["x", "y", "z"], source)
            columns = rows.read(element, ["x", "y", "z"])
            xyz = np.stack([columns[axis].values for axis in "xyz"], axis=1)
            verts = to_positions(xyz, source, columns["x"].place)
        elif element.name == "face":
            corners, labels = _polygons(rows, element, source)
        else:
            rows.read(element, [])
    rows.finish()
    if verts is None or corners is None:
        return Triangles(np.zeros((0, 3), np.float32) if verts is None else verts, np.zeros((0, 3), np.int64))
    owner = np.repeat(np.arange(len(corners.count)), corners.count)
    indices = to_indices(corners.values, len(verts), source, lambda corner: corners.place(int(owner[corner])))
    faces = indices[fan(corners.count)]
    return Triangles(verts, faces, None if labels is None else np.repeat(labels, corners.count - 2))


def _need(element: Element, names: list[str], source: str) -> None:
    missing = [name for name in names if name not in element.names()]
    if missing:
        raise damaged(source, "the header", f"element {element.name} has no property {', '.join(missing)}")


def _polygons(rows: AsciiRows | BinaryRows, element: Element, source: str) -> tuple[Column, Array | None]:
    """The corner lists of the faces, and their labels if the file has them."""
    lists = {p.name: p for p in element.properties if p.count_type is not None and p.name in _INDEX_NAMES}
    if len(lists) != 1 or next(iter(lists.values())).type.kind == "f":
        raise damaged(source, "the header", "element face has no property list of whole numbers vertex_indices")
    scalars = {p.name: p for p in element.properties if p.count_type is None}
    labelled = "label" in scalars and scalars["label"].type.kind != "f"
    columns = rows.read(element, [*lists, *(["label"] if labelled else [])])
    corners = columns[next(iter(lists))]
    if (corners.count < 3).any():
        row = int((corners.count < 3).argmax())
        raise damaged(source, corners.place(row), f"expected a face of at least 3 corners, got {corners.count[row]}")
    if not labelled:
        return corners, None
    labels = columns["label"].values
    if (labels != np.floor(labels)).any() or (np.abs(labels) > 2**32).any():
        row = int(((labels != np.floor(labels)) | (np.abs(labels) > 2**32)).argmax())
        raise damaged(source, corners.place(row), f"expected a whole number as label, got {labels[row]}")
    return corners, labels.astype(np.int64)


def _header(encoding: str, triangles: Triangles) -> str:
    colour = "" if triangles.colours is None else "".join(f"property uchar {name}\n" for name in _COLOURS)
    label = "" if triangles.labels is None else "property int label\n"
    return (
        f"ply\nformat {encoding} 1.0\ncomment geolearn\n"
        f"element vertex {len(triangles.verts)}\nproperty float x\nproperty float y\nproperty float z\n{colour}"
        f"element face {len(triangles.faces)}\nproperty list uchar int vertex_indices\n{label}end_header\n"
    )


def _check_range(triangles: Triangles) -> None:
    labels = triangles.labels
    if labels is not None and len(labels) and not -(2**31) <= labels.min() <= labels.max() < 2**31:
        raise InvalidInputError(f"face_labels: PLY holds 32-bit labels, got {labels.min()}..{labels.max()}")
    if len(triangles.verts) > 2**31:
        raise InvalidInputError(f"verts: PLY holds 32-bit indices, got {len(triangles.verts)} vertices; save as .obj")


def _colour_count(triangles: Triangles) -> tuple[int]:
    return (0 if triangles.colours is None else len(_COLOURS),)


def write_ply(triangles: Triangles) -> bytes:
    """The bytes of a binary little endian PLY file; labels become the face property `label`."""
    _check_range(triangles)
    fields = [("sides", "u1"), ("corners", "<i4", 3)]
    if triangles.labels is not None:
        fields.append(("label", "<i4"))
    rows = np.zeros(len(triangles.faces), dtype=np.dtype(fields))
    rows["sides"], rows["corners"] = 3, triangles.faces
    if triangles.labels is not None:
        rows["label"] = triangles.labels
    positions = np.zeros(len(triangles.verts), dtype=[("xyz", "<f4", 3), ("colour", "u1", _colour_count(triangles))])
    positions["xyz"] = triangles.verts
    if triangles.colours is not None:
        positions["colour"] = triangles.colours
    return _header("binary_little_endian", triangles).encode() + positions.tobytes() + rows.tobytes()


def write_ascii_ply(triangles: Triangles) -> bytes:
    """The bytes of an ascii PLY file; nine digits give every float32 back exactly."""
    _check_range(triangles)
    faces, template = triangles.faces, "3 %d %d %d\n"
    if triangles.labels is not None:
        faces, template = np.column_stack([faces, triangles.labels]), "3 %d %d %d %d\n"
    verts, row = triangles.verts, "%.9g %.9g %.9g"
    if triangles.colours is not None:
        verts, row = np.column_stack([verts, triangles.colours]), row + " %d %d %d"
    text = number_lines(row + "\n", verts) + number_lines(template, faces)
    return (_header("ascii", triangles) + text).encode()
