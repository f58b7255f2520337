"""Random scenes that are hard to rasterize, and a plain float64 version of what a hit means."""

from typing import NamedTuple

import torch


class Scene(NamedTuple):
    face_verts: torch.Tensor  # float32 (F, 3, 3), xy in NDC and depth
    faces_per_mesh: torch.Tensor
    siblings: torch.Tensor
    image_size: tuple[int, int]
    blur_radius: float
    faces_per_pixel: int


class Dice:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def floats(self, *shape):
        return torch.rand(*shape, generator=self.generator)

    def integer(self, low, high):
        return int(torch.randint(low, high, (1,), generator=self.generator))

    def choice(self, *options):
        return options[self.integer(0, len(options))]


def random_scene(seed):
    """A soup of one to three meshes; `seed` picks what is nasty about it."""
    dice = Dice(seed)
    faces_per_mesh = torch.tensor([dice.integer(0, 30) for _ in range(dice.integer(1, 4))])
    count = int(faces_per_mesh.sum())
    corners = dice.floats(count, 3, 3) * 2 - 1
    size = dice.choice(0.1, 0.3, 1.0, 2.0)
    corners[..., :2] = corners[:, :1, :2] + size * (corners[..., :2] - corners[:, :1, :2])
    corners[..., 2] = 1 + 1.2 * corners[..., 2]  # some corners behind the camera
    if seed % 3 == 0:
        corners[..., 2] = corners[..., 2].round(decimals=1)  # exact ties in depth
    if seed % 4 == 0:
        corners[..., :2] = (4 * corners[..., :2]).round() / 4  # edges through pixel centres, degenerate faces
    if seed % 5 == 0:
        corners[count // 2 : count // 2 + 2] = corners[
            : max(0, min(2, count - count // 2))
        ].clone()  # the same face twice
    if seed % 6 == 0:
        corners[..., 2] = corners[:, :1, 2]  # parallel to the image
    if seed % 7 == 0:
        corners[: count // 3, 2] = corners[: count // 3, 1]  # no area
    siblings = torch.full((count,), -1)
    if seed % 2:
        for first in range(0, count - 1, 3):
            siblings[first], siblings[first + 1] = first + 1, first
            corners[first + 1, :2] = corners[first, 1:]
    return Scene(
        corners,
        faces_per_mesh,
        siblings,
        (dice.integer(1, 28), dice.integer(1, 28)),
        dice.choice(0.0, 1e-4, 1e-2, 0.1),
        dice.choice(1, 2, 5, 10, 50),
    )


def pixel_centre(index, size, other):
    """NDC coordinate of a pixel: the short side of the image spans -1..1, left and top are positive."""
    span = 2 * max(1, size / other)
    return -span / 2 + (span * (size - 1 - index) + span / 2) / size


def edge_function(p, a, b):
    return (p[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]) - (p[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])


def nearest_on_edges(p, corners):
    """The nearest point (3, n, 2) of each edge of a face."""
    points = []
    for first, second in ((0, 1), (0, 2), (1, 2)):
        a, b = corners[:, first, :2], corners[:, second, :2]
        squared_length = ((b - a) ** 2).sum(1)
        short = squared_length <= 1e-8
        along = ((p - a) * (b - a)).sum(1) / torch.where(short, 1.0, squared_length)
        points.append(torch.where(short[:, None], b, a + along.clamp(0, 1)[:, None] * (b - a)))
    return torch.stack(points)


def hit_points(pix_to_face):
    """NDC of the pixel (n, 2) of every hit, and the indices of the hits."""
    _, height, width, _ = pix_to_face.shape
    _, row, column, _ = hit = torch.nonzero(pix_to_face >= 0, as_tuple=True)
    return torch.stack([pixel_centre(column, width, height), pixel_centre(row, height, width)], 1).double(), hit


def between_edges(face_verts, pix_to_face):
    """Hits (n,) with two points of the outline equally near: the distance has a kink there, and no one gradient."""
    p, hit = hit_points(pix_to_face)
    points = nearest_on_edges(p, face_verts[pix_to_face[hit]].double())
    distances = ((p - points) ** 2).sum(2)
    nearest, edge = distances.min(0)
    apart = (points - points.gather(0, edge[None, :, None].expand(1, -1, 2))).norm(dim=2) > 1e-4
    return (apart & (distances <= nearest * (1 + 1e-5) + 1e-12)).any(0)


def plain_hits(face_verts, pix_to_face, perspective_correct, clip_barycentric_coords):
    """Depth, barycentrics and distance of every hit by formula, differentiable; `face_verts` in float64."""
    p, hit = hit_points(pix_to_face)
    corners = face_verts[pix_to_face[hit]]
    v0, v1, v2 = corners.unbind(1)
    z0, z1, z2 = corners[..., 2].unbind(1)
    area = edge_function(v2, v0, v1) + 1e-8
    w = torch.stack([edge_function(p, v1, v2), edge_function(p, v2, v0), edge_function(p, v0, v1)], 1) / area[:, None]
    if perspective_correct:
        w = w * torch.stack([z1 * z2, z0 * z2, z0 * z1], 1)
        w = w / w.sum(1, keepdim=True).clamp(min=1e-8)
    inside = (w > 0).all(1)
    if clip_barycentric_coords:
        w = w.clamp(min=0)
        w = w / w.sum(1, keepdim=True).clamp(min=1e-5)
    depth = (w * corners[..., 2]).sum(1)
    distances = ((p - nearest_on_edges(p, corners)) ** 2).sum(2)
    distance = distances.gather(0, distances.argmin(0, keepdim=True))[0]  # of equally near edges, the first
    return depth, w, torch.where(inside, -distance, distance)
