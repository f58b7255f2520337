"""OFF, the Object File Format of Geomview, ModelNet and the Princeton Segmentation Benchmark.

Read: `OFF` with colours, normals, texture coordinates and comments, the letters of its variants (COFF, NOFF, STOFF and
their unions) in any order, polygons, and the first line `OFF490 518 0` of broken ModelNet files. An OFF file is a row
of words, of which only the colours of a face end with the line; most files have one vertex or face a line, and are
read so.
Source: http://www.geomview.org/docs/html/OFF.html
"""

import re
from typing import Any, NamedTuple

import numpy as np

from geolearn.errors import MeshFormatError
from geolearn.io.contents import Contents, number_lines
from geolearn.io.damage import damaged, excerpt, leftover
from geolearn.io.formats import not_this_format
from geolearn.io.polygons import ragged_positions
from geolearn.io.surface import Looks, Surface, to_indices
from geolearn.io.words import Words, plain_text
from geolearn.typing import Array

_HEADER = re.compile(rb"\s*(?:((?:ST|[CN4n])*)OFF|((?:st|[cn4])*)off)(?=[\s\d]|$)(?:[ \t]*(BINARY))?")
_MOST_COLOURS = 4


class _Letters(NamedTuple):
    """What stands behind the positions of the vertices."""

    normals: bool
    texture: bool
    colours: bool
    colours_first: bool  # as MeshLab writes them, whose N stands before C

    @property
    def least(self) -> int:
        """Numbers of a vertex without colours."""
        return 3 + 3 * self.normals + 2 * self.texture


class _Rows(NamedTuple):
    """Where vertices and faces stand among the words of the file."""

    vertex: Array  # the first word of every vertex
    width: Array  # its words
    face: Array  # the first word of every face
    numbers: Array  # of all words from the first face on
    sides: Array  # corners of every face
    colours: Array  # words behind them

    def face_numbers(self, begin: Array | int, count: Array) -> Array:
        """`count` numbers of every face, from its word `begin` on, in one flat array."""
        at = self.face - (self.face[0] if len(self.face) else 0)
        length = count[0] + begin if len(count) and np.isscalar(begin) else -1
        if length >= 0 and (count == count[0]).all() and (np.diff(at) == len(self.numbers) / len(at)).all():
            return self.numbers.reshape(len(at), -1)[:, begin:length].reshape(-1)
        return self.numbers[ragged_positions(at + begin, count)]


def read_off(data: bytes, source: str) -> Surface:
    """The surface in an OFF file's bytes; `source` names it in errors."""
    text = plain_text(data)
    header = _HEADER.match(text)
    if header is None:
        raise not_this_format(source, "OFF (its first word is OFF)", data)
    prefix, lower, binary = header.groups()
    kind = (prefix or b"") if lower is None else lower.upper()
    if b"4" in kind or b"n" in kind or binary:
        shown = excerpt(header.group().strip())
        raise damaged(source, "line 1", f"the variant {shown} is not supported", "Convert it to a plain ascii OFF file")
    normal_at, colour_at = kind.find(b"N"), kind.find(b"C")
    letters = _Letters(normal_at >= 0, b"ST" in kind, colour_at >= 0, 0 <= normal_at < colour_at)
    words = Words(re.sub(rb"\S", b" ", text[: header.end()]) + text[header.end() :], source)
    if not len(words):
        raise damaged(source, "the end", "the file ends before its counts of vertices and faces")
    rows = _rows(words, letters)
    uniform = bool((rows.width == rows.width[:1]).all())
    if uniform and len(rows.width):
        begin = int(rows.vertex[0])
        table = words.numbers(slice(begin, begin + len(rows.width) * int(rows.width[0]))).reshape(len(rows.width), -1)
    else:
        table = words.numbers(ragged_positions(rows.vertex, np.full_like(rows.width, 3))).reshape(-1, 3)
    owner = np.repeat(np.arange(len(rows.sides)), rows.sides)
    corners = to_indices(
        rows.face_numbers(1, rows.sides),
        len(table),
        source,
        lambda corner: words.place(int(rows.face[owner[corner]])),
    )
    return Surface(
        table[:, :3],
        lambda vertex: words.place(int(rows.vertex[vertex])),
        corners,
        rows.sides,
        looks=_looks(rows, table, letters),
    )


