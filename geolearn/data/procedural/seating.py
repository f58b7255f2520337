"""Chairs (stools among them) and sofas."""

from itertools import pairwise

import numpy as np

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, ramp, shift, slant, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import Solid, box, circle, lathe, leg, prism, ring, rounded, tube


@family("chair", "seat", "leg", "back", "arm")
def chair(draw: Draw, a: Assembly) -> None:
    """Four or three legs, a pedestal or side frames; with a back (sometimes arms), or a stool with a foot ring."""
    back = draw.choice("back", ("panel", "panel", "slats", "ladder", "arch", "hoop", "none"))
    w, d = draw.uniform("width", 0.36, 0.66) / 2, draw.uniform("depth", 0.36, 0.6) / 2
    top = draw.uniform("seat_height", 0.36, 0.52) * (1.45 if back == "none" and draw.chance("bar", 0.6) else 1.0)
    under = top - draw.uniform("seat_thickness", 0.035, 0.13)
    outline = draw.choice("seat", ("box", "soft", "round"))
    if outline == "box":
        a.add("seat", box((-w, -d, under), (w, d, top)))
    else:
        d = w if outline == "round" else d
        a.add("seat", prism(rounded(w, d, 2.0 if outline == "round" else 5.0), under, top))
    inset = {"round": 0.62, "soft": 0.8}.get(outline) or draw.uniform("inset", 0.78, 0.94)
    foot = _chair_legs(draw, a, w * inset, d * inset, under, top, stool=back == "none")
    a.describe(
        shift("seat height", Z, {0.0: 0.0, under: 1.0}, (0.0, top)),
        mirror("seat width", X, {0.0: 0.0, w: 1.0}, (-w, w), (0.0, 0.0, top)),
        shift("seat depth", Y, {-d: 0.0, d: 1.0}, (-d, d), (0.0, 0.0, top)),
        swell("leg spread", (X, Y), foot, (0.0, 0.0, 0.0), ramp(Z, {0.0: 1.0, under: 0.0})),
    )
    if back == "none":
        return
    high = top + draw.uniform("back_height", 0.25, 0.7)
    lean = draw.uniform("recline", 0.0, 0.3)
    thick = draw.uniform("back_thickness", 0.03, 0.08)
    y0, half = d - thick, w * draw.uniform("back_width", 0.72, 0.97) * (0.8 if outline == "round" else 1.0)
    if outline == "round":
        y0 -= 0.13 * d

    def recline(verts: np.ndarray) -> np.ndarray:
        return verts + np.array((0.0, lean, 0.0)) * np.maximum(verts[:, 2:] - top, 0.0)

    solids = _chair_back(draw, back, half, y0, thick, top, high)
    a.add("back", *(solid.warped(recline) for solid in solids))
    free = top
    if draw.chance("arms", 0.4) and outline != "round":
        free = _chair_arms(draw, a, w, d, top, high)
    a.describe(
        shift("back height", Z, {free: 0.0, high: 1.0}, (top, high), (0.0, d, 0.0)),
        slant("back recline", Y, Z, (0.0, d, top), (0.0, d + lean * (high - top), high)),
    )


