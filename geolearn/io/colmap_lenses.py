"""The camera models of COLMAP (its src/colmap/sensor/models.h), and what both kinds of its files say of a picture."""

import math
from typing import NamedTuple

from geolearn.errors import unknown_name
from geolearn.io.scenes import intrinsics
from geolearn.ops.lenses import Lens


class CameraModel(NamedTuple):
    """Its number in binary files, its parameters in their order, and the bend of `geolearn.ops.lenses`."""

    number: int
    parameters: tuple[str, ...]
    bend: str


def _model(number: int, parameters: str, bend: str) -> CameraModel:
    return CameraModel(number, tuple(parameters.split()), bend)


COLMAP_LENSES = {
    "SIMPLE_PINHOLE": _model(0, "f cx cy", "pinhole"),
    "PINHOLE": _model(1, "fx fy cx cy", "pinhole"),
    "SIMPLE_RADIAL": _model(2, "f cx cy k1", "brown"),
    "RADIAL": _model(3, "f cx cy k1 k2", "brown"),
    "OPENCV": _model(4, "fx fy cx cy k1 k2 p1 p2", "brown"),
    "OPENCV_FISHEYE": _model(5, "fx fy cx cy k1 k2 k3 k4", "fisheye"),
    "FULL_OPENCV": _model(6, "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6", "brown"),
    "FOV": _model(7, "fx fy cx cy omega", "fov"),
    "SIMPLE_RADIAL_FISHEYE": _model(8, "f cx cy k1", "fisheye"),
    "RADIAL_FISHEYE": _model(9, "f cx cy k1 k2", "fisheye"),
    "THIN_PRISM_FISHEYE": _model(10, "fx fy cx cy k1 k2 p1 p2 k3 k4 sx1 sy1", "fisheye"),
    "RAD_TAN_THIN_PRISM_FISHEYE": _model(11, "fx fy cx cy k0 k1 k2 k3 k4 k5 p0 p1 s0 s1 s2 s3", "aria"),
    "SIMPLE_DIVISION": _model(12, "f cx cy k", "division"),
    "DIVISION": _model(13, "fx fy cx cy k", "division"),
    "SIMPLE_FISHEYE": _model(14, "f cx cy", "fisheye"),
    "FISHEYE": _model(15, "fx fy cx cy", "fisheye"),
    "EUCM": _model(16, "fx fy cx cy alpha beta", "unified"),
}


class ColmapCamera(NamedTuple):
    """One line of cameras.txt."""

    lens: Lens
    height: int
    width: int


class ColmapImage(NamedTuple):
    """One image: where the file says so, its pose (QW..QZ, TX..TZ), the number of its camera, its name."""

    place: str
    pose: tuple[float, ...]
    camera: int
    name: str


def lens_of(model: str, parameters: list[float]) -> Lens:
    """The lens of a model by name.

    Raises:
        UnknownNameError: no such model, or one that sees all around.
        ValueError: another number of parameters, or a focal length that is not above 0; the text says which.
    """
    if model not in COLMAP_LENSES:
        raise unknown_name("camera model", model, COLMAP_LENSES)
    _, names, bend = COLMAP_LENSES[model]
    if len(parameters) != len(names):
        raise ValueError(f"{model} has {len(names)} parameters ({', '.join(names)}), got {len(parameters)}")
    if not all(map(math.isfinite, parameters)):
        raise ValueError("some numbers are NaN or infinite")
    named = dict(zip(names, parameters, strict=True))
    fx = named.pop("f", None) or named.pop("fx", 0.0)
    fy = named.pop("fy", fx)
    if min(fx, fy) <= 0:
        raise ValueError(f"expected focal lengths > 0, got {fx:g}, {fy:g}")
    return Lens(intrinsics(fx, fy, named.pop("cx"), named.pop("cy")), bend, named)