def _rows(words: Words, letters: _Letters) -> _Rows:
    """One vertex or face a line, or else word after word; if neither fits, what is wrong with the lines."""
    try:
        return _rows_by_line(words, letters)
    except MeshFormatError as error:
        for num_counts in (int(words.per_line[0]), 3):
            for colours in (4, 3) if letters.colours else (0,):
                rows = _rows_by_word(words, num_counts, letters.least + colours)
                if rows is not None:
                    return rows
        raise error


def _counts(words: Words, number: int) -> tuple[int, int]:
    """The numbers of vertices and faces, the first of `number` words."""
    try:
        counts = words.numbers(slice(0, number))
    except MeshFormatError:
        counts = np.array([np.nan])
    if (
        number not in (2, 3)
        or len(counts) != number
        or not all(c >= 0 and c == np.floor(c) < 2**53 for c in counts[:2])
    ):
        raise damaged(
            words.source,
            words.place(0),
            f"expected the counts of vertices, faces and edges (whole numbers >= 0), got {words.line(0)}",
        )
    return int(counts[0]), int(counts[1])


def _rows_by_line(words: Words, letters: _Letters) -> _Rows:
    num_verts, num_faces = _counts(words, int(words.per_line[0]))
    first, count = words.first[1:], words.per_line[1:]
    behind = first[num_verts + num_faces :]
    if num_verts + num_faces > len(first) or (len(behind) and words.is_number(int(behind[0]))):
        raise damaged(
            words.source,
            words.place(0),
            f"the header promises {num_verts} vertices and {num_faces} faces, one a line, "
            f"but {len(first)} lines follow",
        )
    width = count[:num_verts]
    colours = width - letters.least
    bare = not (letters.colours or letters.normals or letters.texture)
    wrong = (colours < 0) | (colours > _MOST_COLOURS) | (bare & np.isin(colours, (1, 2)))
    if wrong.any():
        row = int(wrong.argmax())
        raise damaged(
            words.source,
            words.place(int(first[row])),
            f"expected {letters.least} numbers for a vertex, got {width[row]}",
        )
    face, count = first[num_verts : num_verts + num_faces], count[num_verts : num_verts + num_faces]
    numbers = words.numbers(slice(int(face[0]), int(face[-1] + count[-1])) if num_faces else slice(0, 0), whole=True)
    sides = numbers[face - face[:1]]
    rest = count - 1 - sides
    wrong = (sides < 0) | (sides != np.floor(sides)) | ~((rest >= 0) & (rest <= _MOST_COLOURS))
    if wrong.any():
        row = int(wrong.argmax())
        raise damaged(
            words.source,
            words.place(int(face[row])),
            f"expected a number of corners, that many indices and at most {_MOST_COLOURS} values of colour; "
            f"got {count[row]} numbers, the first {sides[row]:.12g}",
        )
    if len(behind):  # no numbers, so it is not the header that is wrong
        word = int(behind[0])
        leftover(words.source, words.place(word), f"{len(behind)} lines", words.text[words.begin[word] :])
    return _Rows(first[:num_verts], width, face, numbers, sides.astype(np.int64), rest.astype(np.int64))


