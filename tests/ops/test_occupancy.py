"""Occupancy from scans and depth images: hand values, invariants, and the scene that was rendered."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops import occupancy_from_depth, occupancy_from_scan
from geolearn.ops.occupancy import _in_front as in_front
from geolearn.structures import Cameras

CUBE = [[0.0, 0.0, 0.0], [4.0, 4.0, 4.0]]


def row(grid):
    return grid.values[:, 0, 0].tolist()


@pytest.fixture
def beams():
    """Along the row y = z = 0: two beams end in cell 2, one in cell 3; nothing else is seen."""
    points = torch.tensor([[2.5, 0.5, 0.5], [2.25, 0.5, 0.5], [3.5, 0.5, 0.5]])
    return points, torch.tensor([0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    "model, expected, unseen",
    [
        ("binary", [-4.0, -4.0, 1.38, 1.38], 0.0),  # -3 * 1.38 is limited; two hits and a pass; one hit
        ("density", [1 / 5, 1 / 5, 3 / 5, 2 / 3], 0.5),
        ("hit", [0.0, 0.0, 1.0, 1.0], 0.0),
    ],
)
def test_hand_values_of_each_model(beams, model, expected, unseen):
    grid = occupancy_from_scan(*beams, 4, model=model, bounds=CUBE)
    assert row(grid) == pytest.approx(expected)
    others = grid.values.clone()
    others[:, 0, 0] = unseen
    assert (others == unseen).all()
    assert grid.values.dtype == torch.float32


def test_one_origin_or_one_per_point(beams):
    points, origin = beams
    one = occupancy_from_scan(points, origin, 4, bounds=CUBE)
    assert torch.equal(one.values, occupancy_from_scan(points, origin.expand(3, 3), 4, bounds=CUBE).values)
    origins = torch.tensor(
        [[2.5, 3.5, 0.5], [2.25, 0.5, 3.5], [3.5, 0.5, 0.5]]
    )  # from above, from the side, from within
    grid = occupancy_from_scan(points, origins, 4, model="density", bounds=CUBE)
    assert row(grid) == pytest.approx([0.5, 0.5, 3 / 4, 2 / 3])
    assert grid.values[2, :, 0].tolist() == pytest.approx([3 / 4, 1 / 3, 1 / 3, 1 / 3])
    assert grid.values[2, 0].tolist() == pytest.approx([3 / 4, 1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("model", ["binary", "density", "hit"])
def test_order_of_points_and_mirroring(model):
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(200, 3, generator=generator) * 2 - 1
    origins = torch.nn.functional.normalize(torch.randn(200, 3, generator=generator), dim=1) * 5
    options = {"model": model, "bounds": [[-1, -1, -1], [1, 1, 1]]}
    grid = occupancy_from_scan(points, origins, 10, **options).values
    order = torch.randperm(200, generator=generator)
    assert torch.equal(occupancy_from_scan(points[order], origins[order], 10, **options).values, grid)
    mirror = torch.tensor([-1.0, 1, 1])
    assert torch.equal(occupancy_from_scan(points * mirror, origins * mirror, 10, **options).values, grid.flip(0))


def test_the_points_fill_the_cells_between_the_padding():
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 0.5, 0.2]) + 3
    grid = occupancy_from_scan(points, torch.tensor([0.0, 0, 0]), 32, model="hit", padding=4)
    filled = grid.values.nonzero()
    assert filled[:, 0].min() == 4
    assert filled[:, 0].max() == 27
    assert filled.min() >= 4
    cells = ((points.double() - grid.origin.double()) / grid.voxel_size).floor().long()
    assert len(cells.unique(dim=0)) == len(filled)  # every point is in a cell that was hit


@pytest.mark.usefixtures("as_installed")
def test_a_scan_that_cannot_be_used_is_refused(beams):
    points, origin = beams
    with pytest.raises(UnknownNameError, match=r"unknown occupancy model 'hits'. Did you mean 'hit'"):
        occupancy_from_scan(points, origin, 4, model="hits")
    with pytest.raises(InvalidInputError, match=r"expected finite coordinates; drop beams without a return"):
        occupancy_from_scan(points / 0, origin, 4, bounds=CUBE)
    with pytest.raises(InvalidInputError, match=r"bounds: needed where there are no points"):
        occupancy_from_scan(points[:0], origin, 4)
    with pytest.raises(InvalidInputError, match=r"resolution: expected 1\.\.512"):
        occupancy_from_scan(points, origin, 0)
    plain = getattr(occupancy_from_scan, "__wrapped__", occupancy_from_scan)  # past the type checker
    with pytest.raises(InvalidInputError, match=r"points, origins: expected \(N, 3\) and \(3,\) or \(N, 3\)"):
        plain(points, origin.expand(2, 3), 4)


def camera(eye, size=64, focal=64.0) -> Cameras:
    """Looks from `eye`, above or below the grid's middle, along +z or -z."""
    down = eye[2] > 0
    rotation = torch.diag(torch.tensor([1.0, -1.0, -1.0])) if down else torch.eye(3)
    pose = torch.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ torch.tensor(eye)
    K = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Cameras(K[None], pose[None], size, size)


