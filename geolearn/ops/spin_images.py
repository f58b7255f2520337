"""Where the rest of the surface lies, by distance from the axis of every face and by height along it."""

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

SPIN_IMAGES_SIZE = 100
_ROWS, _COLUMNS, _SOFTNESS = 10, 10, 0.25


def spin_image_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 100"]:
    """An image of 10 distances from the axis by 10 heights."""
    from geolearn.kernels.relative_histograms import spin_image_histograms

    surface = surface_of(mesh)
    samples = surface.samples
    images = spin_image_histograms(
        surface.centres, surface.normals, samples.points, samples.weights, _ROWS, _COLUMNS, _SOFTNESS
    )
    return to_features(images**0.5, surface.mesh)
