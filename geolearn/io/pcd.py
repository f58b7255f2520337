"""PCD, the files of the Point Cloud Library: ascii, binary, and compressed.

Read: x, y, z, the normals normal_x, normal_y, normal_z and the colour in rgb or rgba, which packs 8 bits each into one
number. Points that are NaN are those of an image where the sensor saw nothing; the caller leaves them out.
Source: https://pointclouds.org/documentation/tutorials/pcd_file_format.html
"""

import re
from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged, excerpt, leftover
from geolearn.io.formats import not_this_format
from geolearn.io.grids import check_size
from geolearn.io.words import Words, plain_text
from geolearn.io.xyz import Points
from geolearn.typing import Array

_DATA = re.compile(rb"(?:^|[\r\n])[ \t]*DATA[ \t]+(ascii|binary|binary_compressed)[ \t]*(?:\r\n|\n|\r|\Z)")
_MOST_HEADER = 2**16
_SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}


class _Header(NamedTuple):
    fields: np.dtype  # of one point
    points: int
    encoding: str
    size: int  # bytes of the header


def read_pcd(data: bytes, source: str) -> Points:
    """The points in a PCD file's bytes; `source` names it in errors."""
    header = _parse_header(data, source)
    if header.encoding == "ascii":
        return _points(_read_ascii(data, header, source), source)
    needed = header.points * header.fields.itemsize
    body = data[header.size :]
    if header.encoding == "binary":
        if needed > len(body):
            problem = f"{header.points} points need {needed} bytes, got {len(body)}"
            raise damaged(source, f"byte {header.size}", problem)
        if len(body) > needed and body[needed:].strip(b"\0 \r\n\t"):
            leftover(source, f"byte {header.size + needed}", f"{len(body) - needed} bytes", body[needed : needed + 100])
        return _points(np.frombuffer(body, dtype=header.fields, count=header.points), source)
    return _points(_read_compressed(body, header, needed, source), source)


def _parse_header(data: bytes, source: str) -> _Header:
    end = _DATA.search(data, 0, _MOST_HEADER)
    entries: dict[str, list[str]] = {}
    for line in re.split(rb"\r\n|\n|\r", data[: 0 if end is None else end.start()]):
        words = line.decode("latin-1").partition("#")[0].split()
        if words:
            entries[words[0]] = words[1:]
    if end is None or "FIELDS" not in entries:
        raise not_this_format(source, "PCD (with lines FIELDS and DATA)", data)
    names = entries["FIELDS"]
    count = entries.get("COUNT", ["1"] * len(names))
    numbers = [*entries.get("SIZE", []), *count, *entries.get("POINTS", []), *entries.get("WIDTH", [])]
    good = all(word.isascii() and word.isdigit() and len(word) <= 15 for word in numbers)
    columns = [entries.get("SIZE", []), entries.get("TYPE", []), count]
    points = entries.get("POINTS") or entries.get("WIDTH")
    if not good or any(len(column) != len(names) for column in columns) or not points or len(points) != 1:
        problem = "expected FIELDS, SIZE, TYPE and COUNT of one length, and POINTS"
        raise damaged(source, "the header", problem)
    fields = []
    for i, (name, size, kind, times) in enumerate(zip(names, *columns, strict=True)):
        if int(size) not in _SIZES.get(kind, ()) or not 1 <= int(times) <= 2**20:
            raise damaged(source, "the header", f"field {name}: expected a number, got {kind} of {size} bytes")
        # Names may be repeated, as the padding "_" is.
        fields.append((name if names.count(name) == 1 else f"{i} {name}", f"<{kind.lower()}{size}", (int(times),)))
    if not {"x", "y", "z"} <= set(names) or any(names.count(axis) > 1 for axis in "xyz"):
        raise damaged(source, "the header", f"expected the fields x, y, z once each, got {' '.join(names)[:80]}")
    return _Header(np.dtype(fields), int(points[0]), end.group(1).decode(), end.end())