def test_a_wall_leaves_free_space_before_it_and_the_unknown_behind():
    """A plane at z = 0.3 seen from z = -10 with a narrow view that covers the grid."""
    grid = occupancy_from_depth(
        torch.full((1, 64, 64), 10.3), camera((0.0, 0.0, -10.0), focal=250.0), 8, bounds=[[-1, -1, -1], [1, 1, 1]]
    )
    assert (grid.values[:, :, :5] == 0).all()
    assert (grid.values[:, :, 5] == 1).all()  # cell 5 spans 0.25..0.5
    assert (grid.values[:, :, 6:] == 0.5).all()
    assert torch.equal(grid.occupancy, grid.values == 1)


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.inf])
def test_rays_that_meet_nothing_are_free_and_unmeasured_ones_unknown(nothing):
    view = camera((0.0, 0.0, -10.0), focal=250.0)
    depth = torch.full((1, 64, 64), 10.3)
    depth[:, :, :32] = nothing
    bounds = [[-1, -1, -1], [1, 1, 1]]
    grid = occupancy_from_depth(depth, view, 8, bounds=bounds)
    assert (grid.values[:4] == 0).all()
    assert (grid.values[4:, :, 6:] == 0.5).all()
    grid = occupancy_from_depth(torch.where(depth == nothing, math.nan, depth), view, 8, bounds=bounds)
    assert (grid.values[:4] == 0.5).all()


def test_cells_outside_the_image_or_behind_the_camera_are_unknown():
    grid = occupancy_from_depth(
        torch.zeros(1, 64, 64), camera((0.0, 0.0, -0.01)), 8, bounds=[[-1, -1, -1], [1, 1, 1]]
    )  # a view of 53 degrees from the middle of the grid
    assert (grid.values[:, :, :4] == 0.5).all()
    x, _, z = (grid.centres(torch.ones(8, 8, 8).nonzero()).reshape(8, 8, 8, 3)).unbind(-1)
    assert (grid.values[(z > 0) & (x.abs() > 0.51 * z + 0.01)] == 0.5).all()
    assert (grid.values[3:5, 3:5, 5:] == 0).all()