def _chair_legs(draw: Draw, a: Assembly, x: float, y: float, under: float, top: float, *, stool: bool) -> float:
    """Legs under a seat; returns the half width of the feet."""
    style = draw.choice("legs", ("four", "four", "four", "three", "star", "disc", "frame"))
    radius = draw.uniform("leg_radius", 0.014, 0.034)
    splay = draw.uniform("splay", 0.95, 1.35)
    socket = (under + top) / 2
    sides = 4 if draw.chance("square_legs", 0.5) else 10
    if style == "frame":
        for side in (-1, 1):
            a.add("leg", box((side * x - radius, -y, 0.0), (side * x + radius, y, 2.2 * radius)))
            for end in (-1, 1):
                foot, high = (side * x, end * (y - radius), radius / 2), (side * x, end * (y - radius), socket)
                a.add("leg", leg(foot, high, radius * 0.9, radius * 0.9, 4))
        return x + radius
    if style in ("four", "three"):
        spots = [(-x, -y), (x, -y), (x, y), (-x, y)] if style == "four" else circle(min(x, y), 3, 90.0)
        feet = [(splay * px, splay * py) for px, py in spots]
        tip = radius * draw.uniform("leg_taper", 0.55, 1.0)
        for (fx, fy), (px, py) in zip(feet, spots, strict=True):
            a.add("leg", leg((fx, fy, 0.0), (px, py, socket), tip, radius, sides))
        if draw.chance("stretchers", 1.0 if stool else 0.35):
            share = draw.uniform("stretcher_height", 0.2, 0.5)
            at = [
                ((1 - share) * fx + share * px, (1 - share) * fy + share * py, share * socket)
                for (fx, fy), (px, py) in zip(feet, spots, strict=True)
            ]
            for i in range(len(at)):
                a.add("leg", tube([at[i - 1], at[i]], 0.5 * tip + 0.003, 6))
        return max(fx for fx, _ in feet) + tip
    reach = min(x, y) * splay
    a.add("leg", lathe([(0, 0.03), (1.3 * radius, 0.03), (1.3 * radius, socket), (0, socket)], 12))
    if style == "disc":
        a.add("leg", lathe([(0, 0.0), (reach, 0.0), (reach, 0.02), (1.6 * radius, 0.06), (0, 0.06)], 20))
    else:
        arms = draw.whole("star", 4, 5)
        for x1, y1 in circle(reach, arms, 90.0):
            a.add("leg", tube([(0, 0, 0.07), (x1, y1, 0.035)], (0.035, 0.018), 6))
            a.add("leg", lathe([(0, 0), (0.024, 0), (0.024, 0.045), (0, 0.045)], 8, (x1, y1)))
    if stool:
        hoop = 0.75 * min(x, y)
        a.add("leg", ring(hoop, 0.014, 0.35 * under, 16), box((-hoop, -0.01, 0.34 * under), (hoop, 0.01, 0.36 * under)))
    return reach


def _chair_back(draw: Draw, style: str, half: float, y0: float, thick: float, top: float, high: float) -> list[Solid]:
    """An upright back from inside the seat to `high`, before it is reclined."""
    y1, low, rail = y0 + thick, top - 0.02, 0.12 * (high - top)
    if style in ("panel", "arch"):
        gap = draw.uniform("back_gap", 0.0, 0.35) * (high - top) if draw.chance("open_back", 0.4) else 0.0
        if style == "panel":
            panel = box((-half, y0, top + gap if gap else low), (half, y1, high))
        else:
            bottom = top + gap if gap else low
            middle, rise = (bottom + high) / 2, (high - bottom) / 2
            panel = prism(rounded(half, rise, 3.0), -thick / 2, thick / 2).turned(90, X).moved(0, (y0 + y1) / 2, middle)
        posts = [
            box((x - 0.02, y0 + 0.004, low), (x + 0.02, y1 - 0.004, high - 0.3 * (high - top - gap)))
            for x in ((-0.6 * half, 0.6 * half) if gap or style == "arch" else ())
        ]
        return [panel, *posts]
    posts = [box((x - 0.022, y0, low), (x + 0.022, y1, high)) for x in (-half + 0.022, half - 0.022)]
    yc, yt = (y0 + y1) / 2, 0.3 * thick
    if style == "hoop":
        path = [(half * c, yc, top + (high - top) * (0.25 + 0.75 * s)) for c, s in circle(1.0, 24)[:13]]
        hoop = tube([(half, yc, low), *path, (-half, yc, low)], 0.02, 8)
        count = draw.whole("spindles", 2, 5)
        spindles = [
            tube([(x, yc, low), (x, yc, top + 0.75 * (high - top))], 0.01, 6)
            for x in np.linspace(-0.7 * half, 0.7 * half, count).tolist()
        ]
        return [
            hoop,
            *spindles,
            box((-half, yc - 0.01, top + 0.4 * (high - top)), (half, yc + 0.01, top + 0.46 * (high - top))),
        ]
    bar = [box((-half + 0.01, y0 + 0.003, high - rail), (half - 0.01, y1 - 0.003, high - 0.01))]
    if style == "slats":
        count = draw.whole("slats", 2, 5)
        for x in np.linspace(-half, half, count + 2).tolist()[1:-1]:
            bar.append(box((x - 0.016, yc - yt, low), (x + 0.016, yc + yt, high - rail / 2)))
        return posts + bar
    count = draw.whole("rungs", 1, 4)
    for z in np.linspace(top, high - rail, count + 1).tolist()[:-1]:
        bar.append(box((-half + 0.01, yc - yt, z + 0.35 * rail + 0.02), (half - 0.01, yc + yt, z + rail + 0.025)))
    return posts + bar


