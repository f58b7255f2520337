"""Edges of a mesh, and the faces that meet in them: computed once per topology, used by every step of a fit."""

import torch

from geolearn.typing import Int, Tensor


def mesh_edges(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "E 2"]:
    """Every edge once, as (smaller, larger) vertex index, in lexicographic order; none from a vertex to itself.

    Args:
        faces: vertex indices.

    >>> mesh_edges(torch.tensor([[0, 1, 2], [0, 2, 3]])).tolist()
    [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]
    """
    return torch.unique(_sides(faces), dim=0) if len(faces) else faces.new_zeros(0, 2)


def adjacent_faces(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "P 2"]:
    """Pairs of faces that share an edge, the smaller index first, by edge; where more than two meet, consecutive ones.

    Args:
        faces: vertex indices. Edges of one face only, the boundary, give no pair.

    >>> adjacent_faces(torch.tensor([[0, 1, 2], [0, 2, 3]])).tolist()
    [[0, 1]]
    """
    if len(faces) == 0:
        return faces.new_zeros(0, 2)
    sides = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    owner = torch.arange(len(faces), device=faces.device).repeat_interleave(3)
    keep = sides[:, 0] != sides[:, 1]
    _, edge = torch.unique(sides[keep].sort(1).values, dim=0, return_inverse=True)
    order = edge.argsort(stable=True)
    edge, owner = edge[order], owner[keep][order]
    same = edge[1:] == edge[:-1]
    return torch.stack([owner[:-1][same], owner[1:][same]], 1)


def _sides(faces: Tensor) -> Tensor:
    sides = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).sort(1).values
    return sides[sides[:, 0] != sides[:, 1]]
