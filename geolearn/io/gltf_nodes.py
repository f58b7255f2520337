"""The nodes of a glTF scene: where each stands, and what bends its mesh."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.gltf_container import Document, shown
from geolearn.typing import Array

_TRANSFORMS = {"matrix", "translation", "rotation", "scale"}


@dataclass(frozen=True)
class Placed:
    """A node of the scene.

    Attributes:
        index, node: its number and object.
        matrix: (4, 4), from its mesh to the world.
        joints: (J, 4, 4), from the rest pose of its skin to the world, for each joint; None without a skin.
        weights: of morph targets.
    """

    index: int
    node: dict[str, Any]
    matrix: Array
    joints: Array | None
    weights: list[float]


def scene_nodes(doc: Document) -> Iterator[Placed]:
    """Every visible node of the default scene, parents first."""
    nodes = doc.member(doc.root, "nodes", list, "its JSON", [])
    if doc.member(doc.root, "scenes", list, "its JSON", []):
        index = doc.member(doc.root, "scene", int, "its JSON", 0)
        roots = doc.member(doc.entry("scenes", index), "nodes", list, f"scenes[{index}]", [])
    else:
        roots = _roots(doc, nodes)
    world: dict[int, Array] = {}
    if doc.member(doc.root, "skins", list, "its JSON", []):  # joints may stand anywhere in the file
        world = {index: matrix for index, _, matrix in _walk(doc, _roots(doc, nodes), hidden=True)}
    for index, node, matrix in _walk(doc, roots):
        where = f"nodes[{index}]"
        skin = doc.member(node, "skin", int, where, None)
        joints = None if skin is None else _joints(doc, skin, world)
        yield Placed(index, node, matrix, joints, _weights(doc, node, where))


def _roots(doc: Document, nodes: list[Any]) -> list[int]:
    children = {c for n in nodes if isinstance(n, dict) for c in _children(doc, n, "nodes") if type(c) is int}
    return [index for index in range(len(nodes)) if index not in children]


def _walk(doc: Document, roots: list[Any], hidden: bool = False) -> Iterator[tuple[int, dict[str, Any], Array]]:
    """Every node below the roots with its transform to the world; `hidden` walks through those that are not shown."""
    todo: list[tuple[Any, Array]] = [(root, np.eye(4)) for root in reversed(roots)]
    seen: set[int] = set()
    while todo:
        index, parent = todo.pop()
        if type(index) is not int:
            raise damaged(doc.source, "nodes", f"expected the number of a node, got {shown(index)}")
        where = f"nodes[{index}]"
        node = doc.entry("nodes", index)
        if index in seen:
            raise damaged(doc.source, where, "is reached twice, but the nodes of a scene form a tree")
        seen.add(index)
        if not hidden and not _is_visible(doc, node, where):
            continue
        matrix = parent
        if not _TRANSFORMS.isdisjoint(node):
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused with the positions
                matrix = parent @ _transform(doc, node, where)
        yield index, node, matrix
        todo.extend((child, matrix) for child in reversed(_children(doc, node, where)))


def _children(doc: Document, node: dict[str, Any], where: str) -> list[Any]:
    return doc.member(node, "children", list, where, [])


def _is_visible(doc: Document, node: dict[str, Any], where: str) -> bool:
    extensions = doc.member(node, "extensions", dict, where, {})
    visibility = doc.member(extensions, "KHR_node_visibility", dict, where, {})
    return doc.member(visibility, "visible", bool, where, True)


def _transform(doc: Document, node: dict[str, Any], where: str) -> Array:
    """The node's matrix (4, 4), acting on column vectors."""
    matrix = doc.numbers(node, "matrix", 16, where)
    if matrix is not None:
        return np.array(matrix).reshape(4, 4).T
    x, y, z, w = doc.numbers(node, "rotation", 4, where) or (0.0, 0.0, 0.0, 1.0)
    norm = x * x + y * y + z * z + w * w
    if not 1e-6 < norm < 1e6:
        raise damaged(doc.source, where, f"expected a unit quaternion as rotation, got {[x, y, z, w]}")
    s = 2 / norm
    rotation = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    result = np.eye(4)
    result[:3, :3] = rotation * (doc.numbers(node, "scale", 3, where) or [1.0, 1.0, 1.0])
    result[:3, 3] = doc.numbers(node, "translation", 3, where) or [0.0, 0.0, 0.0]
    return result


def _joints(doc: Document, skin_index: int, world: dict[int, Array]) -> Array:
    """(J, 4, 4): where each joint of a skin takes a vertex in its rest pose."""
    where = f"skins[{skin_index}]"
    skin = doc.entry("skins", skin_index)
    joints = doc.member(skin, "joints", list, where)
    for joint in joints:
        if type(joint) is not int or joint not in world:
            raise damaged(doc.source, where, f"joint {shown(joint)} is no node of the file")
    if not joints:
        raise damaged(doc.source, where, "has no joints")
    matrices = np.stack([world[joint] for joint in joints])
    inverse = doc.member(skin, "inverseBindMatrices", int, where, None)
    if inverse is None:
        return matrices
    columns = doc.accessor(inverse, "MAT4")
    if len(columns) < len(joints) or columns.dtype.kind != "f":
        problem = f"expected {len(joints)} matrices of floats in accessors[{inverse}], got {len(columns)}"
        raise damaged(doc.source, where, problem)
    with np.errstate(over="ignore", invalid="ignore"):
        return matrices @ columns[: len(joints)].astype(np.float64).reshape(-1, 4, 4).transpose(0, 2, 1)


def _weights(doc: Document, node: dict[str, Any], where: str) -> list[float]:
    """Weights of morph targets: the node's, else the mesh's, else none."""
    mesh = doc.member(node, "mesh", int, where, None)
    owners = [(node, where)] + ([] if mesh is None else [(doc.entry("meshes", mesh), f"meshes[{mesh}]")])
    for owner, place in owners:
        values = doc.member(owner, "weights", list, place, None)
        if values is not None:
            weights = doc.numbers(owner, "weights", len(values), place) or []
            return weights if any(weights) else []
    return []
