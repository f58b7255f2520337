"""How the neighbourhood of every face spreads in space, at several scales."""

import numpy as np

from geolearn.ops.feature_surface import SCALES, FeatureSurface, as_feature_surface
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor


def local_pca_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 48"]:
    """Principal components of the neighbourhood of every face, at eight radii R: 6 values for each.

    Radii and neighbourhoods are those of `curvature_features`. With the standard deviations s1 >= s2 >= s3 of the
    surface in the neighbourhood along its principal axes, its mean m, and centre c and unit normal n of the face,
    columns for each radius:

    - 0: (s1 - s2) / s1, how much it is a line, 1: (s2 - s3) / s1, a plane, 2: s3 / s1, a ball; they sum to 1 (Demantke
      et al., "Dimensionality based scale selection in 3D lidar point clouds", 2011);
    - 3: sqrt(s1^2 + s2^2 + s3^2) / R, 0.7 on a plane and less where the surface is folded up;
    - 4: asinh(4 n . (m - c) / R), by how much the neighbourhood lies above (> 0) or below the face;
    - 5: the length of (m - c) / R beside the normal: 0 in the middle of a limb, more at its end.

    Kalogerakis, Hertzmann and Singh, "Learning 3D mesh segmentation and labeling", SIGGRAPH 2010, take ratios of s1, s2
    and s3 over geodesic discs; weights, radii and the choice of six values are ours. Faces count by exact integrals
    over their area.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> in_the_large = local_pca_features(ball)[:, 6 * 7 :]
    >>> [round(float(value), 1) for value in in_the_large[:, :3].mean(0)]  # a line, a plane, a ball
    [0.0, 0.0, 1.0]
    """
    surface = as_feature_surface(mesh)
    moments = _moments(surface.corners)
    values = [_values(surface, surface.heat.average(moments, radius), radius) for radius in SCALES]
    return surface.per_face(np.concatenate(values, 1))


def _moments(corners: Array) -> Array:
    """Mean of the position and of its products with itself over triangles, (M, 12)."""
    total = corners.sum(1)
    products = np.einsum("fki,fkj->fij", corners, corners) + total[:, :, None] * total[:, None, :]
    return np.concatenate([total / 3, products.reshape(-1, 9) / 12], 1)


def _values(surface: FeatureSurface, average: Array, radius: float) -> Array:
    middle = average[:, :3]
    covariance = average[:, 3:].reshape(-1, 3, 3) - middle[:, :, None] * middle[:, None, :]
    s3, s2, s1 = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0)).T
    longest = np.where(s1 > 0, s1, 1)
    offset = (middle - surface.centres) / radius
    above = (offset * surface.normals).sum(1)
    beside = np.linalg.norm(offset - above[:, None] * surface.normals, axis=1)
    spread = np.sqrt(s1**2 + s2**2 + s3**2) / radius
    return np.stack([(s1 - s2) / longest, (s2 - s3) / longest, s3 / longest, spread, np.arcsinh(4 * above), beside], 1)
