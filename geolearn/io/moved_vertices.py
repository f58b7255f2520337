"""A copy of a mesh file with its vertices elsewhere; faces, texture coordinates, materials and all else stay.

A `Mesh` holds triangles, so reading and writing a file loses some of what else is in it. Here only the numbers of the
positions are replaced, in the bytes of the file itself.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular, write_whole
from geolearn.io.float32 import is_far_from_0
from geolearn.io.meshes import load_mesh
from geolearn.io.ply_header import parse_header
from geolearn.typing import Array, Float, PathLike, Tensor

_OBJ_VERTEX = re.compile(rb"(?m)^([ \t]*v[ \t]+)([^\s\\]+)([ \t]+)([^\s\\]+)([ \t]+)([^\s#\\]+)")
_THREE = re.compile(rb"([ \t]*)(\S+)([ \t]+)(\S+)([ \t]+)([^\s#]+)")
_OFF_HEADER = re.compile(rb"\s*(?:ST)?C?N?OFF|off", re.IGNORECASE)


def save_moved(source: PathLike, path: PathLike, verts: Float[Tensor, "V 3"]) -> None:
    """Write `source` to `path` with other positions, everything else byte for byte: OBJ, OFF and PLY.

    Vertices that did not move keep their digits, so positions as they were give the same bytes.

    Args:
        source: a file that `load_mesh` reads; its extension says the format.
        path: where to, in the same format. The file appears whole or not at all.
        verts: new positions, in the order of `load_mesh` and about its origin; written with nine digits, or in the type
            of a binary PLY.

    Raises:
        InvalidInputError: another format than OBJ, OFF and PLY, two formats, or another number of vertices.
        MeshFormatError: `source` is damaged, or written in a way that only `load_mesh` follows (joined lines in an OBJ,
            a PLY whose vertices do not come first or hold lists); the message says so.

    >>> import tempfile, torch
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.obj").write_text("v 0 0 0\\nv 1 0 0\\nv 0 1 0\\nvt 0 0\\nusemtl wood\\nf 1/1 2/1 3/1\\n")
    >>> save_moved(folder / "a.obj", folder / "b.obj", torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0]]))
    >>> print((folder / "b.obj").read_text())
    v 0 0 0
    v 2 0 0
    v 0 1 0
    vt 0 0
    usemtl wood
    f 1/1 2/1 3/1
    <BLANKLINE>
    """
    source, path = Path(source), Path(path)
    kind = source.suffix.lower()
    if kind not in _REWRITERS or path.suffix.lower() != kind:
        raise InvalidInputError(
            f"path: expected the format of the source, one of {', '.join(_REWRITERS)}, got {path.name}"
        )
    mesh = load_mesh(source, attributes=False)
    before, after = mesh.verts.numpy(), verts.detach().cpu().numpy().astype(np.float32)
    if after.shape != before.shape:
        raise InvalidInputError(f"verts: expected {before.shape}, as {source.name} has, got {after.shape}")
    data = read_regular(source)
    if mesh.origin is not None:  # the file holds where they lie in its world
        origin = mesh.origin.numpy()
        before, after = (where.astype(np.float64) + origin for where in (before, after))
    write_whole(path, _REWRITERS[kind](data, str(source), before, after))


def _rewrite_obj(data: bytes, source: str, before: Array, after: Array) -> bytes:
    lines = [match.span(2)[0] for match in _OBJ_VERTEX.finditer(data)]
    if len(lines) != len(before):
        raise _unknown_layout(source, f"{len(lines)} lines of vertices for {len(before)} vertices")
    moved = iter(_texts(before, after))
    return _OBJ_VERTEX.sub(lambda match: match[1] + _replaced(match, next(moved), 1), data)


def _rewrite_off(data: bytes, source: str, before: Array, after: Array) -> bytes:
    lines = data.splitlines(keepends=True)
    filled = [i for i, line in enumerate(lines) if line.split(b"#")[0].strip()]
    header = lines[filled[0]].split(b"#")[0]
    # the counts stand on the line of the word OFF, or on the next
    first = 1 if _OFF_HEADER.sub(b"", header, count=1).strip() else 2
    moved = _texts(before, after)
    for place, text in zip(filled[first : first + len(before)], moved, strict=True):
        match = _THREE.match(lines[place])
        if match is None:
            raise _unknown_layout(source, f"line {place + 1} has no three numbers")
        lines[place] = match[1] + _replaced(match, text, 1) + lines[place][match.end() :]
    return b"".join(lines)


def _rewrite_ply(data: bytes, source: str, before: Array, after: Array) -> bytes:
    header = parse_header(data, source)
    element = header.elements[0]
    if element.name != "vertex" or any(one.count_type is not None for one in element.properties):
        raise _unknown_layout(source, "its first element is not the vertices, or they hold lists")
    names = [one.name for one in element.properties]
    if not header.byte_order:
        return data[: header.size] + _rewrite_ply_text(data[header.size :], source, names, before, after)
    order = header.byte_order
    kind = np.dtype([(one.name, f"{order}{one.type.str[1:]}") for one in element.properties])
    size = kind.itemsize * len(before)
    rows = np.frombuffer(data[header.size : header.size + size], kind).copy()
    still = (before == after).all(1)
    for axis, name in enumerate("xyz"):
        rows[name] = np.where(still, rows[name], after[:, axis])
    return data[: header.size] + rows.tobytes() + data[header.size + size :]


def _rewrite_ply_text(body: bytes, source: str, names: list[str], before: Array, after: Array) -> bytes:
    lines = body.split(b"\n")
    places = [i for i, line in enumerate(lines) if line.strip()][: len(before)]
    for place, text in zip(places, _texts(before, after), strict=True):
        words = lines[place].split()
        if len(words) < len(names):
            raise _unknown_layout(source, "a vertex does not stand on a line of its own")
        if text is not None:
            for name, number in zip("xyz", text, strict=True):
                words[names.index(name)] = number
            lines[place] = b" ".join(words) + (b"\r" if lines[place].endswith(b"\r") else b"")
    return b"\n".join(lines)


def _texts(before: Array, after: Array) -> list[tuple[bytes, ...] | None]:
    """The three numbers of each vertex that moved, None for the others."""
    still = (before == after).all(1).tolist()
    rows = after.tolist()
    form = b"%.9g" if after.dtype == np.float32 and not is_far_from_0(after, slice(None)) else b"%.17g"
    return [None if same else tuple(form % number for number in row) for same, row in zip(still, rows, strict=True)]


def _replaced(match: re.Match[bytes], text: tuple[bytes, ...] | None, first: int) -> bytes:
    """What the match holds after its group `first`, with three numbers in place of its own."""
    if text is None:
        return match[0][len(match[first]) :]
    return text[0] + match[first + 2] + text[1] + match[first + 4] + text[2]


def _unknown_layout(source: str, why: str) -> Exception:
    return damaged(source, "the vertices", f"cannot be replaced in place: {why}", "Write to another format instead")


_REWRITERS: dict[str, Callable[[bytes, str, Array, Array], bytes]] = {
    ".obj": _rewrite_obj,
    ".off": _rewrite_off,
    ".ply": _rewrite_ply,
}
