"""Where the rest of the surface lies, by distance and by angle to the normal of every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

SHAPE_CONTEXTS_SIZE = 270
_RINGS, _SECTORS = 10, 9
_NEAREST, _FARTHEST = 0.04, 2.56
_ENTRIES = 4096
_LENGTHS = np.maximum(np.arange(_ENTRIES + 1) * _FARTHEST / _ENTRIES, _NEAREST)
_RING_OF = _RINGS * np.log(_LENGTHS / _NEAREST) / np.log(_FARTHEST / _NEAREST)


def shape_context_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 270"]:
    """Three histograms of 10 rings of distance by 9 sectors of angle."""
    from geolearn.kernels.relative_histograms import shape_context_histograms

    surface = surface_of(mesh)
    samples = surface.samples
    histograms = shape_context_histograms(
        surface.centres,
        surface.normals,
        surface.faces,
        samples.distance,
        samples.points,
        samples.normals,
        samples.weights,
        _RING_OF,
        _ENTRIES / _FARTHEST,
        _RINGS,
        _SECTORS,
    )
    return to_features(histograms**0.5, surface.mesh)
