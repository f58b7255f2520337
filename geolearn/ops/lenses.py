"""Lenses that bend straight lines: the models of COLMAP and OpenCV, and pictures with the bend taken out.

A point (X, Y, Z) before the camera has the direction (x, y) = (X / Z, Y / Z). A lens bends it to (x', y'), and K takes
that to pixels. With r^2 = x^2 + y^2, and theta = atan(r) the angle from the axis:

| bend | x' (y' alike) | models |
| --- | --- | --- |
| pinhole | x | PINHOLE |
| brown | x (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2) | OPENCV |
| series | x (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + 2 p1 x y + p2 (r^2 + 2 x^2) + sx1 r^2 | Metashape's |
| fisheye | the series of (x, y) theta / r | OPENCV_FISHEYE, THIN_PRISM_FISHEYE |
| aria | six powers of (x, y) theta / r; of that, tangential and thin-prism terms | RAD_TAN_THIN_PRISM_FISHEYE |
| fov | x atan(2 r tan(omega / 2)) / (r omega) | FOV |
| division | 2 x / (1 + sqrt(1 - 4 k r^2)) | DIVISION |
| unified | x / (alpha sqrt(beta r^2 + 1) + 1 - alpha) | EUCM |

Sources: COLMAP's src/colmap/sensor/models.h; OpenCV's calib3d; Devernay and Faugeras, "Straight lines have to be
straight" (2001); Fitzgibbon, "Simultaneous linear estimation of multiple view geometry and lens distortion" (2001);
Khomutenko et al., "An enhanced unified camera model" (2016).
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.typing import Array, Float, Tensor

UNBENT = 0.01  # pixels: a lens that moves nothing further leaves its pictures as they are
_STRIP = 2**20  # pixels whose places are worked out at once
Point = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Lens:
    """How one camera takes directions to pixels.

    Attributes:
        K: float64 (3, 3) intrinsics in pixels; the centre of the top-left pixel is (0.5, 0.5).
        bend: a name in `BENDS`.
        coefficients: of the bend, by name; what is not named is 0 (beta: 1).

    Raises:
        UnknownNameError: no such bend.
        InvalidInputError: coefficients that it does not have.

    >>> lens = Lens(np.array([[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]), "brown", {"k1": 0.1})
    >>> pixels = lens.project(np.array([[0.0, 0.0], [0.5, 0.0]]))
    >>> pixels.tolist()
    [[32.0, 24.0], [52.5, 24.0]]
    """

    K: Float[Array, "3 3"]
    bend: str = "pinhole"
    coefficients: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.bend not in BENDS:
            raise unknown_name("bend of a lens", self.bend, BENDS)
        known = [name for name, p in inspect.signature(BENDS[self.bend]).parameters.items() if p.kind == p.KEYWORD_ONLY]
        if not set(self.coefficients) <= set(known):
            raise InvalidInputError(
                f"coefficients: the bend {self.bend} has {', '.join(known) or 'none'}, got "
                f"{', '.join(self.coefficients)}"
            )

    def scaled(self, x: float, y: float) -> "Lens":
        """The lens for pictures that are x times as wide and y times as high."""
        return Lens(np.diag([x, y, 1.0]) @ self.K, self.bend, self.coefficients)

    def project(self, directions: Float[Array, "*shape 2"]) -> Float[Array, "*shape 2"]:
        """The pixels of directions (X / Z, Y / Z). NaN where a model has no answer."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            x, y = BENDS[self.bend](directions[..., 0], directions[..., 1], **self.coefficients)
        return np.stack([self.K[0, 0] * x + self.K[0, 1] * y + self.K[0, 2], self.K[1, 1] * y + self.K[1, 2]], axis=-1)

    def largest_shift(self, height: int, width: int) -> float:
        """How far, in pixels, the lens moves a point of a picture of this size from where K alone would have it."""
        columns, rows = np.meshgrid(np.linspace(0, width, 33), np.linspace(0, height, 33))
        pixels = np.stack([columns, rows], axis=-1)
        with np.errstate(invalid="ignore"):
            shift = np.abs(self._bent(pixels, self._reach(height, width)) - pixels)
        return float(np.nan_to_num(shift, nan=np.inf).max())

    def _directions(self, pixels: Array) -> Array:
        """Of pixels of a picture without bend."""
        y = (pixels[..., 1] - self.K[1, 2]) / self.K[1, 1]
        x = (pixels[..., 0] - self.K[0, 2] - self.K[0, 1] * y) / self.K[0, 0]
        return np.stack([x, y], axis=-1)

    def _bent(self, pixels: Array, reach: float) -> Array:
        """Where the bent picture shows what the straight one has at `pixels`; beyond `reach`, its rim."""
        directions = self._directions(pixels)
        radius = np.hypot(directions[..., 0], directions[..., 1])[..., None]
        return self.project(directions * np.minimum(1.0, reach / np.maximum(radius, 1e-12)))

    def _reach(self, height: int, width: int) -> float:
        """The radius up to which the bend takes larger radii to larger ones: polynomials turn back far outside."""
        corners = np.array([[0.0, 0], [width, 0], [0, height], [width, height]])
        radii = np.linspace(0, np.hypot(*self._directions(corners).T).max(), 1025)[1:]
        bent = Lens(np.eye(3), self.bend, self.coefficients).project(np.stack([radii, 0 * radii], axis=-1))[..., 0]
        with np.errstate(invalid="ignore"):
            grows = np.diff(bent, prepend=0.0) > 0  # also False for NaN
        return float(radii[-1] if grows.all() else radii[max(int(grows.argmin()) - 1, 0)])


def undistort(picture: Float[Tensor, "C H W"], lens: Lens) -> Float[Tensor, "C H W"]:
    """The picture that a pinhole with the lens's K would have taken, of the same size.

    A lens that moves no pixel by `UNBENT` leaves the picture as it is. What the bent picture does not show repeats the
    nearest pixel of its rim; what the straight one has no room for is lost.

    >>> picture = torch.rand(3, 48, 64)
    >>> K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    >>> torch.equal(undistort(picture, Lens(K, "brown", {"k1": 1e-9})), picture)
    True
    >>> undistort(picture, Lens(K, "fisheye", {"k1": 0.05})).shape
    torch.Size([3, 48, 64])
    """
    _, height, width = picture.shape
    if lens.bend == "pinhole" or lens.largest_shift(height, width) < UNBENT:
        return picture
    reach, rows, strips = lens._reach(height, width), max(1, _STRIP // width), []
    for top in range(0, height, rows):
        v, u = np.mgrid[top : min(top + rows, height), :width] + 0.5
        bent = lens._bent(np.stack([u, v], axis=-1), reach)
        where = torch.from_numpy(2 * bent / (width, height) - 1).to(picture.dtype)
        strips.append(
            torch.nn.functional.grid_sample(picture[None], where[None], padding_mode="border", align_corners=False)[0]
        )
    return torch.cat(strips, dim=1)


def _pinhole(x: Array, y: Array) -> Point:
    return x, y


def _brown(
    x: Array,
    y: Array,
    *,
    k1: float = 0.0,
    k2: float = 0.0,
    p1: float = 0.0,
    p2: float = 0.0,
    k3: float = 0.0,
    k4: float = 0.0,
    k5: float = 0.0,
    k6: float = 0.0,
) -> Point:
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    return _with_tangential(x, y, x * radial, y * radial, p1, p2)


def _series(
    x: Array,
    y: Array,
    *,
    k1: float = 0.0,
    k2: float = 0.0,
    p1: float = 0.0,
    p2: float = 0.0,
    k3: float = 0.0,
    k4: float = 0.0,
    sx1: float = 0.0,
    sy1: float = 0.0,
) -> Point:
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))
    return _with_tangential(x, y, x * radial + sx1 * r2, y * radial + sy1 * r2, p1, p2)


