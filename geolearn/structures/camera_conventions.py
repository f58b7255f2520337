"""Exact conversions of `Cameras` to and from PyTorch3D, OpenCV, OpenGL (Blender, NeRF) and COLMAP.

| source | camera axes | pose | image plane |
| --- | --- | --- | --- |
| geolearn, OpenCV, COLMAP | right, down, forward | world to camera, column vectors | pixels, first centre at 0.5 |
| OpenGL, Blender, NeRF | right, up, back | camera to world, column vectors | pixels, as above |
| PyTorch3D | left, up, forward | world to camera, row vectors | NDC: left and up, the short image side spans -1..1 |

Everything is differentiable and stays on the device of its input. Poses are inverted as rigid transforms.
"""

from collections.abc import Sequence
from typing import Any

import torch

from geolearn._optional import require
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.structures._door import to_tensor
from geolearn.structures.cameras import Cameras
from geolearn.typing import Array, Float, Tensor

TensorOrArray = Tensor | Array

# Parameters of COLMAP's camera models (its src/colmap/sensor/models.h); "f" stands for both focal lengths.
COLMAP_MODELS = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}


def to_pytorch3d(cameras: Cameras, *, in_ndc: bool = True) -> Any:
    """PyTorch3D's `PerspectiveCameras` that project every point to the same pixel.

    Args:
        cameras: N cameras.
        in_ndc: give focal lengths and principal points in NDC, which PyTorch3D's renderers want, or in pixels.

    Cameras with skew carry a (N, 4, 4) calibration matrix, because PyTorch3D has no other place for it.

    Raises:
        MissingDependencyError: PyTorch3D is not installed (extra `render`).

    >>> cameras = Cameras(torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]]), torch.eye(4)[None], 48, 64)
    >>> to_pytorch3d(cameras).focal_length
    tensor([[1.6667, 1.6667]])
    """
    renderer = require("pytorch3d.renderer.cameras", extra="render")
    K, pose = cameras.K, cameras.world_to_camera
    flip = K.new_tensor([-1.0, -1.0, 1.0])
    if in_ndc:
        scale, middle = _ndc(cameras.height, cameras.width, K)
        linear, principal = K[:, :2, :2] / scale, (middle - K[:, :2, 2]) / scale
    else:
        linear, principal = K[:, :2, :2], K[:, :2, 2]
    intrinsics: dict[str, Tensor] = {
        "focal_length": linear.diagonal(dim1=1, dim2=2),
        "principal_point": principal,
    }
    if bool((K[:, 0, 1] != 0).any()):
        last = K.new_tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]).expand(len(K), 2, 4)
        rows = torch.cat([linear, principal[..., None], K.new_zeros(len(K), 2, 1)], dim=2)
        intrinsics["K"] = torch.cat([rows, last], dim=1)
    return renderer.PerspectiveCameras(
        R=pose[:, :3, :3].mT * flip,
        T=pose[:, :3, 3] * flip,
        in_ndc=in_ndc,
        image_size=torch.tensor([[cameras.height, cameras.width]], device=K.device).expand(len(K), 2),
        device=K.device,
        **intrinsics,
    )


def from_pytorch3d(cameras: Any, *, image_size: tuple[int, int] | None = None) -> Cameras:
    """The `Cameras` equal to PyTorch3D's `PerspectiveCameras` (NDC or screen) or `FoVPerspectiveCameras`.

    Args:
        cameras: PyTorch3D cameras.
        image_size: (height, width) in pixels; needed where the cameras carry no image size of their own.

    Raises:
        InvalidInputError: not a pinhole camera, no image size, or several image sizes in one batch.

    >>> cameras = Cameras(torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]]), torch.eye(4)[None], 48, 64)
    >>> from_pytorch3d(to_pytorch3d(cameras)).K[0].round().tolist()
    [[40.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]]
    """
    matrix = cameras.get_projection_transform().get_matrix().mT if cameras.is_perspective() else None
    if matrix is None or bool((matrix[:, 3].detach() != matrix.new_tensor([0.0, 0.0, 1.0, 0.0])).any()):
        raise InvalidInputError(
            "cameras: expected pinhole cameras (PerspectiveCameras, FoVPerspectiveCameras), "
            f"got {type(cameras).__name__}"
        )
    height, width = _pytorch3d_image_size(cameras, image_size)
    linear, principal = matrix[:, :2, :2], matrix[:, :2, 2]
    if cameras.in_ndc():
        scale, middle = _ndc(height, width, matrix)
        linear, principal = linear * scale, middle - principal * scale
    K = _intrinsics(linear, principal)
    flip = matrix.new_tensor([-1.0, -1.0, 1.0])
    return Cameras(K, _rigid((cameras.R * flip).mT, cameras.T * flip), height, width)