def _rows_by_word(words: Words, num_counts: int, width: int) -> _Rows | None:
    """The same for vertices of `width` words, wherever the lines break, or None where that does not use every word.

    The first face must begin a line: else a number too many or too few would turn one shape into another.
    """
    try:
        num_verts, num_faces = _counts(words, num_counts)
        begin = num_counts + num_verts * width
        if begin + num_faces > len(words) or (num_faces and begin not in words.first):
            return None
        numbers = words.numbers(slice(begin, None), whole=True)
    except MeshFormatError:
        return None
    line_end = np.append(words.first[1:], len(words))
    behind = line_end[np.searchsorted(words.first, np.arange(begin, len(words)), side="right") - 1] - begin
    sides = np.where((numbers >= 0) & (numbers == np.floor(numbers)), numbers, -1).clip(max=len(words)).astype(np.int64)
    last = (np.arange(len(sides)) + sides).clip(0, len(sides))
    following = np.where(sides < 0, len(sides) + 1, np.append(behind, len(sides) + 1)[last])
    steps, at = following.tolist(), 0
    starts = []
    for _ in range(num_faces):  # where a face begins is only known from the one before it
        if at >= len(steps):
            return None
        starts.append(at)
        at = steps[at]
    if at != len(steps):
        return None
    face = np.array(starts, dtype=np.int64)
    colours = following[face] - 1 - last[face]
    if (sides[face] < 1).any() or not np.isin(colours, (0, 1, 3, 4)).all():
        return None
    vertex = num_counts + width * np.arange(num_verts)
    return _Rows(vertex, np.full(num_verts, width), face + begin, numbers, sides[face], colours)


def _looks(rows: _Rows, table: Array, letters: _Letters) -> Looks | None:
    """Colours, normals and texture coordinates; colours that not every vertex or face has are left out."""
    looks: dict[str, Any] = {}
    num_colours = max(table.shape[1] - letters.least, 0)
    if num_colours not in (3, 4):
        num_colours = 0
    normals, colours = 3, 3 + 3 * letters.normals
    if letters.colours_first:
        normals, colours = 3 + num_colours, 3
    if num_colours:
        looks["vertex_colours"] = _to_unit(table[:, colours : colours + num_colours])
    if letters.normals and table.shape[1] > 3:
        looks["normals"] = table[:, normals : normals + 3]
    if letters.texture and table.shape[1] > 3:
        looks["uv"] = table[:, letters.least - 2 + num_colours : letters.least + num_colours]
    if len(rows.colours) and rows.colours[0] in (3, 4) and (rows.colours == rows.colours[0]).all():
        numbers = rows.face_numbers(rows.sides + 1, rows.colours)
        looks["face_colours"] = _to_unit(numbers.reshape(len(rows.colours), -1).astype(np.float64))
    return Looks(**looks) if looks else None


def _to_unit(colours: Array) -> Array:
    """Colours in [0, 1], which are in 0..255 where one is above 1."""
    return colours / (255 if np.nanmax(colours, initial=0) > 1 else 1)


def write_off(mesh: Contents) -> bytes:
    """The bytes of an ascii OFF file; the digits give every position back exactly.

    Colours stand behind positions and faces, normals and texture coordinates of vertices as the letters N and ST say.
    """
    looks = mesh.looks
    columns, letters = [mesh.world()], ""
    normals = None if looks.normal_index is not None else looks.normals
    if normals is not None:
        columns, letters = [*columns, normals], "N"
    if looks.vertex_colours is not None:
        columns, letters = [*columns, looks.vertex_colours], "C" + letters
    if looks.uv is not None and looks.uv_index is None:
        columns, letters = [*columns, looks.uv], "ST" + letters
    vertex = " ".join([mesh.position, *["%.9g"] * (sum(c.shape[1] for c in columns) - 3)])
    faces = [mesh.faces] if looks.face_colours is None else [mesh.faces, looks.face_colours]
    face = " ".join(["3 %d %d %d", *["%.9g"] * (sum(c.shape[1] for c in faces) - 3)])
    text = number_lines(vertex + "\n", *columns) + number_lines(face + "\n", *faces)
    return f"{letters}OFF\n{len(mesh.verts)} {len(mesh.faces)} 0\n{text}".encode()
