"""PLY, the Stanford polygon format: ascii, binary little endian, binary big endian.

Read: `vertex` with x, y, z; `face` with polygons in `vertex_indices` or `vertex_index`; `tristrips` with strips of
triangles, which -1 ends; a whole number `label` of faces; colours, normals, texture coordinates and groups. Other
properties and elements are skipped.
Source: http://paulbourke.net/dataformats/ply/
"""

from typing import Any

import numpy as np

from geolearn.errors import MeshFormatError
from geolearn.io.damage import damaged
from geolearn.io.ply_header import INDEX_NAMES, Element, Header, Property, parse_header
from geolearn.io.ply_looks import face_looks, face_properties, group_names, vertex_looks, vertex_properties
from geolearn.io.ply_rows import BinaryRows, Column, LineRows, LinesDoNotFitError, Rows, WordRows
from geolearn.io.surface import Looks, Surface, to_indices
from geolearn.io.words import Words, plain_text
from geolearn.typing import Array


def read_ply(data: bytes, source: str, looks: bool = True) -> Surface:
    """The surface in a PLY file's bytes; `source` names it in errors."""
    header = parse_header(data, source)
    if header.byte_order:
        return _Body(header, BinaryRows(data, source, header.size), source, looks).surface()
    text = plain_text(data, comments=False)
    size = header.size if text is data else parse_header(text, source).size
    breaks = text.count(b"\n", 0, size)
    words = Words(b" " * (size - breaks) + b"\n" * breaks + text[size:], source)
    try:
        return _Body(header, LineRows(words), source, looks).surface()
    except LinesDoNotFitError as error:
        try:
            return _Body(header, WordRows(words), source, looks).surface()
        except MeshFormatError:
            raise MeshFormatError(str(error)) from None


class _Body:
    """Reads the elements in the order of the header."""

    def __init__(self, header: Header, rows: Rows, source: str, looks: bool):
        self.header, self.rows, self.source, self.with_looks = header, rows, source, looks
        self.verts, self.place = np.zeros((0, 3), np.float32), str
        self.faces: Column | None = None
        self.strips: Column | None = None
        self.labels: Array | None = None
        self.looks: dict[str, Any] = {}

    def surface(self) -> Surface:
        for element in self.header.elements:
            if element.name == "vertex":
                self._read_vertices(element)
            elif element.name == "face":
                self._read_faces(element)
            elif element.name == "tristrips":
                self._read_strips(element)
            else:
                self.rows.read(element, [])
        self.rows.finish()
        polygons = [column for column in (self.faces, self.strips) if column is not None]
        corners = [self._indices(column) for column in polygons]
        if self.strips is not None and len(self.strips.count):  # nothing is said of their triangles
            self.labels = None
            self.looks = {name: self.looks[name] for name in ("vertex_colours", "normals") if name in self.looks}
        if "group" in self.looks:
            count = int(self.looks["group"].max()) + 1
            self.looks["groups"] = group_names(self.header.comments, count)
        return Surface(
            self.verts,
            self.place,
            np.concatenate([np.zeros(0, np.int64), *corners]),
            np.concatenate([np.zeros(0, np.int64), *(column.count for column in polygons)]),
            self.labels,
            Looks(**self.looks) if self.with_looks else None,
        )

    def _indices(self, polygons: Column) -> Array:
        def place(corner: int) -> str:
            return polygons.place(int(np.searchsorted(np.cumsum(polygons.count), corner, side="right")))

        return to_indices(polygons.values, len(self.verts), self.source, place)

    def _read_vertices(self, element: Element) -> None:
        properties = {p.name: p for p in element.properties if p.count_type is None}
        missing = [axis for axis in "xyz" if axis not in properties]
        if missing:
            raise damaged(self.source, "the header", f"element vertex has no property {', '.join(missing)}")
        more = vertex_properties(element) if self.with_looks else []
        columns = self.rows.read(element, [*(properties[axis] for axis in "xyz"), *more])
        values = [columns[axis].values for axis in "xyz"]
        single = all(v.dtype.kind == "f" and v.dtype.itemsize == 4 for v in values)
        self.verts = np.empty((element.count, 3), np.float32 if single else np.float64)
        for axis, column in enumerate(values):
            self.verts[:, axis] = column
        self.place = columns["x"].place
        if more:
            self.looks |= vertex_looks(element, columns)

    def _list(self, element: Element) -> Property:
        lists = [p for p in element.properties if p.count_type is not None and p.name in INDEX_NAMES]
        if len(lists) != 1 or lists[0].type.kind == "f":
            problem = f"element {element.name} has no property list of whole numbers vertex_indices"
            raise damaged(self.source, "the header", problem)
        return lists[0]

    def _read_faces(self, element: Element) -> None:
        corners = self._list(element)
        label = next((p for p in element.properties if p.name == "label" and p.count_type is None), None)
        if label is not None and label.type.kind == "f":
            label = None
        more = face_properties(element) if self.with_looks else []
        columns = self.rows.read(element, [corners, *([] if label is None else [label]), *more])
        self.faces = columns[corners.name]
        if label is not None:
            self.labels = self._whole(columns["label"])
        if more:
            self.looks |= face_looks(element, columns, self.faces.count)

    def _whole(self, column: Column) -> Array:
        values = column.values
        wrong = (values != np.floor(values)) | (np.abs(values) > 2**32)
        if wrong.any():
            row = int(wrong.argmax())
            raise damaged(self.source, column.place(row), f"expected a whole number as label, got {values[row]}")
        return values.astype(np.int64)

    def _read_strips(self, element: Element) -> None:
        corners = self._list(element)
        strips = self.rows.read(element, [corners])[corners.name]
        self.strips = _triangles(strips)


def _triangles(strips: Column) -> Column:
    """The triangles of strips, every second one of a strip turned; -1 ends a strip."""
    values = strips.values  # as they came: `to_indices` looks at what is left
    ends = values == (np.iinfo(values.dtype).max if values.dtype.kind == "u" else -1)
    row = np.repeat(np.arange(len(strips.count)), strips.count)
    starts = np.ones(len(values), dtype=bool)  # where a strip begins
    starts[1:] = ends[:-1] | (row[1:] != row[:-1])
    begin = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    first = np.arange(max(len(values) - 2, 0))
    whole = (begin[first] == begin[first + 2]) & ~ends[first + 2]
    first = first[whole & ~ends[first + 1]]
    odd = (first - begin[first]) % 2
    corners = np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)
    count = np.full(len(first), 3)
    return Column(values[corners].reshape(-1), count, lambda triangle: strips.place(int(row[first[triangle]])))
