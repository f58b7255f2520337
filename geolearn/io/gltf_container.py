"""The outside of glTF 2.0: the GLB container, the JSON document, its buffers and accessors, all checked before use.

Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import binascii
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from geolearn.io.beside import path_beside
from geolearn.io.damage import damaged, leftover
from geolearn.io.files import read_regular
from geolearn.io.formats import not_this_format
from geolearn.typing import Array

MAGIC, JSON_CHUNK, BINARY_CHUNK = b"glTF", b"JSON", b"BIN\0"
_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
# A small file can describe a huge scene: nodes may show one mesh many times, accessors may be nothing but zeros. This
# much is let through.
_FREE_BYTES, _BYTES_PER_FILE_BYTE = 64 * 2**20, 16
_MISSING = object()


def open_glb(data: bytes, source: str, folder: Path) -> "Document":
    """The document in a binary glTF file."""
    if not data.startswith(MAGIC):
        raise not_this_format(source, "GLB (its first bytes are glTF)", data)
    version, length = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
    if version != 2:
        raise damaged(source, "byte 4", f"expected version 2 of glTF, got {version}", "Export it as glTF 2.0")
    if length > len(data):
        raise damaged(source, "byte 8", f"the header promises {length} bytes, the file has {len(data)}")
    if length < len(data):
        leftover(source, f"byte {length}", f"{len(data) - length} bytes", data[length : length + 100])
    chunks: list[tuple[bytes, bytes]] = []
    at = 12
    while at < length:
        size, kind = int.from_bytes(data[at : at + 4], "little"), data[at + 4 : at + 8]
        if at + 8 + size > length:
            raise damaged(source, f"byte {at}", f"a chunk of {size} bytes, but only {max(length - at - 8, 0)} are left")
        if len(chunks) < 2:  # the third and later are extensions
            chunks.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if not chunks or chunks[0][0] != JSON_CHUNK:
        raise damaged(source, "byte 12", "the first chunk is not JSON")
    binary = chunks[1][1] if len(chunks) > 1 and chunks[1][0] == BINARY_CHUNK else None
    return Document(chunks[0][1], binary, source, folder)


def open_gltf(data: bytes, source: str, folder: Path) -> "Document":
    """The document in a JSON glTF file, whose buffers are in data URIs or in files beside it."""
    if not data.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"{"):
        raise not_this_format(source, "glTF (JSON)", data)
    return Document(data, None, source, folder)


def shown(value: object) -> str:
    """A JSON value for a message: lists and objects by their size, as they may be nested beyond printing."""
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, list | dict) else ascii(value)[:40]


class Document:
    """Checked access to a glTF JSON object and to the bytes it points to."""

    def __init__(self, text: bytes, binary: bytes | None, source: str, folder: Path):
        self.source, self._binary, self._folder = source, binary, folder
        try:
            root = json.loads(text.decode("utf-8-sig"))
        except RecursionError:
            raise damaged(source, "its JSON", "nested too deeply") from None
        except ValueError as error:  # bad JSON, bad UTF-8 and numbers of thousands of digits
            raise damaged(source, "its JSON", str(error)) from None
        if not isinstance(root, dict):
            raise damaged(source, "its JSON", f"expected an object, got {type(root).__name__}")
        self.root: dict[str, Any] = root
        self._buffers: dict[int, bytes] = {}
        self.size = len(text) + len(binary or b"")
        self._cost = 0

    def charge(self, num_bytes: int, where: str) -> None:
        """Count what is made beyond the bytes of the file, and refuse more than they justify."""
        self._cost += num_bytes
        if self._cost > _FREE_BYTES + _BYTES_PER_FILE_BYTE * self.size:
            raise damaged(
                self.source,
                where,
                f"the scene repeats its meshes until they need over {self._cost >> 20} MB, "
                f"which a file of {self.size} bytes does not justify",
                "Export the scene with fewer instances",
            )

    def member(self, owner: dict[str, Any], key: str, kind: type, where: str, default: Any = _MISSING) -> Any:
        """`owner[key]`, which must be a `kind` (an int of at most 64 bits), or `default` where it is missing."""
        value = owner.get(key, default)
        if value is _MISSING:
            raise damaged(self.source, where, f"{key} is missing")
        if value is default:
            return value
        if type(value) is not kind or (kind is int and abs(value) >= 2**63):
            raise damaged(self.source, where, f"expected {key} to be {kind.__name__}, got {shown(value)}")
        return value

    def entry(self, kind: str, index: int) -> dict[str, Any]:
        """The object `index` of the top-level list `kind`."""
        entries = self.member(self.root, kind, list, "its JSON", [])
        if not 0 <= index < len(entries):
            raise damaged(self.source, f"{kind}[{index}]", f"does not exist: there are {len(entries)} {kind}")
        if not isinstance(entries[index], dict):
            raise damaged(self.source, f"{kind}[{index}]", "is not an object")
        return entries[index]

    def numbers(self, owner: dict[str, Any], key: str, count: int, where: str) -> list[float] | None:
        """A list of `count` finite numbers, or None where it is not given."""
        values = self.member(owner, key, list, where, None)
        if values is None:
            return None
        good = all(type(v) in (int, float) and abs(v) <= 3.4e38 for v in values)  # NaN compares False
        if len(values) != count or not good:
            raise damaged(self.source, where, f"expected {key} to be {count} finite numbers, got {shown(values)}")
        return [float(v) for v in values]

    def accessor(self, index: int, *types: str) -> Array:
        """A read-only (count, width) view of an accessor's elements, whose type is one of `types` ("VEC3", ...).

        Costs no memory, but for what is sparse or nowhere stored, which is 0.
        """
        where = f"accessors[{index}]"
        accessor = self.entry("accessors", index)
        component = self.member(accessor, "componentType", int, where)
        kind = self.member(accessor, "type", str, where)
        if component not in _COMPONENTS or kind not in types:
            wanted = " or ".join(types)
            raise damaged(
                self.source,
                where,
                f"expected {wanted} of a component type 5120..5126, got {shown(kind)} of {component}",
            )
        dtype, width = np.dtype(_COMPONENTS[component]), _WIDTHS[kind]
        count = self.member(accessor, "count", int, where)
        if count < 1:
            raise damaged(self.source, where, f"expected a count of elements >= 1, got {count}")
        sparse = self.member(accessor, "sparse", dict, where, None)
        if "bufferView" in accessor:
            elements = self._view(accessor, where, count, width, dtype)
        else:
            self.charge(count * width * dtype.itemsize, where)
            elements = np.zeros((count, width), dtype)
        if sparse is None:
            return elements
        self.charge(elements.size * dtype.itemsize, where)
        return self._replaced(elements, sparse, f"{where}.sparse")

    def _replaced(self, elements: Array, sparse: dict[str, Any], where: str) -> Array:
        """A copy of the elements with those replaced that a sparse accessor names."""
        count = self.member(sparse, "count", int, where)
        indices = self.member(sparse, "indices", dict, where)
        component = self.member(indices, "componentType", int, where)
        if count < 0 or component not in (5121, 5123, 5125):
            raise damaged(self.source, where, f"expected a count >= 0 and unsigned indices, got {count} of {component}")
        if count == 0:
            return elements
        rows = self._view(indices, f"{where}.indices", count, 1, np.dtype(_COMPONENTS[component]))[:, 0]
        values = self.member(sparse, "values", dict, where)
        new = self._view(values, f"{where}.values", count, elements.shape[1], elements.dtype)
        if int(rows.max()) >= len(elements):
            raise damaged(self.source, where, f"replaces element {rows.max()}, but there are {len(elements)}")
        elements = elements.copy()
        elements[rows] = new
        return elements

    def values(self, index: int, *types: str) -> Array:
        """An accessor's elements as floats, those that are normalised in [0, 1] or [-1, 1]."""
        elements = self.accessor(index, *types)
        accessor = self.entry("accessors", index)
        normalised = self.member(accessor, "normalized", bool, f"accessors[{index}]", False)
        if elements.dtype.kind == "f":
            return elements
        numbers = elements.astype(np.float64)
        return np.maximum(numbers / np.iinfo(elements.dtype).max, -1) if normalised else numbers

    def _view(self, owner: dict[str, Any], where: str, count: int, width: int, dtype: np.dtype) -> Array:
        """`count` elements at the place in a buffer that `owner` names."""
        view_index = self.member(owner, "bufferView", int, where)
        view_at = f"bufferViews[{view_index}]"
        content, stride = self.view(view_index)
        element = width * dtype.itemsize
        stride = element if stride is None else stride
        offset = self.member(owner, "byteOffset", int, where, 0)
        if offset < 0 or stride < element or offset + stride * (count - 1) + element > len(content):
            raise damaged(
                self.source,
                where,
                f"{count} elements of {element} bytes, {stride} apart, from byte {offset}, "
                f"do not fit the {len(content)} bytes of {view_at}",
            )
        return np.ndarray((count, width), dtype, content, offset, (stride, dtype.itemsize))

    def view(self, index: int) -> tuple[memoryview, int | None]:
        """The bytes of a bufferView and its byteStride."""
        where = f"bufferViews[{index}]"
        view = self.entry("bufferViews", index)
        begin = self.member(view, "byteOffset", int, where, 0)
        length = self.member(view, "byteLength", int, where)
        buffer = self._buffer(self.member(view, "buffer", int, where))
        if begin < 0 or length < 0 or begin + length > len(buffer):
            raise damaged(
                self.source, where, f"bytes {begin}..{begin + length} lie outside the {len(buffer)} of its buffer"
            )
        return memoryview(buffer)[begin : begin + length], self.member(view, "byteStride", int, where, None)

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            where = f"buffers[{index}]"
            buffer = self.entry("buffers", index)
            uri = self.member(buffer, "uri", str, where, None)
            if uri is not None:
                content = self.fetch(uri, where)
                self.size += 0 if uri.startswith("data:") else len(content)
            elif index == 0 and self._binary is not None:
                content = self._binary
            else:
                raise damaged(self.source, where, "has neither a uri nor a binary chunk")
            promised = self.member(buffer, "byteLength", int, where)
            if not 0 <= promised <= len(content):
                raise damaged(self.source, where, f"promises {promised} bytes, got {len(content)}")
            self._buffers[index] = content[:promised]
        return self._buffers[index]

    def fetch(self, uri: str, where: str) -> bytes:
        """The bytes that a data URI holds, or those of the file that it names beside this one."""
        if uri.startswith("data:"):
            head, _, body = uri.partition(",")
            if not head.endswith(";base64"):
                raise damaged(self.source, where, f"expected a data URI in base64, got {head[:60]!r}")
            try:
                return base64.b64decode(body, validate=True)
            except (binascii.Error, ValueError) as error:
                raise damaged(self.source, where, f"bad base64 ({error})") from None
        name = unquote(uri)
        path = path_beside(name, self._folder)
        if path is None:
            raise damaged(
                self.source,
                where,
                f"points to {name[:200]!r}, which is not inside the folder of the file",
                "Put the buffer beside the file, or export a .glb, which holds everything",
            )
        if not path.is_file():
            raise damaged(
                self.source, where, f"there is no file {name[:200]!r} beside it", "Put the buffer beside the file"
            )
        return read_regular(path)
