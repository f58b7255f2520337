"""Ways of learning, one file each. Importing this room registers them and their recipes."""

from geolearn.training.methods import (
    view_classification,
    voxel_autoencoding,
    voxel_classification,
)

__all__ = ["view_classification", "voxel_autoencoding", "voxel_classification"]
