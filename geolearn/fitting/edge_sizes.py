"""How long edges may be where a shape is thin, so that a coarse phase of a fit does not lose what it cannot carry."""

import torch

from geolearn.ops import mesh_edges
from geolearn.ops.remeshing import expected_faces
from geolearn.ops.thickness import vertex_thickness
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

SHARE = 1 / 3  # of the thickness that an edge may be long
GROWTH = 0.3  # of lengths along the surface, per unit
ROUNDS = 20  # of letting short edges grow into their surroundings
MOST_FACES = 60_000


def thin_edge_lengths(mesh: Mesh, even: float, shortest: float) -> Float[Tensor, " V"]:
    """Lengths of edges at the vertices of a mesh: `even`, but at most a third of the thickness where the shape is thin.

    Lengths grow along the surface by at most 0.3 per unit. Where more than 60,000 faces would be needed, all that are
    shorter than `even` are lengthened together.

    Args:
        even: in all thick parts.
        shortest: none is shorter.

    >>> import trimesh
    >>> plate = Mesh.from_trimesh(trimesh.creation.box((1.0, 1.0, 0.12)).subdivide())
    >>> lengths = thin_edge_lengths(plate, even=0.2, shortest=0.01)
    >>> round(float(lengths.median()), 2)
    0.04
    """
    shortest = min(shortest, even)
    lengths = (SHARE * vertex_thickness(mesh)).clamp(shortest, even)
    edges = mesh_edges(mesh.faces)
    growth = GROWTH * (mesh.verts[edges[:, 0]] - mesh.verts[edges[:, 1]]).detach().norm(dim=1)
    both, there = torch.cat([edges[:, 0], edges[:, 1]]), torch.cat([edges[:, 1], edges[:, 0]])
    for _ in range(ROUNDS):
        grown = lengths.scatter_reduce(0, both, lengths[there] + growth.repeat(2), "amin")
        if torch.equal(grown, lengths):
            break
        lengths = grown
    expected = expected_faces(mesh, lengths)
    if expected > MOST_FACES:
        lengths = (lengths * (expected / MOST_FACES) ** 0.5).clamp(max=even)
    return lengths
