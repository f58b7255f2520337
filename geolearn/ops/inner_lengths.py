"""Lengths inside a shape as numbers for a network, and even directions to measure them in."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface
from geolearn.typing import Array, Float

LONGEST = 2.0  # what a ray that does not leave the shape counts as
SHORTEST = 1 / 128
SMOOTHING = 0.05
CONTRAST = 4.0
GOLDEN_ANGLE_RAD = np.pi * (3 - 5**0.5)


def length_forms(surface: FeatureSurface, lengths: Float[Array, "M C"]) -> Float[Array, "M 3*C"]:
    """Lengths in units of the square root of the area, in three forms one after the other.

    1. log2(length) / 4 + 1, which is 0 at 1/16 and 1 at 1, with lengths held between 1/128 and 2;
    2. the mean of 1. over the neighbourhood of radius 0.05 of each triangle;
    3. log(4 x + 1) / log 5 with x from 0 at the least to 1 at the most of this mesh (Shapira, Shamir and Cohen-Or,
       "Consistent mesh partitioning and skeletonisation using the shape diameter function", 2008, section 4.2).
    """
    logarithm = log_lengths(lengths)
    around = surface.heat.average(logarithm, SMOOTHING)
    lengths = np.clip(lengths, SHORTEST, LONGEST)
    low, high = (lengths.min(0), lengths.max(0)) if len(lengths) else (0.0, 1.0)
    relative = (lengths - low) / np.maximum(high - low, 1e-3)
    return np.concatenate([logarithm, around, np.log(CONTRAST * relative + 1) / np.log(CONTRAST + 1)], 1)


def log_lengths(lengths: Float[Array, "*M"]) -> Float[Array, "*M"]:
    """The first form of `length_forms`."""
    return np.log2(np.clip(lengths, SHORTEST, LONGEST)) / 4 + 1


def cast_from(
    surface: FeatureSurface, origins: Float[Array, "M 3"], directions: Float[Array, "R 3"], *, on_surface: bool
) -> Float[Array, "M R"]:
    """Lengths of rays from a point of each triangle until they leave the shape; inf if they do not.

    Args:
        surface: what the rays meet. They pass triangles that they meet from outside.
        origins: a point for each triangle.
        directions: in the axes of the triangle's frame.
        on_surface: whether the points lie on their triangles, which the rays then do not meet.
    """
    from geolearn.kernels.ray_casting import cast_rays  # late: Numba takes a while to import

    boxes = surface.boxes
    own = boxes.place if on_surface else np.full(len(origins), -1)
    return cast_rays(origins, surface.frames, own, directions, boxes.triangles, boxes.bounds)
