"""Surfaces of grids: volume, orientation, closedness and genus, whatever the values."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops.isosurface import isosurface, smooth_surface, voxel_surface
from geolearn.structures import VoxelGrid


def grid(size):
    return torch.stack(torch.meshgrid(*[torch.arange(float(size))] * 3, indexing="ij"), -1)


def surface(mesh):
    return trimesh.Trimesh(mesh.verts.numpy(), mesh.faces.numpy(), process=False)


def test_sphere_has_its_volume_and_looks_outward():
    mesh = surface(isosurface(7 - (grid(20) - 9.5).norm(dim=-1), 0.0))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 343, rel=0.02)
    assert np.abs(np.linalg.norm(mesh.vertices - 9.5, axis=1) - 7).max() < 0.06


def test_plane_is_exact():
    mesh = isosurface(grid(5)[..., 0] @ torch.eye(5) * -1 + 1.25, 0.0)
    assert mesh.verts[:, 0].unique().tolist() == pytest.approx([1.25])
    normals = torch.linalg.cross(*(mesh.triangles()[:, k] - mesh.triangles()[:, 0] for k in (1, 2)))
    assert bool((normals[:, 0] > 0).all())  # the inside is on the low side


def test_torus_keeps_its_hole():
    x, y, z = (grid(30) - 14.5).unbind(-1)
    mesh = surface(isosurface(9 - ((x.square() + y.square()).sqrt() - 9).square() - z.square(), 0.0))
    assert mesh.euler_number == 0
    assert mesh.volume == pytest.approx(2 * math.pi**2 * 9 * 9, rel=0.05)


@given(arrays.arrays(np.float32, (4, 3, 5), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])))
def test_any_values_give_a_closed_oriented_manifold(inner):
    values = torch.zeros(6, 5, 7)
    values[1:-1, 1:-1, 1:-1] = torch.from_numpy(inner)
    mesh = isosurface(values, 0.5)
    faces = mesh.faces.numpy()
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(sides, axis=0)) == len(sides)
    assert {tuple(side) for side in sides} == {tuple(side[::-1]) for side in sides}
    if len(faces):
        assert surface(mesh).volume > 0


def test_nothing_passes_and_too_few_values():
    assert isosurface(torch.zeros(3, 3, 3), 0.5).faces.shape == (0, 3)
    with pytest.raises(InvalidInputError, match="at least 2 x 2 x 2"):
        isosurface(torch.zeros(3, 1, 3), 0.5)


def test_a_voxel_at_the_border_is_an_octahedron_around_its_centre():
    """Half way to the centres of its neighbours, which are 0 inside the grid and outside it; by hand."""
    values = torch.zeros(4, 4, 4, dtype=torch.bool)
    values[0, 1, 3] = True
    mesh = voxel_surface(VoxelGrid(values, torch.tensor([10.0, 20, 30]), 2.0))
    assert surface(mesh).is_watertight
    assert ((mesh.bounds[0] + mesh.bounds[1]) / 2).tolist() == pytest.approx([11, 23, 37])
    assert (mesh.bounds[1] - mesh.bounds[0]).tolist() == pytest.approx([2, 2, 2])


def test_voxel_surface_of_nothing_and_of_a_level_that_the_outside_passes():
    assert len(voxel_surface(VoxelGrid(torch.full((4, 4, 4), 0.4))).faces) == 0
    with pytest.raises(InvalidInputError, match="level: expected more than 0"):
        voxel_surface(VoxelGrid(torch.ones(2, 2, 2)), 0.0)


def test_smooth_surface_keeps_what_is_one_cell_thin():
    values = torch.zeros(9, 9, 9, dtype=torch.bool)
    values[4, 1:8, 1:8] = True  # a plate
    values[1, 1, 1:8] = True  # a rod
    mesh = surface(smooth_surface(VoxelGrid(values)))
    assert mesh.is_watertight
    assert len(mesh.split()) == 2
    assert mesh.bounds[1].tolist() == pytest.approx([5, 8, 8], abs=0.5)


def test_smooth_surface_has_fewer_steps():
    ball = VoxelGrid((grid(24) - 11.5).norm(dim=-1) < 9, torch.tensor([1.0, 2.0, 3.0]), 0.5)
    stepped, smooth = (surface(make(ball)) for make in (voxel_surface, smooth_surface))
    # A ball of radius 4.5 around (7, 8, 9), to whose area the steps add.
    area = 4 * math.pi * 4.5**2
    assert abs(smooth.area / area - 1) < 0.7 * abs(stepped.area / area - 1)
    assert np.abs(np.linalg.norm(smooth.vertices - [7, 8, 9], axis=1) - 4.5).max() < 0.5


def test_smooth_surface_of_nothing():
    assert len(smooth_surface(VoxelGrid(torch.zeros(4, 4, 4, dtype=torch.bool))).faces) == 0
