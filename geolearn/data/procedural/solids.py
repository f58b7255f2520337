"""Closed, outward-oriented solids as plain arrays: boxes, prisms, legs, tubes, lathes and lofts.

Sines and cosines come from `math`, one number at a time: NumPy's vectorised ones differ between processors.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np

from geolearn.typing import Array, Float, Int

Number = float | int
Point = tuple[Number, Number, Number]
Point2 = tuple[Number, Number]
ORIGIN: Point = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Solid:
    """A closed triangle mesh around a positive volume.

    Attributes:
        verts: float64 (V, 3).
        faces: int64 (F, 3), counter-clockwise from outside.
        volume: exact, where the construction knows it.
        is_box: an axis-aligned box, so that the union of many has an exact volume too.
    """

    verts: Float[Array, "V 3"]
    faces: Int[Array, "F 3"]
    volume: float | None = None
    is_box: bool = False

    def warped(self, move: Callable[[Float[Array, "V 3"]], Float[Array, "V 3"]]) -> "Solid":
        """The same faces with vertices moved; the volume is no longer known."""
        return replace(self, verts=move(self.verts), volume=None, is_box=False)

    def scaled(self, factors: Float[Array, " 3"]) -> "Solid":
        """Stretched along the axes: a box stays a box, and a known volume stays known."""
        volume = None if self.volume is None else self.volume * math.prod(factors.tolist())
        return replace(self, verts=self.verts * factors, volume=volume)

    def turned(self, degrees: Number, axis: int = 2, centre: Point = (0.0, 0.0, 0.0)) -> "Solid":
        """Rotated counter-clockwise about `axis` (0, 1, 2 = x, y, z) through `centre`."""
        first, second = (axis + 1) % 3, (axis + 2) % 3
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        local = self.verts - np.array(centre)
        turned = local.copy()
        turned[:, first] = cos * local[:, first] - sin * local[:, second]
        turned[:, second] = sin * local[:, first] + cos * local[:, second]
        return replace(self, verts=turned + np.array(centre), is_box=False)

    def moved(self, x: Number = 0.0, y: Number = 0.0, z: Number = 0.0) -> "Solid":
        return replace(self, verts=self.verts + np.array((x, y, z)))


def loft(rings: Sequence[Sequence[Point]], apexes: tuple[Point | None, Point | None] = (None, None)) -> Solid:
    """A skin through S rings of K points each, closed at both ends.

    An end is closed by a fan around its apex, or around the ring's first point where the apex is None (convex rings).
    The rings may run either way round: faces are turned outward by the sign of the volume.
    """
    count, around = len(rings), len(rings[0])
    verts = [point for ring in rings for point in ring] + [apex for apex in apexes if apex is not None]
    return _outward(np.array(verts, dtype=np.float64), _skin(count, around, apexes[0] is None, apexes[1] is None))


def loop(rings: Sequence[Sequence[Point]]) -> Solid:
    """A skin through rings whose last joins the first, such as a torus."""
    verts = np.array([point for ring in rings for point in ring], dtype=np.float64)
    index = np.arange(len(verts), dtype=np.int64).reshape(len(rings), -1)
    return _outward(verts, _bands(np.vstack([index, index[:1]])))


@cache
def _skin(count: int, around: int, flat_start: bool, flat_end: bool) -> Int[Array, "F 3"]:
    """Faces of a loft; an apex that closes an end comes after the rings."""
    index = np.arange(count * around, dtype=np.int64).reshape(count, around)
    faces, apex = [_bands(index)], count * around
    for ring, flat in ((index[0, ::-1], flat_start), (index[-1], flat_end)):
        rim = np.stack([ring[1:-1], ring[2:]], -1) if flat else np.stack([ring, np.roll(ring, -1)], -1)
        faces.append(np.column_stack([np.full(len(rim), ring[0] if flat else apex), rim]))
        apex += not flat
    return np.concatenate(faces)


def _bands(index: Int[Array, "S K"]) -> Int[Array, "F 3"]:
    """Two triangles per quadrilateral between neighbouring rings."""
    a, b = index[:-1], np.roll(index[:-1], -1, axis=1)
    c, d = np.roll(index[1:], -1, axis=1), index[1:]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def box(low: Point, high: Point) -> Solid:
    """The axis-aligned box between two corners."""
    x = (low[0], high[0], high[0], low[0])
    y = (low[1], low[1], high[1], high[1])
    solid = loft([[(x[i], y[i], z) for i in range(4)] for z in (low[2], high[2])])
    return replace(solid, volume=float(math.prod(b - a for a, b in zip(low, high, strict=True))), is_box=True)


def prism(outline: Sequence[Point2], low: Number, high: Number, taper: Number = 1.0) -> Solid:
    """A convex outline in the xy plane, extruded from z = low to high, where it is `taper` times as large."""
    return loft([[(x * s, y * s, z) for x, y in outline] for z, s in ((low, 1.0), (high, taper))])


def leg(foot: Point, top: Point, foot_radius: Number, top_radius: Number, sides: int = 4) -> Solid:
    """A straight bar with horizontal ends; four sides make a square bar of half width `radius`."""
    reach = math.sqrt(2.0) if sides == 4 else 1.0
    outline = circle(reach, sides, phase=45.0 if sides == 4 else 0.0)
    return loft(
        [[(p[0] + r * x, p[1] + r * y, p[2]) for x, y in outline] for p, r in ((foot, foot_radius), (top, top_radius))]
    )


def lathe(profile: Sequence[Point2], segments: int = 24, centre: Point2 = (0.0, 0.0)) -> Solid:
    """The profile of (radius, z) points turned around the vertical axis through `centre`.

    The profile begins and ends on the axis or with a flat end; it may turn back inside, as a vessel's does. The
    volume is that of the `segments`-sided solid:  n/2 sin(2 pi/n) * sum over edges of (r0^2 + r0 r1 + r1^2) dz / 3.
    """
    (x, y), turns = centre, circle(1.0, segments)
    inner = [(r, z) for r, z in profile if r > 0]
    first, last = (x, y, profile[0][1]), (x, y, profile[-1][1])
    solid = loft([[(x + r * c, y + r * s, z) for c, s in turns] for r, z in inner], (first, last))
    area = segments / 2 * math.sin(2 * math.pi / segments)
    edges = pairwise(profile)
    volume = area * sum((r0 * r0 + r0 * r1 + r1 * r1) * (z1 - z0) / 3 for (r0, z0), (r1, z1) in edges)
    return replace(solid, volume=abs(volume))


def ellipsoid(centre: Point, radii: Point, segments: int = 12, rings: int = 6) -> Solid:
    angles = [math.pi * i / rings for i in range(1, rings)]
    profile = [(0.0, -1.0), *((math.sin(t), -math.cos(t)) for t in angles), (0.0, 1.0)]
    return lathe(profile, segments).warped(lambda verts: verts * np.array(radii) + np.array(centre))


def ring(radius: Number, thickness: Number, z: Number, segments: int = 16, sides: int = 6) -> Solid:
    """A horizontal torus around the vertical axis."""
    section = circle(thickness, sides)
    return loop([[((radius + r) * c, (radius + r) * s, z + h) for r, h in section] for c, s in circle(1.0, segments)])


def tube(path: Sequence[Point], radius: Number | Sequence[Number], sides: int = 8) -> Solid:
    """A round bar along a polyline, its section turned as little as possible from corner to corner."""
    points = np.array(path, dtype=np.float64)
    radii = [radius] * len(path) if isinstance(radius, (int, float)) else radius
    steps = points[1:] - points[:-1]
    steps /= np.sqrt((steps * steps).sum(1, keepdims=True))
    tangents = np.vstack([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    tangents /= np.sqrt((tangents * tangents).sum(1, keepdims=True))
    up = np.eye(3)[int(np.abs(tangents[0]).argmin())]
    rings = []
    for i, (point, tangent) in enumerate(zip(points, tangents, strict=True)):
        up = up - (up @ tangent) * tangent
        up = up / math.sqrt(float(up @ up))
        side = np.cross(tangent, up)
        # the mitre keeps the bar's width through a corner
        mitre = 1.0 if i in (0, len(path) - 1) else 1.0 / max(0.5, float(tangent @ steps[i]))
        rings.append([tuple(point + radii[i] * (mitre * c * up + mitre * s * side)) for c, s in circle(1.0, sides)])
    return loft(rings)


def circle(radius: Number, count: int, phase: Number = 0.0) -> list[Point2]:
    """`count` points counter-clockwise on a circle, the first at `phase` degrees."""
    angles = [math.radians(phase + 360.0 * i / count) for i in range(count)]
    return [(radius * math.cos(t), radius * math.sin(t)) for t in angles]


def rounded(half_x: Number, half_y: Number, power: Number = 4.0, count: int = 20) -> list[Point2]:
    """A superellipse |x/a|^p + |y/b|^p = 1: power 2 is an ellipse, larger ones a rectangle with soft corners."""

    def bent(value: float) -> float:
        return math.copysign(abs(value) ** (2.0 / power), value)

    # half a step off the axes, so that no corner falls on an axis, and as large as asked for all the same
    corners = [(bent(c), bent(s)) for c, s in circle(1.0, count, phase=180.0 / count)]
    wide, deep = max(x for x, _ in corners), max(y for _, y in corners)
    return [(half_x * x / wide, half_y * y / deep) for x, y in corners]


def _outward(verts: Float[Array, "V 3"], faces: Int[Array, "F 3"]) -> Solid:
    a, b, c = verts[faces.T]
    turns = (a * np.cross(b, c)).sum()  # six times the volume
    return Solid(verts, faces if turns > 0 else faces[:, ::-1])
