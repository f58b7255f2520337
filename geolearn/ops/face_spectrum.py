"""The slowest waves on a mesh: eigenfunctions of the Laplacian of its face graph, over which heat spreads."""

from typing import Any, NamedTuple

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_adjacency import face_adjacency
from geolearn.ops.face_geometry import face_areas
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array, Float, Tensor

# Faces without area and edges of needles would make the problem singular: areas are at least this share of the mean
# area, weights at most this.
LEAST_AREA, MOST_WEIGHT = 1e-3, 100.0
SHIFT = -0.01
DENSE = 200  # up to so many faces all eigenfunctions are computed at once


class FaceSpectrum(NamedTuple):
    """The first K eigenfunctions; fewer where the mesh has fewer faces than K, then padded with 0.

    Attributes:
        functions: float32 (F, K), orthonormal in the areas: functions.T @ (areas[:, None] * functions) = 1.
        eigenvalues: float32 (K,), rising from 0, for a surface of area 1.
        areas: float32 (F,), shares of the surface.
    """

    functions: Float[Tensor, "F K"]
    eigenvalues: Float[Tensor, " K"]
    areas: Float[Tensor, " F"]


@takes_mesh
def face_spectrum(mesh: Mesh, count: int) -> FaceSpectrum:
    """Eigenfunctions of L x = lambda A x on the faces.

        (L x)_f = sum_g w_fg (x_f - x_g),   w_fg = 3 edge length / (height of f + height of g)

    over the neighbours g of f, with the areas A as the mass. It is the finite volume Laplacian of values at the centres
    of the faces: a third of a triangle's height lies between its centre and the edge. The face graph exists for any
    soup of triangles, so there is no condition on the mesh. Areas are shares of the whole: a larger copy of a mesh has
    the same spectrum. Every piece that hangs together has an eigenvalue 0 of its own.

    Signs, and the basis of equal eigenvalues, are not unique; heat flow (`geolearn.nn.FaceDiffusion`) does not
    depend on them.

    Args:
        count: K >= 1.

    Raises:
        InvalidInputError: a mesh without faces or without area, or K < 1.
    """
    if count < 1:
        raise InvalidInputError(f"count: expected at least 1, got {count}")
    faces = len(mesh.faces)
    areas = face_areas(mesh.triangles().detach().double()).cpu().numpy()
    if faces == 0 or not areas.sum() > 0:
        raise InvalidInputError(f"mesh: {mesh.name!r} has {faces} faces and no area, so no waves")
    laplacian, shares = _laplacian(mesh, areas)
    root = 1 / np.sqrt(shares)
    values, vectors = _smallest(laplacian, root, min(count, faces))
    functions = np.zeros((faces, count), dtype=np.float32)
    eigenvalues = np.zeros(count, dtype=np.float32)
    functions[:, : len(values)] = root[:, None] * vectors
    eigenvalues[: len(values)] = np.maximum(values, 0)
    functions, eigenvalues, shares = (torch.from_numpy(a) for a in (functions, eigenvalues, shares.astype(np.float32)))
    return FaceSpectrum(functions.to(mesh.device), eigenvalues.to(mesh.device), shares.to(mesh.device))


def _laplacian(mesh: Mesh, areas: Array) -> tuple[Any, Array]:
    """L as a sparse matrix, and the shares of area, for the surface scaled to area 1."""
    from scipy.sparse import coo_array, diags_array

    total = areas.sum()
    shares = np.maximum(areas / total, LEAST_AREA / len(areas))
    adjacency = face_adjacency(mesh)
    first, second = adjacency.pairs.cpu().numpy().T
    length = adjacency.edge_length.double().cpu().numpy() / np.sqrt(total)
    # The height on an edge is 2 area / length, so w = length^2 / (2 / 3 (area of f + area of g)).
    weight = np.minimum(length**2 / (2 / 3 * (shares[first] + shares[second])), MOST_WEIGHT)
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    size = (len(areas), len(areas))
    graph = coo_array((np.concatenate([weight, weight]), ends), shape=size).tocsr()
    return diags_array(graph.sum(axis=1)) - graph, shares


def _smallest(laplacian: Any, root: Array, count: int) -> tuple[Array, Array]:
    """The smallest eigenvalues, rising, and eigenvectors of root L root."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import eigsh

    scale = diags_array(root)
    symmetric = scale @ laplacian @ scale
    if len(root) <= max(2 * count, DENSE):
        values, vectors = np.linalg.eigh(symmetric.toarray())
        return values[:count], vectors[:, :count]
    # The start vector is fixed, so that the same mesh gives the same functions.
    values, vectors = eigsh(symmetric.tocsc(), k=count, sigma=SHIFT, v0=np.ones(len(root)))
    order = values.argsort(kind="stable")
    return values[order], vectors[:, order]
