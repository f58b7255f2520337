"""How thick the shape is behind every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, surface_of, to_features
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

SHAPE_DIAMETER_SIZE = 72
RAYS = 32
CONES_RAD = tuple(np.pi / 12 * k for k in (1, 2, 3, 4))  # half of the opening
LONGEST = 2.0  # a ray that never leaves counts as so long
SMOOTHING = 0.05
_GOLDEN = np.pi * (3 - 5**0.5)


def shape_diameter_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 72"]:
    """18 statistics of the lengths of rays in each of four cones about the inward normal."""
    from geolearn.kernels.ray_casting import cast_rays

    surface = surface_of(mesh)
    tilt = CONES_RAD[-1] * (np.arange(RAYS) + 0.5) / RAYS
    turn = _GOLDEN * np.arange(RAYS)
    directions = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], 1)
    tree = surface.rays
    lengths = cast_rays(
        surface.centres, surface.frames, tree.place, directions, tree.triangles, tree.bounds, tree.first
    )
    blocks = []
    for cone in CONES_RAD:
        inside = tilt < cone
        blocks.append(_cone(surface, lengths[:, inside].astype(np.float64), 1 / tilt[inside]))
    return to_features(np.concatenate(blocks, 1), surface.mesh)


def _cone(surface: FeatureSurface, lengths: Array, weights: Array) -> Array:
    leaves = np.isfinite(lengths)
    lengths = np.where(leaves, np.minimum(lengths, LONGEST), LONGEST)
    share = leaves.mean(1)
    median = np.median(lengths, 1)
    mean, deviation = lengths.mean(1), lengths.std(1)
    near = np.abs(lengths - median[:, None]) <= deviation[:, None] + 1e-12
    robust = (near * weights * lengths).sum(1) / (near * weights).sum(1)
    sizes = np.stack([robust, mean, median, lengths.min(1), lengths.max(1)], 1)
    return np.concatenate(
        [
            length_forms(surface, sizes),
            (deviation / np.maximum(mean, 1e-6))[:, None],
            share[:, None],
            length_forms(surface, deviation[:, None])[:, :1],
        ],
        1,
    )


def length_forms(surface: FeatureSurface, lengths: Array) -> Array:
    """Lengths (F, K) in three forms (F, 3 K): log, mean of the log over the neighbourhood, relative to the mesh's."""
    log = np.log2(np.maximum(lengths, 1 / 128)) / 4 + 1
    around = surface.spread(surface.areas[:, None] * log, SMOOTHING)
    low, high = (lengths.min(0), lengths.max(0)) if len(lengths) else (0.0, 0.0)
    relative = np.log(4 * (lengths - low) / np.maximum(high - low, 1e-3) + 1) / np.log(5)
    return np.concatenate([log, around, relative], 1)
