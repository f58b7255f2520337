"""How far the surface is from the middle of the shape behind every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.ops.shape_diameter import LONGEST, length_forms
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

MEDIAL_DISTANCE_SIZE = 24
RAYS = 32
_GOLDEN = np.pi * (3 - 5**0.5)


def medial_distance_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 24"]:
    """Eight lengths in three forms: the largest ball inside that touches the face, and rays from its centre."""
    from geolearn.kernels.ray_casting import cast_rays, touching_balls

    surface = surface_of(mesh)
    tree = surface.rays
    start = np.full(len(surface.faces), LONGEST / 2)
    radii = touching_balls(surface.centres, surface.normals, tree.place, start, tree.triangles, tree.bounds, tree.first)
    middle = surface.centres - radii[:, None] * surface.normals
    height = 1 - (2 * np.arange(RAYS) + 1) / RAYS
    turn = _GOLDEN * np.arange(RAYS)
    across = np.sqrt(1 - height**2)
    directions = np.stack([across * np.cos(turn), across * np.sin(turn), height], 1)
    none = np.full(len(radii), -1)
    lengths = cast_rays(middle, surface.frames, none, directions, tree.triangles, tree.bounds, tree.first)
    lengths = np.minimum(np.where(np.isfinite(lengths), lengths, LONGEST), LONGEST).astype(np.float64)
    low, middle_length, high = np.quantile(lengths, [0.25, 0.5, 0.75], axis=1)
    sizes = np.stack(
        [
            radii,
            lengths.mean(1),
            np.sqrt((lengths**2).mean(1)),
            low,
            middle_length,
            high,
            lengths.max(1),
            lengths.std(1),
        ],
        1,
    )
    return to_features(length_forms(surface, sizes), surface.mesh)
