"""The header of a PLY file: its encoding and what each element is made of."""

from dataclasses import dataclass

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

    def names(self) -> list[str]:
        return [p.name for p in self.properties]


@dataclass(frozen=True)
class Header:
    """`byte_order` is "" for ascii; the body starts at byte `size`."""

    byte_order: str
    elements: tuple[Element, ...]
    size: int


def parse_header(data: bytes, source: str) -> Header:
    """The header of a PLY file's bytes.

    Raises:
        MeshFormatError: not a PLY file, or a line of the header that makes no sense.
    """
    if not data.startswith(b"ply") or data[3:4] not in (b"\n", b"\r"):
        raise not_this_format(source, "PLY (its first line is ply)", data)
    line_break = b"\r\n" if data[3:5] == b"\r\n" else data[3:4]
    end = data.find(b"end_header" + line_break)
    if end < 0:
        raise damaged(source, "the header", "there is no line end_header")
    byte_order, elements = None, []
    for number, line in enumerate(data[:end].split(line_break)[1:], start=2):
        words = line.decode("latin-1").split()
        match words:
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", encoding, "1.0"] if encoding in _BYTE_ORDER and byte_order is None:
                byte_order = _BYTE_ORDER[encoding]
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) <= 18:
                elements.append(Element(name, int(count), ()))
            case ["property", "list", count_type, item_type, name] if elements and {count_type, item_type} <= _KNOWN:
                if _TYPES[count_type][0] == "f":
                    raise damaged(source, f"line {number}", f"a list cannot have a length of type {count_type}")
                elements[-1] = _with(elements[-1], name, item_type, count_type, byte_order)
            case ["property", item_type, name] if elements and item_type in _TYPES:
                elements[-1] = _with(elements[-1], name, item_type, None, byte_order)
            case _:
                raise damaged(source, f"line {number}", f"not a line of a PLY header: {excerpt(line)}")
    if byte_order is None:
        raise damaged(source, "the header", "there is no line format, which says ascii or binary")
    for kind, names in [("element", [e.name for e in elements]), *((e.name, e.names()) for e in elements)]:
        if len(set(names)) < len(names):
            raise damaged(source, "the header", f"{kind}: a name occurs twice in {names[:20]}")
    bare = [e.name for e in elements if e.count and not e.properties]
    if bare:
        raise damaged(source, "the header", f"element {bare[0]} has rows but no properties")
    return Header(byte_order, tuple(elements), end + len(b"end_header" + line_break))


def _with(element: Element, name: str, item_type: str, count_type: str | None, byte_order: str | None) -> Element:
    order = byte_order or "<"
    new = Property(
        name,
        np.dtype(order + _TYPES[item_type]),
        None if count_type is None else np.dtype(order + _TYPES[count_type]),
    )
    return Element(element.name, element.count, (*element.properties, new))