def _read_ascii(data: bytes, header: _Header, source: str) -> Array:
    text = plain_text(data, comments=False)
    end = _DATA.search(text, 0, _MOST_HEADER)
    size = header.size if end is None else end.end()
    breaks = text.count(b"\n", 0, size)
    words = Words(b" " * (size - breaks) + b"\n" * breaks + text[size:], source)
    width = sum(header.fields[name].shape[0] for name in header.fields.names or ())
    wrong = words.per_line != width
    if len(words.first) < header.points or wrong[: header.points].any():
        row = int(wrong.argmax()) if wrong.any() else len(words.first)
        at = int(words.first[row]) if row < len(words.first) else len(words)
        problem = f"expected {header.points} rows of {width} numbers, got {words.line(at)} in row {row}"
        raise damaged(source, words.place(at), problem)
    if len(words.first) > header.points:
        at = int(words.first[header.points])
        if words.is_number(at):
            problem = f"the header promises {header.points} points, but {len(words.first)} rows follow"
            raise damaged(source, words.place(at), problem)
        leftover(source, words.place(at), f"{len(words.first) - header.points} lines", words.text[words.begin[at] :])
    numbers = words.numbers(slice(0, width * header.points)).reshape(header.points, width)
    table = np.zeros(header.points, dtype=header.fields)
    at = 0
    for name in header.fields.names or ():
        times = header.fields[name].shape[0]
        values = numbers[:, at : at + times]
        # A colour packed into a float is written as that float, or as the whole number that has its bits.
        if name in ("rgb", "rgba") and header.fields[name].base.kind == "f" and (values >= 1).any():
            values = values.astype(np.uint32).view(np.float32) if times == 1 else values
        with np.errstate(over="ignore", invalid="ignore"):
            table[name] = values
        at += times
    return table


def _read_compressed(body: bytes, header: _Header, needed: int, source: str) -> Array:
    packed, unpacked = (int.from_bytes(body[at : at + 4], "little") for at in (0, 4))
    if len(body) < 8 + packed or unpacked != needed:
        problem = f"expected {packed} bytes that unpack to {needed}, got {max(len(body) - 8, 0)} and {unpacked}"
        raise damaged(source, f"byte {header.size}", problem)
    check_size(unpacked, len(body), source, "the header")
    content = _unpack(body[8 : 8 + packed], unpacked)
    if content is None:
        raise damaged(source, f"byte {header.size + 8}", "its compressed points are damaged")
    table = np.zeros(header.points, dtype=header.fields)
    at = 0
    for name in header.fields.names or ():  # field after field, each of all points
        field = header.fields[name]
        size = field.itemsize * header.points
        table[name] = np.frombuffer(content, dtype=field.base, count=size // field.base.itemsize, offset=at).reshape(
            header.points, -1
        )
        at += size
    return table


def _unpack(packed: bytes, size: int) -> bytes | None:
    """LZF by Marc Lehmann: runs of bytes, and repeats of what came up to 8 kB before; None where it is damaged."""
    out, at = bytearray(), 0
    while at < len(packed):
        control = packed[at]
        at += 1
        if control < 32:
            out += packed[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += packed[at] if at < len(packed) else 0
            at += 1
        if at >= len(packed):
            return None
        begin = len(out) - ((control & 31) << 8) - packed[at] - 1
        at += 1
        length += 2
        if begin < 0 or len(out) + length > size:
            return None
        while length > 0:  # a repeat may run into itself
            piece = out[begin : begin + length]
            out += piece
            begin, length = begin + len(piece), length - len(piece)
    return bytes(out) if len(out) == size else None


def _points(table: Array, source: str) -> Points:
    names = table.dtype.names or ()

    def stacked(wanted: tuple[str, ...]) -> Array | None:
        if not set(wanted) <= set(names):
            return None
        return np.concatenate([table[name].reshape(len(table), -1)[:, :1] for name in wanted], axis=1)

    positions = stacked(("x", "y", "z"))
    if positions is None:
        raise damaged(source, "the header", f"expected the fields x, y, z, got {excerpt(' '.join(names).encode())}")
    if positions.dtype != np.float32:
        positions = positions.astype(np.float64)
    colour = next((name for name in ("rgba", "rgb") if name in names), None)
    colours = None
    if colour is not None and table[colour].dtype.itemsize == 4:
        packed = np.ascontiguousarray(table[colour][:, 0]).view(np.uint32)
        shifts = (16, 8, 0, 24) if colour == "rgba" else (16, 8, 0)
        colours = np.stack([packed >> shift & 255 for shift in shifts], axis=1) / 255
    return Points(positions, stacked(("normal_x", "normal_y", "normal_z")), colours)
