"""Where the rest of the surface lies, by distance from the axis of every face and by height along it."""

from geolearn.ops.feature_surface import FeatureSurface, as_feature_surface
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

ROWS, COLUMNS = 10, 10
SOFTNESS = 0.25  # the distance in the middle of the rows


def spin_image_features(mesh: Mesh | FeatureSurface) -> Float[Tensor, "F 100"]:
    """A spin image of the whole surface about the normal of every face, 10 distances from the axis by 10 heights.

    Johnson and Hebert, "Using spin images for efficient object recognition in cluttered 3D scenes", PAMI 1999: with
    centre c and unit normal n of the face, a place x of the surface is at

        a = sqrt(|x - c|^2 - (n . (x - c))^2),    b = n . (x - c),

    shared between the four bins around it by bilinear weights. Column 10 row + column holds the square root of the
    share of the area in its bin, so an image has length 1.

    Our choices: rows are even in a / (a + s) from 0 to 1 and columns in b / (|b| + s) from -1 to 1, with s = 1/4 of the
    square root of the mesh's area, so that the image holds all of the surface and is finest near the face; the surface
    is sampled by 512 vertices (see `geodesic_distance_features`); the square root evens out large and small shares.

    Args:
        mesh: V vertices, F faces, any soup of triangles; or what `FeatureSurface` made of it.

    Returns:
        float32 on the mesh's device, without gradient.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    >>> images = spin_image_features(ball).square().reshape(-1, ROWS, COLUMNS)
    >>> above = images[:, :, COLUMNS // 2 + 1 :].sum((1, 2))  # no part of a ball is higher than any of its faces
    >>> round(float(above.max()), 2)
    0.0
    """
    from geolearn.kernels.relative_histograms import spin_image_histograms  # late: Numba takes a while to import

    surface = as_feature_surface(mesh)
    samples = surface.samples
    images = spin_image_histograms(
        surface.centres, surface.normals, samples.points, samples.weights, ROWS, COLUMNS, SOFTNESS
    )
    return surface.per_face(images).sqrt()
