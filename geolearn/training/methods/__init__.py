"""Ways of learning, one file each. Importing this room registers them and their recipes."""

from geolearn.training.methods import (
    deformation,
    deformed_volumes,
    distance_decoding,
    face_labeling,
    view_classification,
    voxel_autoencoding,
    voxel_classification,
)

__all__ = [
    "deformation",
    "deformed_volumes",
    "distance_decoding",
    "face_labeling",
    "view_classification",
    "voxel_autoencoding",
    "voxel_classification",
]
