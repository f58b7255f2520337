"""Hand tools standing on their handles: hammers, axes, spanners, screwdrivers, shovels."""

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, ramp, shift, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import ORIGIN, box, circle, lathe, loft, loop, prism, rounded, tube


@family("tool", "handle", "head", "grip")
def tool(draw: Draw, a: Assembly) -> None:
    """A handle along Z with the working end up."""
    kind = draw.choice("kind", ("hammer", "axe", "spanner", "screwdriver", "shovel", "rake"))
    make = {"hammer": _hammer, "axe": _axe, "spanner": _spanner, "screwdriver": _screwdriver, "shovel": _shovel}
    make.get(kind, _rake)(draw, a)


def _handle(draw: Draw, a: Assembly, long: float, thick: float) -> None:
    """A shaft from z = 0 to a little beyond z = long, often with a thicker grip."""
    flat = draw.uniform("handle_flatness", 0.6, 1.0)
    waist = draw.uniform("handle_waist", 0.75, 1.0)
    rings = []
    for share, size in ((0.0, 0.85), (0.03, 1.0), (0.45, waist), (1.0, 0.9)):
        rings.append([(flat * size * thick * c, size * thick * s, share * long) for c, s in circle(1.0, 12)])
    a.add("handle", loft(rings))
    if draw.chance("grip", 0.5):
        top = draw.uniform("grip_share", 0.2, 0.45) * long
        fat = 1.25 * thick
        a.add(
            "grip",
            lathe([(0, -0.01), (0.9 * fat, -0.01), (fat, 0.02), (fat, top - 0.02), (0.9 * fat, top), (0, top)], 12),
        )


def _describe(a: Assembly, long: float, thick: float) -> None:
    a.describe(
        shift("handle length", Z, {0.46 * long: 0.0, 0.9 * long: 1.0}, (0.0, long)),
        swell("handle thickness", (X, Y), thick, ORIGIN, ramp(Z, {0.8 * long: 1.0, 0.95 * long: 0.0})),
    )


def _hammer(draw: Draw, a: Assembly) -> None:
    long, thick = draw.uniform("handle_length", 0.55, 1.0), draw.uniform("handle_radius", 0.024, 0.045)
    _handle(draw, a, long, thick)
    reach, fat = draw.uniform("head_half_length", 0.14, 0.26), draw.uniform("head_radius", 0.045, 0.1)
    style, z = draw.choice("head", ("claw", "mallet", "sledge", "ball")), long
    if style == "mallet":
        a.add(
            "head",
            lathe([(0, -reach), (fat, -reach), (1.1 * fat, 0), (fat, reach), (0, reach)], 16).turned(90, Y).moved(z=z),
        )
    elif style == "sledge":
        block = prism(rounded(fat, fat, 6.0, 12), -reach, reach)
        a.add("head", block.turned(90, Y).moved(z=z))
    else:
        face = [(0, -0.02), (0.7 * fat, -0.02), (0.6 * fat, 0.5 * reach), (fat, 0.62 * reach), (fat, reach), (0, reach)]
        a.add("head", lathe(face, 14).turned(90, Y).moved(z=z))
        a.add("head", box((-0.05, -0.7 * fat, z - 0.7 * fat), (0.05, 0.7 * fat, z + 0.72 * fat)))
        if style == "ball":
            profile = [(0, -reach), (0.5 * fat, -0.9 * reach), (0.6 * fat, -0.7 * reach), (0.4 * fat, -0.3 * reach)]
            a.add("head", lathe([*profile, (0.5 * fat, 0), (0, 0)], 14).turned(90, Y).moved(z=z))
        else:
            for side in (-1.0, 1.0):
                path = [
                    (0, side * 0.3 * fat, z),
                    (-0.6 * reach, side * 0.42 * fat, z + 0.02),
                    (-reach, side * 0.6 * fat, z - 0.07),
                ]
                a.add("head", tube(path, (0.4 * fat, 0.32 * fat, 0.1 * fat), 8))
    _describe(a, long, thick)
    a.describe(
        mirror("head length", X, {0.05: 0.0, reach: 1.0}, (-reach, reach), (0.0, 0.0, z)),
        swell("head thickness", (Y, Z), fat, (0.0, 0.0, z), ramp(X, {0.0: 1.0, reach: 1.0}, mirrored=True)),
    )


