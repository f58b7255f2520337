"""The 600 geometric features of every face."""

import torch

from geolearn.ops.curvature_features import CURVATURE_SIZE, curvature_features
from geolearn.ops.feature_surface import FeatureSurface, surface_of
from geolearn.ops.geodesic_distance import GEODESIC_DISTANCE_SIZE, geodesic_distance_features
from geolearn.ops.local_pca import LOCAL_PCA_SIZE, local_pca_features
from geolearn.ops.medial_distance import MEDIAL_DISTANCE_SIZE, medial_distance_features
from geolearn.ops.shape_contexts import SHAPE_CONTEXTS_SIZE, shape_context_features
from geolearn.ops.shape_diameter import SHAPE_DIAMETER_SIZE, shape_diameter_features
from geolearn.ops.spin_images import SPIN_IMAGES_SIZE, spin_image_features
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

FEATURE_COUNT = 600
_FAMILIES = {
    "curvature": (CURVATURE_SIZE, curvature_features),
    "local_pca": (LOCAL_PCA_SIZE, local_pca_features),
    "shape_contexts": (SHAPE_CONTEXTS_SIZE, shape_context_features),
    "geodesic_distance": (GEODESIC_DISTANCE_SIZE, geodesic_distance_features),
    "shape_diameter": (SHAPE_DIAMETER_SIZE, shape_diameter_features),
    "medial_distance": (MEDIAL_DISTANCE_SIZE, medial_distance_features),
    "spin_images": (SPIN_IMAGES_SIZE, spin_image_features),
}


def _columns() -> dict[str, slice]:
    columns, first = {}, 0
    for name, (size, _) in _FAMILIES.items():
        columns[name] = slice(first, first + size)
        first += size
    return columns


FEATURE_COLUMNS: dict[str, slice] = _columns()


def face_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 600"]:
    """Seven families of features side by side, by `FEATURE_COLUMNS`, and seven columns of 0."""
    surface = surface_of(mesh)
    blocks = [compute(surface) for _, compute in _FAMILIES.values()]
    known = torch.cat(blocks, 1)
    return torch.nn.functional.pad(known, (0, FEATURE_COUNT - known.shape[1]))
