"""Lamps: floor, table and desk lamps with an arm."""

import math

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, ramp, shift, slant, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import Point, Solid, box, circle, ellipsoid, lathe, prism, rounded, tube


@family("lamp", "base", "pole", "shade")
def lamp(draw: Draw, a: Assembly) -> None:
    """A base, a pole and a shade; or a base, an elbow arm and a small shade that looks down."""
    if draw.chance("desk_lamp", 0.3):
        _desk_lamp(draw, a)
    else:
        _standing_lamp(draw, a)


def _base(draw: Draw, a: Assembly, radius: float) -> tuple[float, float]:
    """Returns the height at which the pole starts and half the width."""
    style = draw.choice("base", ("disc", "dome", "block", "tripod"))
    tall = draw.uniform("base_height", 0.025, 0.05)
    if style == "disc":
        a.add("base", lathe([(0, 0), (radius, 0), (radius, 0.6 * tall), (0.85 * radius, tall), (0, tall)], 20))
    elif style == "dome":
        a.add("base", lathe([(0, 0), (radius, 0), (0.8 * radius, tall), (0.4 * radius, 1.8 * tall), (0, 2 * tall)], 20))
    elif style == "block":
        a.add("base", box((-0.8 * radius, -0.8 * radius, 0), (0.8 * radius, 0.8 * radius, tall)))
    else:
        for x, y in circle(1.15 * radius, 3, 90.0):
            a.add("base", tube([(0, 0, 2.4 * tall), (x, y, 0.016)], (0.02, 0.015), 6))
    return tall, radius * {"block": 0.8, "tripod": 1.15 * math.cos(math.pi / 6)}.get(style, 1.0)


def _standing_lamp(draw: Draw, a: Assembly) -> None:
    high = draw.uniform("height", 0.55, 1.4)
    radius = draw.uniform("base_radius", 0.1, 0.2)
    start, half = _base(draw, a, radius)
    below, above = draw.uniform("shade_lower", 0.12, 0.3), draw.uniform("shade_upper", 0.07, 0.2)
    tall = min(draw.uniform("shade_height", 0.15, 0.36), 0.5 * high)
    low = high - tall
    thin = draw.uniform("pole_radius", 0.012, 0.03)
    if draw.chance("body", 0.45):
        # a vase-like body, as table lamps have
        body = draw.uniform("body_radius", 0.05, 0.14)
        middle, top = 0.45 * low, min(0.9 * low, 0.45)
        profile = [(0, 0.01), (0.7 * body, 0.01), (body, 0.5 * middle), (0.75 * body, middle), (thin, top), (0, top)]
        a.add("pole", lathe(profile, 20))
    collar = [(thin, 0.82 * low), (1.7 * thin, 0.84 * low), (1.7 * thin, 0.88 * low), (thin, 0.9 * low)]
    a.add("pole", lathe([(0, 0.5 * start), (thin, 0.5 * start), *collar, (thin, high - 0.02), (0, high - 0.02)], 12))
    shade, wide = _shade(draw, below, above, low, high)
    a.add("shade", shade)
    pole = {max(2.5 * start, 0.3 * low): 0.0, 0.82 * low: 1.0}
    near = {0.9 * low: 0.0, low: 1.0}
    a.describe(
        shift("pole height", Z, pole, (0.0, low)),
        shift("shade height", Z, {low: 0.0, high: 1.0}, (low, high)),
        swell("shade diameter", (X, Y), wide, (0.0, 0.0, low), ramp(Z, near)),
        swell("base diameter", (X, Y), half, (0.0, 0.0, 0.0), ramp(Z, {0.4 * start: 1.0, 2.6 * start: 0.0})),
    )


def _shade(draw: Draw, below: float, above: float, low: float, high: float) -> tuple[Solid, float]:
    """Hollow from below (cone, drum, bell) or whole (globe, box); and half its width."""
    style = draw.choice("shade", ("cone", "cone", "drum", "bell", "globe", "box"))
    tall, wall = high - low, 0.018
    if style == "globe":
        return ellipsoid((0, 0, (low + high) / 2), (below, below, tall / 2), 18, 9), below
    if style == "box":
        return prism(rounded(below, below, 14.0, 16), low, high, draw.uniform("shade_taper", 0.6, 1.0)), below
    if style == "drum":
        above = below
    outer = [(below, low), (above, high)]
    if style == "bell":
        outer = [(below, low), (0.75 * below + 0.25 * above, low + 0.25 * tall), (above, high)]
    roof = high - 2 * wall
    inner = [(above - wall, roof), *((r - wall, z) for r, z in reversed(outer[:-1]))]
    return lathe([(0, roof), *inner, *outer, (0, high)], 20), max(below, above)


def _desk_lamp(draw: Draw, a: Assembly) -> None:
    radius = draw.uniform("base_radius", 0.1, 0.18)
    start, half = _base(draw, a, radius)
    tilt, bend = draw.uniform("lower_tilt", -0.3, 0.35), draw.uniform("upper_tilt", 0.5, 1.25)
    lower, upper = draw.uniform("lower_arm", 0.25, 0.55), draw.uniform("upper_arm", 0.22, 0.5)
    elbow: Point = (0.0, lower * math.sin(tilt), start + lower * math.cos(tilt))
    head: Point = (0.0, elbow[1] - upper * math.sin(bend), elbow[2] + upper * math.cos(bend))
    thin = draw.uniform("arm_radius", 0.012, 0.022)
    a.add("pole", tube([(0, 0, 0.4 * start), elbow], thin, 8), tube([elbow, head], 0.9 * thin, 8))
    a.add("pole", ellipsoid(elbow, (1.7 * thin, 1.7 * thin, 1.7 * thin), 10, 6))
    mouth, tall = draw.uniform("shade_radius", 0.07, 0.15), draw.uniform("shade_height", 0.1, 0.2)
    profile = [(0, -0.3), (0.82, -0.95), (1.0, -1.0), (0.45, -0.15), (0.25, 0.1), (0, 0.1)]
    shade = lathe([(mouth * r, tall * z) for r, z in profile], 18)
    aim = draw.uniform("aim", -30.0, 30.0)
    a.add("shade", shade.turned(aim, X).moved(*head))
    top = elbow[2]
    a.describe(
        shift("arm height", Z, {2.5 * start: 0.0, 0.8 * min(top, head[2] - 1.05 * tall): 1.0}, (0.0, top), elbow),
        slant("reach", Y, Z, (0.0, 0.0, start), elbow),
        swell("base diameter", (X, Y), half, (0.0, 0.0, 0.0), ramp(Z, {0.4 * start: 1.0, 2.6 * start: 0.0})),
    )
