"""STL, binary and ascii: loose triangles, whose identical corners are merged into shared vertices.

Source: https://www.fabbers.com/tech/STL_Format (the stated normals are skipped: the winding gives them).
"""

from collections.abc import Callable

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.lines import Lines, plain_text
from geolearn.io.triangles import Triangles, merge_identical, number_lines, to_positions
from geolearn.typing import Array

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEAD = 84  # 80 bytes of free text, then the number of facets
_KEYWORDS = (b"solid", b"facet", b"outer", b"vertex", b"endloop", b"endfacet", b"endsolid", b"end solid")
_SOLID, _FACET_BEGIN, _OUTER, _VERTEX, _END_LOOP, _END_FACET, _END_SOLID, _END = range(len(_KEYWORDS))
_FACET_LINES = (_FACET_BEGIN, _OUTER, _VERTEX, _VERTEX, _VERTEX, _END_LOOP, _END_FACET)


def read_stl(data: bytes, source: str) -> Triangles:
    """Triangles of an STL file's bytes; `source` names it in errors."""
    # Some binary files start with the word solid as well, so the size decides first.
    is_binary = len(data) >= _HEAD and len(data) == _HEAD + _FACET.itemsize * int.from_bytes(data[80:84], "little")
    if not is_binary and data.lstrip()[:5].lower() == b"solid" and b"\0" not in data:
        corners, place = _read_ascii(data, source)
    else:
        corners, place = _read_binary(data, source, is_binary)
    verts, index = merge_identical(to_positions(corners, source, place))
    return Triangles(verts, index.reshape(-1, 3))


def _read_binary(data: bytes, source: str, size_fits: bool) -> tuple[Array, Callable[[int], str]]:
    if not size_fits:
        if len(data) < _HEAD or looks_like(data) not in ("no format known here", "STL (ascii)"):
            raise not_this_format(source, "STL", data)
        count = int.from_bytes(data[80:84], "little")
        raise damaged(
            source,
            "byte 80",
            f"expected {_HEAD} + {_FACET.itemsize} x {count} = {_HEAD + _FACET.itemsize * count} bytes "
            f"for the {count} facets it promises, got {len(data)}",
        )
    corners = np.frombuffer(data, dtype=_FACET, offset=_HEAD)["corners"].reshape(-1, 3)
    return corners, lambda corner: f"byte {_HEAD + _FACET.itemsize * (corner // 3)} (facet {corner // 3})"


def _read_ascii(data: bytes, source: str) -> tuple[Array, Callable[[int], str]]:
    lines = Lines(plain_text(data.lower(), comments=False), source)
    kind = np.full(len(lines), -1)
    for code, keyword in enumerate(_KEYWORDS):
        kind[lines.starts_with(keyword)] = code
    kind[kind == _END] = _END_SOLID  # some programs write "end solid"
    if kind[-1] != _END_SOLID:
        raise damaged(source, lines.place(len(lines) - 1), "the file ends without endsolid")
    is_vertex = kind == _VERTEX

    body = np.flatnonzero((kind != _SOLID) & (kind != _END_SOLID))
    wanted = np.resize(np.array(_FACET_LINES), len(body))
    if (kind[body] != wanted).any() or len(body) % len(_FACET_LINES):
        wrong = kind[body] != wanted
        at = int(wrong.argmax()) if wrong.any() else len(body) - 1
        expected = _KEYWORDS[wanted[at]].decode() if wrong.any() else "a whole facet of 7 lines"
        row = int(body[at])
        raise damaged(source, lines.place(row), f"expected {expected}, got {lines.excerpt(row)}")
    numbers = lines.numbers(is_vertex, keyword=b"vertex")
    if (numbers.count != 3).any():
        row = int((numbers.count != 3).argmax())
        raise damaged(source, numbers.place(row), f"expected 3 coordinates after vertex, got {numbers.count[row]}")
    return numbers.columns(3), numbers.place


def _normals(corners: Array) -> Array:
    """Unit normals (F, 3) of triangles (F, 3, 3); 0 for those without area."""
    corners = corners.astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return normal / np.where(length > 0, length, 1)


def write_stl(triangles: Triangles) -> bytes:
    """The bytes of a binary STL file. Corners are repeated per face, so vertex sharing and order are not kept."""
    corners = triangles.verts[triangles.faces]
    facets = np.zeros(len(corners), dtype=_FACET)
    facets["normal"], facets["corners"] = _normals(corners), corners
    return b"geolearn".ljust(80) + len(facets).to_bytes(4, "little") + facets.tobytes()


def write_ascii_stl(triangles: Triangles) -> bytes:
    """The bytes of an ascii STL file; nine digits give every float32 back exactly."""
    corners = triangles.verts[triangles.faces]
    rows = np.concatenate([_normals(corners), corners.reshape(-1, 9)], axis=1)
    vertex = "vertex %.9g %.9g %.9g\n"
    facet = f"facet normal %.6g %.6g %.6g\nouter loop\n{vertex * 3}endloop\nendfacet\n"
    return f"solid geolearn\n{number_lines(facet, rows)}endsolid geolearn\n".encode()
