"""How the surface bends around every face, at several scales."""

import numpy as np

from geolearn.ops.feature_surface import SCALES, FeatureSurface, as_feature_surface
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

STEEPNESS = 3.0  # a ball of the neighbourhood's radius has asinh(3) = 1.8
FLAT = 1e-3  # squared bending times radius below which a shape index says little
_PLACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def curvature_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 64"]:
    """Principal curvatures of the neighbourhood of every face, at eight radii R: 8 values for each.

    R is 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5 and 0.8 times the square root of the mesh's area; the neighbourhood is
    that of `HeatNeighbourhoods`. The curvature tensor of Cohen-Steiner and Morvan ("Restricted Delaunay triangulations
    and normal cycle", SoCG 2003), averaged over it,

        T = 1 / area  sum over edges of  angle * length * e e^T,

    with the signed dihedral angle and the unit direction e, half of every edge for each of its faces, is restricted to
    the plane of the face. Its eigenvalues are the principal curvatures k1 >= k2, positive where the surface is convex:
    1 / r on a sphere of radius r, 1 / r and 0 on a cylinder. Columns for each radius:

    - 0, 1: k1 and k2;
    - 2: their mean;
    - 3: sign(k1 k2) sqrt|k1 k2|, the root of the Gaussian curvature;
    - 4: sqrt((k1^2 + k2^2) / 2), the curvedness, and 5: k1 - k2;
    - 6: the shape index 2 / pi atan((k1 + k2) / (k1 - k2)) of Koenderink and van Doorn ("Surface shape and curvature
      scales", 1992), from -1 (cup) through 0 (saddle) to 1 (cap), drawn to 0 where the surface is nearly flat:
      times c / (c + 0.001) with c = R^2 * the square of 4;
    - 7: the mean normal of the neighbourhood along the normal of the face: 1 on a plane, less where it bends.

    Values k of 0 to 5 are given as asinh(3 k R), which is about 3 k R for small and log(6 k R) for large ones.

    Families of features at several scales: Kalogerakis, Hertzmann and Singh, "Learning 3D mesh segmentation and
    labeling", SIGGRAPH 2010; curvatures: Gal and Cohen-Or, "Salient geometric features for partial shape matching", TOG
    2006. They fit quadrics or tensors to geodesic discs; the tensor of edges, the weights of heat, the values and the
    radii are our choice.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> shape_index = curvature_features(ball)[:, 8 * 5 + 6]  # at the sixth radius
    >>> round(float(shape_index.mean()), 2)
    1.0
    """
    surface = as_feature_surface(mesh)
    amounts = np.concatenate([_bending(surface), surface.cross / 2], 1)
    values = [_values(surface, surface.heat.per_area(amounts, radius), radius) for radius in SCALES]
    return surface.per_face(np.concatenate(values, 1))


def _bending(surface: FeatureSurface) -> Array:
    """The curvature tensor summed over every triangle, (M, 6) by `_PLACES`: half of that of each of its edges."""
    pairs, length, angle = (value.numpy() for value in surface.adjacency)
    # Across a fold by pi the cross product says nothing; such edges are left out.
    along = np.cross(surface.normals[pairs[:, 0]], surface.normals[pairs[:, 1]])
    sine = np.linalg.norm(along, axis=1, keepdims=True)
    along = along / np.where(sine > 1e-12, sine, np.inf)
    halves = 0.5 * (angle * length)[:, None] * np.stack([along[:, i] * along[:, j] for i, j in _PLACES], 1)
    count = len(surface.triangles)
    sums = [np.bincount(pairs.reshape(-1), np.repeat(halves[:, k], 2), count) for k in range(len(_PLACES))]
    return np.stack(sums, 1)


def _values(surface: FeatureSurface, average: Array, radius: float) -> Array:
    tensor = np.empty((len(average), 3, 3))
    for k, (i, j) in enumerate(_PLACES):
        tensor[:, i, j] = tensor[:, j, i] = average[:, k]
    tangent = surface.frames[:, :2]
    flat = tangent @ tensor @ tangent.transpose(0, 2, 1)
    mean = (flat[:, 0, 0] + flat[:, 1, 1]) / 2
    half = np.hypot((flat[:, 0, 0] - flat[:, 1, 1]) / 2, flat[:, 0, 1])
    most, least = mean + half, mean - half
    gaussian = most * least
    bending = np.sqrt((most**2 + least**2) / 2)
    curvatures = np.stack([most, least, mean, np.sign(gaussian) * np.sqrt(np.abs(gaussian)), bending, 2 * half], 1)
    certain = (radius * bending) ** 2 / ((radius * bending) ** 2 + FLAT)
    index = certain * 2 / np.pi * np.arctan2(mean, half)
    agreement = (average[:, len(_PLACES) :] * surface.normals).sum(1)
    return np.concatenate([np.arcsinh(STEEPNESS * radius * curvatures), index[:, None], agreement[:, None]], 1)
