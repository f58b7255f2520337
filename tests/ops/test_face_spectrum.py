"""Waves on meshes: closed forms, what defines them, and meshes that are no surface."""

import math

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_areas
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.structures import Mesh

SPHERE = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=3))


def torus(around: int, tube: int, flat: bool) -> Mesh:
    """A grid of around x tube cells, periodic only in its connections where `flat`; two triangles a cell."""
    i, j = torch.meshgrid(torch.arange(around), torch.arange(tube), indexing="ij")
    cell = (i * tube + j).reshape(-1)
    right, up = ((i + 1) % around * tube + j).reshape(-1), (i * tube + (j + 1) % tube).reshape(-1)
    both = ((i + 1) % around * tube + (j + 1) % tube).reshape(-1)
    angle, other = 2 * math.pi * i.reshape(-1) / around, 2 * math.pi * j.reshape(-1) / tube
    radius = 5 + torch.cos(other)
    verts = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle), torch.sin(other)], 1)
    return Mesh(verts, torch.cat([torch.stack([cell, right, up], 1), torch.stack([right, both, up], 1)]))


def test_the_sphere_has_the_spherical_harmonics():
    """Eigenvalues l (l + 1) on the unit sphere, 2 l + 1 times each; times 4 pi for a sphere of area 1."""
    found = face_spectrum(SPHERE, 16)
    expected = [4 * math.pi * degree * (degree + 1) for degree in range(4) for _ in range(2 * degree + 1)]
    assert found.eigenvalues.tolist() == pytest.approx(expected, rel=0.03, abs=1e-3)
    centres = SPHERE.triangles().mean(1)
    height = centres[:, 2] / centres[:, 2].square().mul(found.areas).sum().sqrt()
    inside = found.functions[:, 1:4].T @ (found.areas * height)
    assert float(inside.norm()) == pytest.approx(1, abs=1e-3)  # the height is one of the three of degree 1


def test_functions_are_orthonormal_in_the_areas_and_solve_the_problem():
    mesh = torus(20, 8, flat=False)
    found = face_spectrum(mesh, 30)
    gram = found.functions.T @ (found.areas[:, None] * found.functions)
    assert torch.allclose(gram, torch.eye(30), atol=1e-4)
    assert torch.allclose(found.areas, face_areas(mesh.triangles()) / face_areas(mesh.triangles()).sum(), atol=1e-7)
    # Rayleigh quotients by a slow loop over neighbours.
    from geolearn.ops.face_adjacency import face_adjacency

    adjacency, areas = face_adjacency(mesh), found.areas.tolist()
    total = float(face_areas(mesh.triangles()).sum())
    energy = torch.zeros(30)
    for (f, g), length in zip(adjacency.pairs.tolist(), adjacency.edge_length.tolist(), strict=True):
        weight = 3 * (length**2 / total) / (2 * areas[f] + 2 * areas[g])
        energy += weight * (found.functions[f] - found.functions[g]).square()
    assert torch.allclose(energy, found.eigenvalues, rtol=1e-3, atol=1e-3)


def test_scale_changes_nothing_and_order_only_the_order():
    order = torch.randperm(len(SPHERE.faces), generator=torch.Generator().manual_seed(0))
    one, two = face_spectrum(SPHERE, 9), face_spectrum(Mesh(70 * SPHERE.verts, SPHERE.faces[order]), 9)
    assert torch.allclose(one.eigenvalues, two.eigenvalues, rtol=1e-3, atol=1e-3)
    # The heat kernel does not depend on signs nor on the basis of equal eigenvalues.
    kernels = [(f * torch.exp(-0.01 * values)) @ f.T for f, values, _ in (one, two)]
    assert torch.allclose(kernels[0][order][:, order], kernels[1], atol=1e-2)


def test_pieces_have_an_eigenvalue_zero_each():
    parts = [SPHERE, Mesh(SPHERE.verts + 5, SPHERE.faces)]
    both = Mesh(torch.cat([m.verts for m in parts]), torch.cat([SPHERE.faces, SPHERE.faces + len(SPHERE.verts)]))
    values = face_spectrum(both, 4).eigenvalues
    assert values[:2].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert float(values[2]) > 5


def test_a_soup_with_needles_and_faces_without_area():
    generator = torch.Generator().manual_seed(1)
    verts = torch.rand(60, 3, generator=generator)
    faces = torch.randint(0, 60, (300, 3), generator=generator)  # edges of many faces, repeated corners
    found = face_spectrum(Mesh(verts, faces), 40)
    assert all(bool(torch.isfinite(value).all()) for value in found)


def test_fewer_faces_than_functions():
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    found = face_spectrum(mesh, 3)
    assert found.functions.abs().tolist() == [[pytest.approx(1), 0, 0]]
    assert found.eigenvalues.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "mesh, count, message",
    [
        (SPHERE, 0, "count: expected at least 1, got 0"),
        (Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), name="dot"), 2, "mesh: 'dot' has 1 faces and no area"),
        (Mesh(torch.zeros(0, 3), torch.zeros(0, 3).long()), 2, "has 0 faces and no area"),
    ],
)
def test_no_waves_are_refused(mesh, count, message):
    with pytest.raises(InvalidInputError, match=message):
        face_spectrum(mesh, count)
