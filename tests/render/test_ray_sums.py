"""Silhouettes of solid cells against chords of the cube, fine sampling, and the outline of a box."""

import itertools

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.render import RaySums, camera_rig, render_views
from geolearn.render.marching import pixel_rays
from geolearn.structures import Cameras, Mesh


def sphere_rig(count=3, size=16):
    return camera_rig("sphere", count=count, size=size)


def rays_of(cameras):
    return pixel_rays(cameras.K.double(), cameras.world_to_camera.double(), cameras.height, cameras.width)


def test_the_lengths_of_a_ray_add_up_to_its_chord():
    cameras = sphere_rig(4, 12)
    found = RaySums(cameras, 7).thickness(torch.ones(1, 1, 7, 7, 7), [0, 1, 2, 3])[0]
    centres, directions = rays_of(cameras)
    for view, y, x in itertools.product(range(4), range(12), range(12)):
        direction = directions[view, y * 12 + x]
        near, far = (-0.5 - centres[view]) / direction, (0.5 - centres[view]) / direction
        chord = torch.minimum(near.maximum(far).amin(), torch.tensor(1e9)) - near.minimum(far).amax()
        assert float(found[view, y, x]) == pytest.approx(7 * max(0.0, float(chord)), abs=5e-3)


def test_against_fine_sampling_of_the_cells():
    cameras = sphere_rig(2, 10)
    values = torch.rand(2, 1, 5, 5, 5, generator=torch.Generator().manual_seed(0))
    found = RaySums(cameras, 5, origin=(-0.3, -0.5, -0.4), voxel_size=0.15).thickness(values, [1])
    centres, directions = rays_of(cameras)
    t = torch.arange(0, 4, 0.002, dtype=torch.float64) + 0.001
    places = centres[1] + t[:, None, None] * directions[1]  # (samples, pixels, 3)
    cells = ((places - torch.tensor([-0.3, -0.5, -0.4])) / 0.15).floor().long()
    inside = ((cells >= 0) & (cells < 5)).all(-1)
    cells = cells.clamp(0, 4)
    sampled = values[:, 0, cells[..., 0], cells[..., 1], cells[..., 2]] * inside
    torch.testing.assert_close(found[:, 0].flatten(1), sampled.sum(1).float() * 0.002 / 0.15, atol=0.08, rtol=0.02)


def test_a_solid_box_has_the_outline_of_its_mesh():
    cameras = sphere_rig(5, 40)
    values = torch.zeros(1, 1, 8, 8, 8)
    values[..., 1:6, 2:4, 3:8] = 1.0
    drawn = RaySums(cameras, 8).thickness(values, list(range(5)))[0] > 0
    low, high = torch.tensor([1, 2, 3]) / 8 - 0.5, torch.tensor([6, 4, 8]) / 8 - 0.5
    corners = torch.cartesian_prod(*torch.stack([low, high], 1))
    faces = torch.tensor([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    box = Mesh(corners, torch.cat([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]))
    truth = render_views(box, cameras, shading="silhouette")[:, 0] >= 0.5
    assert int(truth.sum()) > 500
    assert int((drawn != truth).sum()) <= 2  # rays through an edge


def test_the_gradient_is_the_transpose():
    rays = RaySums(sphere_rig(3, 9), 6)
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 1, 6, 6, 6, generator=generator).requires_grad_()
    weights = torch.rand(2, 2, 9, 9, generator=generator)
    drawn = rays.thickness(values, [0, 2])
    (gradient,) = torch.autograd.grad((drawn * weights).sum(), values)
    other = torch.rand(2, 1, 6, 6, 6, generator=generator)
    left, right = (gradient * other).sum(), (rays.thickness(other, [0, 2]) * weights).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-5)


def test_in_float32_under_autocast():
    rays, values = RaySums(sphere_rig(), 4), torch.rand(1, 1, 4, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = rays.thickness(values.bfloat16(), [0])
    assert drawn.dtype == torch.float32


def test_a_camera_that_looks_away_and_one_inside():
    cameras = sphere_rig(2, 8)
    pose = cameras.world_to_camera.clone()
    pose[0, :3] = torch.diag(torch.tensor([-1.0, 1, -1])) @ pose[0, :3]
    pose[1, :3, 3] = 0
    rays = RaySums(Cameras(cameras.K, pose, 8, 8), 4)
    assert rays.sees() == [False, True]
    drawn = rays.thickness(torch.ones(1, 1, 4, 4, 4), [0, 1])
    assert float(drawn[:, 0].abs().max()) == 0
    assert 2 <= float(drawn[:, 1].min()) <= float(drawn[:, 1].max()) <= 12**0.5 + 1e-4  # half a side to half a diagonal


@pytest.mark.usefixtures("as_installed")
def test_bad_input():
    with pytest.raises(InvalidInputError, match="resolution, voxel_size"):
        RaySums(sphere_rig(), 0)
    with pytest.raises(InvalidInputError, match="resolution, voxel_size"):
        RaySums(sphere_rig(), 4, voxel_size=-1.0)
    rays = RaySums(sphere_rig(), 4)
    with pytest.raises(InvalidInputError, match=r"values: expected \(B, 1, 4"):
        rays.thickness(torch.zeros(1, 1, 5, 5, 5), [0])
    with pytest.raises(InvalidInputError, match=r"views: expected numbers in 0\.\.2"):
        rays.thickness(torch.zeros(1, 1, 4, 4, 4), [3])
