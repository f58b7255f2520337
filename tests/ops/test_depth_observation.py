"""The rule of 3D ShapeNets for cells of a depth map: counts by a loop, hand-made walls, and the shapes themselves."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops import observe_depth, observe_scan
from geolearn.structures import Cameras

CUBE = [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]


def camera(eye=(0.0, 0.0, -10.0), size=96, focal=400.0) -> Cameras:
    """Looks from `eye` along +z."""
    pose = torch.eye(4)
    pose[:3, 3] = -torch.tensor(eye)
    K = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Cameras(K[None], pose[None], size, size)


def by_loop(depth, view, resolution, bounds):
    """The rule written out for one map: every subcell of every cell."""
    low, high = torch.tensor(bounds).double()
    cell = float((high - low).max()) / resolution
    step = cell / 5
    values = torch.zeros(resolution, resolution, resolution)
    grid = torch.cartesian_prod(*[torch.arange(resolution)] * 3)
    offsets = (torch.cartesian_prod(*[torch.arange(5)] * 3).double() + 0.5) * step
    for index in grid:
        points = low + index * cell + offsets
        pixels, z = (each[0].double() for each in view.project(points.float()))
        kinds = []
        for (u, v), distance in zip(pixels.tolist(), z.tolist(), strict=True):
            row, column = math.floor(v), math.floor(u)
            if distance <= 0 or not (0 <= row < view.height and 0 <= column < view.width):
                kinds.append("inside")
                continue
            d = float(depth[row, column])
            gap = math.inf if d <= 0 else d - distance
            kinds.append("outside" if gap >= step / 2 else "surface" if gap >= -2.5 * step else "inside")
        inside, outside, surface = (kinds.count(kind) for kind in ("inside", "outside", "surface"))
        if (inside and outside and surface) or surface > 25:
            values[tuple(index)] = 1
        elif outside < inside:
            values[tuple(index)] = 0.5
    return values


def test_every_cell_against_the_rule_written_out():
    """A slanted wall in half of the picture, nothing or no measurement in the rest; some cells are out of view."""
    view = camera(size=40, focal=170.0)
    rows = torch.linspace(9.2, 10.9, 40)[:, None].expand(40, 40).clone()
    rows[:, 24:] = 0
    rows[:, 34:] = math.nan
    found = observe_depth(rows[None], view, 7, bounds=CUBE).values
    assert torch.equal(found, by_loop(rows, view, 7, CUBE))
    assert {0.0, 0.5, 1.0} == set(found.unique().tolist())


@pytest.mark.parametrize("offset, cell", [(0.01, 5), (0.25, 5), (0.5, 5), (0.75, 5), (0.85, 6), (0.95, 6)])
def test_a_wall_is_never_missed(offset, cell):
    """Cells of 1/4: a wall within cell 5 is surface there, or in the next one, free before it and unknown behind."""
    depth = 10.0 - 1 + (5 + offset) / 4
    grid = observe_depth(torch.full((1, 96, 96), depth), camera(), 8, bounds=CUBE).values
    assert (grid[:, :, :cell] == 0).all()
    assert (grid[:, :, cell] == 1).all()
    assert (grid[:, :, cell + 1 :] == 0.5).all()


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.inf])
def test_rays_that_meet_nothing_are_free_and_unmeasured_ones_unknown(nothing):
    grid = observe_depth(torch.full((1, 96, 96), nothing), camera(), 8, bounds=CUBE).values
    assert (grid == 0).all()
    grid = observe_depth(torch.full((1, 96, 96), math.nan), camera(), 8, bounds=CUBE).values
    assert (grid == 0.5).all()


def test_two_maps_surface_wins_over_free_and_free_over_unknown():
    front = camera()
    flipped = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    back = Cameras(front.K, (front.world_to_camera @ flipped), 96, 96)  # from z = +10 along -z
    both = Cameras(torch.cat([front.K, back.K]), torch.cat([front.world_to_camera, back.world_to_camera]), 96, 96)
    near, far = torch.full((96, 96), 9.625), torch.full((96, 96), 9.625)  # walls in cell 2 and, from behind, cell 5
    grid = observe_depth(torch.stack([near, far]), both, 8, bounds=CUBE).values[0, 0]
    assert grid.tolist() == [0, 0, 1, 0.5, 0.5, 1, 0, 0]
    through = observe_depth(torch.stack([near, torch.zeros(96, 96)]), both, 8, bounds=CUBE).values[0, 0]
    assert through.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]  # the second sees nothing at all: contradictory, surface stays


def test_without_bounds_the_visible_points_are_the_frame():
    depth = torch.zeros(1, 96, 96)
    depth[:, 24:72, 36:60] = 10.0
    grid = observe_depth(depth, camera(), 12, padding=2)
    surface = (grid.values == 1).nonzero()
    assert len(surface) > 0
    assert 1 <= int(surface[:, 1].min()) <= 2  # twice as high as wide
    assert 9 <= int(surface[:, 1].max()) <= 10
    assert int(surface[:, 0].min()) >= 4
    assert float(grid.voxel_size) == pytest.approx(47 / 400 * 10 / 8, rel=0.01)
    with pytest.raises(InvalidInputError, match=r"bounds: needed where nothing is visible"):
        observe_depth(depth * 0, camera(), 12)


def test_any_number_of_threads_gives_the_same_cells():
    depth = 10 + torch.rand(1, 96, 96)
    one = observe_depth(depth, camera(), 16, bounds=CUBE).values
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert torch.equal(observe_depth(depth, camera(), 16, bounds=CUBE).values, one)
    finally:
        torch.set_num_threads(before)


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match=r"depth: expected 1 images of 96 x 96 px.*got shape \(1, 32, 96\)"):
        observe_depth(torch.ones(1, 32, 96), camera(), 8)
    with pytest.raises(InvalidInputError, match=r"resolution: expected 1\.\.512"):
        observe_depth(torch.ones(1, 96, 96), camera(), 0, bounds=CUBE)


def test_a_scan_by_hand():
    """Beams along a row from cell 0: one ends in cell 2."""
    points, position = torch.tensor([[2.5, 0.5, 0.5]]), torch.tensor([0.5, 0.5, 0.5])
    grid = observe_scan(points, position, 4, bounds=[[0.0, 0, 0], [4, 4, 4]]).values
    assert grid[:, 0, 0].tolist() == [0, 0, 1, 0.5]
    grid[:3, 0, 0] = 0.5
    assert (grid == 0.5).all()
    with pytest.raises(InvalidInputError, match=r"drop beams without a return"):
        observe_scan(points / 0, position, 4)
    with pytest.raises(InvalidInputError, match=r"bounds: needed where nothing is visible"):
        observe_scan(points[:0], position, 4)
    plain = getattr(observe_scan, "__wrapped__", observe_scan)
    with pytest.raises(InvalidInputError, match=r"points, camera_position: expected \(N, 3\)"):
        plain(points, torch.zeros(2, 3), 4)
