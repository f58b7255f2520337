"""How far the surface is from the middle of the shape behind every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, as_feature_surface
from geolearn.ops.inner_lengths import GOLDEN_ANGLE_RAD, LONGEST, cast_from, length_forms
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

RAYS = 32
MOST_ALIKE = float(np.cos(np.pi / 4))  # product of the normals of a face and of another that its ball may touch


def medial_distance_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 24"]:
    """The ball inside the shape that touches every face, and the shape as seen from its centre: 8 lengths.

    The centre lies on the medial surface, behind the centre of the face. Liu et al., "A part-aware surface metric for
    shape analysis", Eurographics 2009, section 3, look around from there by rays and call what they see the volumetric
    shape image; as features of faces: Kalogerakis, Hertzmann and Singh, SIGGRAPH 2010. The lengths are

    - 0: the radius of the ball, r = |p - q|^2 / (2 n . (p - q)) for the place q where it touches the surface again;
    - 1 to 7: of 32 rays from its centre in all directions: mean, root mean square, quartiles (three), largest, and
      standard deviation;

    columns 0 to 7, 8 to 15 and 16 to 23 are these in the three forms of `length_forms`. On a sphere of radius R all of
    0 to 6 are R, on an endless plate of thickness h the radius is h / 2.

    Our choices: the ball is found by shrinking it (`touching_balls`), passes faces whose normal is less than 45 degrees
    from that of its own, and is at most 1 in radius, in units of the square root of the area; rays leave through backs
    of faces only, and one that does not leave is 2 long; directions are a spiral of even density in the axes of the
    face.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> mean = 2 ** (4 * (medial_distance_features(ball)[:, 1] - 1))  # the radius of a ball of area 1 is 0.28
    >>> round(float(mean.mean()), 2)
    0.28
    """
    surface = as_feature_surface(mesh)
    radii = inner_balls(surface)
    height = 1 - (2 * np.arange(RAYS) + 1) / RAYS
    turn, across = GOLDEN_ANGLE_RAD * np.arange(RAYS), np.sqrt(1 - height**2)
    directions = np.stack([across * np.cos(turn), across * np.sin(turn), height], 1)
    middle = surface.centres - radii[:, None] * surface.normals
    lengths = cast_from(surface, middle, directions, on_surface=False).astype(np.float64)
    lengths = np.minimum(lengths, LONGEST)
    quartiles = np.quantile(lengths, [0.25, 0.5, 0.75], axis=1)
    root_mean_square = np.sqrt((lengths**2).mean(1))
    sizes = [radii, lengths.mean(1), root_mean_square, *quartiles, lengths.max(1), lengths.std(1)]
    return surface.per_face(length_forms(surface, np.stack(sizes, 1)))


def inner_balls(surface: FeatureSurface) -> Float[Array, " M"]:
    """Radii of the largest balls inside the shape that touch it in the centre of a triangle, at most 1."""
    from geolearn.kernels.touching_balls import touching_balls  # late: Numba takes a while to import

    boxes = surface.boxes
    return touching_balls(surface.centres, surface.normals, boxes.place, LONGEST / 2, MOST_ALIKE, boxes)
