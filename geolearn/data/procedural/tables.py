"""Tables, desks among them, and beds."""

from itertools import pairwise

import numpy as np

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, ramp, shift, swell
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import Solid, box, circle, lathe, leg, loft, prism, rounded, tube


@family("table", "top", "leg", "shelf", "drawer")
def table(draw: Draw, a: Assembly) -> None:
    """A board on four or three legs, a pedestal, trestles, side panels, or on drawers; low ones, high ones, desks."""
    style = draw.choice("support", ("legs", "legs", "three", "pedestal", "trestle", "panels", "desk"))
    outlines = {
        "three": ("round",),
        "pedestal": ("round", "round", "soft", "oval"),
        "legs": ("box", "box", "soft", "oval"),
    }
    outline = draw.choice("outline", outlines.get(style, ("box",)))
    w = draw.uniform("length", 0.5, 1.3) / 2
    d = w if outline == "round" else w * draw.uniform("aspect", 0.4, 1.0)
    top = draw.uniform("height", 0.28, 0.95)
    under = top - draw.uniform("thickness", 0.025, 0.08)
    if outline == "box":
        a.add("top", box((-w, -d, under), (w, d, top)))
    else:
        a.add("top", prism(rounded(w, d, 5.0 if outline == "soft" else 2.0, 24), under, top))
    inset = {"round": 0.66, "oval": 0.66, "soft": 0.82}.get(outline) or draw.uniform("inset", 0.78, 0.95)
    x, y, socket = w * inset, d * inset, (under + top) / 2
    sized = "top diameter" if outline == "round" else "top length"
    a.describe(
        shift("height", Z, {0.0: 0.0, under: 1.0}, (0.0, top)),
        shift("top thickness", Z, {under: 0.0, top: 1.0}, (under, top)),
    )
    if outline == "round":
        a.describe(swell(sized, (X, Y), w, (0.0, 0.0, top), ramp(Z, {0.6 * under: 0.0, under: 1.0})))
    else:
        middle = {0.0: 0.0, 0.7 * x: 1.0}
        a.describe(
            mirror(sized, X, middle, (-w, w), (0.0, 0.0, top)),
            mirror("top depth", Y, {0.0: 0.0, 0.7 * y: 1.0}, (-d, d), (0.0, 0.0, top)),
        )
    if style == "desk":
        _desk_supports(draw, a, w, d, under, socket)
        return
    foot = _table_legs(draw, a, style, x, y, under, socket)
    a.describe(swell("leg spread", (X, Y), foot, (0.0, 0.0, 0.0), ramp(Z, {0.0: 1.0, under: 0.0})))


def _table_legs(draw: Draw, a: Assembly, style: str, x: float, y: float, under: float, socket: float) -> float:
    """Any support but drawers; returns the half width of the feet."""
    radius = draw.uniform("leg_radius", 0.016, 0.045)
    splay = draw.uniform("splay", 0.95, 1.2)
    if style == "pedestal":
        reach = min(x, y) * draw.uniform("base_share", 0.6, 1.05)
        waist = radius * draw.uniform("waist", 0.7, 1.0)
        profile = [(0, 0.025), (1.6 * radius, 0.025), (1.2 * waist, 0.3 * under), (1.8 * waist, 0.6 * under)]
        a.add("leg", lathe([*profile, (1.4 * radius, socket), (0, socket)], 14))
        if draw.chance("disc_base", 0.5):
            a.add("leg", lathe([(0, 0.0), (reach, 0.0), (reach, 0.022), (0.3 * reach, 0.06), (0, 0.06)], 20))
            return reach
        count = draw.whole("base_feet", 3, 5)
        for x1, y1 in circle(reach, count, 90.0):
            a.add("leg", tube([(0, 0, 0.14), (0.6 * x1, 0.6 * y1, 0.1), (x1, y1, 0.02)], (0.03, 0.026, 0.02), 6))
        return reach
    if style in ("trestle", "panels"):
        half = y * (1.0 if style == "panels" else 0.9)
        for side in (-1, 1):
            if style == "panels":
                a.add("leg", box((side * x - 0.7 * radius, -half, 0.0), (side * x + 0.7 * radius, half, socket)))
                continue
            a.add("leg", box((side * x - radius, -half, 0.0), (side * x + radius, half, 2 * radius)))
            a.add(
                "leg", box((side * x - 0.8 * radius, -2 * radius, 0.0), (side * x + 0.8 * radius, 2 * radius, socket))
            )
        share = draw.uniform("rail_height", 0.25, 0.8)
        rail = 0.5 * radius if style == "trestle" else 0.012
        a.add("leg", box((-x, -rail, share * under), (x, rail, share * under + 0.12 * under)))
        return x + radius
    spots = [(-x, -y), (x, -y), (x, y), (-x, y)] if style == "legs" else circle(min(x, y), 3, 90.0)
    tip, sides = radius * draw.uniform("leg_taper", 0.5, 1.0), 4 if draw.chance("square_legs", 0.6) else 10
    for px, py in spots:
        a.add("leg", leg((splay * px, splay * py, 0.0), (px, py, socket), tip, radius, sides))
    extra = draw.choice("below", ("none", "none", "apron", "shelf", "drawer"))
    if style == "legs" and extra in ("apron", "drawer"):
        deep = draw.uniform("apron_height", 0.04, 0.1)
        a.add("leg", box((-x, -y, under - deep), (x, y, under + 0.01)))
        if extra == "drawer":
            a.add("drawer", *_drawer(-0.45 * x, 0.45 * x, -y, under - deep + 0.008, under - 0.008))
    elif style == "legs" and extra == "shelf":
        share = draw.uniform("shelf_height", 0.15, 0.5)
        sx, sy, z = (share + (1 - share) * splay) * x, (share + (1 - share) * splay) * y, share * socket
        a.add("shelf", box((-sx, -sy, z), (sx, sy, z + 0.025)))
    return max(splay * px for px, _ in spots) + tip