def _chair_arms(draw: Draw, a: Assembly, w: float, d: float, top: float, high: float) -> float:
    """Arms on posts along both sides; returns their highest z."""
    height = min(draw.uniform("arm_height", 0.14, 0.26), 0.75 * (high - top))
    wide, thick = draw.uniform("arm_width", 0.03, 0.08), 0.03
    z0, z1 = top + height - thick, top + height
    inner, outer = w - 0.5 * wide, w + 0.5 * wide
    for side in (-1, 1):
        x0, x1 = sorted((side * inner, side * outer))
        back = d + 0.3 * height
        a.add("arm", box((x0, -0.8 * d, z0), (x1, back, z1)))
        p0, p1 = sorted((side * (w - 0.025), side * (w + 0.008)))
        for y in (-0.7 * d, 0.85 * d):
            a.add("arm", box((p0, y - 0.02, top - 0.02), (p1, y + 0.02, z0 + 0.01)))
    side, band = (w, 0.0, z1), {top: 0.0, z0: 1.0, z1: 1.0}
    beside = ramp(X, {inner - 0.04: 0.0, inner: 1.0}, side, mirrored=True)
    a.describe(
        shift("arm height", Z, {**band, high: 0.0}, (top, z1), side, beside),
        mirror("arm width", X, {inner: 0.0, outer: 1.0}, (inner, outer), side, ramp(Z, {**band, z1 + 0.06: 0.0}, side)),
    )
    return z1


