"""The 600 geometric features of every face, from which a network tells parts of shapes."""

import torch

from geolearn.ops.curvature_features import curvature_features
from geolearn.ops.feature_surface import as_feature_surface
from geolearn.ops.geodesic_distance import geodesic_distance_features
from geolearn.ops.local_pca import local_pca_features
from geolearn.ops.medial_distance import medial_distance_features
from geolearn.ops.shape_contexts import shape_context_features
from geolearn.ops.shape_diameter import shape_diameter_features
from geolearn.ops.spin_images import spin_image_features
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Tensor

FEATURE_COUNT = 600
FEATURE_COLUMNS: dict[str, slice] = {
    "curvature": slice(0, 64),
    "local_pca": slice(64, 112),
    "shape_contexts": slice(112, 382),
    "geodesic_distance": slice(382, 397),
    "shape_diameter": slice(397, 469),
    "medial_distance": slice(469, 493),
    "spin_images": slice(493, 593),
}
_FAMILIES = {
    "curvature": curvature_features,
    "local_pca": local_pca_features,
    "shape_contexts": shape_context_features,
    "geodesic_distance": geodesic_distance_features,
    "shape_diameter": shape_diameter_features,
    "medial_distance": medial_distance_features,
    "spin_images": spin_image_features,
}


@takes_mesh
def face_features(mesh: Mesh) -> Float[Tensor, "F 600"]:
    """Seven families of features side by side: what each face, its neighbourhood and the rest of the shape look like.

    Guo, Zou and Chen, "3D mesh labeling via deep convolutional neural networks", TOG 2015, with the families and sizes
    of Kalogerakis, Hertzmann and Singh, "Learning 3D mesh segmentation and labeling", SIGGRAPH 2010. Columns, by name
    in `FEATURE_COLUMNS`: `curvature_features` (64), `local_pca_features` (48), `shape_context_features` (270),
    `geodesic_distance_features` (15), `shape_diameter_features` (72), `medial_distance_features` (24),
    `spin_image_features` (100), and 7 columns of 0.

    Values do not change when the mesh is moved, turned or scaled, nor with the order of faces or vertices, but for
    rounding; nor with the number of threads, to the bit. Most lie between -1 and 1, few beyond 5. All are finite on any
    mesh: boundaries, edges of more than two faces, faces without area, parts that do not touch, vertices that no face
    uses. Where there is nothing to measure, they are what `FeatureSurface` and each family say.

    Time and memory grow about as F log F.

    Args:
        mesh: V vertices, F faces, counter-clockwise seen from outside. Computed on the CPU.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> features = face_features(Mesh(corners, torch.tensor([[0, 1, 2], [0, 2, 3]])))
    >>> features.shape, features[:, FEATURE_COLUMNS["geodesic_distance"]].shape
    (torch.Size([2, 600]), torch.Size([2, 15]))
    """
    surface = as_feature_surface(mesh)
    families = [_FAMILIES[name](surface) for name in FEATURE_COLUMNS]
    padding = torch.zeros(len(mesh.faces), FEATURE_COUNT - FEATURE_COLUMNS["spin_images"].stop, device=mesh.device)
    return torch.cat([*families, padding], 1)
