"""STL, binary and ascii: loose triangles, whose identical corners are merged into shared vertices.

Ascii files are words: any white space separates them, `end loop` and `end facet` are `endloop` and `endfacet`, and
only the name of a solid ends with its line. Solids are groups. Stated normals are skipped: the winding gives them.
Source: https://www.fabbers.com/tech/STL_Format
"""

import re
from collections.abc import Callable

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.compiler import kernels_pay
from geolearn.io.contents import Contents, number_lines
from geolearn.io.damage import damaged, leftover
from geolearn.io.float32 import about_origin, fits_float32
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.surface import Looks, Surface
from geolearn.io.welding import merge_identical
from geolearn.io.words import Words, parse_number, plain_text, to_utf8
from geolearn.typing import Array

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEAD = 84  # 80 bytes of free text, then the number of facets
_LOOP = ("facet", "outer", "loop", "vertex", 0, 0, 0, "vertex", 0, 0, 0, "vertex", 0, 0, 0, "endloop", "endfacet")
_END_BEFORE = re.compile(rb"(?<!\S)end\s*\Z")
_NUMBERS = [i for i, word in enumerate(_LOOP) if word == 0]
_LINE_OF = rb"(?i:%s)((?:[ \t\f][^\r\n\v]*)?)(?:[\r\n][ \t\v\f\r\n]*|\Z)"  # a word, a name, and all blanks behind
_SOLID, _END_SOLID = re.compile(_LINE_OF % b"solid"), re.compile(_LINE_OF % b"endsolid")
_MOST_ODD = 2**16  # numbers that Python reads one by one


def read_stl(data: bytes, source: str, looks: bool = True) -> Surface:
    """The surface in an STL file's bytes; `source` names it in errors."""
    # Some binary files start with the word solid as well, so the size decides first.
    count = int.from_bytes(data[80:84], "little")
    if len(data) >= _HEAD and len(data) == _HEAD + _FACET.itemsize * count:
        return _read_binary(data, source, count)
    text = to_utf8(data)
    if text.lstrip()[:5].lower() == b"solid" and b"\0" not in text:
        return _read_plain(text, source, looks) or _read_words(plain_text(text, comments=False), source, looks)
    if len(data) < _HEAD or looks_like(data) not in ("no format known here", "STL (ascii)"):
        raise not_this_format(source, "STL", data)
    return _read_binary(data, source, count)


def _read_binary(data: bytes, source: str, count: int) -> Surface:
    end = _HEAD + _FACET.itemsize * count
    if end > len(data):
        raise damaged(
            source,
            "byte 80",
            f"expected {_HEAD} + {_FACET.itemsize} x {count} = {end} bytes for the {count} facets it promises, "
            f"got {len(data)}",
        )
    if end < len(data):
        _check_leftover(data, end, count, source)
    facets = np.frombuffer(data, dtype=_FACET, offset=_HEAD, count=count)
    corners = np.ascontiguousarray(facets["corners"]).reshape(-1, 3)

    def place(corner: int) -> str:
        return f"byte {_HEAD + _FACET.itemsize * (corner // 3)} (facet {corner // 3})"

    return _merged(corners, source, place, None)


def _check_leftover(data: bytes, end: int, count: int, source: str) -> None:
    """Bytes behind the promised facets are no harm, unless they are facets themselves."""
    more, rest = divmod(len(data) - end, _FACET.itemsize)
    if rest == 0:
        corners = np.frombuffer(data, dtype=_FACET, offset=end)["corners"].astype(np.float64)
        sides = np.abs(corners[:, 1:] - corners[:, :1])
        if (np.abs(corners) < 1e12).all() and (sides.max(axis=(1, 2)) > 1e-12).all():
            problem = f"the header promises {count} facets, but {count + more} follow"
            raise damaged(source, "byte 80", problem, "Export it again: one of the two numbers is wrong")
    leftover(source, f"byte {end}", f"{len(data) - end} bytes", data[end : end + 100])


