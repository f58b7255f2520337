"""Vessels turned on the wheel: mugs, vases and bottles."""

import math
from itertools import pairwise

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, ramp, shift, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import ORIGIN, Point, Point2, Solid, lathe, tube

WALL = 0.03


@family("mug", "body", "handle")
def mug(draw: Draw, a: Assembly) -> None:
    """A hollow cup, straight, tapered or bellied, with a handle that is an ear, a square or a stub; or a saucer."""
    high, rim = draw.uniform("height", 0.55, 1.25), draw.uniform("rim_radius", 0.27, 0.45)
    foot = rim * draw.uniform("taper", 0.62, 1.12)
    belly = draw.uniform("belly", -0.06, 0.16)
    lip = draw.uniform("lip", 0.0, 0.05)

    def radius(z: float) -> float:
        share = z / high
        return foot + (rim - foot) * share + 4 * belly * share * (1 - share) * rim

    levels = [high * i / 6 for i in range(7)]
    outer = [(radius(z), z) for z in levels[:-1]] + [(rim + lip, high)]
    floor = draw.uniform("floor", 0.04, 0.09)
    inner = [(max(0.05, radius(z) - WALL), max(z, floor)) for z in levels[1:-1]]
    bottom = (max(0.05, radius(floor) - WALL), floor)
    profile = [(0.0, 0.0), *outer, (rim + lip - WALL, high), *reversed(inner), bottom, (0.0, floor)]
    a.add("body", lathe(profile, 28))
    if draw.chance("saucer", 0.15):
        wide = max(foot, rim) * draw.uniform("saucer_size", 1.25, 1.7)
        a.add(
            "body",
            lathe([(0, -0.03), (0.6 * wide, -0.03), (wide, 0.05), (wide, 0.07), (0.6 * wide, 0.015), (0, 0.015)], 28),
        )
    low, top = sorted((draw.uniform("handle_low", 0.1, 0.4) * high, draw.uniform("handle_top", 0.62, 0.93) * high))
    reach = draw.uniform("handle_reach", 0.12, 0.32)
    thick = draw.uniform("handle_thickness", 0.025, 0.05)
    style = draw.choice("handle", ("ear", "ear", "square", "stub"))
    a.add("handle", handle(style, radius(low), low, radius(top), top, reach, thick))
    widest = max(r for r, _ in outer)
    a.describe(
        shift("body height", Z, {floor: 0.0, high: 1.0}, (0.0, high)),
        swell("body diameter", (X, Y), widest, ORIGIN),
        shift("handle reach", X, {widest: 0.0, widest + reach: 1.0}, (widest, widest + reach), (0.0, 0.0, top)),
        swell("rim diameter", (X, Y), rim + lip, (0.0, 0.0, high), ramp(Z, {floor: 0.0, high: 1.0})),
    )


def handle(
    style: str, r0: float, z0: float, r1: float, z1: float, reach: float, thick: float, side: float = 1.0
) -> Solid:
    """A bar from the wall at (r0, z0) out and back to the wall at (r1, z1), its ends inside the wall."""
    x0, x1, out = r0 - 0.6 * WALL, r1 - 0.6 * WALL, max(r0, r1) + reach
    if style == "square":
        path = [(x0, z0), (out - 0.04, z0), (out, z0 + 0.05), (out, z1 - 0.05), (out - 0.04, z1), (x1, z1)]
    elif style == "stub":
        path = [(x1, z1), (out - 0.03, z1 - 0.02), (out, z1 - 0.09), (out, 0.45 * z0 + 0.55 * z1)]
    else:
        middle, rise = (z0 + z1) / 2, (z1 - z0) / 2
        turn = [math.pi * (i / 8 - 0.5) for i in range(1, 8)]
        bow = [
            (max(r0, r1) * 0.98 + (out - max(r0, r1) * 0.98) * math.cos(t), middle + rise * math.sin(t)) for t in turn
        ]
        path = [(x0, z0), *bow, (x1, z1)]
    return tube([(side * x, 0.0, z) for x, z in path], thick, 8)


def _smooth(knots: list[Point2], steps: int = 4) -> list[Point2]:
    """A curve of (radius, z) through the knots (Catmull-Rom), never nearer than 0.03 to the axis."""
    padded = [knots[0], *knots, knots[-1]]
    curve = []
    for p, q, r, s in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for step in range(steps):
            t = step / steps
            weights = (-t + 2 * t * t - t**3, 2 - 5 * t * t + 3 * t**3, t + 4 * t * t - 3 * t**3, -t * t + t**3)
            radius, z = (sum(w * k[i] for w, k in zip(weights, (p, q, r, s), strict=True)) / 2 for i in (0, 1))
            curve.append((max(0.03, radius), z))
    return [*curve, knots[-1]]


