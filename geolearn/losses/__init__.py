"""What a fit or a training minimises: plain tensors in, a differentiable number out."""

from geolearn.losses.chamfer import chamfer_squared_distance, nearest_squared_distances
from geolearn.losses.codes import code_divergence_loss, code_prior_loss
from geolearn.losses.grids import total_variation_loss
from geolearn.losses.images import image_l1_loss, normal_loss
from geolearn.losses.silhouettes import silhouette_iou_loss, silhouette_l1_loss
from geolearn.losses.smoothness import (
    cotangent_laplacian_loss,
    edge_length_loss,
    normal_consistency_loss,
    uniform_laplacian_loss,
)

__all__ = [
    "chamfer_squared_distance",
    "code_divergence_loss",
    "code_prior_loss",
    "cotangent_laplacian_loss",
    "edge_length_loss",
    "image_l1_loss",
    "nearest_squared_distances",
    "normal_consistency_loss",
    "normal_loss",
    "silhouette_iou_loss",
    "silhouette_l1_loss",
    "total_variation_loss",
    "uniform_laplacian_loss",
]
