"""Cross products, normals and areas of triangles: the formulas every room shares, with gradients."""

import torch

from geolearn.typing import Float, Tensor


def face_cross(triangles: Float[Tensor, "*F 3 3"]) -> Float[Tensor, "*F 3"]:
    """The cross product of two sides: along the normal, outward for counter-clockwise faces, of length twice the area.

        (b - a) x (c - a)

    Args:
        triangles: corner positions a, b, c, as by `Mesh.triangles()`.

    >>> face_cross(torch.tensor([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])).tolist()
    [[0.0, 0.0, 2.0]]
    """
    a, b, c = triangles.unbind(-2)
    return torch.linalg.cross(b - a, c - a)


def face_normals(triangles: Float[Tensor, "*F 3 3"]) -> Float[Tensor, "*F 3"]:
    """Unit normals; 0, with gradient 0, for a triangle without area.

    Args:
        triangles: corner positions, as by `Mesh.triangles()`.

    >>> face_normals(torch.tensor([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    cross = face_cross(triangles)
    length = vector_lengths(cross)[..., None]
    return cross / torch.where(length > 0, length, 1)


def face_areas(triangles: Float[Tensor, "*F 3 3"]) -> Float[Tensor, "*F"]:
    """Areas; the gradient of a triangle without area is 0.

    Args:
        triangles: corner positions, as by `Mesh.triangles()`.

    >>> face_areas(torch.tensor([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])).tolist()
    [1.0]
    """
    return vector_lengths(face_cross(triangles)) / 2


def vector_lengths(vectors: Float[Tensor, "*N D"]) -> Float[Tensor, "*N"]:
    """Euclidean lengths, whose gradient at zero is zero."""
    squared = vectors.square().sum(-1)
    return torch.where(squared > 0, torch.where(squared > 0, squared, 1).sqrt(), 0)