def _read_words(text: bytes, source: str, looks: bool) -> Surface:
    text, solids, end = _without_names(text)
    words = Words(text.lower(), source)
    if end is None:
        raise damaged(source, words.place(len(words)), "the file ends without endsolid")
    behind = int(np.searchsorted(words.begin, end))
    if behind < len(words):
        leftover(source, words.place(behind), f"{len(words) - behind} words", text[words.begin[behind] :])
    is_end = words.are(b"end", slice(None))
    ends = np.zeros(len(words), dtype=bool)  # is "end" the word before?
    ends[1:] = is_end[:-1]
    is_facet = words.are(b"facet", slice(None)) & ~ends
    # Between facet and outer stands the normal, which is skipped whatever it is.
    in_head = np.cumsum(is_facet) > np.cumsum(words.are(b"outer", slice(None)))
    chosen = np.flatnonzero((~is_end & (is_facet | ~in_head))[:behind])
    facets = _checked(words, chosen, ends)
    corners = words.numbers(facets[:, _NUMBERS].reshape(-1)).reshape(-1, 3)

    def place(corner: int) -> str:
        return words.place(int(facets[corner // 3, _NUMBERS[3 * (corner % 3)]]))

    solid = np.searchsorted([at for at, _ in solids], words.begin[facets[:, 0]]) - 1
    named = _groups([name for _, name in solids], solid) if looks else None
    return _merged(corners, source, place, named)


def _read_plain(data: bytes, source: str, looks: bool) -> Surface | None:
    """A long text that is spelled as nearly all programs do, in one pass over it.

    None for another spelling or damage, which `_read_words` reads, or says where it is.
    """
    if not kernels_pay(len(data)):
        return None
    from geolearn.kernels.facets import LEAST, read_facets

    text = np.frombuffer(data, np.uint8)
    facets, odd = np.empty((len(data) // LEAST + 1, 9)), np.empty((_MOST_ODD, 3), np.int64)
    names, ends, row, num_odd = [], [], 0, 0
    at = len(data) - len(data.lstrip())
    while at < len(data):
        head = _SOLID.match(data, at)
        if head is None or b"facet" in head[1].lower():
            return None
        row, num_odd, at = read_facets(text, head.end(), facets, row, odd, num_odd)
        tail = _END_SOLID.match(data, at) if at >= 0 else None
        if tail is None or b"facet" in tail[1].lower():
            return None
        names.append(head[1].strip().decode("utf-8", "replace"))
        ends.append(row)
        at = tail.end()
    numbers = facets[:row].reshape(-1)
    for i, begin, end in odd[:num_odd].tolist():
        number = parse_number(data[begin:end])
        if number is None:
            return None
        numbers[i] = number
    corners = numbers.reshape(-1, 3)
    if fits_float32(corners) is not None:
        return None
    named = _groups(names, np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))) if looks else None
    return _merged(corners, source, lambda corner: f"corner {corner}", named)


def _groups(names: list[str], solid: Array) -> Looks | None:
    """Solids as groups, if one has a name."""
    return Looks(groups=tuple(names), group=solid) if any(names) else None


def _without_names(text: bytes) -> tuple[bytes, list[tuple[int, str]], int | None]:
    """`text` with blanks for `solid NAME` and `endsolid NAME`.

    Also where solids begin, with their names; and where the last one ends, None if it does not.
    """
    parts, solids, copied, end = [], [], 0, None
    lower = text.lower()
    at = lower.find(b"solid")
    while at >= 0:
        behind = at + len(b"solid")
        closing = _END_BEFORE.search(lower, max(at - 16, 0), at)
        whole = closing or at == 0 or lower[at - 1 : at].isspace()
        if whole and (behind == len(text) or lower[behind : behind + 1].isspace()):
            line_end = lower.find(b"\n", behind)
            facet = _find_facet(lower, behind, len(text) if line_end < 0 else line_end)
            begin, end = (closing.start(), facet) if closing else (at, None)
            if not closing:
                solids.append((at, text[behind:facet].strip().decode("utf-8", "replace")))
            parts += [text[copied:begin], b" " * (at - begin), b" " * (facet - at)]
            copied = behind = facet
        at = lower.find(b"solid", behind)
    return b"".join([*parts, text[copied:]]), solids, end


def _find_facet(lower: bytes, begin: int, end: int) -> int:
    """Where `facet normal` stands in a line, or its end."""
    at = lower.find(b"facet", begin, end)
    while at >= 0:
        if lower[at - 1 : at].isspace() and lower[at:end].split(maxsplit=2)[1:2] == [b"normal"]:
            return at
        at = lower.find(b"facet", at + 1, end)
    return end


def _checked(words: Words, chosen: Array, ends: Array) -> Array:
    """The words of facets, (F, 17), each a word of `_LOOP`."""
    wrong = np.zeros(len(chosen), dtype=bool)
    for column, word in enumerate(_LOOP):
        if isinstance(word, str):
            own = chosen[column :: len(_LOOP)]
            good = words.are(word.encode(), own)
            if word.startswith("end"):
                good |= words.are(word[3:].encode(), own) & ends[own]
            wrong[column :: len(_LOOP)] = ~good
    if wrong.any() or len(chosen) % len(_LOOP):
        first = int(wrong.argmax()) if wrong.any() else len(chosen)
        word = int(chosen[min(first, len(chosen) - 1)])
        problem = f"expected {_LOOP[first % len(_LOOP)] or 'a number'}, got {words.line(word)}"
        raise damaged(words.source, words.place(word), problem)
    return chosen.reshape(-1, len(_LOOP))


def _merged(corners: Array, source: str, place: Callable[[int], str], looks: Looks | None) -> Surface:
    """The surface of loose triangles, whose corners (3 F, 3) are all used."""
    fits = fits_float32(corners)
    if fits is not None:
        raise damaged(
            source,
            place(int((~fits).argmax())),
            f"{int((~fits).sum())} of {len(corners)} corners have a coordinate that is NaN, infinite or beyond float32",
        )
    rounded, origin = about_origin(corners, slice(None))
    verts, index, first = merge_identical(rounded)
    if origin is not None:
        verts = corners[first]
    return Surface(verts, lambda vertex: place(int(first[vertex])), index, np.full(len(index) // 3, 3), looks=looks)


def _normals(corners: Array) -> Array:
    """Unit normals (F, 3) of triangles (F, 3, 3); 0 for those without area."""
    corners = corners.astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return normal / np.where(length > 0, length, 1)


def write_stl(mesh: Contents) -> bytes:
    """The bytes of a binary STL file. Corners are repeated per face, so vertex sharing and order are not kept.

    Raises:
        InvalidInputError: a mesh about an origin, whose positions float32 does not hold.
    """
    if mesh.origin is not None:
        raise InvalidInputError(
            f"mesh: binary STL holds float32, which would bend a shape about {mesh.origin.tolist()}; write it as text, "
            "or in another format, or without its origin"
        )
    corners = mesh.verts[mesh.faces]
    facets = np.zeros(len(corners), dtype=_FACET)
    facets["normal"], facets["corners"] = _normals(corners), corners
    return b"geolearn".ljust(80) + len(facets).to_bytes(4, "little") + facets.tobytes()


def write_ascii_stl(mesh: Contents) -> bytes:
    """The bytes of an ascii STL file, one solid for each group; nine digits give every float32 back exactly."""
    corners = mesh.world()[mesh.faces]
    vertex = f"vertex {mesh.position}\n"
    facet = f"facet normal %.6g %.6g %.6g\nouter loop\n{vertex * 3}endloop\nendfacet\n"
    group = np.full(len(corners), -1) if mesh.looks.group_index is None else mesh.looks.group_index
    text = []
    for number in dict.fromkeys(group.tolist()):
        chosen = corners[group == number]
        name = " ".join(mesh.looks.groups[number].split()) if number >= 0 else "geolearn"
        text.append(f"solid {name}\n{number_lines(facet, _normals(chosen), chosen)}endsolid {name}\n")
    return "".join(text).encode()
