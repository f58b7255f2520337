"""Faces that are folded over or have no area: found, and smoothed away where they are."""

from dataclasses import replace

import numpy as np
import torch

from geolearn.ops.face_geometry import face_cross
from geolearn.ops.topology import adjacent_faces, mesh_edges
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Bool, Tensor

SLIVER = 1e-3  # 4 sqrt(3) area / sum of squared sides
ROUNDS = 40
FARTHEST = 1.0  # mean edges
ROUNDS_PER_RING = 10  # of neighbours that the smoothing takes in as well


@takes_mesh
def flawed_faces(mesh: Mesh) -> tuple[Bool[Tensor, " F"], Bool[Tensor, " F"]]:
    """Which faces are folded, looking away from the mean normal of their neighbours weighted by area, and which are
    degenerate, with 4 sqrt(3) area / sum of squared sides below 1e-3.

    >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]])
    >>> folded, degenerate = flawed_faces(Mesh(verts, torch.tensor([[0, 1, 2], [0, 1, 3]])))
    >>> degenerate.tolist()
    [True, False]
    """
    corners = mesh.triangles().detach().double()
    cross = face_cross(corners)
    sides = (corners - corners.roll(-1, 1)).square().sum((1, 2))
    shape = 2 * 3**0.5 * cross.norm(dim=1) / sides.clamp(min=1e-300)
    pairs = adjacent_faces(mesh.faces)
    around = torch.zeros_like(cross).index_add(0, pairs[:, 0], cross[pairs[:, 1]])
    around = around.index_add(0, pairs[:, 1], cross[pairs[:, 0]])
    return (around * cross).sum(1) < 0, shape < SLIVER


@takes_mesh
def unfold(mesh: Mesh) -> Mesh:
    """The mesh with the vertices of flawed faces drawn to the mean of their neighbours until no face is flawed.

    Rounds of one step of umbrella smoothing (Desbrun et al., "Implicit fairing", 1999) of the corners of the faces that
    are flawed then; every tenth round takes in one more ring of neighbours. All other vertices stay where they are, and
    so does the topology. Where a flaw would not go, or only by moving a vertex farther than the mean edge is long, all
    stays as it was: the edge of a thin wing is meant to be sharp, and smoothing would eat the wing.

    >>> verts = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0), torch.zeros(1))
    >>> verts[12] += torch.tensor([1.2, 0.0, 0.0])  # over its neighbour
    >>> low = torch.tensor([5 * row + column for row in range(4) for column in range(4)])
    >>> faces = torch.cat([torch.stack([low, low + 5, low + 6], 1), torch.stack([low, low + 6, low + 1], 1)])
    >>> mesh = Mesh(verts, faces)
    >>> [int(flawed_faces(shape)[0].sum()) for shape in (mesh, unfold(mesh))]
    [2, 0]
    """
    edges = mesh_edges(mesh.faces)
    before = mesh.verts.detach()
    verts = before
    for number in range(ROUNDS):
        flawed = _flawed_verts(replace(mesh, verts=verts))
        if not bool(flawed.any()):
            break
        moving = flawed
        for _ in range(number // ROUNDS_PER_RING):
            moving = _widen(moving, edges)
        total = torch.zeros_like(verts)
        total = total.index_add(0, edges[:, 0], verts[edges[:, 1]]).index_add(0, edges[:, 1], verts[edges[:, 0]])
        degree = torch.bincount(edges.reshape(-1), minlength=len(verts)).clamp(min=1)
        verts = torch.where(moving[:, None], (verts + total / degree[:, None]) / 2, verts)
    moved = (verts != before).any(1)
    if not bool(moved.any()):
        return mesh
    farthest = FARTHEST * (before[edges[:, 0]] - before[edges[:, 1]]).norm(dim=1).mean()
    wrong = _flawed_verts(replace(mesh, verts=verts)) | ((verts - before).norm(dim=1) > farthest)
    kept = _patches_without(wrong, moved, edges)
    return replace(mesh, verts=torch.where(kept[:, None], verts, before))


def _flawed_verts(mesh: Mesh) -> Bool[Tensor, " V"]:
    folded, degenerate = flawed_faces(mesh)
    flawed = torch.zeros(len(mesh.verts), dtype=torch.bool)
    flawed[mesh.faces[folded | degenerate].reshape(-1)] = True
    return flawed


def _widen(chosen: Bool[Tensor, " V"], edges: Tensor) -> Bool[Tensor, " V"]:
    """With one ring of neighbours more."""
    wider = chosen.clone()
    wider[edges[chosen[edges].any(1)].reshape(-1)] = True
    return wider


def _patches_without(wrong: Tensor, moved: Tensor, edges: Tensor) -> Bool[Tensor, " V"]:
    """The moved vertices whose patch, connected by edges, touches nothing wrong."""
    from scipy import sparse  # late: SciPy takes a while to import
    from scipy.sparse import csgraph

    inside = edges[moved[edges].all(1)].numpy()
    links = sparse.coo_matrix((np.ones(len(inside)), (inside[:, 0], inside[:, 1])), (len(moved), len(moved)))
    patch = torch.from_numpy(csgraph.connected_components(links, directed=False)[1]).long()
    bad = torch.zeros(len(moved), dtype=torch.bool)
    bad[patch[_widen(wrong, edges) & moved]] = True
    return moved & ~bad[patch]
