"""Triangles cut smaller where their edges are long, with no gap between neighbours."""

import numpy as np

from geolearn.typing import Array, Float, Int

NEARLY_LONGEST = 0.8  # sides of about the same length are cut together, whatever rounding says


def split_long_edges(
    verts: Float[Array, "V 3"], faces: Int[Array, "F 3"], longest: float, *, most: int
) -> tuple[Float[Array, "W 3"], Int[Array, "M 3"], Int[Array, " M"]]:
    """The same surface with no edge longer than `longest`, and the face that each triangle is a part of.

    Rounds of: cut every edge that is too long and at least 0.8 times as long as the longest of one of its faces in its
    middle, until none is left (after Rivara, "Algorithms for refining triangular grids", 1984, who cuts the longest).
    All faces of an edge are cut with it, so neighbours stay neighbours, also where more than two meet. A round that
    would make more than `most` triangles is tried again with `longest` half as long again.

    Args:
        verts: positions.
        faces: vertex indices; one vertex per position, or faces at one edge are cut apart.
        longest: > 0.
        most: triangles, at least F.

    Returns:
        Vertices, the given ones first; triangles in the order of their faces; the face of each.
    """
    parent = np.arange(len(faces))
    while len(faces):
        ends = np.sort(np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2), axis=1)
        keys, edge = np.unique(ends[:, 0] * len(verts) + ends[:, 1], return_inverse=True)
        edge = edge.reshape(-1, 3)
        first, second = keys // len(verts), keys % len(verts)
        length = np.linalg.norm(verts[first] - verts[second], axis=1)
        sides = length[edge]
        chosen = (sides > longest) & (sides >= NEARLY_LONGEST * sides.max(1, keepdims=True))
        cut = np.zeros(len(keys), bool)
        cut[edge[chosen]] = True
        if not cut.any():
            break
        if len(faces) + int(cut[edge].sum()) > most:
            longest *= 1.5
            continue
        middle = np.full(len(keys), -1)
        middle[cut] = len(verts) + np.arange(cut.sum())
        verts = np.concatenate([verts, (verts[first[cut]] + verts[second[cut]]) / 2])
        faces, parent = _cut_faces(verts, faces, middle[edge], parent)
    return verts, faces, parent


def _cut_faces(verts: Array, faces: Array, middle: Array, parent: Array) -> tuple[Array, Array]:
    """Faces with a vertex in the middle of some sides (or -1) as 1 to 4 triangles each; side k follows corner k."""
    cuts = (middle >= 0).sum(1)
    # Turn every face so that its cut sides, or the one side that is not cut, come first.
    lead = np.where(cuts == 2, (middle < 0).argmax(1) + 1, (middle >= 0).argmax(1)) % 3
    turned = (lead[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(faces, turned, 1).T
    ab, bc, ca = np.take_along_axis(middle, turned, 1).T
    shorter = np.linalg.norm(verts[a] - verts[bc], axis=1) <= np.linalg.norm(verts[ab] - verts[c], axis=1)
    patterns = (
        (cuts == 0, ((a, b, c),)),
        (cuts == 1, ((a, ab, c), (ab, b, c))),
        ((cuts == 2) & shorter, ((ab, b, bc), (a, ab, bc), (a, bc, c))),
        ((cuts == 2) & ~shorter, ((ab, b, bc), (a, ab, c), (ab, bc, c))),
        (cuts == 3, ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))),
    )
    parts, owners = [], []
    for chosen, triangles in patterns:
        for corners in triangles:
            parts.append(np.stack([corner[chosen] for corner in corners], 1))
            owners.append(np.nonzero(chosen)[0])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(parts)[order], parent[owner[order]]