def _desk_supports(draw: Draw, a: Assembly, w: float, d: float, under: float, socket: float) -> None:
    """Drawers under one or both sides of the board, a panel or legs under the other, sometimes a back panel."""
    wide = w * draw.uniform("drawer_width", 0.4, 0.62)
    rows = draw.whole("drawers", 2, 4)
    lift = 0.05 if draw.chance("raised", 0.4) else 0.0
    both = draw.chance("both_sides", 0.5)
    for side in (-1, 1) if both else (1,):
        x0, x1 = sorted((side * 0.96 * w, side * (0.96 * w - wide)))
        a.add("leg", box((x0, -0.9 * d, lift), (x1, 0.94 * d, socket)))
        if lift:
            for px in (x0 + 0.03, x1 - 0.03):
                for py in (-0.8 * d, 0.8 * d):
                    a.add("leg", leg((px, py, 0.0), (px, py, 0.07), 0.016, 0.02))
        edges = np.linspace(lift + 0.01, under - 0.01, rows + 1).tolist()
        for z0, z1 in pairwise(edges):
            a.add("drawer", *_drawer(x0 + 0.012, x1 - 0.012, -0.9 * d, z0 + 0.006, z1 - 0.006))
    if not both:
        a.add("leg", box((-0.96 * w, -0.9 * d, 0.0), (-0.96 * w + 0.04, 0.94 * d, socket)))
    if draw.chance("back_panel", 0.6):
        low = draw.uniform("back_panel_low", 0.1, 0.6) * under
        a.add("leg", box((-0.94 * w, 0.86 * d, low), (0.94 * w, 0.9 * d, socket)))


def _drawer(x0: float, x1: float, front: float, z0: float, z1: float) -> list[Solid]:
    """A drawer's face, standing out from y = front, and its knob."""
    x, z, size = (x0 + x1) / 2, (z0 + z1) / 2, 0.014
    face = box((x0, front - 0.014, z0), (x1, front + 0.02, z1))
    return [face, box((x - 2 * size, front - 0.035, z - size / 2), (x + 2 * size, front - 0.01, z + size / 2))]


