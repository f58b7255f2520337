"""Ways of learning, one file each. Importing this room registers them and their recipes."""

from geolearn.training.methods import (
    distance_decoding,
    view_classification,
    voxel_autoencoding,
    voxel_classification,
)

__all__ = ["distance_decoding", "view_classification", "voxel_autoencoding", "voxel_classification"]
