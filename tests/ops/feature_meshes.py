"""Shapes on which features of faces are known or hard."""

import numpy as np
import torch
import trimesh

from geolearn.ops import face_areas
from geolearn.structures import Mesh


def ball(subdivisions: int = 3, radius: float = 1.0) -> Mesh:
    return Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius))


def lopsided(subdivisions: int = 3) -> Mesh:
    """A closed surface without any symmetry, with bumps and hollows, on coordinates that turn without rounding."""
    shape = trimesh.creation.icosphere(subdivisions=subdivisions)
    x, y, z = shape.vertices.T
    radius = 1 + 0.3 * x + 0.25 * np.sin(3 * x + 1) * y + 0.2 * np.cos(4 * z + y) + 0.35 * np.exp(-8 * (z - 1) ** 2)
    verts = shape.vertices * radius[:, None] * [1.0, 0.7, 1.6]
    return Mesh(torch.tensor((verts * 4096).round() / 4096).float(), torch.tensor(np.asarray(shape.faces)))


def flat_square(cells: int, lift: float = 0.0) -> Mesh:
    """A unit square of 2 cells^2 right triangles, the diagonals running to and fro."""
    at = np.arange(cells + 1)
    x, y = np.meshgrid(at, at, indexing="ij")
    verts = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3) / cells + [0, 0, lift]
    i, j = (value.reshape(-1) for value in np.meshgrid(at[:-1], at[:-1], indexing="ij"))
    a, b = i * (cells + 1) + j, (i + 1) * (cells + 1) + j
    c, d = b + 1, a + 1
    even = ((i + j) % 2 == 0)[:, None]
    first = np.where(even, np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    second = np.where(even, np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    return Mesh(torch.tensor(verts).float(), torch.tensor(np.concatenate([first, second])))


def bent_plate(cells: int, height: float) -> tuple[Mesh, int]:
    """Two unit squares, one below the other, with a bump or a dent in the upper one, and the face in its middle."""
    upper, lower = flat_square(cells, lift=0.5), flat_square(cells)
    away = (upper.verts[:, :2] - 0.5).square().sum(1)
    verts = upper.verts + height * torch.exp(-away / 0.01)[:, None] * torch.tensor([0.0, 0, 1])
    middle = int((upper.triangles().mean(1)[:, :2] - 0.5).square().sum(1).argmin())
    return join(Mesh(verts, upper.faces), Mesh(lower.verts, lower.faces.flip(1))), middle


def soup(seed: int, verts: int = 9, faces: int = 24) -> Mesh:
    """A broken mesh: boundaries, crowded edges, faces twice or without area, parts apart, unused or equal vertices."""
    rng = np.random.default_rng(seed)
    places = rng.integers(-2, 3, (verts, 3)) * rng.choice([1.0, 0.37])
    places[: verts // 3] += 20 * rng.integers(0, 2)
    return Mesh(torch.tensor(places).float(), torch.tensor(rng.integers(0, verts, (faces, 3))))


def join(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.verts) for mesh in meshes])
    faces = [mesh.faces + int(offset) for mesh, offset in zip(meshes, offsets, strict=False)]
    return Mesh(torch.cat([mesh.verts for mesh in meshes]), torch.cat(faces))


def side(mesh: Mesh) -> float:
    """The square root of the area: the unit of length of features."""
    return float(face_areas(mesh.triangles().double()).sum()) ** 0.5