def _axe(draw: Draw, a: Assembly) -> None:
    long, thick = draw.uniform("handle_length", 0.6, 1.05), draw.uniform("handle_radius", 0.022, 0.036)
    _handle(draw, a, long, thick)
    reach, edge = draw.uniform("blade_reach", 0.16, 0.32), draw.uniform("blade_half_height", 0.1, 0.2)
    fat, z = 1.25 * thick, long - 0.08
    stations = [
        (-1.4 * thick, 0.055, fat),
        (thick, 0.06, fat),
        (0.6 * reach, 0.55 * edge, 0.5 * fat),
        (reach, edge, 0.006),
    ]
    rings = []
    for x, tall, wide in stations:
        rings.append([(x, -wide, z - tall), (x, wide, z - tall), (x, wide, z + tall), (x, -wide, z + tall)])
    a.add("head", loft(rings))
    if draw.chance("double", 0.3):
        a.add("head", loft([[(-x, y, z1) for x, y, z1 in ring] for ring in rings[1:]]))
    _describe(a, long, thick)
    at = (thick, 0.0, z)
    a.describe(
        mirror("blade reach", X, {thick: 0.0, reach: 1.0}, (0.0, reach), at),
        swell("edge height", (Z,), edge, (reach, 0.0, z), ramp(X, {thick: 0.0, reach: 1.0}, at, mirrored=True)),
    )


def _spanner(draw: Draw, a: Assembly) -> None:
    """A flat bar with an open jaw above and a ring or a second jaw below."""
    long, thick = draw.uniform("handle_length", 0.6, 1.0), draw.uniform("half_thickness", 0.022, 0.04)
    wide, jaw = draw.uniform("handle_half_width", 0.035, 0.06), draw.uniform("jaw_radius", 0.09, 0.16)
    a.add("handle", box((-wide, -0.8 * thick, 0.0), (wide, 0.8 * thick, long)))
    _jaw(a, "head", long, jaw, thick, 1.0)
    if draw.chance("ring_end", 0.5):
        hole = draw.uniform("ring_hole", 0.45, 0.62) * jaw
        profile = [(hole, -thick), (0.9 * jaw, -thick), (0.9 * jaw, thick), (hole, thick)]
        a.add("head", loop([[(r * c, y, r * s - 0.8 * jaw) for r, y in profile] for c, s in circle(1.0, 20)]))
    else:
        _jaw(a, "head", 0.0, 0.85 * jaw, thick, -1.0)
    a.describe(
        shift("handle length", Z, {0.15 * long: 0.0, 0.85 * long: 1.0}, (0.0, long)),
        swell("jaw width", (X,), jaw, (0.0, 0.0, long), ramp(Z, {0.85 * long: 0.0, long: 1.0})),
        mirror("thickness", Y, {0.0: 0.0, thick: 1.0}, (-thick, thick)),
    )


def _jaw(a: Assembly, part: str, z: float, size: float, thick: float, up: float) -> None:
    """Two prongs on a round heel."""
    heel = prism(rounded(size, 0.55 * size, 2.5, 18), -thick, thick).turned(90, X)
    a.add(part, heel.moved(z=z + up * 0.2 * size))
    for side in (-1.0, 1.0):
        corners = ((0.42, 0.2), (0.92, 0.1), (0.98, 0.7), (0.72, 1.35), (0.42, 1.3))
        outline = [(side * size * x, up * size * h) for x, h in corners]
        prong = loft([[(x, y, z + up * 0.2 * size + h) for x, h in outline] for y in (-0.96 * thick, 0.96 * thick)])
        a.add(part, prong)


def _screwdriver(draw: Draw, a: Assembly) -> None:
    """Grip below, blade above."""
    grip, fat = draw.uniform("grip_length", 0.28, 0.5), draw.uniform("grip_radius", 0.055, 0.11)
    blade, thin = draw.uniform("blade_length", 0.3, 0.75), draw.uniform("blade_radius", 0.016, 0.032)
    waist = draw.uniform("grip_waist", 0.75, 1.0)
    profile = [(0, 0), (0.75 * fat, 0), (fat, 0.05), (fat, 0.45 * grip), (waist * fat, 0.6 * grip), (fat, 0.8 * grip)]
    a.add("grip", lathe([*profile, (0.5 * fat, grip), (0, grip)], draw.whole("grip_sides", 6, 12)))
    end = grip + blade
    a.add("handle", lathe([(0, 0.9 * grip), (thin, 0.9 * grip), (thin, end), (0, end)], 12))
    spread = draw.uniform("tip_spread", 1.2, 2.6) * thin
    sections = (
        (end - 0.03, 0.7 * thin, 0.7 * thin),
        (end + 0.06, spread, 0.5 * thin),
        (end + 0.13, spread, 0.15 * thin),
    )
    a.add("head", loft([[(x * c, y * s, z) for c, s in circle(1.4, 4, 45.0)] for z, x, y in sections]))
    a.describe(
        shift("blade length", Z, {grip: 0.0, end - 0.04: 1.0}, (grip, end)),
        shift("grip length", Z, {0.1 * grip: 0.0, 0.9 * grip: 1.0}, (0.0, grip)),
        swell("grip diameter", (X, Y), fat, ORIGIN, ramp(Z, {0.9 * grip: 1.0, 1.1 * grip: 0.0})),
        swell("tip width", (X,), spread, (0.0, 0.0, end + 0.06), ramp(Z, {end - 0.03: 0.0, end + 0.06: 1.0})),
    )