def test_a_ball_from_one_side_and_from_both():
    """Depth of a ball of radius 0.8 by formula: what is seen is surface, outside is never unknown from both sides."""

    def ball_depth(view):
        rows, columns = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
        rays = torch.stack([columns, rows, torch.ones(256, 256)], -1) @ torch.linalg.inv(view.K[0]).T
        centre = view.world_to_camera[0, :3, 3]  # the ball is at the origin of the world
        half_b, a = rays @ centre, (rays * rays).sum(-1)
        root = half_b**2 - a * (centre @ centre - 0.64)
        return torch.where(root > 0, (half_b - root.clamp(min=0).sqrt()) / a, torch.zeros(()))[None]

    bounds = [[-1, -1, -1], [1, 1, 1]]
    front, back = camera((0.0, 0.0, -8.0), 256, 900.0), camera((0.0, 0.0, 8.0), 256, 900.0)
    one = occupancy_from_depth(ball_depth(front), front, 20, bounds=bounds)
    distance = one.centres(torch.ones_like(one.values).nonzero()).norm(dim=1).reshape(20, 20, 20)
    z = one.centres(torch.ones_like(one.values).nonzero())[:, 2].reshape(20, 20, 20)
    half_diagonal = one.voxel_size * 3**0.5 / 2
    surface = one.values == 1
    assert surface.sum() > 300
    assert ((distance[surface] - 0.8).abs() <= half_diagonal + 1e-5).all()
    assert (z[surface] < half_diagonal).all()  # nothing of the far side
    assert (one.values[distance < 0.8 - half_diagonal] == 0.5).all()
    both = Cameras(torch.cat([front.K, back.K]), torch.cat([front.world_to_camera, back.world_to_camera]), 256, 256)
    two = occupancy_from_depth(torch.cat([ball_depth(front), ball_depth(back)]), both, 20, bounds=bounds)
    assert torch.equal(two.values.flip(2)[surface], torch.ones(int(surface.sum())))  # seen from both sides alike
    assert (two.values[distance < 0.8 - half_diagonal] == 0.5).all()
    assert (two.values[distance > 0.8 + half_diagonal] == 0).float().mean() > 0.97  # but a shadowed ring at the rim


def test_the_visible_surface_is_what_is_fitted_by_default():
    view = camera((0.0, 0.0, -10.0))
    depth = torch.zeros(1, 64, 64)
    depth[:, 16:48, 24:40] = 10.0
    grid = occupancy_from_depth(depth, view, 12, padding=2)
    surface = (grid.values == 1).nonzero()
    assert surface[:, 1].min() == 2  # twice as high as wide
    assert surface[:, 1].max() == 9
    with pytest.raises(InvalidInputError, match=r"bounds: needed where there are no points"):
        occupancy_from_depth(depth * 0, view, 12)


def test_any_pose_of_the_camera():
    """A scene and its camera turned together leave the same pixels, and points where the scene was turned to."""
    view = camera((0.0, 0.0, -10.0), 128, 500.0)
    depth = torch.linspace(9.5, 10.5, 128)[None, :, None].expand(1, 128, 128).contiguous()  # a slanted wall
    turn = torch.eye(4)
    turn[:3, :3] = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # x to y to z to x
    turned = Cameras(view.K, view.world_to_camera @ turn.T, 128, 128)
    options = {"resolution": 10, "bounds": [[-1, -1, -1], [1, 1, 1]]}
    plain, moved = occupancy_from_depth(depth, view, **options), occupancy_from_depth(depth, turned, **options)
    assert 80 < (plain.values == 1).sum() < 250
    assert (moved.values != plain.values.permute(2, 0, 1)).float().mean() < 0.005  # a centre in the wall may round over
    assert (moved.values != plain.values).float().mean() > 0.2


def test_images_that_do_not_fit_the_cameras_are_refused():
    with pytest.raises(InvalidInputError, match=r"depth: expected 1 images of 64 x 64 px.*got shape \(1, 32, 64\)"):
        occupancy_from_depth(torch.ones(1, 32, 64), camera((0.0, 0.0, -10.0)), 8)


def test_every_pixel_answers_for_its_own_points():
    """A point looked at by the last column, or the last row, is compared with the depth there and nowhere else."""
    K = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    camera = Cameras(K[None], torch.eye(4)[None], 3, 4)  # height, width
    depth = torch.full((3, 4), 1.0)
    depth[2, 3] = 5.0
    depth[0, 0] = 0.5
    pixels = torch.tensor([[3.5, 2.5], [2.5, 2.5], [3.5, 1.5], [0.5, 0.5], [0.5, 0.5], [4.5, 2.5], [3.5, 3.5]])
    distance = torch.tensor([3.0, 3.0, 3.0, 0.75, 0.25, 0.1, 0.1])
    points = torch.cat([pixels * distance[:, None], distance[:, None]], dim=1)
    assert in_front(points, depth, camera).tolist() == [True, False, False, False, True, False, False]
