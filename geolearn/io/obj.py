"""Wavefront OBJ: the polygons of all objects and groups as one mesh.

Read: `v` (values after the first three are colours or weights and are skipped), `f` in the forms `1`, `1/2`, `1//3`,
`1/2/3`, negative (relative) indices, polygons, joined lines. Texture coordinates, normals, materials, curves, lines
and points are skipped: a `Mesh` has none, and no other file is opened.
Source: http://paulbourke.net/dataformats/obj/
"""

import re

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.lines import Lines, plain_text
from geolearn.io.triangles import Triangles, fan, number_lines, to_indices, to_positions

_TEXTURE_AND_NORMAL = re.compile(rb"(?<=\d)/[-+0-9/]*")


def read_obj(data: bytes, source: str) -> Triangles:
    """Triangles of an OBJ file's bytes; `source` names it in errors."""
    if not data:
        raise not_this_format(source, "OBJ", data)
    lines = Lines(plain_text(data, continuations=True), source)
    is_vertex, is_face = lines.starts_with(b"v"), lines.starts_with(b"f")
    if looks_like(data) != "OBJ" and not (is_vertex.any() and is_face.any()):
        raise not_this_format(source, "OBJ (lines that start with v and f)", data)

    vertices = lines.numbers(is_vertex, keyword=b"v")
    wrong = (vertices.count < 3) | (vertices.count > 8)
    if wrong.any():
        row = int(wrong.argmax())
        raise damaged(source, vertices.place(row), f"expected 3 coordinates after v, got {vertices.count[row]} numbers")
    verts = to_positions(vertices.columns(3), source, vertices.place)

    polygons = lines.numbers(is_face, keyword=b"f", ignore=_TEXTURE_AND_NORMAL, mostly_whole=True)
    if (polygons.count < 3).any():
        row = int((polygons.count < 3).argmax())
        raise damaged(source, polygons.place(row), f"expected at least 3 corners after f, got {polygons.count[row]}")
    owner = np.repeat(np.arange(len(polygons.count)), polygons.count)
    if (polygons.values == 0).any():
        row = int(owner[(polygons.values == 0).argmax()])
        raise damaged(source, polygons.place(row), "a face has the vertex index 0, but OBJ counts from 1")
    # A negative index counts back from the last vertex that stands before the face.
    verts_before = np.cumsum(is_vertex)[is_face][owner]
    corners = np.where(polygons.values > 0, polygons.values - 1, polygons.values + verts_before)
    indices = to_indices(
        corners, len(verts), source, lambda corner: polygons.place(int(owner[corner])), written=polygons.values
    )
    return Triangles(verts, indices[fan(polygons.count)])


def write_obj(triangles: Triangles) -> bytes:
    """The bytes of an OBJ file with `v` and `f` lines; nine digits give every float32 back exactly.

    Colours follow the coordinates of their vertex.
    """
    if triangles.colours is None:
        text = number_lines("v %.9g %.9g %.9g\n", triangles.verts)
    else:
        rows = np.column_stack([triangles.verts, triangles.colours / 255])
        text = number_lines("v %.9g %.9g %.9g %.4f %.4f %.4f\n", rows)
    text += number_lines("f %d %d %d\n", triangles.faces + 1)
    return text.encode()