@family("vase", "body", "foot", "handle")
def vase(draw: Draw, a: Assembly) -> None:
    """A hollow turned body, open above: urns, flutes, bowls and amphoras with two handles."""
    high = draw.uniform("height", 0.6, 1.3)
    belly = draw.uniform("belly_radius", 0.2, 0.46)
    base = belly * draw.uniform("base_share", 0.35, 0.9)
    neck = belly * draw.uniform("neck_share", 0.28, 0.95)
    mouth = neck * draw.uniform("mouth_share", 0.95, 1.6)
    at, narrow = draw.uniform("belly_at", 0.25, 0.6) * high, draw.uniform("neck_at", 0.74, 0.88) * high
    outer = _smooth([(base, 0.0), (belly, at), (neck, narrow), (mouth, high)])
    floor = 0.05
    inner = [(max(0.02, r - WALL), z) for r, z in outer if z > floor + 0.02]
    bottom = (inner[0][0], floor)
    a.add("body", lathe([(0.0, 0.0), *outer, *reversed(inner), bottom, (0.0, floor)], 28))
    if draw.chance("foot", 0.35):
        wide, tall = base * draw.uniform("foot_share", 0.9, 1.3), draw.uniform("foot_height", 0.03, 0.1)
        profile = [(0, -tall), (wide, -tall), (wide, -0.6 * tall), (0.75 * base, 0.01), (0, 0.01)]
        a.add("foot", lathe(profile, 28))
    if draw.chance("handles", 0.3):
        thick = draw.uniform("handle_thickness", 0.022, 0.034)
        widest = max(outer, key=lambda point: point[0])
        for side in (-1.0, 1.0):
            reach = draw.uniform("handle_reach", 0.02, 0.14) if side < 0 else draw.parameters["handle_reach"]
            a.add("handle", handle("ear", widest[0], widest[1], _radius(outer, narrow), narrow, reach, thick, side))
    crest = (0.0, 0.0, at)
    a.describe(
        shift("body height", Z, {floor: 0.0, narrow: 1.0}, (0.0, high)),
        shift("neck height", Z, {narrow: 0.0, high: 1.0}, (narrow, high)),
        swell("belly diameter", (X, Y), belly, crest, ramp(Z, {0.0: 0.0, at: 1.0, narrow: 0.0})),
        swell("mouth diameter", (X, Y), mouth, (0.0, 0.0, high), ramp(Z, {narrow: 0.0, high: 1.0})),
        swell("base diameter", (X, Y), base, ORIGIN, ramp(Z, {0.0: 1.0, at: 0.0})),
    )


def _radius(profile: list[Point2], z: float) -> float:
    """Radius of a rising profile at height z."""
    for (r0, z0), (r1, z1) in pairwise(profile):
        if z0 <= z <= z1:
            return r0 + (r1 - r0) * (z - z0) / (z1 - z0)
    return profile[-1][0]


@family("bottle", "body", "neck", "cap", "handle")
def bottle(draw: Draw, a: Assembly) -> None:
    """A closed body, round or with flat sides, a shoulder, a neck and a cap or cork; jugs have a handle."""
    high, wide = draw.uniform("body_height", 0.4, 0.85), draw.uniform("body_radius", 0.15, 0.36)
    waist = draw.uniform("waist", 0.86, 1.06)
    thin = wide * draw.uniform("neck_share", 0.22, 0.5)
    shoulder, neck = draw.uniform("shoulder_height", 0.06, 0.3), draw.uniform("neck_height", 0.08, 0.42)
    slope = draw.uniform("shoulder_bend", 0.3, 0.75)
    sides = {"round": 28, "square": 4, "six": 6}[draw.choice("section", ("round", "round", "round", "square", "six"))]
    top = high + shoulder
    middle = (thin + slope * (wide - thin), high + (1 - slope * slope) * shoulder)
    profile = [(0.0, 0.0), (0.93 * wide, 0.0), (wide, 0.03), (waist * wide, 0.55 * high), (wide, high), middle]
    body = lathe([*profile, (thin, top), (0.0, top)], sides)
    a.add("body", body.turned(45.0) if sides == 4 else body)
    slim = 0.72 * thin if sides == 4 else 0.9 * thin
    a.add("neck", lathe([(0, high), (slim, high), (0.85 * slim, top + neck), (0, top + neck)], 16))
    end = top + neck
    if draw.chance("lip", 0.5):
        a.add("neck", lathe([(0, end - 0.05), (1.15 * slim, end - 0.05), (1.15 * slim, end), (0, end)], 16))
    if draw.chance("cap", 0.6):
        cork = draw.uniform("cap_height", 0.03, 0.12)
        large = draw.uniform("cap_share", 0.7, 1.3) * slim
        a.add("cap", lathe([(0, end - 0.02), (large, end - 0.02), (0.94 * large, end + cork), (0, end + cork)], 16))
    if draw.chance("jug_handle", 0.2):
        low, up = 0.75 * high, top + 0.55 * neck
        reach = draw.uniform("handle_reach", 0.02, 0.14)
        wall: Point2 = (wide * (0.7 if sides == 4 else 0.95), 0.86 * slim)
        a.add("handle", handle("ear", wall[0], low, wall[1], up, reach, 0.026))
    crest: Point = (0.0, 0.0, 0.5 * high)
    a.describe(
        shift("body height", Z, {0.03: 0.0, 0.97 * high: 1.0}, (0.0, high)),
        shift("shoulder height", Z, {high: 0.0, top: 1.0}, (high, top)),
        shift("neck height", Z, {top: 0.0, end - 0.05: 1.0}, (top, end)),
        swell("body diameter", (X, Y), wide, crest, ramp(Z, {high: 1.0, top: 0.0})),
        swell("neck diameter", (X, Y), 0.85 * slim, (0.0, 0.0, end), ramp(Z, {high: 0.0, top: 1.0})),
    )
