"""Semantic attributes as deformations of space: which measure of a shape changes, and how every point moves for it.

An attribute is anchored to landmarks, points of the shape's own space. Every deformation carries the landmarks of all
attributes along, so attributes can be applied one after another and each still acts on its own part of the shape.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from geolearn.data.procedural.solids import ORIGIN, Point
from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Float

X, Y, Z = 0, 1, 2

# How far an attribute may go, as a share of what it measures; nearer than MARGIN to a fold is refused as well.
LOWEST, HIGHEST, MARGIN = -0.5, 1.0, 0.8


@dataclass(frozen=True)
class Ramp:
    """A weight along one axis: linear between landmarks, constant beyond the first and the last.

    Attributes:
        axis: 0, 1 or 2; only this coordinate of the landmarks counts, the others say where they ride along.
        landmarks: points with increasing coordinates along `axis`.
        weights: the weight at each landmark.
        mirrored: use the distance from the plane coordinate = 0 in place of the coordinate.
    """

    axis: int
    landmarks: tuple[Point, ...]
    weights: tuple[float, ...]
    mirrored: bool = False

    def __post_init__(self) -> None:
        if min([1.0, *self._gaps()]) <= 0.0:
            raise InvalidInputError(
                f"landmarks: expected increasing coordinates along {self.axis}, got {self.landmarks}"
            )

    def _gaps(self) -> list[float]:
        knots = [landmark[self.axis] for landmark in self.landmarks]
        return [after - before for before, after in pairwise(knots)]

    def __call__(self, points: Float[Array, "N 3"]) -> Float[Array, " N"]:
        along = points[:, self.axis]
        knots = [landmark[self.axis] for landmark in self.landmarks]
        return np.interp(np.abs(along) if self.mirrored else along, knots, self.weights)

    def slopes(self) -> list[float]:
        """Change of weight per length, between each two landmarks."""
        rises = zip(self.weights[:-1], self.weights[1:], self._gaps(), strict=True)
        return [(after - before) / gap for before, after, gap in rises]


@dataclass(frozen=True)
class Attribute:
    """One measure of a shape and the motion of space that changes it.

    The measure is the distance between two landmarks along `axes[0]`, or, for a slant, that distance per distance
    along the axis `per`. A point p moves by `amount * gain * motion(p) * (product of ramps)(p)`, where motion is

    - "shift": the unit vector along `axes[0]`;
    - "mirror": the same, away from the plane coordinate = 0;
    - "scale": p - centre, in the coordinates `axes`;

    and the gain is such that amount = 1 adds the measure to itself (a slant: adds 1). So the motion is linear in the
    amount, zero for zero, continuous, and smooth between the ramps' knots.
    """

    name: str
    motion: str
    axes: tuple[int, ...]
    ramps: tuple[Ramp, ...]
    ends: tuple[Point, Point]
    centre: Point = ORIGIN
    per: int | None = None

    @property
    def value(self) -> float:
        low, high = self.ends
        length = high[self.axes[0]] - low[self.axes[0]]
        return length if self.per is None else length / (high[self.per] - low[self.per])

    def velocity(self, points: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
        """Displacement per unit of amount, float64."""
        return self._gain() * self._motion(points)

    def factors(self, x: Float[Array, " X"], y: Float[Array, " Y"], z: Float[Array, " Z"]) -> list[list[Array]]:
        """`velocity` on the lattice of these coordinates as products of functions of one coordinate, float64.

        At (x[i], y[j], z[k]) component a of the velocity is f[a][0][i] * f[a][1][j] * f[a][2][k].
        """
        coordinates = (x, y, z)
        weights = [np.ones(len(along)) for along in coordinates]
        for one in self.ramps:
            points = np.zeros((len(coordinates[one.axis]), 3))
            points[:, one.axis] = coordinates[one.axis]
            weights[one.axis] = weights[one.axis] * one(points)
        factors = [[np.zeros(len(along)) for along in coordinates] for _ in range(3)]
        for axis in self.axes:
            along = coordinates[axis]
            motion = {"scale": along - self.centre[axis], "mirror": np.sign(along)}.get(
                self.motion, np.ones(len(along))
            )
            factors[axis] = list(weights)
            factors[axis][axis] = self._gain() * motion * weights[axis]
        return factors

    def _motion(self, points: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
        weight = np.ones(len(points))
        for ramp in self.ramps:
            weight = weight * ramp(points)
        moved = np.zeros((len(points), 3))
        for axis in self.axes:
            if self.motion == "scale":
                moved[:, axis] = weight * (points[:, axis] - self.centre[axis])
            else:
                moved[:, axis] = weight * (np.sign(points[:, axis]) if self.motion == "mirror" else 1.0)
        return moved

    def _gain(self) -> float:
        low, high = self._motion(np.array(self.ends))[:, self.axes[0]]
        growth = high - low
        if self.per is None:
            return float(self.value / growth)
        return float((self.ends[1][self.per] - self.ends[0][self.per]) / growth)

    def limits(self) -> tuple[float, float]:
        """The lowest and highest amount for which no two points of space meet, with a margin.

        The Jacobian's determinant is 1 + amount * gain * slope of the ramp along the motion (a shift, a mirror) or
        (1 + amount * gain * weight) per axis (a scale); both must stay above 0.
        """
        low, high = (LOWEST, HIGHEST) if self.per is None else (-0.5, 0.5)
        rates = [
            self._gain() * rate
            for ramp in self.ramps
            for rate in (ramp.weights if self.motion == "scale" else ramp.slopes() if ramp.axis in self.axes else ())
        ]
        fastest, slowest = max([0.0, *rates]), min([0.0, *rates])
        return max(low, -MARGIN / fastest) if fastest else low, min(high, -MARGIN / slowest) if slowest else high

    def carried(self, move: Callable[[Float[Array, "N 3"]], Float[Array, "N 3"]]) -> "Attribute":
        """The attribute after `move` took its landmarks along."""

        def carry(point: Point) -> Point:
            x, y, z = move(np.array([point]))[0].tolist()
            return (x, y, z)

        ramps = tuple(replace(ramp, landmarks=tuple(carry(p) for p in ramp.landmarks)) for ramp in self.ramps)
        return replace(self, ramps=ramps, ends=(carry(self.ends[0]), carry(self.ends[1])), centre=carry(self.centre))


def at(point: Point, axis: int, coordinate: float) -> Point:
    """`point` with one coordinate replaced."""
    moved = [*point]
    moved[axis] = coordinate
    return (moved[0], moved[1], moved[2])


def ramp(axis: int, weights: dict[float, float], base: Point = ORIGIN, *, mirrored: bool = False) -> Ramp:
    """A ramp through {coordinate: weight}; its landmarks lie on the line along `axis` through `base`."""
    return Ramp(axis, tuple(at(base, axis, c) for c in weights), tuple(weights.values()), mirrored)


def shift(
    name: str, axis: int, weights: dict[float, float], ends: tuple[float, float], base: Point = ORIGIN, *windows: Ramp
) -> Attribute:
    """Move along `axis` by the weight at each coordinate: {low: 0, high: 1} stretches the slab between the two."""
    return Attribute(
        name,
        "shift",
        (axis,),
        (ramp(axis, weights, base), *windows),
        (at(base, axis, ends[0]), at(base, axis, ends[1])),
    )


def mirror(
    name: str, axis: int, weights: dict[float, float], ends: tuple[float, float], base: Point = ORIGIN, *windows: Ramp
) -> Attribute:
    """Move away from the middle plane by the weight at each distance from it, 0 at the plane itself."""
    ramps = (ramp(axis, weights, base, mirrored=True), *windows)
    return Attribute(name, "mirror", (axis,), ramps, (at(base, axis, ends[0]), at(base, axis, ends[1])))


def swell(name: str, axes: tuple[int, ...], half: float, centre: Point, *ramps: Ramp) -> Attribute:
    """Scale about `centre` in `axes`, as strong as the ramps say; measured across, `half` to each side of it."""
    first = axes[0]
    ends = (at(centre, first, centre[first] - half), at(centre, first, centre[first] + half))
    return Attribute(name, "scale", axes, ramps, ends, centre)


def slant(name: str, axis: int, per: int, low: Point, high: Point, *, mirrored: bool = False) -> Attribute:
    """Shear along `axis`, growing along `per` from `low` to `high`; measured as the slope between the two."""
    ramps = (Ramp(per, (low, high), (0.0, 1.0), mirrored),)
    return Attribute(name, "shift", (axis,), ramps, (low, high), per=per)
