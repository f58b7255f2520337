"""Airplanes: airliners, light planes, gliders, jets."""

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, ramp, shift, slant, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import ORIGIN, Point, Solid, box, circle, ellipsoid, loft, tube


@family("airplane", "fuselage", "wing", "tail", "engine")
def airplane(draw: Draw, a: Assembly) -> None:
    """Nose towards -Y. Straight, swept or delta wings, high or low; a tail of three kinds; jets or a propeller."""
    half, r = draw.uniform("length", 0.9, 1.3) / 2, draw.uniform("fuselage_radius", 0.045, 0.1)
    a.add("fuselage", _fuselage(draw, half, r))
    span = draw.uniform("half_span", 0.35, 0.75)
    root, tip = draw.uniform("root_chord", 0.16, 0.42), draw.uniform("taper", 0.25, 0.95)
    sweep = draw.uniform("sweep", -0.05, 0.75)
    place = draw.uniform("wing_at", -0.18, 0.12)
    level = draw.uniform("wing_level", -0.6, 0.75) * r
    rise = draw.uniform("dihedral", -0.05, 0.16)
    thick = draw.uniform("wing_thickness", 0.018, 0.03)
    front = place - root / 2
    wings = [_wing(side, span, root, tip * root, front, sweep, level, rise, thick) for side in (-1.0, 1.0)]
    a.add("wing", *wings)
    if draw.chance("biplane", 0.12):
        upper = level + 2.6 * r
        a.add("wing", *(_wing(s, 0.92 * span, root, tip * root, front, sweep, upper, rise, thick) for s in (-1.0, 1.0)))
        for side in (-0.55, 0.0, 0.55):
            x, shift_z = side * span, abs(side * span) * rise
            y = front + 0.5 * root + abs(x) * sweep * 0.7
            a.add("wing", box((x - 0.012, y - 0.012, level + shift_z), (x + 0.012, y + 0.012, upper + shift_z)))
    tail = draw.choice("tail", ("low", "low", "high", "vee"))
    fin, chord = draw.uniform("tail_height", 0.14, 0.3), draw.uniform("tail_chord", 0.1, 0.17)
    stab = draw.uniform("tail_span", 0.14, 0.28)
    aft, lean = half - 1.25 * chord, draw.uniform("tail_sweep", 0.2, 0.7)
    roots = 0.25 * r
    if tail == "vee":
        for side in (-1.0, 1.0):
            a.add(
                "tail",
                _blade((0.0, aft, roots), (side * 0.75 * stab, aft + lean * stab, roots + fin), chord, 0.7 * chord),
            )
    else:
        a.add("tail", _blade((0.0, aft, roots), (0.0, aft + lean * fin, roots + fin), 1.15 * chord, 0.75 * chord))
        high = roots + fin - 0.02 if tail == "high" else roots
        back = aft + (lean * fin * 0.92 if tail == "high" else 0.02)
        a.add("tail", *(_wing(s, stab, chord, 0.6 * chord, back, lean, high, 0.02, 0.016) for s in (-1.0, 1.0)))
    _engines(draw, a, half, r, span, front, root, sweep, level, rise)
    at = (0.0, place, level)
    ahead = max(front + root + 0.05, place + span * max(0.0, sweep) + tip * root)
    near_wing = ramp(Y, {front - 0.1: 0.0, front - 0.02: 1.0, min(ahead, aft - 0.06): 1.0, aft - 0.01: 0.0}, at)
    a.describe(
        mirror("wing span", X, {r: 0.0, span: 1.0}, (-span, span), at, near_wing),
        slant("wing sweep", Y, X, at, (span, place + sweep * span, level), mirrored=True),
        shift("nose length", Y, {-half: -1.0, front: 0.0}, (-half, front), ORIGIN),
        shift(
            "tail height",
            Z,
            {1.05 * r: 0.0, roots + fin: 1.0},
            (roots, roots + fin),
            (0.0, half, 0.0),
            ramp(Y, {aft - 0.1: 0.0, aft: 1.0}, (0.0, 0.0, roots + fin)),
        ),
        swell("fuselage diameter", (X, Z), r, ORIGIN),
    )


