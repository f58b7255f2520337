"""How thick the shape is behind every face."""

import numpy as np

from geolearn.ops.feature_surface import FeatureSurface, as_feature_surface
from geolearn.ops.inner_lengths import GOLDEN_ANGLE_RAD, LONGEST, cast_from, length_forms, log_lengths
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

RAYS = 32
CONES_RAD = tuple(np.pi / 12 * k for k in (1, 2, 3, 4))  # between the axis and the side
_TILT_RAD = CONES_RAD[-1] * (np.arange(RAYS) + 0.5) / RAYS


def shape_diameter_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 72"]:
    """The shape diameter function of every face in cones of four widths, with other statistics: 18 values for each.

    Shapira et al., "Contextual part analogies in 3D objects", IJCV 2010, and Shapira, Shamir and Cohen-Or, "Consistent
    mesh partitioning and skeletonisation using the shape diameter function", The Visual Computer 2008. 32 rays go from
    the centre of a face into the shape, in a cone about the inward normal whose opening is 120 degrees, and run until
    they leave through the back of a face. Narrower cones of 90, 60 and 30 degrees take the 24, 16 and 8 rays in them.
    Columns for each cone, from narrow to wide:

    - 0 to 4: five lengths: the shape diameter (mean of the rays within one standard deviation of the median, weighted
      by one over the angle to the axis), the mean, median, least and largest; 5 to 9 and 10 to 14: the same in the
      second and third form of `length_forms`;
    - 15: deviation / (deviation + mean) with the standard deviation; 16: the share of rays that leave; 17: the
      logarithm of the deviation, as form 1.

    On a sphere of radius r a ray at an angle a to the axis is 2 r cos a long.

    Our choices: rays are even in the angle to the axis and turn by the golden angle, starting from the first side of
    the face; one that does not leave, in an open mesh, is 2 long; faces are passed from outside, where Shapira et al.
    drop the ray; which statistics and forms.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> diameter = 2 ** (4 * (shape_diameter_features(ball)[:, 0] - 1))  # that of a ball of area 1 is 0.56
    >>> round(float(diameter.mean()), 2)
    0.56
    """
    from geolearn.kernels.length_statistics import cone_statistics  # late: Numba takes a while to import

    surface = as_feature_surface(mesh)
    lengths = cast_from(surface, surface.centres, cone_directions(), on_surface=True)
    counts = np.array([(cone > _TILT_RAD).sum() for cone in CONES_RAD])
    found = cone_statistics(lengths, 1 / _TILT_RAD, counts, LONGEST)
    cones = []
    for sizes, deviation, leaving in zip(*np.split(found.transpose(1, 0, 2), [5, 6], 2), strict=True):
        others = [deviation / np.maximum(deviation + sizes[:, 1:2], 1e-9), leaving, log_lengths(deviation)]
        cones += [length_forms(surface, sizes), *others]
    return surface.per_face(np.concatenate(cones, 1))


def cone_directions() -> Float[Array, "R 3"]:
    """The rays of a face in the axes of its frame, by their angle to the inward normal."""
    turn = GOLDEN_ANGLE_RAD * np.arange(RAYS)
    across = np.sin(_TILT_RAD)
    return np.stack([across * np.cos(turn), across * np.sin(turn), np.cos(_TILT_RAD)], 1)