def _fisheye(
    x: Array,
    y: Array,
    *,
    k1: float = 0.0,
    k2: float = 0.0,
    p1: float = 0.0,
    p2: float = 0.0,
    k3: float = 0.0,
    k4: float = 0.0,
    sx1: float = 0.0,
    sy1: float = 0.0,
) -> Point:
    return _series(*_equidistant(x, y), k1=k1, k2=k2, p1=p1, p2=p2, k3=k3, k4=k4, sx1=sx1, sy1=sy1)


def _aria(
    x: Array,
    y: Array,
    *,
    k0: float = 0.0,
    k1: float = 0.0,
    k2: float = 0.0,
    k3: float = 0.0,
    k4: float = 0.0,
    k5: float = 0.0,
    p0: float = 0.0,
    p1: float = 0.0,
    s0: float = 0.0,
    s1: float = 0.0,
    s2: float = 0.0,
    s3: float = 0.0,
) -> Point:
    x, y = _equidistant(x, y)
    squared = x * x + y * y
    radial = 1 + sum(k * squared ** (power + 1) for power, k in enumerate((k0, k1, k2, k3, k4, k5)))
    x, y = x * radial, y * radial
    r2 = x * x + y * y
    return _with_tangential(x, y, x + r2 * (s0 + r2 * s1), y + r2 * (s2 + r2 * s3), p1, p0)


def _fov(x: Array, y: Array, *, omega: float = 0.0) -> Point:
    if abs(omega) < 1e-6:
        return x, y
    r = np.maximum(np.hypot(x, y), 1e-9)
    scale = np.arctan(r * 2 * math.tan(omega / 2)) / (r * omega)
    return x * scale, y * scale


def _division(x: Array, y: Array, *, k: float = 0.0) -> Point:
    scale = 2 / (1 + np.sqrt(1 - 4 * k * (x * x + y * y)))
    return x * scale, y * scale


def _unified(x: Array, y: Array, *, alpha: float = 0.0, beta: float = 1.0) -> Point:
    scale = 1 / (alpha * np.sqrt(beta * (x * x + y * y) + 1) + 1 - alpha)
    return x * scale, y * scale


def _with_tangential(x: Array, y: Array, to_x: Array, to_y: Array, p1: float, p2: float) -> Point:
    r2 = x * x + y * y
    return to_x + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), to_y + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)


def _equidistant(x: Array, y: Array) -> Point:
    r = np.maximum(np.hypot(x, y), 1e-12)
    return x * np.arctan(r) / r, y * np.arctan(r) / r


BENDS: dict[str, Callable[..., Point]] = {
    "pinhole": _pinhole,
    "brown": _brown,
    "series": _series,
    "fisheye": _fisheye,
    "aria": _aria,
    "fov": _fov,
    "division": _division,
    "unified": _unified,
}
