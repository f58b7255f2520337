"""What bends the meshes of glTF: morph targets and skins."""

from typing import Any

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.gltf_container import Document
from geolearn.typing import Array

_AT_ONCE = 2**16  # vertices


def morphed(doc: Document, positions: Array, primitive: dict[str, Any], weights: list[float], where: str) -> Array:
    """Positions (V, 3) with the weighted displacements of the morph targets added."""
    targets = doc.member(primitive, "targets", list, where, [])
    if not weights or not targets:
        return positions
    if len(weights) != len(targets):
        raise damaged(doc.source, where, f"{len(targets)} morph targets, but {len(weights)} weights")
    doc.charge(24 * len(positions), where)
    points = positions.astype(np.float64)
    for target, weight in zip(targets, weights, strict=True):
        if not isinstance(target, dict):
            raise damaged(doc.source, where, "a morph target is not an object")
        accessor = doc.member(target, "POSITION", int, where, None)
        if accessor is None or not weight:
            continue
        displacement = doc.values(accessor, "VEC3")
        if len(displacement) != len(points):
            raise damaged(
                doc.source, where, f"accessors[{accessor}] moves {len(displacement)} of {len(points)} vertices"
            )
        points += weight * displacement
    return points


def skinned(
    doc: Document, positions: Array, attributes: dict[str, Any], joints: Array, where: str
) -> tuple[Array, bool] | None:
    """Positions (V, 3) where the joints put them, and whether most are mirrored; None for a mesh without weights.

    Linear blend skinning (section 3.7.3.3): sum of weight times joint matrix (J, 4, 4) times position. Weights are
    divided by their sum. The transform of the node itself has no part in it.
    """
    influences = []
    for number in range(len(attributes)):
        joint = doc.member(attributes, f"JOINTS_{number}", int, where, None)
        weight = doc.member(attributes, f"WEIGHTS_{number}", int, where, None)
        if joint is None or weight is None:
            break
        indices, weights = doc.accessor(joint, "VEC4"), doc.values(weight, "VEC4")
        if indices.dtype.kind != "u" or len(indices) != len(positions) or len(weights) != len(positions):
            raise damaged(doc.source, where, "expected unsigned JOINTS and WEIGHTS, one each per vertex")
        if int(indices.max()) >= len(joints):
            raise damaged(doc.source, where, f"a vertex names joint {indices.max()}, but the skin has {len(joints)}")
        influences.append((indices, weights))
    if not influences:
        return None
    doc.charge(24 * len(positions), where)
    mirrors = np.sign(np.linalg.det(joints[:, :3, :3]))
    points, facing = np.empty((len(positions), 3)), 0.0
    for begin in range(0, len(positions), _AT_ONCE):
        rows = slice(begin, begin + _AT_ONCE)
        total = np.add.reduce([weights[rows].astype(np.float64).sum(axis=1) for _, weights in influences])
        matrix = np.zeros((len(total), 3, 4))
        for indices, weights in influences:
            for k in range(4):
                share = weights[rows, k].astype(np.float64)
                share = share / np.where(total > 0, total, 1)
                if indices is influences[0][0] and k == 0:  # without weights a vertex follows its first joint
                    share = np.where(total > 0, share, 1.0)
                matrix += share[:, None, None] * joints[indices[rows, k], :3]
                facing += float((share * mirrors[indices[rows, k]]).sum())
        points[rows] = (matrix[:, :, :3] @ positions[rows, :, None].astype(np.float64))[:, :, 0] + matrix[:, :, 3]
    return points, facing < 0