def _fuselage(draw: Draw, half: float, r: float) -> Solid:
    nose, aft = draw.uniform("nose", 0.08, 0.26), draw.uniform("aft_taper", 0.3, 0.6)
    stations = [(-half, 0.25), (-half + 0.3 * nose, 0.66), (-half + nose, 0.98), (-half + 1.5 * nose, 1.0)]
    stations += [(half - aft, 1.0), (half - 0.5 * aft, 0.7), (half, 0.3)]
    rings = []
    for y, share in stations:
        lifted = 0.35 * r * max(0.0, 1.0 - share) * (y > 0)
        rings.append([(share * r * c, y, lifted + share * r * s) for c, s in circle(1.0, 16)])
    return loft(rings)


def _wing(
    side: float,
    span: float,
    root: float,
    tip: float,
    front: float,
    sweep: float,
    level: float,
    rise: float,
    thick: float,
) -> Solid:
    """From the middle plane to the tip: a diamond-like section, leading edge at y = front + sweep * x."""
    rings = []
    for x, chord, fat in ((0.0, root, thick), (side * span, tip, 0.6 * thick)):
        y, z = front + sweep * abs(x), level + rise * abs(x)
        section = ((0.0, 0.0), (0.3, 0.5), (0.7, 0.4), (1.0, 0.0), (0.7, -0.4), (0.3, -0.5))
        rings.append([(x, y + share * chord, z + fat * up) for share, up in section])
    return loft(rings)


def _blade(root: Point, tip: Point, root_chord: float, tip_chord: float) -> Solid:
    """A fin between two leading-edge points, 0.02 thick across x."""
    rings = []
    for (x, y, z), chord in ((root, root_chord), (tip, tip_chord)):
        section = ((0.0, 0.0), (0.35, 0.01), (1.0, 0.004), (1.0, -0.004), (0.35, -0.01))
        rings.append([(x + wide, y + share * chord, z) for share, wide in section])
    return loft(rings)


def _engines(
    draw: Draw,
    a: Assembly,
    half: float,
    r: float,
    span: float,
    front: float,
    root: float,
    sweep: float,
    level: float,
    rise: float,
) -> None:
    kind = draw.choice("engines", ("under_wing", "under_wing", "rear", "propeller", "none"))
    size = draw.uniform("engine_radius", 0.024, 0.045)
    if kind == "propeller":
        a.add("engine", ellipsoid((0, -half, 0), (0.3 * r + 0.01, 0.05, 0.3 * r + 0.01), 10, 6))
        blades = draw.whole("blades", 2, 4)
        for i in range(blades):
            blade = box((-0.014, -half - 0.024, 0.0), (0.014, -half - 0.008, 0.11 + 0.4 * r))
            a.add("engine", blade.turned(360.0 * i / blades + 17.0, Y))
    elif kind == "under_wing":
        for share in (0.34, 0.62)[: draw.whole("engine_pairs", 1, 2)]:
            for side in (-1.0, 1.0):
                x = side * share * span
                y, z = front + sweep * abs(x) + 0.2 * root, level + rise * abs(x) - 0.8 * size
                a.add(
                    "engine",
                    tube([(x, y - 0.1, z), (x, y - 0.06, z), (x, y + 0.1, z)], (0.85 * size, size, 0.65 * size), 12),
                )
    elif kind == "rear":
        y = half * draw.uniform("engine_at", 0.25, 0.45)
        for side in (-1.0, 1.0):
            x = side * (r * 0.8 + size)
            a.add("engine", tube([(x, y - 0.09, 0.3 * r), (x, y + 0.1, 0.3 * r)], (size, 0.75 * size), 12))
            x0, x1 = sorted((0.0, x))
            a.add("engine", box((x0, y - 0.03, 0.3 * r - 0.01), (x1, y + 0.04, 0.3 * r + 0.01)))
