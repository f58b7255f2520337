"""The header of a PLY file: its encoding and what each element is made of."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geolearn.io.damage import damaged, excerpt
from geolearn.io.formats import not_this_format

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_KNOWN = set(_TYPES)
_BYTE_ORDER = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
INDEX_NAMES = ("vertex_indices", "vertex_index")
_AMBIGUOUS = {"vertex": ("x", "y", "z"), "face": (*INDEX_NAMES, "label"), "tristrips": INDEX_NAMES}
_MAGIC = re.compile(rb"\s*ply[ \t]*[\r\n]")
_END = re.compile(rb"[\r\n][ \t]*end_header[ \t]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class Property:
    """One value per row, or with `count_type` a list whose length stands before it."""

    name: str
    type: np.dtype
    count_type: np.dtype | None = None


@dataclass(frozen=True)
class Element:
    """`count` rows of the same properties."""

    name: str
    count: int
    properties: tuple[Property, ...]

    @cached_property
    def names(self) -> list[str]:
        return [p.name for p in self.properties]

    @cached_property
    def scalars(self) -> dict[str, Property]:
        """The plain properties by name, without those whose name occurs twice."""
        times = Counter(self.names)
        return {p.name: p for p in self.properties if p.count_type is None and times[p.name] == 1}


@dataclass(frozen=True)
class Header:
    """`byte_order` is "" for ascii; the body starts at byte `size`; `comments` are the words behind `comment`."""

    byte_order: str
    elements: tuple[Element, ...]
    size: int
    comments: tuple[str, ...] = ()


def parse_header(data: bytes, source: str) -> Header:
    """The header of a PLY file's bytes.

    Raises:
        MeshFormatError: not a PLY file, or a line of the header that makes no sense.
    """
    if not _MAGIC.match(data):
        raise not_this_format(source, "PLY (its first line is ply)", data)
    end = _END.search(data)
    if end is None:
        raise damaged(source, "the header", "there is no line end_header")
    size = end.end()
    if end.group().endswith(b"\r\n") and b"\n" not in data[: end.start() + 1].lstrip():
        size -= 1  # lines end in a carriage return: what follows is the first byte of the body
    byte_order: str | None = None
    rows: list[tuple[str, int]] = []
    properties: list[list[tuple[str, str, str | None]]] = []
    comments: list[str] = []
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", data[: end.start()].lstrip())[1:], start=2):
        words = line.decode("latin-1").split()
        match words:
            case ["comment", *_]:
                comments.append(line.decode("utf-8", "replace").strip().removeprefix("comment").strip())
            case [] | ["obj_info", *_]:
                pass
            case ["format", encoding, "1.0"] if encoding in _BYTE_ORDER and byte_order is None:
                byte_order = _BYTE_ORDER[encoding]
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) <= 18:
                rows.append((name, int(count)))
                properties.append([])
            case ["property", "list", count_type, item_type, name] if rows and {count_type, item_type} <= _KNOWN:
                if _TYPES[count_type][0] == "f":
                    raise damaged(source, f"line {number}", f"a list cannot have a length of type {count_type}")
                properties[-1].append((name, item_type, count_type))
            case ["property", item_type, name] if rows and item_type in _TYPES:
                properties[-1].append((name, item_type, None))
            case _:
                raise damaged(source, f"line {number}", f"not a line of a PLY header: {excerpt(line)}")
    if byte_order is None:
        raise damaged(source, "the header", "there is no line format, which says ascii or binary")
    order = byte_order or "<"
    elements = tuple(
        Element(name, count, tuple(_property(order, *each) for each in parts))
        for (name, count), parts in zip(rows, properties, strict=True)
    )
    names = [e.name for e in elements]
    twice = [f"element {name}" for name in ("vertex", "face", "tristrips") if names.count(name) > 1]
    for element in elements:
        needed = _AMBIGUOUS.get(element.name, ())
        twice += [f"{name} of {element.name}" for name in needed if element.names.count(name) > 1]
    if twice:  # other names nobody reads
        raise damaged(source, "the header", f"{twice[0]} occurs twice")
    bare = [e.name for e in elements if e.count and not e.properties]
    if bare:
        raise damaged(source, "the header", f"element {bare[0]} has rows but no properties")
    return Header(byte_order, elements, size, tuple(comments))


def _property(order: str, name: str, item_type: str, count_type: str | None) -> Property:
    return Property(
        name,
        np.dtype(order + _TYPES[item_type]),
        None if count_type is None else np.dtype(order + _TYPES[count_type]),
    )