@family("bed", "frame", "mattress", "headboard", "footboard", "leg", "pillow", "canopy")
def bed(draw: Draw, a: Assembly) -> None:
    """Frame, mattress and pillows; head and foot boards of several makes; day beds, bunks and canopies."""
    w, d = draw.uniform("width", 0.42, 0.95) / 2, draw.uniform("length", 0.95, 1.15) / 2
    legs = draw.chance("legs", 0.65)
    lift = draw.uniform("leg_height", 0.08, 0.24) if legs else 0.0
    frame = lift + draw.uniform("frame_height", 0.06, 0.16)
    top = frame + draw.uniform("mattress_height", 0.06, 0.18)
    a.add("frame", box((-w, -d, lift), (w, d, frame)))
    soft = prism(rounded(w - 0.015, d - 0.03, 12.0, 24), frame - 0.03, top)
    a.add("mattress", soft)
    if legs:
        radius, sides = draw.uniform("leg_radius", 0.02, 0.04), 4 if draw.chance("square_legs", 0.6) else 10
        for x in (-w + radius, w - radius):
            for y in (-d + radius, d - radius):
                a.add("leg", leg((x, y, 0.0), (x, y, lift + 0.02), 0.7 * radius, 0.96 * radius, sides))
    board, thick = (
        draw.choice("headboard", ("panel", "panel", "slats", "arch", "none")),
        draw.uniform("board", 0.025, 0.06),
    )
    high = top + draw.uniform("headboard_height", 0.12, 0.5)
    if board != "none":
        a.add("headboard", *_bed_board(draw, "head", board, w, d - 0.01, thick, lift, top, high))
        rise = ramp(Y, {0.0: 0.0, d - 0.1: 1.0}, (0.0, 0.0, high))
        a.describe(shift("headboard height", Z, {top: 0.0, high: 1.0}, (top, high), (0.0, d, 0.0), rise))
    foot = draw.choice("footboard", ("none", "panel", "slats", "none"))
    if foot != "none":
        tall = top + draw.uniform("footboard_height", 0.03, 0.24)
        a.add("footboard", *_bed_board(draw, "foot", foot, w, -d + 0.01 - thick, thick, lift, top, tall))
        rise = ramp(Y, {-d + 0.1: 1.0, 0.0: 0.0}, (0.0, 0.0, tall))
        a.describe(shift("footboard height", Z, {top: 0.0, tall: 1.0}, (top, tall), (0.0, -d, 0.0), rise))
    count = draw.whole("pillows", 0, 2)
    for i in range(count):
        half = (w - 0.05) / count * 0.9
        x = (2 * i + 1 - count) * (w - 0.05) / count
        a.add("pillow", prism(rounded(half, 0.11, 4.0, 16), top - 0.02, top + 0.055, 0.8).moved(x, d - 0.2))
    if draw.chance("posts", 0.22):
        _bed_upper(draw, a, w, d, frame, top)
    a.describe(
        mirror("width", X, {0.0: 0.0, w - 0.05: 1.0}, (-w, w), (0.0, 0.0, top)),
        shift("length", Y, {-0.5 * d: 0.0, d - 0.35: 1.0}, (-d, d), (0.0, 0.0, frame)),
        shift("mattress height", Z, {frame: 0.0, top - 0.02: 1.0}, (frame, top)),
        shift("bed height", Z, {0.0: 0.0, lift or frame: 1.0}, (0.0, top)),
    )


def _bed_board(
    draw: Draw, which: str, style: str, w: float, y0: float, thick: float, lift: float, top: float, high: float
) -> list[Solid]:
    """A board across the bed from y0 to y0 + thick."""
    y1, low = y0 + thick, lift + 0.005
    if style == "panel":
        return [box((-w - 0.01, y0, low), (w + 0.01, y1, high))]
    if style == "arch":
        arc = [(x, top + z) for x, z in rounded(w, high - top, 2.5, 24)[:12]]
        outline = [(-w + 0.004, low), (w - 0.004, low), *arc]
        return [loft([[(x, y, z) for x, z in outline] for y in (y0, y1)])]
    posts = [box((x - 0.025, y0 - 0.004, low), (x + 0.025, y1 + 0.004, high + 0.02)) for x in (-w + 0.01, w - 0.01)]
    bars = np.linspace(-w, w, draw.whole(f"{which}_bars", 3, 7)).tolist()[1:-1]
    slats = [box((x - 0.014, y0 + 0.006, top - 0.04), (x + 0.014, y1 - 0.006, high - 0.02)) for x in bars]
    return [*posts, *slats, box((-w, y0, high - 0.05), (w, y1, high)), box((-w, y0, low), (w, y1, top - 0.02))]


def _bed_upper(draw: Draw, a: Assembly, w: float, d: float, frame: float, top: float) -> None:
    """Four posts that carry a canopy or a second bed."""
    high = top + draw.uniform("clearance", 0.4, 0.65)
    for x in (-w + 0.02, w - 0.02):
        for y in (-d + 0.02, d - 0.02):
            a.add("canopy", box((x - 0.018, y - 0.018, frame - 0.03), (x + 0.018, y + 0.018, high + 0.012)))
    if draw.chance("bunk", 0.5):
        a.add("frame", box((-w + 0.006, -d + 0.006, high - 0.04), (w - 0.006, d - 0.006, high + 0.03)))
        a.add("mattress", prism(rounded(w - 0.05, d - 0.05, 12.0, 24), high, high + 0.1))
    elif draw.chance("roof", 0.5):
        a.add("canopy", box((-w + 0.006, -d + 0.006, high - 0.03), (w - 0.006, d - 0.006, high)))
    else:
        for x in (-w + 0.02, w - 0.02):
            a.add("canopy", box((x - 0.012, -d + 0.02, high - 0.03), (x + 0.012, d - 0.02, high)))
        for y in (-d + 0.02, d - 0.02):
            a.add("canopy", box((-w + 0.02, y - 0.012, high - 0.028), (w - 0.02, y + 0.012, high - 0.002)))
