"""Where the rest of the surface lies, by distance and by angle to the normal of every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, as_feature_surface
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

RINGS, SECTORS = 10, 9
NEAREST, FARTHEST = 0.04, 2.56  # distances at the ends of the rings, each 1.52 times the one before
_ENTRIES = 4096
_LENGTHS = np.maximum(np.arange(_ENTRIES + 1) * FARTHEST / _ENTRIES, NEAREST)
_RING_OF = RINGS * np.log(_LENGTHS / NEAREST) / np.log(FARTHEST / NEAREST)


def shape_context_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 270"]:
    """Three histograms of the surface around every face, of 10 rings of distance by 9 sectors of angle.

    After Belongie, Malik and Puzicha, "Shape matching and object recognition using shape contexts", PAMI 2002, and on
    surfaces Kalogerakis, Hertzmann and Singh, SIGGRAPH 2010. Each bin holds the square root of the share of the area
    that lies in it, so each histogram has length 1. Rings are even in the logarithm of distance from 0.04 to 2.56 times
    the square root of the mesh's area (what is nearer or farther counts in the first or last), sectors in an angle from
    0 to pi. Columns 90 h + 9 ring + sector of histogram h:

    - 0: geodesic distance, and the angle between the face's normal and the direction to the other place;
    - 1: geodesic distance, and the angle between the normals of the two places;
    - 2: straight distance, and the angle of histogram 0.

    Our choices: the surface is sampled by 512 vertices (see `geodesic_distance_features`), so that the cost grows with
    the faces alone; a sample is shared between the bins around it, by bilinear weights; the second and third histogram;
    the square root, which evens out large and small shares.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> histograms = shape_context_features(ball).reshape(-1, 3, RINGS, SECTORS).square()
    >>> [round(float(whole), 3) for whole in histograms.sum((2, 3))[0]]
    [1.0, 1.0, 1.0]
    """
    from geolearn.kernels.relative_histograms import shape_context_histograms  # late: Numba takes a while to import

    surface = as_feature_surface(mesh)
    histograms = shape_context_histograms(
        surface.centres,
        surface.normals,
        surface.triangles,
        surface.samples.distance,
        surface.samples.points,
        surface.samples.normals,
        surface.samples.weights,
        _RING_OF,
        _ENTRIES / FARTHEST,
        RINGS,
        SECTORS,
    )
    return surface.per_face(histograms).sqrt()
