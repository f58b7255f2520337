"""How far the rest of the surface is from every face, along the surface."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

GEODESIC_DISTANCE_SIZE = 15
_SHARES = np.arange(1, 10) / 10
_BINS = 256


def geodesic_distance_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 15"]:
    """Statistics of the geodesic distances from every face to the whole surface."""
    from geolearn.kernels.relative_histograms import distance_statistics

    surface = surface_of(mesh)
    samples = surface.samples
    found = distance_statistics(surface.faces, samples.distance, samples.weights, _BINS, _SHARES)
    mean, root_mean_square, farthest = found[:, :3].T
    deviation = np.sqrt(np.maximum(root_mean_square**2 - mean**2, 0))
    low, high = (mean.min(), mean.max()) if len(mean) else (0.0, 0.0)
    relative = (mean - low) / max(high - low, 1e-3)
    typical = float(surface.areas @ mean) / max(float(surface.areas.sum()), 1e-12)
    against = np.log(np.maximum(mean, 1e-6) / max(typical, 1e-6))
    shape = deviation / np.maximum(mean, 1e-6)
    columns = np.stack([mean, root_mean_square, farthest, relative, against, shape], 1)
    return to_features(np.concatenate([columns, found[:, 3:]], 1), surface.mesh)
