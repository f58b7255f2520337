"""MATLAB 5 files (.mat) as 3D ShapeNets distributes its volumes: a cube `instance`, compressed or not.

Parsed here, not by SciPy: what a compressed variable claims to be is read from its first bytes, so that a bomb is
refused before it is unpacked. Our own files carry `origin` and `voxel_size` as well.
Source: MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import struct
import zlib
from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged, leftover
from geolearn.io.formats import not_this_format
from geolearn.io.grids import Grid, check_cube, check_size, compresses, to_values
from geolearn.typing import Array

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x800
_HEAD = 4096  # bytes that surely hold a variable's flags, dimensions and name
_MOST_VARIABLES = 1000
_WANTED = ("instance", "origin", "voxel_size")


class _Variable(NamedTuple):
    """What a variable says of itself; `values_at` is where, in its body, the element of its values begins."""

    name: str
    shape: tuple[int, ...]
    class_and_flags: int
    values_at: int


def read_mat(data: bytes, source: str) -> Grid:
    """The grid in a MATLAB 5 file's bytes; `source` names it in errors."""
    if not data.startswith(b"MATLAB 5.0") or len(data) < 128:
        raise not_this_format(source, "MATLAB .mat of version 5", data)
    if data[126:128] not in (b"IM", b"MI"):
        raise damaged(source, "byte 126", "no mark of the byte order", "Save it with MATLAB's save -v7")
    order = "<" if data[126:128] == b"IM" else ">"
    found: dict[str, Array] = {}
    names: list[str] = []
    at = 128
    while at < len(data):
        place = f"byte {at}"
        if "instance" in found and _is_waste(data, at, order, source):
            leftover(source, place, f"{len(data) - at} bytes", data[at : at + 100])
            break
        kind, size = _tag(data, at, order, source, place)
        if at + 8 + size > len(data) or len(names) >= _MOST_VARIABLES:
            raise damaged(source, place, f"variable {len(names)} has {size} bytes, only {len(data) - at - 8} are left")
        content = memoryview(data)[at + 8 : at + 8 + size]
        at += 8 + size
        name, values = _read_variable(kind, content, len(data), order, source, place)
        names.append(name)
        if values is not None:
            found[name] = values
    if "instance" not in found:
        raise damaged(
            source,
            "the whole file",
            f"expected a variable instance, got {', '.join(names[:8]) or 'none'}",
            "Save the cube under the name instance",
        )
    return _grid(found, source)


def _is_waste(data: bytes, at: int, order: str, source: str) -> bool:
    """Is what stands here no variable, nor the beginning of one?"""
    if len(data) - at < 8:
        return not any(data[at:])
    return _tag(data, at, order, source, f"byte {at}")[0] not in (_MATRIX, _COMPRESSED)


def _grid(found: dict[str, Array], source: str) -> Grid:
    instance = found["instance"]
    check_cube(instance.shape, source, "instance")
    grid = Grid(to_values(instance, source, "instance"))
    for name, count in (("origin", 3), ("voxel_size", 1)):
        if name in found:
            numbers = found[name].reshape(-1)
            if len(numbers) != count:
                raise damaged(source, name, f"expected {count} numbers, got shape {found[name].shape}")
            grid = grid._replace(**{name: numbers if count == 3 else float(numbers[0])})
    return grid


def _read_variable(
    kind: int, content: memoryview, file_bytes: int, order: str, source: str, place: str
) -> tuple[str, Array | None]:
    """A variable's name and, if it is a wanted one, its values."""
    compressed = kind == _COMPRESSED
    if compressed:
        head = _inflate(content, 8 + _HEAD, source, place)
        kind, size = _tag(head, 0, order, source, place)
        head = head[8:]
    else:
        head, size = bytes(content[:_HEAD]), len(content)
    if kind != _MATRIX:
        raise damaged(source, place, f"expected a variable (type {_MATRIX}), got type {kind}")
    variable = _describe(head, order, source, place)
    if variable.name not in _WANTED:
        return variable.name, None
    check_size(size, file_bytes, source, f"{place}, {variable.name}")
    body = _inflate(content, 8 + size, source, place, whole=True)[8:] if compressed else bytes(content)
    return variable.name, _values(body, variable, order, source, place)


def _describe(body: bytes, order: str, source: str, place: str) -> _Variable:
    flags_kind, flags, at = _part(body, 0, order, source, place)
    shape_kind, sides, at = _part(body, at, order, source, place)
    name_kind, name, at = _part(body, at, order, source, place)
    if (flags_kind, shape_kind, name_kind) != (_UINT32, _INT32, _INT8) or len(flags) != 8 or len(sides) % 4:
        raise damaged(source, place, "a variable without flags, dimensions and name")
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    (class_and_flags,) = struct.unpack_from(f"{order}I", flags)
    return _Variable(name.decode("latin-1")[:63], shape, class_and_flags, at)