def from_opencv(
    R: Float[TensorOrArray, "N 3 3"],
    t: Float[TensorOrArray, "N 3"],
    K: Float[TensorOrArray, "N 3 3"],
    height: int,
    width: int,
    *,
    pixel_centre: float = 0.5,
) -> Cameras:
    """`Cameras` from rotations, translations (x_camera = R x + t) and intrinsics in pixels.

    Args:
        R, t, K: one of each per camera.
        height, width: image size in pixels.
        pixel_centre: where the centre of the top-left pixel lies in the coordinates of K. Most data sets and COLMAP
            say 0.5; `cv2.calibrateCamera` and other functions of OpenCV itself say 0.

    >>> K = torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]])
    >>> from_opencv(torch.eye(3)[None], torch.zeros(1, 3), K, 48, 64, pixel_centre=0.0).K[0, :2, 2]
    tensor([32.5000, 24.5000])
    """
    R, t = to_tensor(R, "R", torch.float64, (None, 3, 3)), to_tensor(t, "t", torch.float64, (None, 3))
    K = to_tensor(K, "K", torch.float32, (len(R), 3, 3))
    return Cameras(_shift_centre(K, 0.5 - pixel_centre), _rigid(R, t), height, width)


def to_opencv(
    cameras: Cameras, *, pixel_centre: float = 0.5
) -> tuple[Float[Tensor, "N 3 3"], Float[Tensor, "N 3"], Float[Tensor, "N 3 3"]]:
    """`(R, t, K)` with x_camera = R x + t; the reverse of `from_opencv`; float64 where there is an `origin`.

    >>> cameras = Cameras(torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]]), torch.eye(4)[None], 48, 64)
    >>> R, t, K = to_opencv(cameras)
    >>> R.shape, t.tolist(), K[0, 0].tolist()
    (torch.Size([1, 3, 3]), [[0.0, 0.0, 0.0]], [40.0, 0.0, 32.0])
    """
    pose = _world_poses(cameras)
    return pose[:, :3, :3], pose[:, :3, 3], _shift_centre(cameras.K, pixel_centre - 0.5)


def from_opengl(
    camera_to_world: Float[TensorOrArray, "N rows 4"], K: Float[TensorOrArray, "N 3 3"], height: int, width: int
) -> Cameras:
    """`Cameras` from camera-to-world matrices with the axes of OpenGL, Blender and NeRF (right, up, back).

    Args:
        camera_to_world: (N, 4, 4), or (N, 3, 4) without the last row.
        K: intrinsics in pixels.
        height, width: image size in pixels.

    >>> K = torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]])
    >>> from_opengl(torch.eye(4)[None], K, 48, 64).world_to_camera[0].diagonal().tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    pose = to_tensor(camera_to_world, "camera_to_world", torch.float64, (None, None, 4))
    if pose.shape[1] not in (3, 4):
        raise InvalidInputError(f"camera_to_world: expected (N, 3, 4) or (N, 4, 4), got {tuple(pose.shape)}")
    K = to_tensor(K, "K", torch.float32, (len(pose), 3, 3))
    R = (pose[:, :3, :3] * pose.new_tensor([1.0, -1.0, -1.0])).mT
    return Cameras(K, _rigid(R, -(R @ pose[:, :3, 3:])[..., 0]), height, width)


def to_opengl(cameras: Cameras) -> Float[Tensor, "N 4 4"]:
    """Camera-to-world matrices with the axes of OpenGL, Blender and NeRF; the reverse of `from_opengl`.

    They are float64 where the cameras have an `origin`.

    >>> cameras = Cameras(torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]]), torch.eye(4)[None], 48, 64)
    >>> to_opengl(cameras)[0].diagonal().tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    pose = cameras.world_to_camera.double()
    R = pose[:, :3, :3].mT
    centres = -(R @ pose[:, :3, 3:])[..., 0]
    axes = R * pose.new_tensor([1.0, -1.0, -1.0])
    return (
        _rigid(axes, centres).to(cameras.K.dtype) if cameras.origin is None else _rigid(axes, centres + cameras.origin)
    )


