"""`transforms.json`, the scene file of NeRF's Blender data, instant-ngp and nerfstudio.

Intrinsics are `fl_x, fl_y, cx, cy, w, h` in pixels or `camera_angle_x, camera_angle_y` in radians, for the file or for
a frame, where the frame's win. `transform_matrix` is camera-to-world with the axes of OpenGL. Distortion is OpenCV's:
`k1, k2, k3, p1, p2`, with `"camera_model": "FULL_OPENCV"` also `k4, k5, k6`; fisheye `k1` to `k4`.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import OPENGL_AXES, Scene, SceneFormat, Shot, from_camera_to_world, intrinsics
from geolearn.ops.lenses import Lens
from geolearn.structures import Cameras
from geolearn.structures.camera_conventions import to_opengl
from geolearn.typing import Array

_POLYNOMIALS = ("PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
_FISHEYES = ("OPENCV_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
_COEFFICIENTS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
_OPTICS = ("fl_x", "fl_y", "cx", "cy", "camera_angle_x", "camera_angle_y", *_COEFFICIENTS)


def read_transforms(path: Path, image_root: Path | None = None) -> Scene:
    """Parse a `transforms.json`; no picture is opened.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not JSON, without frames, a frame without a picture, pose or focal length, or a camera whose
            pictures no pinhole could have taken.
    """
    source = str(path)
    try:
        document = json.loads(read_regular(path))
    except (ValueError, RecursionError) as error:
        raise damaged(source, "the whole file", f"not JSON ({error})") from error
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames:
        raise damaged(source, "frames", "expected a list of at least one frame", "Is this a transforms.json?")
    shots = []
    for number, frame in enumerate(frames):
        place = f"frames[{number}]"
        if not isinstance(frame, dict):
            raise damaged(source, place, f"expected an object, got {type(frame).__name__}")
        shots.append(_shot({key: value for key, value in document.items() if key != "frames"} | frame, source, place))
    return Scene(source, tuple(shots), (path.parent,))


FORMAT = SceneFormat(
    "transforms.json (NeRF's Blender data, nerfstudio, instant-ngp)",
    "transforms.json",
    ("transforms.json",),
    lambda path: path.suffix.lower() == ".json",
    read_transforms,
)


def _shot(settings: dict[str, Any], source: str, place: str) -> Shot:
    image, mask = settings.get("file_path"), settings.get("mask_path")
    if not isinstance(image, str) or not image:
        raise damaged(source, f"{place}.file_path", f"expected the path of a picture, got {image!r}")
    if mask is not None and not isinstance(mask, str):
        raise damaged(source, f"{place}.mask_path", f"expected the path of a picture, got {mask!r}")
    bend = _bend(settings, source, place)
    pose = _pose(settings.get("transform_matrix"), source, f"{place}.transform_matrix")
    optics = {key: _number(settings, key, source, place) for key in _OPTICS}
    if optics["fl_x"] is None and optics["camera_angle_x"] is None:
        raise damaged(source, place, "no focal length", "Expected fl_x (pixels) or camera_angle_x (radians)")
    coefficients = {key: value for key in _COEFFICIENTS if (value := optics[key])}
    height, width = (_number(settings, key, source, place) for key in ("h", "w"))
    size = None if height is None or width is None else (int(height), int(width))
    if size is not None and min(size) < 1:
        raise damaged(source, place, f"expected a size of at least 1 pixel, got w={width}, h={height}")
    return Shot(
        place, image, mask, size, pose, lambda height, width: Lens(_K(optics, height, width), bend, coefficients)
    )


def _K(values: dict[str, float | None], height: int, width: int) -> Array:
    fx, fy, cx, cy, angle_x, angle_y = (values[key] for key in _OPTICS[:6])
    if fx is None:
        fx = width / 2 / math.tan((angle_x or math.nan) / 2)
        if fy is None and angle_y is not None:
            fy = height / 2 / math.tan(angle_y / 2)
    return intrinsics(fx, fx if fy is None else fy, width / 2 if cx is None else cx, height / 2 if cy is None else cy)


def _bend(settings: dict[str, Any], source: str, place: str) -> str:
    """What the coefficients of a frame mean."""
    model = settings.get("camera_model", "OPENCV")
    given = [key for key in _COEFFICIENTS if settings.get(key)]
    if model in _FISHEYES or (model in _POLYNOMIALS and settings.get("is_fisheye")):
        unknown = [key for key in given if key not in ("k1", "k2", "k3", "k4")]
        if unknown:
            raise damaged(source, place, f"a fisheye lens has no {', '.join(unknown)}", "Expected k1, k2, k3, k4")
        return "fisheye"
    if model not in _POLYNOMIALS:
        known = ", ".join((*_POLYNOMIALS, *_FISHEYES))
        raise damaged(
            source, place, f"camera model {model!r}", f"Known are {known}; turn the pictures into one of these first"
        )
    if model != "FULL_OPENCV" and "k4" in given:
        raise damaged(
            source,
            place,
            f"k4={settings['k4']} of a lens that is no fisheye: nerfstudio multiplies by 1 + ... + k4 r^8, OpenCV "
            "divides by 1 + k4 r^2 + ...",
            'Say "camera_model": "FULL_OPENCV" if it is OpenCV\'s, "OPENCV_FISHEYE" if it is a fisheye; otherwise '
            "undistort the pictures first",
        )
    return "brown" if given else "pinhole"


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
    return from_camera_to_world(pose, OPENGL_AXES, source, place)


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