def _values(body: bytes, variable: _Variable, order: str, source: str, place: str) -> Array:
    place = f"{place}, {variable.name}"
    array_class = _CLASSES.get(variable.class_and_flags & 0xFF)
    kind, raw, _ = _part(body, variable.values_at, order, source, place)
    if array_class is None or variable.class_and_flags & _COMPLEX or kind not in _NUMBERS:
        raise damaged(source, place, "not an array of plain real numbers", "Save it as a full array of numbers")
    stored = np.dtype(order + _NUMBERS[kind])
    needed = math.prod(variable.shape[:8]) * stored.itemsize
    if len(variable.shape) > 8 or min(variable.shape, default=0) < 1 or needed != len(raw):
        shape = str(variable.shape)[:80]
        raise damaged(source, place, f"shape {shape} of {stored} needs {needed} bytes, got {len(raw)}")
    values = np.frombuffer(raw, dtype=stored).reshape(variable.shape, order="F")
    if array_class in ("f8", "f4"):  # MATLAB stores whole doubles in fewer bytes
        with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity are refused with the values
            return values.astype(array_class)
    return values


def _inflate(content: memoryview, most: int, source: str, place: str, *, whole: bool = False) -> bytes:
    """The first `most` bytes that compressed content unpacks to; `whole` if that must be all, with a right checksum."""
    decoder = zlib.decompressobj()
    try:
        unpacked = decoder.decompress(content, most + whole)
    except zlib.error as error:
        raise damaged(source, place, f"cannot be unpacked ({error})") from None
    if whole and (len(unpacked) != most or not decoder.eof):
        raise damaged(source, place, f"expected to unpack to {most} bytes, got {len(unpacked)}")
    return unpacked


def _tag(data: bytes, at: int, order: str, source: str, place: str) -> tuple[int, int]:
    """Type and size of the element that begins at byte `at`."""
    if at + 8 > len(data):
        raise damaged(source, place, "ends within the tag of an element")
    return struct.unpack_from(order + "II", data, at)


def _part(body: bytes, at: int, order: str, source: str, place: str) -> tuple[int, bytes, int]:
    """Type, bytes and end of the part of a variable that begins at byte `at` of its body."""
    kind, size = _tag(body, at, order, source, place)
    begin = at + 8
    if kind >> 16:  # the short form: 16 bits of size, 16 of type, 4 bytes of data
        kind, size, begin = kind & 0xFFFF, kind >> 16, at + 4
    if begin + size > len(body) or (begin == at + 4 and size > 4):
        raise damaged(source, place, f"a part of {size} bytes, but only {max(len(body) - begin, 0)} are left")
    return kind, body[begin : begin + size], begin + size + -(begin + size) % 8


def write_mat(grid: Grid) -> bytes:
    """The bytes of a MATLAB 5 file with `instance` (int8, or single for float values), `origin` and `voxel_size`."""
    occupancy = grid.values.dtype == bool
    instance = grid.values.astype("<i1" if occupancy else "<f4")
    variables = [
        ("instance", instance),
        ("origin", np.asarray(grid.origin, "<f4").reshape(1, 3)),
        ("voxel_size", np.array([[grid.voxel_size]], "<f8")),
    ]
    head = b"MATLAB 5.0 MAT-file, written by geolearn".ljust(124) + b"\0\1IM"
    return head + b"".join(_variable_bytes(name, values) for name, values in variables)


def _variable_bytes(name: str, values: Array) -> bytes:
    code = values.dtype.str.removeprefix("<").removeprefix("|")
    kind = next(kind for kind, numbers in _NUMBERS.items() if numbers == code)
    array_class = next(number for number, numbers in _CLASSES.items() if numbers == code)
    body = (
        _part_bytes(_UINT32, struct.pack("<II", array_class, 0))
        + _part_bytes(_INT32, struct.pack(f"<{values.ndim}i", *values.shape))
        + _part_bytes(_INT8, name.encode())
        + _part_bytes(kind, values.tobytes(order="F"))
    )
    matrix = struct.pack("<II", _MATRIX, len(body)) + body
    if not compresses(len(body)):
        return matrix
    packed = zlib.compress(matrix)
    return struct.pack("<II", _COMPRESSED, len(packed)) + packed


def _part_bytes(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)
