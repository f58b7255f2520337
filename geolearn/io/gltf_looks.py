"""Colours, normals, texture coordinates, materials and node names of a glTF scene."""

import logging
from typing import Any

import numpy as np

from geolearn.errors import MeshFormatError
from geolearn.io.formats import picture_type
from geolearn.io.gltf_container import Document
from geolearn.io.gltf_nodes import Placed
from geolearn.io.surface import Looks
from geolearn.structures.attributes import Material
from geolearn.typing import Array

logger = logging.getLogger(__name__)


def to_srgb(light: Array) -> Array:
    """Linear light as the values that pictures hold (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def to_linear(value: Array) -> Array:
    """What pictures hold as linear light."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


class LooksReader:
    """Collects what the primitives of a scene look like, in the order in which they are read."""

    def __init__(self, doc: Document):
        self._doc = doc
        self._colours: list[Array | int] = []  # of vertices, or how many have none
        self._normals: list[Array] = []
        self._uv: list[Array] = []
        self._corners: dict[str, list[Array]] = {"normal": [], "uv": []}
        self._counts = {"normal": 0, "uv": 0}
        self._material: list[Array] = []
        self._group: list[Array] = []
        self._names: dict[int, str] = {}  # node -> name
        self._pictures: dict[int, tuple[bytes | None, str]] = {}  # image -> its bytes and name

    def add_vertices(self, attributes: dict[str, Any], count: int, where: str) -> None:
        """The colours of new vertices."""
        accessor = self._doc.member(attributes, "COLOR_0", int, where, None)
        colours = None if accessor is None else self._doc.values(accessor, "VEC3", "VEC4")
        self._colours.append(count if colours is None or len(colours) != count else colours)

    def add_primitive(self, primitive: dict[str, Any], placed: Placed, corners: Array, count: int, where: str) -> None:
        """Normals, texture coordinates, material and node of the triangles `corners` (F, 3) over `count` vertices."""
        doc = self._doc
        doc.charge(40 * corners.size, where)
        attributes = doc.member(primitive, "attributes", dict, where)
        bent = placed.joints is not None or bool(placed.weights)
        normals = None if bent else self._read(attributes, "NORMAL", "VEC3", count, where)
        if normals is not None:
            normals = _turned(normals, placed.matrix)
        self._add("normal", self._normals, normals, corners)
        uv = self._read(attributes, "TEXCOORD_0", "VEC2", count, where)
        if uv is not None:
            uv = uv * [1, -1] + [0, 1]  # glTF counts v downwards
        self._add("uv", self._uv, uv, corners)
        material = doc.member(primitive, "material", int, where, -1)
        self._material.append(np.full(len(corners), material if 0 <= material < self._num_materials() else -1))
        self._group.append(np.full(len(corners), placed.index))
        self._names.setdefault(placed.index, self._name(placed))

    def _read(self, attributes: dict[str, Any], name: str, kind: str, count: int, where: str) -> Array | None:
        accessor = self._doc.member(attributes, name, int, where, None)
        if accessor is None:
            return None
        values = self._doc.values(accessor, kind)
        return values.astype(np.float64) if len(values) == count else None

    def _add(self, kind: str, entries: list[Array], values: Array | None, corners: Array) -> None:
        if values is None:
            self._corners[kind].append(np.full(corners.size, -1))
        else:
            self._corners[kind].append(corners.reshape(-1) + self._counts[kind])
            entries.append(values)
            self._counts[kind] += len(values)

    def _name(self, placed: Placed) -> str:
        mesh = self._doc.entry("meshes", placed.node["mesh"])
        names = [owner.get("name") for owner in (placed.node, mesh)]
        return next((name for name in names if isinstance(name, str) and name), "")

    def _num_materials(self) -> int:
        return len(self._doc.member(self._doc.root, "materials", list, "its JSON", []))

    def result(self) -> Looks:
        colours = None
        if any(not isinstance(part, int) for part in self._colours):
            width = max(3 if isinstance(part, int) else part.shape[1] for part in self._colours)
            colours = np.concatenate([_padded(part, width) for part in self._colours])
        material = np.concatenate([np.zeros(0, np.int64), *self._material])
        nodes = np.concatenate([np.zeros(0, np.int64), *self._group])
        named = len(self._names) > 1 or any(self._names.values())
        order = list(self._names)
        lookup = np.zeros(max(order, default=0) + 1, np.int64)
        lookup[order] = np.arange(len(order))
        return Looks(
            vertex_colours=colours,
            normals=np.concatenate(self._normals) if self._normals else None,
            normal_corners=np.concatenate(self._corners["normal"]) if self._normals else None,
            uv=np.concatenate(self._uv) if self._uv else None,
            uv_corners=np.concatenate(self._corners["uv"]) if self._uv else None,
            materials=tuple(self._describe(i) for i in range(self._num_materials())) if (material >= 0).any() else (),
            material=material if (material >= 0).any() else None,
            groups=tuple(self._names[node] or f"node {node}" for node in order) if named else (),
            group=lookup[nodes] if named and len(nodes) else None,
        )

    def _describe(self, index: int) -> Material:
        """A material; one that is damaged is left out, as it does not change the shape."""
        doc, where = self._doc, f"materials[{index}]"
        try:
            material = doc.entry("materials", index)
            name = doc.member(material, "name", str, where, "")
            pbr = doc.member(material, "pbrMetallicRoughness", dict, where, {})
            colour = np.array(doc.numbers(pbr, "baseColorFactor", 4, where) or [1.0] * 4)
            light = np.array(doc.numbers(material, "emissiveFactor", 3, where) or [0.0] * 3)
            picture, picture_name = self._picture(doc.member(pbr, "baseColorTexture", dict, where, None), where)
        except MeshFormatError as error:
            logger.warning("%s (the material is left out)", error)
            return Material()
        red, green, blue = to_srgb(colour[:3]).tolist()
        emission = to_srgb(light).tolist()
        return Material(
            name,
            (red, green, blue, float(np.clip(colour[3], 0, 1))),
            _number(pbr, "metallicFactor"),
            _number(pbr, "roughnessFactor"),
            (emission[0], emission[1], emission[2]),
            picture,
            picture_name,
        )

    def _picture(self, texture: dict[str, Any] | None, where: str) -> tuple[bytes | None, str]:
        if texture is None:
            return None, ""
        doc = self._doc
        index = doc.member(texture, "index", int, where)
        source = doc.member(doc.entry("textures", index), "source", int, f"textures[{index}]", None)
        if source is None:  # only in a form that an extension adds
            return None, ""
        if source not in self._pictures:
            self._pictures[source] = _read_picture(doc, source)
        return self._pictures[source]


