"""Colours, normals, texture coordinates and groups of PLY files, under the names that programs give them."""

import numpy as np

from geolearn.io.contents import Contents
from geolearn.io.ply_header import Element, Property
from geolearn.io.ply_rows import Column
from geolearn.typing import Array

_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_OPACITY = ("alpha", "a")
_NORMALS = (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"))
_UV = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_CORNER_UV = "texcoord"
_GROUP = "group"
_NAMED_GROUP = "geolearn group "  # comment geolearn group 0 NAME


def _chosen(element: Element, kinds: tuple[tuple[str, ...], ...]) -> list[Property]:
    """The properties of the first set of names that the element has all of."""
    scalars = element.scalars
    for names in kinds:
        if all(name in scalars for name in names):
            return [scalars[name] for name in names]
    return []


def _colours(element: Element) -> list[Property]:
    colours = _chosen(element, _COLOURS)
    opacity = [p for name, p in element.scalars.items() if name in _OPACITY and colours and p.type == colours[0].type]
    return colours + opacity[:1]


def vertex_properties(element: Element) -> list[Property]:
    """What is to be read of the vertices besides their positions."""
    return [*_colours(element), *_chosen(element, _NORMALS), *_chosen(element, _UV)]


def vertex_looks(element: Element, columns: dict[str, Column]) -> dict[str, Array]:
    """Parts of `Looks` from the vertices."""
    looks = {}
    colours, normals, uv = _colours(element), _chosen(element, _NORMALS), _chosen(element, _UV)
    if colours:
        looks["vertex_colours"] = _to_unit(_table(columns, colours), colours[0])
    if normals:
        looks["normals"] = _table(columns, normals)
    if uv:
        looks["uv"] = _table(columns, uv)
    return looks


def face_properties(element: Element) -> list[Property]:
    """What is to be read of the faces besides their corners and labels."""
    scalars = element.scalars
    group = [scalars[_GROUP]] if _GROUP in scalars and scalars[_GROUP].type.kind != "f" else []
    uv = [p for p in element.properties if p.name == _CORNER_UV and p.count_type is not None]
    return [*_colours(element), *group, *(uv if len(uv) == 1 and uv[0].type.kind == "f" else [])]


def face_looks(element: Element, columns: dict[str, Column], count: Array) -> dict[str, Array]:
    """Parts of `Looks` from faces of `count` corners."""
    looks = {}
    colours = _colours(element)
    if colours:
        looks["face_colours"] = _to_unit(_table(columns, colours), colours[0])
    if _GROUP in columns:
        group = columns[_GROUP].values
        whole = len(group) and (group == np.floor(group)).all()
        if whole and -1 <= group.min() <= group.max() < max(len(group), 2**16):
            looks["group"] = group.astype(np.int64)
    uv = columns.get(_CORNER_UV)
    if uv is not None and len(uv.count) and (uv.count == 2 * count).all():  # two for each corner
        looks["uv"] = uv.values.reshape(-1, 2)
        looks["uv_corners"] = np.arange(len(looks["uv"]))
    return looks


def group_names(comments: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Names of groups 0 .. count - 1, as `head` writes them."""
    names = {}
    for comment in comments:
        if comment.startswith(_NAMED_GROUP):
            number, _, name = comment.removeprefix(_NAMED_GROUP).partition(" ")
            names[number] = name
    return tuple(names.get(str(i), f"group {i}") for i in range(count))


def _table(columns: dict[str, Column], properties: list[Property]) -> Array:
    with np.errstate(invalid="ignore"):  # a signalling NaN, which becomes 0
        return np.stack([columns[p.name].values.astype(np.float64) for p in properties], axis=1)


def _to_unit(colours: Array, prop: Property) -> Array:
    """Colours in [0, 1]: whole numbers over the largest of their type, others as they are unless one is above 1."""
    if prop.type.kind in "iu":
        return colours / (np.iinfo(prop.type).max if prop.type.kind == "u" else 255)
    return colours / (255 if np.nanmax(colours, initial=0) > 1 else 1)


def to_bytes(colours: Array) -> Array:
    """Colours in [0, 1] as 8 bits each."""
    return np.clip(np.rint(colours * 255), 0, 255).astype(np.uint8)


def written_columns(mesh: Contents) -> tuple[list[tuple[str, str, Array]], list[tuple[str, str, Array]]]:
    """What is written of vertices and of faces besides shape and labels: (names, type, values) each."""
    looks = mesh.looks
    vertex, face = [], []
    for colours, columns in ((looks.vertex_colours, vertex), (looks.face_colours, face)):
        if colours is not None:
            names = " ".join(("red", "green", "blue", "alpha")[: colours.shape[1]])
            columns.append((names, "uchar", to_bytes(colours)))
    if looks.normals is not None and looks.normal_index is None:
        vertex.append(("nx ny nz", "float", looks.normals))
    if looks.uv is not None and looks.uv_index is None:
        vertex.append(("s t", "float", looks.uv))
    if looks.group_index is not None:
        face.append((_GROUP, "int", looks.group_index[:, None]))
    return vertex, face


def written_comments(mesh: Contents) -> list[str]:
    """Comments that name the groups."""
    if mesh.looks.group_index is None:
        return []
    names = (" ".join(name.split()) for name in mesh.looks.groups)
    return [f"{_NAMED_GROUP}{i} {name}" for i, name in enumerate(names)]
