"""Principal curvatures of the neighbourhood of every face, at several scales."""

import numpy as np

from geolearn.ops.feature_surface import SCALES, FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

CURVATURE_SIZE = 64


def curvature_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 64"]:
    """Eight values at each of eight scales R."""
    surface = surface_of(mesh)
    amounts = np.concatenate([_bending(surface), surface.areas[:, None] * surface.normals], 1)
    values = [_values(surface, surface.spread(amounts, radius), radius) for radius in SCALES]
    return to_features(np.concatenate(values, 1), surface.mesh)


def _bending(surface: FeatureSurface) -> Array:
    """The curvature tensor integrated over every face (F, 6): half of that of each of its edges."""
    pairs = surface.adjacency.pairs.cpu().numpy()
    angle = surface.adjacency.dihedral_angle_rad.cpu().double().numpy()
    cross = np.cross(surface.normals[pairs[:, 0]], surface.normals[pairs[:, 1]])
    along = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-300)
    length = surface.adjacency.edge_length.cpu().double().numpy() * surface._unit
    weight = (angle * length / 2)[:, None]
    tensor = weight * np.stack([along[:, i] * along[:, j] for i, j in _SYMMETRIC], 1)
    total = np.zeros((len(surface.faces), 6))
    for side in range(2):
        for k in range(6):
            total[:, k] += np.bincount(pairs[:, side], tensor[:, k], len(total))
    return total


_SYMMETRIC = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def _values(surface: FeatureSurface, average: Array, radius: float) -> Array:
    xx, yy, zz, xy, xz, yz = average[:, :6].T
    tensor = np.stack([np.stack([xx, xy, xz], 1), np.stack([xy, yy, yz], 1), np.stack([xz, yz, zz], 1)], 1)
    tangent = surface.frames[:, :2]
    flat = np.einsum("fai,fij,fbj->fab", tangent, tensor, tangent)
    mean = (flat[:, 0, 0] + flat[:, 1, 1]) / 2
    half = np.hypot((flat[:, 0, 0] - flat[:, 1, 1]) / 2, flat[:, 0, 1])
    most, least = mean + half, mean - half
    product = most * least
    bent = np.sqrt((most**2 + least**2) / 2)
    lengths = np.stack([most, least, mean, np.sign(product) * np.sqrt(np.abs(product)), bent, 2 * half], 1)
    index = 2 / np.pi * np.arctan2(mean, half) * (radius * bent) ** 2 / ((radius * bent) ** 2 + 1e-3)
    agreement = (average[:, 6:] * surface.normals).sum(1)
    return np.concatenate([np.arcsinh(3 * radius * lengths), index[:, None], agreement[:, None]], 1)
