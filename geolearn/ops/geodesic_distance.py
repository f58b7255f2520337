"""How far the rest of the surface is from every face, along the surface."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

GEODESIC_DISTANCE_SIZE = 15
_SHARES = np.arange(1, 10) / 10


def geodesic_distance_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 15"]:
    """Statistics of the geodesic distances from every face to the whole surface."""
    surface = surface_of(mesh)
    samples = surface.samples
    distance = samples.distance[surface.faces].mean(1, dtype=np.float64)
    weights = samples.weights
    mean = distance @ weights
    deviation = np.sqrt(np.maximum(distance**2 @ weights - mean**2, 0))
    order = distance.argsort(1, kind="stable")
    ordered = np.take_along_axis(distance, order, 1)
    summed = weights[order].cumsum(1)
    at = np.stack([(summed < share).sum(1) for share in _SHARES], 1).clip(max=distance.shape[1] - 1)
    quantiles = np.take_along_axis(ordered, at, 1)
    farthest = ordered[:, -1] if distance.shape[1] else mean
    low, high = (mean.min(), mean.max()) if len(mean) else (0.0, 0.0)
    relative = (mean - low) / max(high - low, 1e-3)
    against = np.log(np.maximum(mean, 1e-6) / max(float(surface.areas @ mean) / max(surface.areas.sum(), 1e-12), 1e-6))
    shape = deviation / np.maximum(mean, 1e-6)
    columns = [mean, np.sqrt(mean**2 + deviation**2), farthest, relative, against, shape]
    return to_features(np.concatenate([np.stack(columns, 1), quantiles], 1), surface.mesh)
