"""Cameras that move with a fit: which move, how, and the world that is chosen in the end."""

from dataclasses import replace

import torch

from geolearn.fitting.camera_offsets import CameraOffsets, align_to_given
from geolearn.render import camera_rig
from geolearn.structures import Mesh

POINTS = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) - 0.5
FACES = torch.tensor([[0, 1, 2], [3, 4, 5]])


def turned(axis, angle):
    axis = torch.nn.functional.normalize(torch.tensor(axis), dim=0)
    x, y, z = axis.tolist()
    skew = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = torch.tensor(angle)
    return torch.eye(3) + angle.sin() * skew + (1 - angle.cos()) * skew @ skew  # Rodrigues


def moved(cameras, rotations, shifts):
    """Every camera by a motion of its own, in its axes: x -> Q R x + t + u."""
    pose = cameras.world_to_camera.clone()
    pose[:, :3, :3] = rotations @ pose[:, :3, :3]
    pose[:, :3, 3] += shifts
    return replace(cameras, world_to_camera=pose)


def test_nothing_has_moved_before_the_first_step():
    cameras = camera_rig("sphere", count=5, size=32)
    assert torch.equal(CameraOffsets(cameras).cameras().world_to_camera, cameras.world_to_camera)


def test_descent_on_projections_finds_the_motion_of_every_camera():
    """Known points, seen by cameras that were moved: the offsets become the motions, by hand and view by view."""
    given = camera_rig("sphere", count=3, size=64)
    rotations = torch.stack([turned((1.0, 0, 0), 0.05), turned((0.0, 1, 1), -0.04), turned((1.0, 2, 3), 0.06)])
    shifts = torch.tensor([[0.02, 0, 0], [0, -0.03, 0.05], [0.01, 0.01, -0.05]])
    true = moved(given, rotations, shifts)
    wanted = true.project(POINTS)[0]
    offsets = CameraOffsets(given)
    for step in range(1500):
        index = [[0, 1], [1, 2], [2, 0]][step % 3]
        miss = offsets.cameras(index).project(POINTS)[0] - wanted[index]
        miss.square().mean().backward()
        offsets.step(index, 0.01 * (1 - step / 1500))
    found = offsets.cameras().world_to_camera.detach()
    assert torch.allclose(found, true.world_to_camera, atol=2e-4)


def test_only_views_of_a_step_move():
    offsets = CameraOffsets(camera_rig("sphere", count=4, size=32))
    for _ in range(2):
        offsets.cameras([1, 3]).project(POINTS)[0].sum().backward()
        offsets.step([1, 3], 0.01)
    away = (offsets.cameras().world_to_camera != camera_rig("sphere", count=4, size=32).world_to_camera).any((1, 2))
    assert away.tolist() == [False, True, False, True]


def test_the_state_goes_on_where_it_was():
    def steps(offsets, count):
        for _ in range(count):
            offsets.cameras([0, 2]).project(POINTS)[0].square().mean().backward()
            offsets.step([0, 2], 0.01)

    whole, first, second = (CameraOffsets(camera_rig("sphere", count=3, size=32)) for _ in range(3))
    steps(whole, 5)
    steps(first, 2)
    second.restore({name: torch.from_numpy(value) for name, value in first.state().items()})
    steps(second, 3)
    assert torch.equal(second.cameras().world_to_camera, whole.cameras().world_to_camera)


def test_a_world_that_was_turned_moved_and_scaled_comes_back():
    given = camera_rig("sphere", count=6, size=64)
    turn, scale, shift = turned((1.0, -2, 0.5), 0.4), 1.3, torch.tensor([0.3, -0.2, 0.1])
    pose = given.world_to_camera.clone()
    pose[:, :3, :3] = pose[:, :3, :3] @ turn.T
    pose[:, :3, 3] = scale * given.world_to_camera[:, :3, 3] - pose[:, :3, :3] @ shift
    elsewhere = replace(given, world_to_camera=pose)
    there = Mesh(scale * POINTS @ turn.T + shift, FACES)
    assert torch.allclose(elsewhere.project(there.verts)[0], given.project(POINTS)[0], atol=1e-3)
    back, cameras = align_to_given(there, elsewhere, given)
    assert torch.allclose(back.verts, POINTS, atol=1e-5)
    assert torch.allclose(cameras.world_to_camera, given.world_to_camera, atol=1e-5)


def test_settling_changes_no_picture_and_no_camera_that_agrees_on_average():
    """Cameras that were moved one by one: the pictures stay, and what is common to the motions is gone."""
    given = camera_rig("sphere", count=8, size=64)
    generator = torch.Generator().manual_seed(2)
    rotations = torch.linalg.matrix_exp(
        torch.stack([(s := 0.05 * torch.randn(3, 3, generator=generator)) - s.T for _ in range(8)])
    )
    away = moved(given, rotations, 0.05 * torch.randn(8, 3, generator=generator))
    mesh, cameras = align_to_given(Mesh(POINTS, FACES), away, given)
    assert torch.allclose(cameras.project(mesh.verts)[0], away.project(POINTS)[0], atol=2e-3)
    again, same = align_to_given(mesh, cameras, given)  # there is nothing left to choose
    assert torch.allclose(again.verts, mesh.verts, atol=1e-5)
    assert torch.allclose(same.world_to_camera, cameras.world_to_camera, atol=1e-5)