def _read_picture(doc: Document, source: int) -> tuple[bytes | None, str]:
    where = f"images[{source}]"
    image = doc.entry("images", source)
    uri = doc.member(image, "uri", str, where, None)
    name = doc.member(image, "name", str, where, "")
    try:
        if uri is not None:
            name = name or ("" if uri.startswith("data:") else uri)
            content = doc.fetch(uri, where)
        else:
            content = bytes(doc.view(doc.member(image, "bufferView", int, where))[0])
    except MeshFormatError as error:
        logger.warning("%s (the picture is left out)", error)
        return None, name
    if picture_type(content) is None:
        logger.warning("%s: %s: neither PNG nor JPEG, left out", doc.source, where)
        return None, name
    return content, name


def _padded(part: Array | int, width: int) -> Array:
    """Colours as pictures hold them; white where there are none."""
    if isinstance(part, int):
        return np.ones((part, width))
    colours = np.ones((len(part), width))
    colours[:, :3] = to_srgb(part[:, :3].astype(np.float64))
    colours[:, 3 : part.shape[1]] = part[:, 3:]
    return colours


def _turned(normals: Array, matrix: Array) -> Array:
    """Unit normals in the world: under the inverse transpose of the matrix, 0 where that has none."""
    if np.array_equal(matrix, np.eye(4)):
        return normals
    with np.errstate(all="ignore"):
        try:
            turned = normals @ np.linalg.inv(matrix[:3, :3])
        except np.linalg.LinAlgError:
            return np.zeros_like(normals)
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        return np.nan_to_num(turned / np.where(length > 0, length, 1), nan=0, posinf=0, neginf=0)


def _number(owner: dict[str, Any], key: str) -> float:
    value = owner.get(key, 1.0)
    return min(max(0.0, float(value)), 1.0) if type(value) in (int, float) and abs(value) < 1e30 else 1.0
