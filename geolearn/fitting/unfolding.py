"""Faces that are folded over or have no area: found, and smoothed away where they are."""

from dataclasses import replace

import torch

from geolearn.losses import adjacent_faces, mesh_edges
from geolearn.structures import Mesh
from geolearn.typing import Bool, Tensor

SLIVER = 1e-3  # 4 sqrt(3) area / sum of squared sides
ROUNDS = 60
ROUNDS_PER_RING = 10  # of neighbours that the smoothing takes in as well


def flawed_faces(mesh: Mesh) -> tuple[Bool[Tensor, " F"], Bool[Tensor, " F"]]:
    """Which faces are folded, looking away from the mean normal of their neighbours weighted by area, and which are
    degenerate, with 4 sqrt(3) area / sum of squared sides below 1e-3."""
    corners = mesh.triangles().detach().double()
    cross = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sides = (corners - corners.roll(-1, 1)).square().sum((1, 2))
    shape = 2 * 3**0.5 * cross.norm(dim=1) / sides.clamp(min=1e-300)
    pairs = adjacent_faces(mesh.faces)
    around = torch.zeros_like(cross).index_add(0, pairs[:, 0], cross[pairs[:, 1]])
    around = around.index_add(0, pairs[:, 1], cross[pairs[:, 0]])
    return (around * cross).sum(1) < 0, shape < SLIVER


def unfolded(mesh: Mesh) -> Mesh:
    """The mesh with the vertices of flawed faces drawn to the mean of their neighbours until no face is flawed.

    Rounds of one step of umbrella smoothing (Desbrun et al., "Implicit fairing", 1999) of the corners of the faces that
    are flawed then; every tenth round takes in one more ring of neighbours. All other vertices stay where they are, and
    so does the topology. A few flaws may be left after 60 rounds.
    """
    edges = mesh_edges(mesh.faces)
    verts = mesh.verts.detach()
    for number in range(ROUNDS):
        folded, degenerate = flawed_faces(replace(mesh, verts=verts))
        moving = torch.zeros(len(verts), dtype=torch.bool)
        moving[mesh.faces[folded | degenerate].reshape(-1)] = True
        if not bool(moving.any()):
            break
        for _ in range(number // ROUNDS_PER_RING):
            moving[edges[moving[edges].any(1)].reshape(-1)] = True
        total = torch.zeros_like(verts)
        total = total.index_add(0, edges[:, 0], verts[edges[:, 1]]).index_add(0, edges[:, 1], verts[edges[:, 0]])
        degree = torch.bincount(edges.reshape(-1), minlength=len(verts)).clamp(min=1)
        verts = torch.where(moving[:, None], (verts + total / degree[:, None]) / 2, verts)
    return replace(mesh, verts=verts)
