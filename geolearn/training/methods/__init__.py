"""Ways of learning, one file each. Importing this room registers them and their recipes."""

from geolearn.training.methods import (
    belief_network,
    deformation,
    deformed_volumes,
    distance_decoding,
    face_labeling,
    shape_completion,
    unrolled_classification,
    view_classification,
    voxel_autoencoding,
    voxel_classification,
)

__all__ = [
    "belief_network",
    "deformation",
    "deformed_volumes",
    "distance_decoding",
    "face_labeling",
    "shape_completion",
    "unrolled_classification",
    "view_classification",
    "voxel_autoencoding",
    "voxel_classification",
]