@family("sofa", "base", "cushion", "back", "arm", "leg")
def sofa(draw: Draw, a: Assembly) -> None:
    """An armchair to a four-seater: base on legs or floor, cushions, a back, none to two arms, sometimes a chaise."""
    seats = draw.whole("seats", 1, 4)
    w = (0.28 * seats + draw.uniform("extra_width", 0.22, 0.4)) / 2
    d = draw.uniform("depth", 0.6, 0.95) / 2
    lift = draw.uniform("leg_height", 0.05, 0.16) if draw.chance("legs", 0.65) else 0.0
    base = lift + draw.uniform("base_height", 0.12, 0.24)
    top = base + draw.uniform("cushion_height", 0.08, 0.16)
    thick = draw.uniform("back_thickness", 0.12, 0.24)
    lean = draw.uniform("recline", 0.0, 0.3)
    arms = draw.choice("arms", ("two", "two", "two", "two", "one", "none"))
    arm, arm_top = draw.uniform("arm_width", 0.08, 0.2), top + draw.uniform("arm_height", 0.06, 0.22)
    inner = w - arm if arms == "two" else w
    round_arms = draw.chance("round_arms", 0.35)
    crest = arm_top + 0.65 * arm * round_arms
    high = max(top + draw.uniform("back_height", 0.18, 0.5), 0.0 if arms == "none" else crest + 0.1)
    a.add("base", box((-w, -d, lift), (w, d, base)))
    if seats > 1 and draw.chance("chaise", 0.2):
        side = 1 if draw.chance("chaise_right", 0.5) else -1
        x0, x1 = sorted((side * 0.1 * w, side * inner))
        a.add("base", box((x0, -d - 0.45, lift), (x1, -d + 0.1, base)))
        a.add("cushion", box((x0 + 0.005, -d - 0.44, base - 0.02), (x1 - 0.005, -d + 0.1, top - 0.006)))
    if lift:
        inset = draw.uniform("leg_inset", 0.04, 0.1)
        for x in (-w + inset, w - inset):
            for y in (-d + inset, d - inset):
                a.add("leg", leg((x, y, 0.0), (x, y, lift + 0.03), 0.02, 0.032, 4 if seats % 2 else 8))
    count = seats if draw.chance("split_cushions", 0.7) else 1
    left = -inner if arms == "two" else -w + (arm if arms == "one" else 0.0)
    edges = np.linspace(left, inner, count + 1).tolist()
    for x0, x1 in pairwise(edges):
        a.add("cushion", _cushion(x0 + 0.006, x1 - 0.006, -d + 0.01, d - thick + 0.05, base - 0.02, top))

    def recline(verts: np.ndarray) -> np.ndarray:
        return verts + np.array((0.0, lean, 0.0)) * np.maximum(verts[:, 2:] - top, 0.0)

    a.add("back", box((-w + 0.004, d - thick, base - 0.02), (w - 0.004, d - 0.002, high)).warped(recline))
    if draw.chance("back_cushions", 0.5):
        soft = draw.uniform("back_cushion", 0.05, 0.12)
        for x0, x1 in pairwise(edges):
            pad = _cushion(
                x0 + 0.015, x1 - 0.015, d - thick - soft, d - thick + 0.03, top - 0.015, 0.8 * high + 0.2 * top
            )
            a.add("back", pad.warped(recline))
    for side in {"two": (-1, 1), "one": (-1,), "none": ()}[arms]:
        x0, x1 = sorted((side * w, side * (w - arm)))
        a.add("arm", box((x0 - 0.003, -d + 0.02, lift + 0.01), (x1 + 0.003, d - 0.3 * thick, arm_top)))
        if round_arms:
            roll = tube([(side * (w - arm / 2), y, arm_top) for y in (-d + 0.01, d - 0.35 * thick)], 0.62 * arm, 10)
            a.add("arm", roll)
    a.describe(
        shift("back height", Z, {top if arms == "none" else crest: 0.0, high: 1.0}, (top, high), (0.0, d, 0.0)),
        slant("back recline", Y, Z, (0.0, d, top), (0.0, d + lean * (high - top), high)),
        mirror("seat width", X, {0.0: 0.0, 0.9 * inner: 1.0}, (-inner, inner), (0.0, 0.0, top)),
        shift("seat depth", Y, {-d: 0.0, d - thick: 1.0}, (-d, d - thick), (0.0, 0.0, top)),
        shift("seat height", Z, {lift: 0.0, base: 1.0}, (0.0, top)),
    )
    if arms != "none":
        side = (-w, 0.0, arm_top)
        beside = ramp(X, {w - arm - 0.05: 0.0, w - arm: 1.0}, (w, 0.0, arm_top), mirrored=True)
        a.describe(
            shift("arm height", Z, {top: 0.0, arm_top: 1.0}, (top, arm_top), side, beside),
            mirror("arm width", X, {w - arm: 0.0, w: 1.0}, (w - arm, w), (w, 0.0, arm_top)),
        )


def _cushion(x0: float, x1: float, y0: float, y1: float, z0: float, z1: float) -> Solid:
    """A block with soft upright edges and a slightly smaller top."""
    outline = rounded((x1 - x0) / 2, (y1 - y0) / 2, 9.0, 16)
    return prism(outline, z0, z1, 0.97).moved((x0 + x1) / 2, (y0 + y1) / 2)
