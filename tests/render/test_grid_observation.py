"""What a camera sees of a known shape does not contradict it."""

import math

import pytest
import torch

from geolearn.ops import voxelize
from geolearn.render import cameras_around, observe_shape
from geolearn.structures import Mesh, VoxelGrid

BOX_FACES = torch.tensor(
    [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2],
     [1, 3, 7], [1, 7, 5]]
)  # fmt: skip


def box(low, high) -> Mesh:
    corners = torch.tensor([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=torch.float32)
    return Mesh(torch.tensor(low) + corners * (torch.tensor(high) - torch.tensor(low)), BOX_FACES)


def table() -> VoxelGrid:
    values = torch.zeros(30, 30, 30, dtype=torch.bool)
    values[4:26, 6:24, 20:23] = True
    for x in (5, 23):
        for y in (7, 21):
            values[x : x + 2, y : y + 2, 3:20] = True
    return VoxelGrid(values, torch.full((3,), -0.5), 1 / 30)


@pytest.fixture
def cameras():
    return cameras_around(torch.tensor([0.3, 2.5, 4.4]), torch.tensor([0.5, -0.3, 1.2]), size=192)


def test_a_grid_is_seen_as_it_is(cameras):
    grid = table()
    for view in observe_shape(grid, cameras):
        assert view.resolution == 30
        torch.testing.assert_close(view.origin, grid.origin)
        surface, free = view.values == 1, view.values == 0
        assert surface.sum() > 300
        assert (surface & ~grid.values).sum() < 0.03 * surface.sum()
        assert (free & grid.values).sum() <= 3
        assert free.sum() > 15_000


def test_from_below_the_top_of_a_table_is_hidden(cameras):
    below = observe_shape(table(), cameras)[1]
    assert (below.values[10:20, 12:18, 22] == 0.5).all()  # its upper layer, in the middle
    above = observe_shape(table(), cameras)[2]
    assert (above.values[10:20, 12:18, 22] == 1).float().mean() > 0.95


def test_a_mesh_is_observed_on_the_cells_that_it_voxelizes_to(cameras):
    mesh = box((1.0, 2.0, 3.0), (1.6, 2.4, 3.9))
    solid = voxelize(mesh, 30, padding=3)
    moved = Mesh(mesh.verts - torch.tensor([1.3, 2.2, 3.45]), mesh.faces)
    for view in observe_shape(moved, cameras):
        assert view.voxel_size == pytest.approx(solid.voxel_size, rel=1e-4)
        surface, free = view.values == 1, view.values == 0
        assert surface.sum() > 100
        assert (surface & ~solid.values).sum() < 0.1 * surface.sum()
        # the centres of cells that touch the surface from outside may lie in front of it
        assert (free & solid.values).sum() < 0.05 * solid.values.sum()


def test_an_empty_grid_shows_free_space_where_the_camera_looks(cameras):
    empty = VoxelGrid(torch.zeros(30, 30, 30, dtype=torch.bool), torch.full((3,), -0.5), 1 / 30)
    view = observe_shape(empty, cameras)[0]
    assert (view.values == 0).all()


def test_cameras_around_stand_where_they_are_asked_to():
    found = cameras_around(torch.tensor([math.pi / 2]), torch.tensor([math.pi / 6]), size=64)
    centre = found.centres[0]
    distance = math.sqrt(3) / 2 / math.sin(math.radians(20))
    torch.testing.assert_close(centre, torch.tensor([0.0, math.cos(math.pi / 6), 0.5]) * distance, atol=1e-5, rtol=0)
    pixels, depth = found.project(torch.zeros(1, 3))
    torch.testing.assert_close(pixels[0, 0], torch.tensor([32.0, 32.0]))
    assert float(depth) == pytest.approx(distance)
