"""Conversions of cameras: each source's own formula, written out here, must find the markers we render."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.structures import Cameras
from geolearn.structures import camera_conventions as conventions

pytorch3d_renderer = pytest.importorskip("pytorch3d.renderer")
pytorch3d_structures = pytest.importorskip("pytorch3d.structures")
pytorch3d_utils = pytest.importorskip("pytorch3d.utils")

SIZES = [(96, 96), (72, 120), (120, 72)]
POINTS = np.array([[0.0, 0.0, 0.0], [0.5, 0.1, -0.2], [-0.4, 0.3, 0.1], [0.1, -0.4, 0.35]])


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def random_cameras(seed: int, count: int = 3, height: int = 48, width: int = 80, skew: bool = False) -> Cameras:
    rng = np.random.default_rng(seed)
    K, pose = np.tile(np.eye(3), (count, 1, 1)), np.tile(np.eye(4), (count, 1, 1))
    K[:, 0, 0], K[:, 1, 1] = rng.uniform(30, 900, count), rng.uniform(30, 900, count)
    K[:, :2, 2] = rng.uniform(0, [width, height], (count, 2))
    K[:, 0, 1] = rng.normal(size=count) * skew
    for camera in range(count):
        pose[camera, :3, :3], pose[camera, :3, 3] = random_rotation(rng), rng.normal(size=3) * 3
    return Cameras(torch.tensor(K).float(), torch.tensor(pose).float(), height, width)


def assert_same(actual: Cameras, expected: Cameras) -> None:
    assert (actual.height, actual.width) == (expected.height, expected.width)
    # A principal point passes through NDC as a number near 1: in float32 that is 1e-7 of the image side.
    torch.testing.assert_close(actual.K, expected.K, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(actual.world_to_camera, expected.world_to_camera, rtol=1e-6, atol=1e-6)


def found_markers(cameras, height: int, width: int) -> np.ndarray:
    """Render a small ball at each of POINTS with PyTorch3D's own rasterizer; the middle of its pixels, (P, 2)."""
    rasterizer = pytorch3d_renderer.MeshRasterizer(
        cameras, pytorch3d_renderer.RasterizationSettings(image_size=(height, width), faces_per_pixel=1)
    )
    found = []
    for point in POINTS:
        ball = pytorch3d_utils.ico_sphere(1)
        ball = ball.scale_verts(0.1).offset_verts(torch.tensor(point, dtype=torch.float32))
        rows, columns = torch.nonzero(rasterizer(ball).pix_to_face[0, :, :, 0] >= 0, as_tuple=True)
        assert len(rows) > 20, "the marker is not in the picture"
        found.append([float(columns.float().mean()) + 0.5, float(rows.float().mean()) + 0.5])
    return np.array(found)


def assert_markers(cameras: Cameras, expected: np.ndarray) -> None:
    """Ours must project to the pixels the source's own formula says, and PyTorch3D must draw the markers there."""
    pixels, depth = cameras.project(torch.tensor(POINTS, dtype=torch.float32))
    assert bool((depth > 0).all())
    np.testing.assert_allclose(pixels[0].numpy(), expected, atol=1e-3)
    for in_ndc in (True, False):
        found = found_markers(conventions.to_pytorch3d(cameras, in_ndc=in_ndc), cameras.height, cameras.width)
        np.testing.assert_allclose(found, expected, atol=0.25)  # half a pixel off would be 0.5


