"""Wavefront OBJ: the polygons of all objects and groups as one mesh.

Read: `v` (three coordinates, then perhaps a weight or a colour), `vt`, `vn`, `f` in the forms `1`, `1/2`, `1//3`,
`1/2/3`, negative (relative) indices, polygons, lines joined by a backslash at their very end, `g` and `o` as groups,
`usemtl` and, beside the file, `mtllib`. Curves, lines and points are skipped.
Source: http://paulbourke.net/dataformats/obj/
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.mtl import read_libraries
from geolearn.io.polygons import ragged_positions
from geolearn.io.surface import Looks, Surface, to_indices
from geolearn.io.words import Words, join_lines, plain_text
from geolearn.structures.attributes import Material
from geolearn.typing import Array

_COMMENT = re.compile(rb"#(?<!\S#)[^\n]*")  # not inside a word: names may hold the sign
_DATA = (b"v", b"vt", b"vn", b"f")  # the only lines that may go on behind a backslash: names never need to


def read_obj(data: bytes, source: str, folder: Path | None = None) -> Surface:
    """The surface in an OBJ file's bytes; `source` names it in errors.

    Materials are looked for in `folder` and below it; None reads the shape alone.
    """
    if not data:
        raise not_this_format(source, "OBJ", data)
    words = Words(join_lines(_COMMENT.sub(b"", plain_text(data, comments=False)), _DATA), source)
    first, count = words.first, words.per_line - 1
    is_vertex, is_face = words.lines(b"v"), words.lines(b"f")
    if looks_like(data) != "OBJ" and not (is_vertex.any() and is_face.any()):
        raise not_this_format(source, "OBJ (lines that start with v and f)", data)

    vertex, width = first[is_vertex], count[is_vertex]
    wrong = (width < 3) | (width > 8)
    if wrong.any():
        row = int(wrong.argmax())
        place = words.place(int(vertex[row]))
        raise damaged(source, place, f"expected 3 coordinates after v, got {width[row]} numbers")
    face, sides = first[is_face], count[is_face]
    corners = words.corners(ragged_positions(face + 1, sides))
    colours = None
    if folder is not None and len(width) and width[0] in (6, 7) and (width == width[0]).all():
        table = _table(words, vertex, 6)
        verts, colours = table[:, :3], _to_unit(table[:, 3:])
    else:
        verts = _table(words, vertex, 3)
        words.numbers(ragged_positions(vertex + 4, width - 3))  # weights, or colours that not every vertex has
    read = _Corners(words, first, face, sides, source)
    positions = read.indices(corners[:, 0], is_vertex)
    looks = None
    if folder is not None:
        looks = _looks(words, corners, read, len(verts), folder)._replace(vertex_colours=colours)
    return Surface(
        verts,
        lambda row: words.place(int(vertex[row])),
        positions,
        sides,
        looks=looks,
    )


def _table(words: Words, line: Array, width: int) -> Array:
    """The first `width` numbers of lines, (lines, width)."""
    return words.numbers((line[:, None] + np.arange(1, width + 1)).reshape(-1)).reshape(-1, width)


def _to_unit(colours: Array) -> Array:
    return colours / (255 if np.nanmax(colours, initial=0) > 1 else 1)


class _Corners:
    """Turns the numbers of face corners into indices."""

    def __init__(self, words: Words, first: Array, face: Array, sides: Array, source: str):
        self.words, self.first, self.face, self.sides, self.source = words, first, face, sides, source

    def _place(self, corner: int) -> str:
        owner = int(np.searchsorted(np.cumsum(self.sides), corner, side="right"))
        return self.words.place(int(self.face[owner]))

    def indices(self, written: Array, is_entry: Array) -> Array:
        """What the numbers of one column name, counted from 0, among the lines `is_entry`."""
        total = int(is_entry.sum())
        if len(written) and 0 < int(written.min()) <= int(written.max()) <= total:
            return written - 1
        if (written == 0).any():
            corner = int((written == 0).argmax())
            raise damaged(self.source, self._place(corner), "a face has the vertex index 0, but OBJ counts from 1")
        return self._counted_back(written, is_entry, total)

    def _counted_back(self, written: Array, is_entry: Array, total: int) -> Array:
        """A negative number counts back from the last entry that stands before the face."""
        before = np.repeat(np.cumsum(is_entry)[np.searchsorted(self.first, self.face)], self.sides)
        numbers = np.where(written > 0, written - 1, written + before)
        return to_indices(numbers, total, self.source, self._place, written=written)

    def some_indices(self, written: Array, is_entry: Array) -> Array | None:
        """The same where 0 means that the corner has none (-1); None where none has one, or one is out of range."""
        total = int(is_entry.sum())
        if total == 0 or not written.any():
            return None
        before = 0
        if int(written.min()) < 0:
            before = np.repeat(np.cumsum(is_entry)[np.searchsorted(self.first, self.face)], self.sides)
        numbers = np.where(written > 0, written - 1, np.where(written < 0, written + before, -1))
        if int(numbers.max()) >= total or (numbers[written < 0] < 0).any():
            return None
        return numbers


def _looks(words: Words, corners: Array, read: _Corners, num_verts: int, folder: Path) -> Looks:
    looks: dict[str, Any] = {}
    for keyword, width, column, name in ((b"vt", 2, 1, "uv"), (b"vn", 3, 2, "normals")):
        is_entry = words.lines(keyword)
        line = words.first[is_entry]
        count = words.per_line[is_entry] - 1
        if not len(line):
            continue
        index = read.some_indices(corners[:, column], is_entry)
        of_points = not len(corners) and len(line) == num_verts  # points with normals have one each, in order
        if index is None and not of_points:
            continue
        if int(count.min()) < width:  # one texture coordinate: the other is 0
            looks[name] = _short_table(words, line, count, width)
        else:
            looks[name] = _table(words, line, width)
        looks[f"{'normal' if name == 'normals' else name}_corners"] = index
    materials, material = _materials(words, read, folder)
    groups, group = _groups(words, read)
    return Looks(**looks, materials=materials, material=material, groups=groups, group=group)


def _short_table(words: Words, line: Array, count: Array, width: int) -> Array:
    table = np.zeros((len(line), width))
    filled = np.arange(width) < count[:, None]
    table[filled] = words.numbers(ragged_positions(line + 1, np.minimum(count, width)))
    return table


def _names(words: Words, keyword: bytes) -> tuple[Array, list[str]]:
    """The first words of the lines that start with a keyword, and what stands behind it."""
    line = words.first[words.lines(keyword)]
    names = []
    for word in line.tolist():
        begin = int(words.end[word])
        end = words.text.find(b"\n", begin)
        names.append(words.text[begin : len(words.text) if end < 0 else end].strip().decode("utf-8", "replace"))
    return line, names


def _latest(face: Array, line: Array, names: list[str]) -> tuple[list[str], Array | None]:
    """The names that faces have, in order of first use, and for each face the number of its own.

    That is the last name before it; -1 where it is empty or missing.
    """
    number = {name: i for i, name in enumerate(dict.fromkeys(filter(None, names)))}
    of_line = np.array([-1, *(number.get(name, -1) for name in names)])
    of_face = of_line[np.searchsorted(line, face)]
    used, first = np.unique(of_face, return_index=True)
    used = used[np.argsort(first)]
    used = used[used >= 0]
    if not len(used):
        return [], None
    rank = np.full(len(number) + 1, -1)  # its last entry is that of -1
    rank[used] = np.arange(len(used))
    known = list(number)
    return [known[i] for i in used], rank[of_face]


def _materials(words: Words, read: _Corners, folder: Path) -> tuple[tuple[Material, ...], Array | None]:
    line, names = _names(words, b"usemtl")
    different, index = _latest(read.face, line, names)
    if index is None:
        return (), None
    known = read_libraries(_names(words, b"mtllib")[1], folder, words.source)
    return tuple(known.get(name, Material(name)) for name in different), index


def _groups(words: Words, read: _Corners) -> tuple[tuple[str, ...], Array | None]:
    """`o` and `g` lines: a group is named after both where a file has both."""
    objects, object_names = _names(words, b"o")
    groups, group_names = _names(words, b"g")
    lines = np.concatenate([objects, groups])
    order = np.argsort(lines, kind="stable")
    names, thing = [], ""
    for i in order.tolist():
        group = ""
        if i < len(objects):
            thing = object_names[i]
        else:
            group = group_names[i - len(objects)]
        names.append("/".join(filter(None, (thing, group))))
    different, index = _latest(read.face, lines[order], names)
    return tuple(different), index