def from_colmap(
    qvec: Float[TensorOrArray, "N 4"],
    tvec: Float[TensorOrArray, "N 3"],
    model: str | Sequence[str],
    params: Float[TensorOrArray, "N P"] | Sequence[Sequence[float]],
    height: int,
    width: int,
) -> Cameras:
    """`Cameras` from what COLMAP writes to images.txt and cameras.txt.

    Args:
        qvec: world-to-camera quaternions (w, x, y, z), of any length but 0.
        tvec: world-to-camera translations.
        model: COLMAP's name of the camera model, one for all or one per camera.
        params: parameters of the model, in COLMAP's order, one row per camera.
        height, width: image size in pixels.

    Raises:
        InvalidInputError: lens distortion (undistort the images first: `colmap image_undistorter`), a wrong number
            of parameters, a quaternion of length 0.
        UnknownNameError: a camera model without a pinhole form.

    >>> params = torch.tensor([[40.0, 32, 24]])
    >>> from_colmap(torch.tensor([[1.0, 0, 0, 0]]), torch.zeros(1, 3), "SIMPLE_PINHOLE", params, 48, 64).K[0].tolist()
    [[40.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]]
    """
    tvec = to_tensor(tvec, "tvec", torch.float64, (None, 3))
    qvec = to_tensor(qvec, "qvec", torch.float64, (len(tvec), 4))
    models = [model] * len(tvec) if isinstance(model, str) else list(model)
    if not len(models) == len(params) == len(tvec):
        raise InvalidInputError(
            f"model, params: expected {len(tvec)} of each, as many as poses, got {len(models)} and {len(params)}"
        )
    K = [_colmap_intrinsics(name, row) for name, row in zip(models, params, strict=True)]
    return Cameras(
        torch.stack(K) if K else torch.zeros(0, 3, 3), _rigid(rotation_from_quaternion(qvec), tvec), height, width
    )


def to_colmap(
    cameras: Cameras,
) -> tuple[Float[Tensor, "N 4"], Float[Tensor, "N 3"], str, Float[Tensor, "N 4"]]:
    """`(qvec, tvec, "PINHOLE", params)`, so that `from_colmap(*to_colmap(c), c.height, c.width)` gives `c` back.

    Raises:
        InvalidInputError: a camera has skew, which COLMAP's models do not know.

    >>> cameras = Cameras(torch.tensor([[[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]]), torch.eye(4)[None], 48, 64)
    >>> qvec, tvec, model, params = to_colmap(cameras)
    >>> qvec.tolist(), model, params.tolist()
    ([[1.0, 0.0, 0.0, 0.0]], 'PINHOLE', [[40.0, 40.0, 32.0, 24.0]])
    """
    K, pose = cameras.K, _world_poses(cameras)
    if bool((K[:, 0, 1] != 0).any()):
        raise InvalidInputError("cameras: COLMAP has no camera model with skew; expected K[:, 0, 1] = 0")
    params = torch.stack([K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2]], dim=1)
    return _quaternion_from_rotation(pose[:, :3, :3]), pose[:, :3, 3], "PINHOLE", params


def _ndc(height: int, width: int, like: Tensor) -> tuple[float, Tensor]:
    """Pixels per unit of PyTorch3D's NDC, and the image centre (x, y) in pixels."""
    return min(height, width) / 2, like.new_tensor([width / 2, height / 2])


def _pytorch3d_image_size(cameras: Any, wanted: tuple[int, int] | None) -> tuple[int, int]:
    stored = getattr(cameras, "image_size", None)
    sizes = set() if stored is None else {(int(height), int(width)) for height, width in stored.tolist()}
    if wanted is not None:
        sizes.add((int(wanted[0]), int(wanted[1])))
    if not sizes:
        raise InvalidInputError("image_size: the cameras carry none; pass image_size=(height, width)")
    if len(sizes) > 1:
        raise InvalidInputError(f"image_size: expected one (height, width) for all cameras, got {sorted(sizes)}")
    return sizes.pop()


