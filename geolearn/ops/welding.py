"""Vertices at one position made one."""

import torch

from geolearn.typing import Float, Int, Tensor


def weld_vertices(
    verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "F 3"]]:
    """The different positions that faces use, in lexicographic order, and the faces over them.

    Positions are one if they are equal to the bit (0 and -0 are).

    Args:
        verts: positions.
        faces: vertex indices.

    >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    >>> welded, faces = weld_vertices(verts, torch.tensor([[0, 1, 2], [4, 6, 5]]))
    >>> welded.tolist(), faces.tolist()
    ([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]], [[0, 2, 1], [2, 3, 1]])
    """
    if len(faces) == 0:
        return verts[:0], faces
    verts = verts + 0.0
    used = torch.zeros(len(verts), dtype=torch.bool, device=verts.device)
    used[faces.reshape(-1)] = True
    order = torch.nonzero(used)[:, 0]
    for axis in (2, 1, 0):
        order = order[verts[order, axis].argsort(stable=True)]
    ordered = verts[order]
    new = torch.ones(len(order), dtype=torch.bool, device=verts.device)
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    number = torch.empty(len(verts), dtype=torch.int64, device=verts.device)
    number[order] = new.cumsum(0) - 1
    return ordered[new], number[faces]
