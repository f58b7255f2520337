"""Representations of grids here; of meshes against the operators they name."""

import pytest
import torch
import trimesh

from geolearn import ops
from geolearn.data import SamplePoints, Voxelize, pack, resize_columns, unpack
from geolearn.data.representations import resize_grid
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid

CUBE = Mesh.from_trimesh(trimesh.creation.box(bounds=[[0, 0, 0], [1, 1, 1]]))


def random_grid(size: int) -> VoxelGrid:
    values = torch.rand(size, size, size, generator=torch.Generator().manual_seed(size)) < 0.5
    return VoxelGrid(values, torch.tensor([-0.5, 0.0, 2.0]), 0.1)


@pytest.mark.parametrize("size, target", [(30, 32), (5, 8), (8, 5), (7, 7), (1, 4), (4, 1), (33, 40)])
def test_a_resized_grid_keeps_its_cells_where_they_are(size, target):
    grid = random_grid(size)
    resized = resize_grid(grid, target)
    assert resized.resolution == target
    before = {tuple(point) for point in grid.points().mul(1000).round().tolist()}
    after = {tuple(point) for point in resized.points().mul(1000).round().tolist()}
    assert after == before if target >= size else after < before
    assert Voxelize(target)(grid).values.equal(resized.values)


@pytest.mark.parametrize("size, target", [(30, 32), (5, 8), (8, 5), (7, 4)])
def test_packed_columns_resize_alike(size, target):
    grid = random_grid(size)
    packed = unpack(resize_columns(pack(grid.values[None]), target))[0, 0]
    assert torch.equal(resize_grid(grid, target).values.float(), packed)


def test_voxelize_is_the_operator():
    for representation in (Voxelize(12), Voxelize(12, mode="surface", padding=2)):
        expected = ops.voxelize(CUBE, 12, mode=representation.mode, padding=representation.padding)
        assert torch.equal(representation(CUBE).values, expected.values)
    assert Voxelize(12, padding=2)(CUBE).values.sum() == 8**3
    assert Voxelize(12, padding=2, mode="surface")(CUBE).values.sum() == 8**3 - 6**3


def test_points_are_the_same_every_time_and_on_the_surface():
    points = SamplePoints(200)(CUBE)
    assert torch.equal(points, SamplePoints(200)(CUBE))
    assert not torch.equal(points, SamplePoints(200, seed=1)(CUBE))
    assert points.shape == (200, 3)
    assert torch.allclose((points - 0.5).abs().amax(1), torch.full((200,), 0.5), atol=1e-6)


def test_the_repr_says_everything():
    assert repr(Voxelize(32, padding=1)) == "Voxelize(resolution=32, mode='solid', padding=1)"
    assert Voxelize(32) == Voxelize(32)


def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="room for at least one cell"):
        Voxelize(4, padding=2)
    with pytest.raises(InvalidInputError, match="at least 1 point"):
        SamplePoints(0)
    with pytest.raises(InvalidInputError, match="no surface to sample"):
        SamplePoints(5)(random_grid(4))