def _world_poses(cameras: Cameras) -> Tensor:
    """`world_to_camera` for points that count from 0; float64 where the cameras have an origin."""
    if cameras.origin is None:
        return cameras.world_to_camera
    pose = cameras.world_to_camera.double()
    return _rigid(pose[:, :3, :3], pose[:, :3, 3] - pose[:, :3, :3] @ cameras.origin)


def _intrinsics(linear: Tensor, principal: Tensor) -> Tensor:
    last = linear.new_tensor([[0.0, 0.0, 1.0]]).expand(len(linear), 1, 3)
    return torch.cat([torch.cat([linear, principal[..., None]], dim=2), last], dim=1)


def _shift_centre(K: Tensor, pixels: float) -> Tensor:
    return _intrinsics(K[:, :2, :2], K[:, :2, 2] + pixels)


def _rigid(R: Tensor, t: Tensor) -> Tensor:
    last = R.new_tensor([[0.0, 0.0, 0.0, 1.0]]).expand(len(R), 1, 4)
    return torch.cat([torch.cat([R, t[..., None]], dim=2), last], dim=1)


def _colmap_intrinsics(model: str, params: Sequence[float] | Tensor) -> Tensor:
    if model not in COLMAP_MODELS:
        raise unknown_name("camera model with a pinhole form", model, COLMAP_MODELS)
    names = COLMAP_MODELS[model]
    values = to_tensor(params, f"params of {model}", torch.float32, (len(names),))
    named = dict(zip(names, values, strict=True))
    fx, fy = (named["f"], named["f"]) if "f" in named else (named["fx"], named["fy"])
    distortion = [f"{name}={float(value):g}" for name, value in named.items() if name[0] in "kp" and float(value) != 0]
    if distortion:
        raise InvalidInputError(
            f"params: {model} distorts the image ({', '.join(distortion)}) and Cameras are pinholes; undistort the "
            "images first, e.g. with `colmap image_undistorter`"
        )
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    return torch.stack([fx, zero, named["cx"], zero, fy, named["cy"], zero, zero, one]).reshape(3, 3)


def rotation_from_quaternion(qvec: Float[Tensor, "N 4"]) -> Float[Tensor, "N 3 3"]:
    """Rotation matrices of quaternions (w, x, y, z).

    Raises:
        InvalidInputError: a quaternion of length 0.

    >>> rotation_from_quaternion(torch.tensor([[0.0, 2.0, 0.0, 0.0]]))[0].tolist()  # half a turn about x
    [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]
    """
    length = qvec.norm(dim=1, keepdim=True)
    if len(qvec) and float(length.detach().min()) == 0:
        raise InvalidInputError("qvec: expected quaternions of length > 0, got (0, 0, 0, 0)")
    w, x, y, z = (qvec / length).unbind(1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def _quaternion_from_rotation(R: Tensor) -> Tensor:
    """Unit quaternions (w, x, y, z) with w >= 0.

    The four rows below are 4 w q, 4 x q, 4 y q and 4 z q; the longest one is free of cancellation
    (Shepperd, "Quaternion from rotation matrix", 1978).
    """
    (a, b, c), (d, e, f), (g, h, i) = ((row.unbind(1)) for row in R.unbind(1))
    rows = [
        *(1 + a + e + i, h - f, c - g, d - b),
        *(h - f, 1 + a - e - i, b + d, c + g),
        *(c - g, b + d, 1 - a + e - i, f + h),
        *(d - b, c + g, f + h, 1 - a - e + i),
    ]
    candidates = torch.stack(rows, dim=1).reshape(-1, 4, 4)
    best = candidates.diagonal(dim1=1, dim2=2).argmax(1)
    quaternion = candidates[torch.arange(len(R), device=R.device), best]
    sign = torch.where(quaternion[:, :1] < 0, -1.0, 1.0)
    return sign * quaternion / quaternion.norm(dim=1, keepdim=True)
