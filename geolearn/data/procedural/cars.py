"""Cars: saloons, hatchbacks, vans, pickups, convertibles and small trucks."""

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, ramp, shift, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import Solid, box, lathe, loft


@family("car", "body", "cabin", "wheel", "cargo", "trim")
def car(draw: Draw, a: Assembly) -> None:
    """Front towards -Y: a lower body, a cabin or a windscreen, four to six wheels, and what the kind carries."""
    kind = draw.choice("kind", ("saloon", "saloon", "hatchback", "van", "pickup", "convertible", "truck"))
    half, w = draw.uniform("length", 0.95, 1.3) / 2, draw.uniform("width", 0.38, 0.56) / 2
    wheel = draw.uniform("wheel_radius", 0.075, 0.125)
    low, belt = wheel * draw.uniform("clearance", 0.5, 0.85), 0.0
    belt = low + draw.uniform("body_height", 0.13, 0.24)
    a.add("body", _lower_body(draw, half, w, low, belt))
    front, rear = -half + draw.uniform("front_overhang", 0.2, 0.26), half - draw.uniform("rear_overhang", 0.2, 0.26)
    wide = draw.uniform("wheel_width", 0.05, 0.09)
    axles = (
        [front, rear, rear - 2.2 * wheel]
        if kind == "truck" and half > 0.56 and draw.chance("third_axle", 0.7)
        else [front, rear]
    )
    for y in axles:
        for side in (-1.0, 1.0):
            a.add("wheel", _wheel(side * (w - 0.3 * wide), y, wheel, wide))
    tall = draw.uniform("cabin_height", 0.13, 0.24) * (1.35 if kind in ("van", "truck") else 1.0)
    roof, narrow = belt + tall, draw.uniform("tumblehome", 0.78, 0.95)
    y0, y1, rake, drop = {
        "saloon": (-0.3, 0.62, 0.2, 0.2),
        "hatchback": (-0.32, 0.94, 0.2, 0.09),
        "van": (-0.62, 0.96, 0.16, 0.03),
        "pickup": (-0.32, 0.22, 0.16, 0.03),
        "convertible": (-0.28, -0.2, 0.12, -0.09),
        "truck": (-0.92, -0.42, 0.07, 0.01),
    }[kind]
    y0, y1 = half * (y0 + draw.uniform("cabin_shift", -0.06, 0.06)), half * y1
    a.add("cabin", _cabin(w, y0, y1, rake, drop, belt, roof, narrow))
    if kind in ("pickup", "truck"):
        wall, start = draw.uniform("cargo_height", 0.05, 0.1), y1 + 0.02
        if kind == "truck" and draw.chance("box_body", 0.6):
            wall = draw.uniform("box_height", 0.8, 1.5) * tall
            a.add("cargo", box((-w - 0.008, start, belt - 0.02), (w + 0.008, half + 0.01, belt + wall)))
        else:
            for x0, x1 in ((-w, -w + 0.022), (w - 0.022, w)):
                a.add("cargo", box((x0, start, belt - 0.03), (x1, half - 0.002, belt + wall)))
            for ya, yb in ((start, start + 0.022), (half - 0.024, half - 0.002)):
                a.add("cargo", box((-w + 0.006, ya, belt - 0.03), (w - 0.006, yb, belt + wall - 0.004)))
    elif kind == "convertible":
        for y in (0.0, 0.3 * half):
            a.add("trim", box((-0.7 * w, y, belt - 0.03), (0.7 * w, y + 0.06, belt + 0.45 * tall)))
    elif draw.chance("roof_rack", 0.15):
        for x in (-0.55 * w, 0.55 * w):
            a.add("trim", box((x - 0.01, y0 + 0.13, roof - 0.01), (x + 0.01, max(y0 + 0.2, y1 - 0.18), roof + 0.02)))
    if kind in ("saloon", "hatchback") and draw.chance("spoiler", 0.2):
        a.add("trim", box((-0.85 * w, half - 0.09, belt - 0.3 * (belt - low)), (0.85 * w, half - 0.05, belt + 0.06)))
    if draw.chance("bumpers", 0.5):
        for ya, yb in ((-half - 0.025, -half + 0.05), (half - 0.05, half + 0.025)):
            a.add("trim", box((-0.96 * w, ya, low + 0.015), (0.96 * w, yb, low + 0.06)))
    a.describe(
        shift(
            "wheelbase", Y, {front + 1.05 * wheel: 0.0, axles[-1] - 1.05 * wheel: 1.0}, (front, rear), (0.0, 0.0, wheel)
        ),
        mirror("width", X, {0.0: 0.0, w - wide: 1.0}, (-w, w), (0.0, 0.0, belt)),
        shift("front overhang", Y, {-half: -1.0, front - 1.05 * wheel: 0.0}, (-half, front), (0.0, 0.0, belt)),
        shift("rear overhang", Y, {rear + 1.05 * wheel: 0.0, half: 1.0}, (rear, half), (0.0, 0.0, belt)),
        shift("cabin height", Z, {belt + 0.02: 0.0, roof: 1.0}, (belt, roof)),
        swell("roof width", (X,), narrow * w, (0.0, 0.0, roof), ramp(Z, {belt: 0.0, roof: 1.0})),
    )


def _lower_body(draw: Draw, half: float, w: float, low: float, belt: float) -> Solid:
    """Sections across the car: a hood that falls to the nose, a flat middle, a tail."""
    nose, tail = draw.uniform("nose_height", 0.55, 0.9), draw.uniform("tail_height", 0.75, 1.0)
    narrow = draw.uniform("nose_width", 0.8, 0.97)
    rings = []
    for share, high, wide in (
        (-1.0, nose, narrow),
        (-0.9, nose + 0.06, 1.0),
        (-0.35, 1.0, 1.0),
        (0.6, 1.0, 1.0),
        (0.95, tail, 1.0),
        (1.0, 0.9 * tail, narrow),
    ):
        x, z = w * wide, low + high * (belt - low)
        soft = 0.3 * (z - low)
        ring = [(-x, low), (x, low), (x, z - soft), (0.93 * x, z), (-0.93 * x, z), (-x, z - soft)]
        rings.append([(px, share * half, pz) for px, pz in ring])
    return loft(rings)


def _wheel(x: float, y: float, radius: float, wide: float) -> Solid:
    rim = 0.6 * radius
    profile = [(0, -0.4), (rim, -0.4), (rim, -0.5), (radius, -0.5), (radius, 0.5), (rim, 0.5), (rim, 0.4), (0, 0.4)]
    return lathe([(r, wide * z) for r, z in profile], 16).turned(90, Y).moved(x, y, radius)


def _cabin(w: float, y0: float, y1: float, rake: float, drop: float, belt: float, roof: float, narrow: float) -> Solid:
    """From inside the body to the roof, leaning in on every side."""
    rings = []
    low = belt - 0.03
    for z, x, ya, yb in (
        (low, 0.95 * w, y0, y1),
        (belt, 0.95 * w, y0, y1),
        (roof - 0.02, narrow * w, y0 + 0.93 * rake, y1 - 0.93 * drop),
        (roof, 0.93 * narrow * w, y0 + rake + 0.02, y1 - drop - 0.02),
    ):
        rings.append([(-x, ya, z), (x, ya, z), (x, yb, z), (-x, yb, z)])
    return loft(rings)