def source_pose(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A world-to-camera rotation (right, down, forward) and translation that see POINTS 3 units ahead, off centre."""
    return random_rotation(np.random.default_rng(seed)), np.array([0.1, -0.15, 3.0])


@pytest.mark.parametrize("height, width", SIZES)
def test_opencv_markers(height: int, width: int) -> None:
    R, t = source_pose(1)
    K = np.array([[140.0, 0.0, width / 2 + 3.3], [0.0, 125.0, height / 2 - 2.6], [0.0, 0.0, 1.0]])
    homogeneous = (K @ (R @ POINTS.T + t[:, None])).T
    assert_markers(
        conventions.from_opencv(R[None], t[None], K[None], height, width), homogeneous[:, :2] / homogeneous[:, 2:]
    )


@pytest.mark.parametrize("height, width", SIZES)
def test_opencv_calibration_counts_pixel_centres_from_zero(height: int, width: int) -> None:
    R, t = source_pose(2)
    K = np.array([[140.0, 0.0, width / 2], [0.0, 125.0, height / 2], [0.0, 0.0, 1.0]])
    homogeneous = (K @ (R @ POINTS.T + t[:, None])).T
    cameras = conventions.from_opencv(R[None], t[None], K[None], height, width, pixel_centre=0.0)
    assert_markers(cameras, homogeneous[:, :2] / homogeneous[:, 2:] + 0.5)
    np.testing.assert_allclose(conventions.to_opencv(cameras, pixel_centre=0.0)[2][0].numpy(), K, rtol=1e-6)


@pytest.mark.parametrize("height, width", SIZES)
def test_opengl_markers(height: int, width: int) -> None:
    rng = np.random.default_rng(3)
    camera_to_world = np.eye(4)
    camera_to_world[:3, :3] = random_rotation(rng)
    camera_to_world[:3, 3] = camera_to_world[:3, :3] @ [0.1, 0.2, 3.0]  # the camera looks along its own -z
    local = (np.linalg.inv(camera_to_world) @ np.c_[POINTS, np.ones(len(POINTS))].T).T
    focal, cx, cy = 130.0, width / 2 + 1.7, height / 2 - 3.1
    expected = np.c_[cx + focal * local[:, 0] / -local[:, 2], cy - focal * local[:, 1] / -local[:, 2]]
    K = np.array([[[focal, 0.0, cx], [0.0, focal, cy], [0.0, 0.0, 1.0]]])
    assert_markers(conventions.from_opengl(camera_to_world[None], K, height, width), expected)
    assert_markers(conventions.from_opengl(camera_to_world[None, :3], K, height, width), expected)


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("model", ["SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "OPENCV"])
def test_colmap_markers(height: int, width: int, model: str) -> None:
    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:  # Hamilton's product of quaternions
        scalar = a[0] * b[0] - a[1:] @ b[1:]
        return np.array([scalar, *(a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:]))])

    q = np.array([-0.4, 0.3, 0.7, -0.5])
    q = q / np.linalg.norm(q)
    t = np.array([0.1, -0.15, 3.0])
    local = np.array([product(product(q, np.array([0.0, *p])), q * [1, -1, -1, -1])[1:] for p in POINTS]) + t
    cx, cy = width / 2 + 2.4, height / 2 - 1.2
    fx, fy, params = {
        "SIMPLE_PINHOLE": (140.0, 140.0, [140.0, cx, cy]),
        "PINHOLE": (140.0, 115.0, [140.0, 115.0, cx, cy]),
        "SIMPLE_RADIAL": (140.0, 140.0, [140.0, cx, cy, 0.0]),
        "OPENCV": (140.0, 115.0, [140.0, 115.0, cx, cy, 0.0, 0.0, 0.0, 0.0]),
    }[model]
    expected = np.c_[fx * local[:, 0] / local[:, 2] + cx, fy * local[:, 1] / local[:, 2] + cy]
    assert_markers(conventions.from_colmap(2.5 * q[None], t[None], model, [params], height, width), expected)


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("kind", ["ndc", "screen", "fov", "fov_aspect", "matrix"])
def test_pytorch3d_markers(height: int, width: int, kind: str) -> None:
    """PyTorch3D draws with its own cameras; ours, converted from them, must say where."""
    R, T = pytorch3d_renderer.look_at_view_transform(3.0, 25.0, 40.0, at=((0.05, 0.1, 0.0),))
    size = torch.tensor([[height, width]])
    if kind == "ndc":
        theirs = pytorch3d_renderer.PerspectiveCameras(((2.6, 2.4),), ((0.1, -0.2),), R, T, image_size=size)
    elif kind == "screen":
        theirs = pytorch3d_renderer.PerspectiveCameras(
            ((120.0, 105.0),), ((width / 2 + 4.0, height / 2 - 3.0),), R, T, in_ndc=False, image_size=size
        )
    elif kind == "matrix":
        K = torch.tensor([[[2.6, 0.3, 0.1, 0.0], [0.0, 2.4, -0.2, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]])
        theirs = pytorch3d_renderer.PerspectiveCameras(K=K, R=R, T=T, image_size=size)
    else:
        aspect = 1.4 if kind == "fov_aspect" else 1.0
        theirs = pytorch3d_renderer.FoVPerspectiveCameras(fov=34.0, aspect_ratio=aspect, R=R, T=T)
    ours = conventions.from_pytorch3d(theirs, image_size=(height, width))
    points = torch.tensor(POINTS, dtype=torch.float32)
    pixels = ours.project(points)[0][0]
    screen = theirs.transform_points_screen(points, image_size=size)[..., :2].reshape(-1, 2)
    torch.testing.assert_close(pixels, screen, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found_markers(theirs, height, width), pixels.numpy(), atol=0.25)
    assert_markers(ours, pixels.numpy())


@given(seed=st.integers(0, 10_000), size=st.sampled_from(SIZES))
@settings(max_examples=20, deadline=None)
def test_round_trips(seed: int, size: tuple[int, int]) -> None:
    cameras = random_cameras(seed, 3, *size)
    for in_ndc in (True, False):
        there = conventions.to_pytorch3d(cameras, in_ndc=in_ndc)
        assert there.in_ndc() == in_ndc
        assert_same(conventions.from_pytorch3d(there), cameras)
    assert_same(conventions.from_opencv(*conventions.to_opencv(cameras), *size), cameras)
    assert_same(conventions.from_opengl(conventions.to_opengl(cameras), cameras.K, *size), cameras)
    assert_same(conventions.from_colmap(*conventions.to_colmap(cameras), *size), cameras)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_skew_survives_pytorch3d(seed: int) -> None:
    cameras = random_cameras(seed, skew=True)
    for in_ndc in (True, False):
        assert_same(conventions.from_pytorch3d(conventions.to_pytorch3d(cameras, in_ndc=in_ndc)), cameras)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_turns_survive_colmap(axis: int) -> None:
    """Rotations by pi have w = 0, where the textbook formula divides by zero."""
    pose = torch.diag_embed(-torch.ones(1, 4))
    pose[0, axis, axis] = pose[0, 3, 3] = 1.0
    cameras = Cameras(torch.eye(3)[None], pose, 10, 10)
    qvec = conventions.to_colmap(cameras)[0]
    assert qvec[0, 1 + axis].abs() == 1
    assert_same(conventions.from_colmap(*conventions.to_colmap(cameras), 10, 10), cameras)


def test_gradients_reach_pose_and_intrinsics() -> None:
    cameras = random_cameras(5)
    K, pose = cameras.K.clone().requires_grad_(), cameras.world_to_camera.clone().requires_grad_()
    theirs = conventions.to_pytorch3d(Cameras(K, pose, 48, 80))
    back = conventions.from_pytorch3d(theirs)
    (back.K.sum() + back.world_to_camera.sum()).backward()
    # There and back is the identity; the fixed last rows pass nothing on.
    expected = torch.ones(3, 3, 3)
    expected[:, 2] = expected[:, 1, 0] = 0
    expected[:, 0, 1] = 0  # without skew PyTorch3D has no field that would carry its gradient
    torch.testing.assert_close(K.grad, expected)
    expected = torch.ones(3, 4, 4)
    expected[:, 3] = 0
    torch.testing.assert_close(pose.grad, expected)


def test_no_cameras() -> None:
    none = Cameras(torch.zeros(0, 3, 3), torch.zeros(0, 4, 4), 4, 6)
    assert_same(conventions.from_opencv(*conventions.to_opencv(none), 4, 6), none)
    assert_same(conventions.from_opengl(conventions.to_opengl(none), none.K, 4, 6), none)
    assert_same(conventions.from_colmap(*conventions.to_colmap(none), 4, 6), none)


def test_fields_of_view_by_hand() -> None:
    """90 degrees over the short side of 40 px: a focal length of 20 px."""
    theirs = pytorch3d_renderer.FoVPerspectiveCameras(fov=90.0)
    K = conventions.from_pytorch3d(theirs, image_size=(40, 100)).K[0]
    torch.testing.assert_close(K, torch.tensor([[20.0, 0.0, 50.0], [0.0, 20.0, 20.0], [0.0, 0.0, 1.0]]))
    assert math.isclose(float(conventions.to_pytorch3d(random_cameras(0, height=40, width=100)).image_size[0, 0]), 40)


def test_pytorch3d_refusals() -> None:
    with pytest.raises(InvalidInputError, match=r"pinhole cameras.*FoVOrthographicCameras"):
        conventions.from_pytorch3d(pytorch3d_renderer.FoVOrthographicCameras(), image_size=(4, 4))
    with pytest.raises(InvalidInputError, match=r"pass image_size=\(height, width\)"):
        conventions.from_pytorch3d(pytorch3d_renderer.PerspectiveCameras())
    sizes = torch.tensor([[4, 4], [4, 6]])
    with pytest.raises(InvalidInputError, match=r"one \(height, width\) for all cameras, got \[\(4, 4\), \(4, 6\)\]"):
        conventions.from_pytorch3d(
            pytorch3d_renderer.PerspectiveCameras(R=torch.eye(3).repeat(2, 1, 1), image_size=sizes)
        )


def test_colmap_refusals() -> None:
    q, t = [[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]
    with pytest.raises(InvalidInputError, match=r"SIMPLE_RADIAL distorts the image \(k=0.1\).*image_undistorter"):
        conventions.from_colmap(torch.tensor(q), torch.tensor(t), "SIMPLE_RADIAL", [[9.0, 2.0, 2.0, 0.1]], 4, 4)
    with pytest.raises(UnknownNameError, match="'OPENCV_FISHEYE'"):
        conventions.from_colmap(torch.tensor(q), torch.tensor(t), "OPENCV_FISHEYE", [[9.0] * 8], 4, 4)
    with pytest.raises(InvalidInputError, match=r"params of PINHOLE: expected shape \(4\), got \(3,\)"):
        conventions.from_colmap(torch.tensor(q), torch.tensor(t), "PINHOLE", [[9.0, 2.0, 2.0]], 4, 4)
    with pytest.raises(InvalidInputError, match="expected 1 of each, as many as poses, got 2 and 1"):
        conventions.from_colmap(torch.tensor(q), torch.tensor(t), ["PINHOLE"] * 2, [[9.0, 2.0, 2.0, 2.0]], 4, 4)
    with pytest.raises(InvalidInputError, match="quaternions of length > 0"):
        conventions.from_colmap(torch.zeros(1, 4), torch.tensor(t), "PINHOLE", [[9.0, 9.0, 2.0, 2.0]], 4, 4)
    with pytest.raises(InvalidInputError, match="no camera model with skew"):
        conventions.to_colmap(random_cameras(0, skew=True))


def test_poses_with_scale_are_refused() -> None:
    pose = torch.eye(4)[None] * torch.tensor([2.0, 2.0, 2.0, 1.0])
    with pytest.raises(InvalidInputError, match="right-handed rigid transforms"):
        conventions.from_opengl(pose, torch.eye(3)[None], 4, 4)
    with pytest.raises(InvalidInputError, match=r"\(N, 3, 4\) or \(N, 4, 4\)"):
        conventions.from_opengl(torch.zeros(1, 2, 4), torch.eye(3)[None], 4, 4)


def test_worlds_far_from_0_come_back_as_they_were() -> None:
    generator = torch.Generator().manual_seed(0)
    R = torch.linalg.qr(torch.randn(4, 3, 3, generator=generator, dtype=torch.float64))[0]
    R = R * torch.linalg.det(R)[:, None, None]
    centres = torch.randn(4, 3, generator=generator, dtype=torch.float64) + torch.tensor([5e5, 4e6, 100.0])
    t = -(R @ centres[..., None])[..., 0]
    intrinsics = torch.tensor([[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]).expand(4, 3, 3)
    cameras = conventions.from_opencv(R, t, intrinsics, 48, 64)
    torch.testing.assert_close(cameras.centres.double() + cameras.origin, centres, atol=1e-5, rtol=0)
    torch.testing.assert_close(conventions.to_opencv(cameras)[1], t, atol=1e-5 + 1e-7 * 4e6, rtol=0)
    c2w = conventions.to_opengl(cameras)
    torch.testing.assert_close(c2w[:, :3, 3], centres, atol=1e-5, rtol=0)
    again = conventions.from_opengl(c2w, intrinsics, 48, 64)
    assert torch.equal(again.origin, cameras.origin)
    torch.testing.assert_close(again.world_to_camera, cameras.world_to_camera, atol=1e-5, rtol=0)
    again = conventions.from_colmap(*conventions.to_colmap(cameras), 48, 64)
    torch.testing.assert_close(
        again.centres.double() + again.origin, cameras.centres.double() + cameras.origin, atol=1.0, rtol=0
    )
