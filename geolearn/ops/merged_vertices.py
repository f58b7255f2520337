"""Vertices that stand in one place, or nearly, made one."""

from dataclasses import replace

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array


@takes_mesh
def merge_vertices(mesh: Mesh, distance: float = 0.0) -> Mesh:
    """The mesh with one vertex where several stand in one place.

    Files such as STL, and meshes with sharp edges or seams, repeat their vertices; what needs to know which faces are
    neighbours wants them once. Faces, their order, labels and attributes stay; faces that lose a corner stay as
    degenerate ones. The vertices that remain keep their order and their place: of several the first.

    Args:
        distance: also merge vertices not farther apart than this, and those connected by a chain of such.

    Raises:
        InvalidInputError: a distance that is negative or not finite.

    >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    >>> merged = merge_vertices(Mesh(verts, torch.tensor([[0, 1, 2], [3, 4, 5]])))
    >>> merged.faces.tolist()
    [[0, 1, 2], [2, 1, 3]]
    """
    if not 0 <= distance < float("inf"):
        raise InvalidInputError(f"distance: expected a finite number >= 0, got {distance}")
    first = _first_in_place(mesh.verts.detach().cpu().numpy(), distance)
    kept = first == np.arange(len(first))
    number = torch.from_numpy((np.cumsum(kept) - 1)[first]).to(mesh.device)
    chosen = torch.from_numpy(kept).to(mesh.device)
    attributes = mesh.attributes
    if attributes is not None:
        changes = {}
        if attributes.vertex_colours is not None:
            changes["vertex_colours"] = attributes.vertex_colours[chosen.to(attributes.vertex_colours.device)]
        for values, index in (("normals", "normal_index"), ("uv", "uv_index")):
            if getattr(attributes, values) is not None and getattr(attributes, index) is None:
                changes[index] = mesh.faces  # each corner keeps its own
        attributes = replace(attributes, **changes)
    return replace(mesh, verts=mesh.verts[chosen], faces=number[mesh.faces], attributes=attributes)


def _first_in_place(verts: Array, distance: float) -> Array:
    """int64 (V,): the first vertex in the place of each."""
    if distance == 0 or len(verts) == 0:
        _, first, index = np.unique(verts + 0.0, axis=0, return_index=True, return_inverse=True)  # -0.0 becomes 0.0
        return first[index.reshape(-1)]
    from scipy import sparse  # late: SciPy takes a while to import
    from scipy.sparse import csgraph
    from scipy.spatial import KDTree

    # float64: the distance between float32 positions is exact but for one rounding.
    pairs = KDTree(verts.astype(np.float64)).query_pairs(distance, output_type="ndarray")
    links = sparse.coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(verts), len(verts)))
    part = csgraph.connected_components(links, directed=False)[1]
    _, first, index = np.unique(part, return_index=True, return_inverse=True)
    return first[index.reshape(-1)]
