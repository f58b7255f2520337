"""How the neighbourhood of every face spreads in space, at several scales."""

import numpy as np

from geolearn.ops.feature_surface import SCALES, FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

LOCAL_PCA_SIZE = 48


def local_pca_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 48"]:
    """Six values at each of eight scales R."""
    surface = surface_of(mesh)
    amounts = _moments(surface)
    values = [_values(surface, surface.spread(amounts, radius), radius) for radius in SCALES]
    return to_features(np.concatenate(values, 1), surface.mesh)


def _moments(surface: FeatureSurface) -> Array:
    """Area, first and second moments of every face (F, 13)."""
    corners = surface.triangles
    total = corners.sum(1)
    second = (np.einsum("fki,fkj->fij", corners, corners) + np.einsum("fi,fj->fij", total, total)) / 12
    amounts = np.concatenate([np.ones((len(corners), 1)), total / 3, second.reshape(-1, 9)], 1)
    return surface.areas[:, None] * amounts


def _values(surface: FeatureSurface, average: Array, radius: float) -> Array:
    whole = np.maximum(average[:, :1], 1e-12)
    middle, second = average[:, 1:4] / whole, (average[:, 4:] / whole).reshape(-1, 3, 3)
    covariance = second - middle[:, :, None] * middle[:, None, :]
    s3, s2, s1 = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0)).T
    longest = np.maximum(s1, 1e-9)
    offset = (middle - surface.centres) / radius
    up = (offset * surface.normals).sum(1)
    aside = np.linalg.norm(offset - up[:, None] * surface.normals, axis=1)
    spread = np.sqrt(s1**2 + s2**2 + s3**2) / radius
    return np.stack([(s1 - s2) / longest, (s2 - s3) / longest, s3 / longest, spread, np.arcsinh(4 * up), aside], 1)
