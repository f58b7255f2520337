"""`transforms.json`, the scene file of NeRF's Blender data, instant-ngp and nerfstudio.

Intrinsics are `fl_x, fl_y, cx, cy, w, h` in pixels or `camera_angle_x, camera_angle_y` in radians, for the file or for
a frame, where the frame's win. `transform_matrix` is camera-to-world with the axes of OpenGL.
"""

import json
import math
from typing import Any

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.scenes import Scene, Shot
from geolearn.structures import Cameras
from geolearn.structures.camera_conventions import from_opengl, to_opengl
from geolearn.typing import Array, Tensor

PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
_UNDISTORT = (
    "Cameras here are pinholes: undistort the pictures first, e.g. with `colmap image_undistorter` or OpenCV's "
    "`cv2.undistort`, and take the new intrinsics"
)


def read_transforms(data: bytes, source: str) -> Scene:
    """Parse a `transforms.json`; no picture is opened.

    Raises:
        MeshFormatError: not JSON, without frames, a frame without a picture, pose or focal length, or a camera with
            lens distortion.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(source, "the whole file", f"not JSON ({error})") from error
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames:
        raise damaged(source, "frames", "expected a list of at least one frame", "Is this a transforms.json?")
    shots, poses, optics = [], [], []
    for number, frame in enumerate(frames):
        place = f"frames[{number}]"
        if not isinstance(frame, dict):
            raise damaged(source, place, f"expected an object, got {type(frame).__name__}")
        settings = {key: value for key, value in document.items() if key != "frames"} | frame
        _refuse_distortion(settings, source, place)
        shots.append(_shot(settings, source, place))
        poses.append(_pose(frame.get("transform_matrix"), source, f"{place}.transform_matrix"))
        optics.append({key: _number(settings, key, source, place) for key in _OPTICS})
        if all(optics[-1][key] is None for key in ("fl_x", "camera_angle_x")):
            raise damaged(source, place, "no focal length", "Expected fl_x (pixels) or camera_angle_x (radians)")

    def cameras(height: int, width: int) -> Cameras:
        K = torch.stack([_intrinsics(values, height, width) for values in optics])
        return from_opengl(np.stack(poses), K, height, width)

    return Scene(source, tuple(shots), cameras)


_OPTICS = ("fl_x", "fl_y", "cx", "cy", "camera_angle_x", "camera_angle_y")


def _intrinsics(values: dict[str, float | None], height: int, width: int) -> Tensor:
    fx, fy, cx, cy, angle_x, angle_y = (values[key] for key in _OPTICS)
    if fx is None and angle_x is not None:
        fx = width / 2 / math.tan(angle_x / 2)
        if fy is None and angle_y is not None:
            fy = height / 2 / math.tan(angle_y / 2)
    cx, cy = width / 2 if cx is None else cx, height / 2 if cy is None else cy
    return torch.tensor([[fx, 0, cx], [0, fx if fy is None else fy, cy], [0, 0, 1]])


def _shot(settings: dict[str, Any], source: str, place: str) -> Shot:
    image, mask = settings.get("file_path"), settings.get("mask_path")
    if not isinstance(image, str) or not image:
        raise damaged(source, f"{place}.file_path", f"expected the path of a picture, got {image!r}")
    if mask is not None and not isinstance(mask, str):
        raise damaged(source, f"{place}.mask_path", f"expected the path of a picture, got {mask!r}")
    height, width = (_number(settings, key, source, place) for key in ("h", "w"))
    return Shot(place, image, mask, None if height is None or width is None else (int(height), int(width)))


def _number(settings: dict[str, Any], key: str, source: str, place: str) -> float | None:
    value = settings.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:  # an int may be larger
        raise damaged(source, f"{place}, {key}", f"expected a finite number, got {value!r}")
    ranges = {
        "fl_x": (0, math.inf),
        "fl_y": (0, math.inf),
        "camera_angle_x": (0, math.pi),
        "camera_angle_y": (0, math.pi),
    }
    low, high = ranges.get(key, (-math.inf, math.inf))
    if not low < value < high:
        raise damaged(source, f"{place}, {key}", f"expected a number between {low} and {high:.6g}, got {value!r}")
    return float(value)


def _pose(matrix: Any, source: str, place: str) -> Array:
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise damaged(source, place, f"expected a 4 x 4 matrix of numbers ({error})") from error
    if pose.shape not in ((3, 4), (4, 4)) or not np.isfinite(pose).all():
        raise damaged(source, place, f"expected a 4 x 4 matrix of finite numbers, got shape {pose.shape}")
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > 1e-3 or np.linalg.det(rotation) < 0:
        problem = f"its 3 x 3 part is no rotation (R R^T off by {error:.3g}, determinant {np.linalg.det(rotation):.3g})"
        raise damaged(source, place, problem, "Remove scale and mirroring from the poses")
    return pose[:3]


def _refuse_distortion(settings: dict[str, Any], source: str, place: str) -> None:
    bent = [f"{key}={settings[key]}" for key in _DISTORTION if settings.get(key)]
    if bent:
        raise damaged(source, place, f"the lens distorts ({', '.join(bent)})", _UNDISTORT)
    model = settings.get("camera_model", "PINHOLE")
    if model not in PINHOLES or settings.get("is_fisheye"):
        raise damaged(source, place, f"camera model {'fisheye' if model in PINHOLES else model}", _UNDISTORT)


def write_transforms(cameras: Cameras, images: list[str]) -> bytes:
    """The `transforms.json` of these cameras and file names, in nerfstudio's flavour.

    Raises:
        InvalidInputError: a camera with skew, for which the format has no key.
    """
    if bool((cameras.K[:, 0, 1] != 0).any()):
        raise InvalidInputError("cameras: transforms.json cannot express skew; expected K[:, 0, 1] = 0")
    frames = [
        {"file_path": name, "fl_x": K[0][0], "fl_y": K[1][1], "cx": K[0][2], "cy": K[1][2], "transform_matrix": pose}
        for name, K, pose in zip(images, cameras.K.tolist(), to_opengl(cameras).tolist(), strict=True)
    ]
    document = {"camera_model": "PINHOLE", "w": cameras.width, "h": cameras.height, "frames": frames}
    return json.dumps(document, indent=1).encode()
