"""The camera record: what it refuses, where it projects, and that it keeps gradients."""

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Cameras

K = torch.tensor([[[10.0, 0.0, 3.0], [0.0, 20.0, 2.0], [0.0, 0.0, 1.0]]])
POSE = torch.eye(4)[None]


def test_projection_by_hand() -> None:
    """A point 2 ahead, 1 right and 0.5 down: (10 * 1/2 + 3, 20 * 0.5/2 + 2)."""
    pixels, depth = Cameras(K, POSE, 4, 6).project(torch.tensor([[1.0, 0.5, 2.0]]))
    torch.testing.assert_close(pixels, torch.tensor([[[8.0, 7.0]]]))
    torch.testing.assert_close(depth, torch.tensor([[2.0]]))


def test_projection_equals_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    rotations = torch.linalg.qr(torch.randn(3, 3, 3, generator=generator))[0]
    rotations = rotations * torch.linalg.det(rotations)[:, None, None]
    poses = torch.eye(4).repeat(3, 1, 1)
    poses[:, :3, :3], poses[:, :3, 3] = rotations, torch.randn(3, 3, generator=generator)
    intrinsics = K.repeat(3, 1, 1) + torch.rand(3, 1, 1, generator=generator) * torch.tensor(
        [[1.0, 1, 1], [0, 1, 1], [0, 0, 0]]
    )
    cameras = Cameras(intrinsics, poses, 4, 6)
    points = torch.randn(5, 3, generator=generator)
    pixels, depth = cameras.project(points)
    for n in range(3):
        for p in range(5):
            x = intrinsics[n].numpy() @ (poses[n] @ torch.tensor([*points[p], 1.0]))[:3].numpy()
            np.testing.assert_allclose(pixels[n, p].numpy(), x[:2] / x[2], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(float(depth[n, p]), x[2], rtol=1e-5, atol=1e-5)
    for n in range(3):  # the centre is the point that every pose sends to its own origin
        torch.testing.assert_close(
            poses[n] @ torch.tensor([*cameras.centres[n], 1.0]), torch.tensor([0.0, 0, 0, 1]), atol=1e-5, rtol=0
        )


def test_choosing_cameras() -> None:
    cameras = Cameras(K * torch.tensor([[[1.0], [1.0], [1.0]]]).expand(3, 3, 1), POSE.expand(3, 4, 4), 4, 6)
    assert [len(cameras[i]) for i in (0, -1, slice(1, None), [0, 2])] == [1, 1, 2, 2]
    assert len(cameras[torch.tensor([True, False, True])]) == 2
    assert repr(cameras) == "Cameras(3 of 4 x 6 px)"
    assert len(cameras[:0]) == 0
    assert cameras[:0].project(torch.zeros(2, 3))[0].shape == (0, 2, 2)


def test_gradients_are_kept() -> None:
    focal = K.clone().requires_grad_()
    pose = POSE.clone().requires_grad_()
    pixels, _ = Cameras(focal, pose, 4, 6).project(torch.tensor([[1.0, 0.5, 2.0]]))
    pixels.sum().backward()
    # d(fx x / z + cx)/dfx = x / z; d/dt_x = fx / z
    torch.testing.assert_close(focal.grad[0, 0], torch.tensor([0.5, 0.25, 1.0]))
    torch.testing.assert_close(pose.grad[0, :2, 3], torch.tensor([5.0, 10.0]))


def test_float64_and_strided_input() -> None:
    cameras = Cameras(K.double(), torch.eye(4).repeat(1, 2).T.reshape(2, 4, 4)[:1].double(), 4, 6)
    assert cameras.K.dtype == cameras.world_to_camera.dtype == torch.float32
    transposed = Cameras(K, POSE.mT, 4, 6)
    torch.testing.assert_close(transposed.world_to_camera, POSE)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"K": torch.eye(3)}, r"K: expected shape \(any, 3, 3\), got \(3, 3\)"),
        ({"K": -K}, "focal lengths > 0"),
        ({"K": 2 * K}, r"divide K by K\[2, 2\]"),
        ({"K": K.mT}, r"divide K by K\[2, 2\]"),
        ({"K": K * float("nan")}, "9 of 9 values are NaN"),
        ({"world_to_camera": torch.eye(4).repeat(2, 1, 1)}, r"world_to_camera: expected shape \(1, 4, 4\)"),
        ({"world_to_camera": POSE * 2}, "remove scale and mirroring"),
        ({"world_to_camera": torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0]))[None]}, "remove scale and mirroring"),
        ({"world_to_camera": POSE + torch.eye(4)[3][:, None]}, r"last row of \(0, 0, 0, 1\)"),
        ({"height": 0}, "at least 1 pixel, got 0 x 6"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_refusals(change: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Cameras(**({"K": K, "world_to_camera": POSE, "height": 4, "width": 6} | change))


def test_resized_pictures_show_the_same_at_another_scale():
    K = torch.tensor([[[40.0, 2, 30], [0, 50, 20], [0, 0, 1]]], requires_grad=True)
    cameras = Cameras(K, torch.eye(4)[None], 48, 64)
    points = torch.tensor([[0.1, -0.2, 1.0], [0.5, 0.3, 2.0]])
    small = cameras.resized(12, 32)
    assert (small.height, small.width) == (12, 32)
    torch.testing.assert_close(small.project(points)[0], cameras.project(points)[0] * torch.tensor([0.5, 0.25]))
    torch.testing.assert_close(small.project(points)[1], cameras.project(points)[1])
    assert torch.autograd.grad(small.K.sum(), K)[0][0].tolist() == [[0.5] * 3, [0.25] * 3, [1.0] * 3]
    assert cameras.resized(48, 64) is cameras
    with pytest.raises(InvalidInputError, match="height, width: expected at least 1 pixel, got 0 x 8"):
        cameras.resized(0, 8)


def far_poses() -> torch.Tensor:
    """Looking along z, 8 apart in x, in map coordinates."""
    poses = torch.eye(4, dtype=torch.float64).repeat(3, 1, 1)
    poses[:, 0, 3] = torch.tensor([-500_000.1, -500_004.1, -500_008.1], dtype=torch.float64)
    poses[:, 1, 3] = -4_000_000.3
    return poses


def test_poses_far_from_0_count_from_an_origin() -> None:
    cameras = Cameras(K.expand(3, 3, 3), far_poses(), 4, 6)
    assert cameras.origin is not None
    centres = cameras.centres.double() + cameras.origin
    torch.testing.assert_close(centres, -far_poses()[:, :3, 3], atol=1e-6, rtol=0)
    assert float(cameras.centres.abs().max()) < 16
    pixels, _ = cameras.project((torch.tensor([[500_005.1, 4e6, 2.0]], dtype=torch.float64) - cameras.origin).float())
    torch.testing.assert_close(pixels[:, 0, 0], torch.tensor([28.0, 8.0, -12.0]), atol=1e-4, rtol=0)
    for kept in (cameras[1:], cameras.resized(8, 12), cameras.to("cpu")):
        assert torch.equal(kept.origin, cameras.origin)
    assert "about (500" in repr(cameras)


def test_others_have_none() -> None:
    near = far_poses()
    near[:, :2, 3] += torch.tensor([499_000.0, 3_999_990.0])  # 1000 away, 8 across
    for poses in (near, far_poses().float(), near[:0], near.float()):
        assert Cameras(K.expand(len(poses), 3, 3), poses, 4, 6).origin is None