def _shovel(draw: Draw, a: Assembly) -> None:
    """A shaft with a D grip or a knob below and a bent sheet above, pointed or square."""
    long, thick = draw.uniform("handle_length", 0.6, 1.0), draw.uniform("handle_radius", 0.018, 0.03)
    _handle(draw, a, long, thick)
    wide, tall = draw.uniform("blade_half_width", 0.11, 0.2), draw.uniform("blade_height", 0.26, 0.44)
    point, bow = draw.uniform("point", 0.15, 1.0), draw.uniform("bow", 0.02, 0.09)
    low, sheet = long - 0.06, 0.028
    rings = []
    for share in (0.0, 0.12, 0.6, 0.85, 1.0):
        x = wide * (0.75 if share == 0.0 else 1.0 if share < 0.7 else 1.0 - (1.0 - point) * (share - 0.6) / 0.4)
        z, dish = low + share * tall, bow * share
        edge = [(-x, dish - bow), (-0.5 * x, dish - 0.25 * bow), (0.5 * x, dish - 0.25 * bow), (x, dish - bow)]
        front = [(px, py - sheet / 2, z) for px, py in edge]
        rings.append(front + [(px, py + sheet / 2, z) for px, py in reversed(edge)])
    a.add("head", loft(rings, (_middle(rings[0]), _middle(rings[-1]))))
    a.add("head", tube([(0, 0, long - 0.16), (0, -0.25 * bow, long + 0.06)], (1.3 * thick, 0.6 * thick), 8))
    if draw.chance("d_grip", 0.5):
        a.add("grip", tube([(-0.07, 0, -0.1), (0.07, 0, -0.1)], 0.02, 8))
        for side in (-1.0, 1.0):
            a.add("grip", tube([(0, 0, 0.02), (side * 0.06, 0, -0.05), (side * 0.06, 0, -0.105)], 0.017, 8))
    _describe(a, long, thick)
    a.describe(
        mirror(
            "blade width",
            X,
            {0.0: 0.0, wide: 1.0},
            (-wide, wide),
            (0.0, 0.0, low + 0.5 * tall),
            ramp(Z, {low - 0.05: 0.0, low: 1.0}),
        ),
        shift("blade height", Z, {long + 0.06: 0.0, low + tall: 1.0}, (low, low + tall)),
    )


def _middle(ring: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    x, y, z = (sum(point[i] for point in ring) / len(ring) for i in range(3))
    return (x, y, z)


def _rake(draw: Draw, a: Assembly) -> None:
    """A shaft and a cross bar with tines that point to the front."""
    long, thick = draw.uniform("handle_length", 0.7, 1.1), draw.uniform("handle_radius", 0.018, 0.03)
    _handle(draw, a, long, thick)
    half, tine = draw.uniform("bar_half_length", 0.14, 0.26), draw.uniform("tine_length", 0.07, 0.16)
    count = draw.whole("tines", 4, 8)
    a.add("head", box((-half, -0.022, long - 0.03), (half, 0.022, long + 0.02)))
    for i in range(count):
        x = half * 0.94 * (2 * i / (count - 1) - 1)
        a.add(
            "head",
            tube(
                [(x, 0.0, long - 0.005), (x, -0.5 * tine, long + 0.0), (x, -tine - 0.02, long - 0.04)],
                (0.014, 0.013, 0.006),
                6,
            ),
        )
    _describe(a, long, thick)
    a.describe(
        mirror("bar length", X, {1.2 * thick: 0.0, half: 1.0}, (-half, half), (0.0, 0.0, long)),
        shift("tine length", Y, {-tine - 0.02: -1.0, -0.022: 0.0}, (-tine - 0.02, -0.022), (0.0, 0.0, long)),
    )
