"""OFF, the Object File Format of Geomview, ModelNet and the Princeton Segmentation Benchmark.

Read: `OFF` with colours and comments, the variants COFF, NOFF, STOFF and their unions (the extra values per vertex
are skipped), polygons, and the first line `OFF490 518 0` of broken ModelNet files.
Source: http://www.geomview.org/docs/html/OFF.html
"""

import re

import numpy as np

from geolearn.io.damage import damaged, excerpt
from geolearn.io.formats import not_this_format
from geolearn.io.lines import Lines, Numbers, plain_text
from geolearn.io.triangles import Triangles, fan, number_lines, ragged_positions, to_indices, to_positions
from geolearn.typing import Array

_HEADER = re.compile(rb"\s*(?:(ST)?(C)?(N)?(4)?(n)?OFF|off)(?=[\s\d]|$)(?:[ \t]*(BINARY))?")


def read_off(data: bytes, source: str) -> Triangles:
    """Triangles of an OFF file's bytes; `source` names it in errors."""
    text = plain_text(data)
    header = _HEADER.match(text)
    if header is None:
        raise not_this_format(source, "OFF (its first word is OFF)", data)
    textured, coloured, normals, four, many, binary = header.groups()
    if four or many or binary:
        kind = excerpt(header.group().strip())
        raise damaged(source, "line 1", f"the variant {kind} is not supported", "Convert it to a plain ascii OFF file")

    lines = Lines(text, source, header.end())
    num_verts = _num_verts(lines, source)
    vertices = lines.numbers(slice(1, 1 + num_verts))
    least = 3 + 3 * bool(normals) + 2 * bool(textured)
    colours = vertices.count - least
    wrong = (colours < 0) | (colours > 4) | (not coloured and not normals and not textured and np.isin(colours, (1, 2)))
    if wrong.any():
        row = int(wrong.argmax())
        raise damaged(source, vertices.place(row), f"expected {least} numbers for a vertex, got {vertices.count[row]}")
    verts = to_positions(vertices.columns(3), source, vertices.place)
    return Triangles(verts, _faces(lines.numbers(slice(1 + num_verts, None), mostly_whole=True), num_verts, source))


def _num_verts(lines: Lines, source: str) -> int:
    """The number of vertices, after checking that the file holds one line for each promised vertex and face."""
    if not len(lines):
        raise damaged(source, "the end", "the file ends before its counts of vertices and faces")
    header = lines.numbers(slice(0, 1))
    counts = header.values
    if len(counts) not in (2, 3) or not all(count.is_integer() and count >= 0 for count in counts.tolist()):
        raise damaged(
            source,
            lines.place(0),
            f"expected the counts of vertices, faces and edges (whole numbers >= 0), got {lines.excerpt(0)}",
        )
    if counts[0] + counts[1] != len(lines) - 1:
        raise damaged(
            source,
            lines.place(0),
            f"the header promises {counts[0]:.12g} vertices and {counts[1]:.12g} faces, one a line, "
            f"but {len(lines) - 1} lines follow",
        )
    return int(counts[0])


def _faces(rows: Numbers, num_verts: int, source: str) -> Array:
    sides = rows.values[rows.start]
    colours = rows.count - 1 - sides
    wrong = (sides < 3) | (sides != np.floor(sides)) | ~((colours >= 0) & (colours <= 4))
    if wrong.any():
        row = int(wrong.argmax())
        raise damaged(
            source,
            rows.place(row),
            f"expected a number of corners >= 3, that many indices and at most 4 values of colour; "
            f"got {rows.count[row]} numbers, the first {sides[row]:.12g}",
        )
    sides = sides.astype(np.int64)
    owner = np.repeat(np.arange(len(sides)), sides)
    corners = rows.values[ragged_positions(rows.start + 1, sides)]
    indices = to_indices(corners, num_verts, source, lambda corner: rows.place(int(owner[corner])))
    return indices[fan(sides)]


def write_off(triangles: Triangles) -> bytes:
    """The bytes of an ascii OFF file; nine digits give every float32 back exactly."""
    head = f"OFF\n{len(triangles.verts)} {len(triangles.faces)} 0\n"
    text = number_lines("%.9g %.9g %.9g\n", triangles.verts) + number_lines("3 %d %d %d\n", triangles.faces)
    return (head + text).encode()
