"""Shelves and cabinets (dressers, night stands, sideboards, wardrobes)."""

from itertools import pairwise

import numpy as np

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.data.procedural.attributes import X, Y, Z, mirror, shift
from geolearn.data.procedural.families import family
from geolearn.data.procedural.solids import box, lathe, leg


@family("shelf", "board", "side", "back", "divider")
def shelf(draw: Draw, a: Assembly) -> None:
    """Boards between two sides, four posts or on a middle spine: bookcases, racks, low and wide or tall and narrow."""
    style = draw.choice("style", ("case", "case", "posts", "posts", "stepped"))
    low = draw.chance("low", 0.4)
    w = (draw.uniform("width", 0.7, 1.3) if low else draw.uniform("narrow_width", 0.4, 0.85)) / 2
    high = draw.uniform("low_height", 0.4, 0.8) if low else draw.uniform("height", 0.8, 1.3)
    d, t = draw.uniform("depth", 0.18, 0.5) / 2, draw.uniform("board_thickness", 0.018, 0.04)
    count = draw.whole("boards", 2, 3) if low else draw.whole("tall_boards", 3, 6)
    foot = draw.uniform("foot", 0.0, 0.16)
    over = draw.uniform("overshoot", 0.0, 0.08)
    roof = high - over if style == "posts" else high
    inset = 0.0 if style == "stepped" else 0.004  # boards lie a little inside what holds them
    levels = np.linspace(foot, roof - t - (0.006 if style == "case" else 0.0), count).tolist()
    shrink = draw.uniform("step", 0.1, 0.45) if style == "stepped" else 0.0
    for i, z in enumerate(levels):
        half = d * (1.0 - shrink * i / (count - 1))
        a.add("board", box((-w + inset, d - 2 * half + inset, z), (w - inset, d - inset, z + t)))
    if style == "posts":
        p = draw.uniform("post", 0.012, 0.03)
        for x in (-w + p, w - p):
            for y in (-d + p, d - p):
                a.add("side", box((x - p, y - p, 0.0), (x + p, y + p, high)))
        if draw.chance("cross_bar", 0.5):
            a.add("back", box((-w + 0.02, d - 0.02, 0.55 * high), (w - 0.02, d - 0.006, 0.55 * high + 0.05)))
    elif style == "case":
        for x0, x1 in ((-w, -w + t), (w - t, w)):
            a.add("side", box((x0, -d, 0.0), (x1, d, high)))
    else:
        steps = list(pairwise(levels))
        for i, (z0, z1) in enumerate(steps):
            half = d * (1.0 - shrink * (i + 1) / (count - 1))
            for x0, x1 in ((-w + 0.004, -w + t), (w - t, w - 0.004)):
                a.add("side", box((x0, d - 2 * half + 0.004, 0.0 if i == 0 else z0), (x1, d - 0.006, z1 + t / 2)))
    closed = style != "posts" and draw.chance("back_panel", 0.5)
    if closed or style == "stepped":
        a.add("back", box((-w + 0.002, d - 0.02, foot * 0.5), (w - 0.002, d - 0.004, high - 0.004)))
    columns = draw.whole("columns", 1, 3 if low else 2)
    for x in np.linspace(-w, w, columns + 1).tolist()[1:-1]:
        half = d * (1.0 - shrink)
        a.add("divider", box((x - t / 2, d - 2 * half + 0.01, foot + t / 2), (x + t / 2, d - 0.01, roof - t / 2)))
    first = levels[1]
    a.describe(
        shift("height", Z, {0.0: 0.0, high: 1.0}, (0.0, high)),
        mirror("width", X, {0.0: 0.0, w - 0.06: 1.0}, (-w, w), (0.0, 0.0, 0.0)),
        shift("depth", Y, {-d * (1.0 - 1.2 * shrink): 0.0, d - 0.03: 1.0}, (-d, d)),
        shift("lowest opening", Z, {levels[0] + t: 0.0, first: 1.0}, (levels[0] + t, first)),
        shift("highest opening", Z, {levels[-2] + t: 0.0, levels[-1]: 1.0}, (levels[-2] + t, levels[-1])),
    )


@family("cabinet", "body", "drawer", "leg", "top", "knob")
def cabinet(draw: Draw, a: Assembly) -> None:
    """A closed body with rows of drawers or doors, on legs, a plinth or the floor, under a top board or a mirror."""
    kind = draw.choice("kind", ("dresser", "night_stand", "sideboard", "wardrobe"))
    wide, tall = {
        "dresser": ((0.6, 1.1), (0.5, 0.9)),
        "night_stand": ((0.36, 0.6), (0.36, 0.7)),
        "sideboard": ((0.9, 1.4), (0.4, 0.7)),
        "wardrobe": ((0.5, 0.95), (1.0, 1.4)),
    }[kind]
    w, d = draw.uniform("width", *wide) / 2, draw.uniform("depth", 0.3, 0.55) / 2
    under = draw.choice("under", ("legs", "legs", "plinth", "floor"))
    lift = draw.uniform("leg_height", 0.06, 0.3) if under == "legs" else 0.0
    top = lift + draw.uniform("body_height", *tall)
    a.add("body", box((-w, -d, lift), (w, d, top)))
    if under == "legs":
        inset, radius = draw.uniform("leg_inset", 0.03, 0.07), draw.uniform("leg_radius", 0.014, 0.028)
        sides = 4 if draw.chance("square_legs", 0.5) else 10
        for x in (-w + inset, w - inset):
            for y in (-d + inset, d - inset):
                a.add("leg", leg((x, y, 0.0), (x, y, lift + 0.02), 0.7 * radius, radius, sides))
    elif under == "plinth":
        a.add("leg", box((-w - 0.02, -d - 0.02, 0.0), (w + 0.02, d + 0.004, 0.07)))
    if draw.chance("top_board", 0.6):
        over = draw.uniform("overhang", 0.01, 0.05)
        a.add("top", box((-w - over, -d - over, top - 0.01), (w + over, d + 0.004, top + 0.025)))
    columns = {"night_stand": 1, "sideboard": 3}.get(kind, 2)
    columns = draw.whole("columns", max(1, columns - 1), columns + 1)
    rows = 1 if kind == "wardrobe" else draw.whole("rows", 1, 4)
    if draw.chance("open_front", 0.25) and rows > 1:
        rows -= 1  # the lowest row stays an open recess: the fronts above stand out from the body
        low = lift + (top - lift) / (rows + 1)
    else:
        low = lift
    xs = np.linspace(-w + 0.012, w - 0.012, columns + 1).tolist()
    zs = np.linspace(low + 0.012, top - 0.02, rows + 1).tolist()
    out, round_knobs = draw.uniform("front_thickness", 0.01, 0.03), draw.chance("round_knobs", 0.5)
    for x0, x1 in pairwise(xs):
        for z0, z1 in pairwise(zs):
            a.add("drawer", box((x0 + 0.006, -d - out, z0 + 0.006), (x1 - 0.006, -d + 0.01, z1 - 0.006)))
            x, z = (x0 + x1) / 2, (z0 + z1) / 2
            if round_knobs:
                knob = lathe([(0, -0.01), (0.008, -0.01), (0.014, 0.02), (0, 0.026)], 8).turned(90, X)
                a.add("knob", knob.moved(x, -d - out, z))
            else:
                a.add("knob", box((x - 0.03, -d - out - 0.02, z - 0.006), (x + 0.03, -d - out + 0.005, z + 0.006)))
    if kind == "dresser" and draw.chance("mirror", 0.3):
        high = top + draw.uniform("mirror_height", 0.25, 0.5)
        a.add("top", box((-0.7 * w, d - 0.035, top - 0.01), (0.7 * w, d - 0.004, high)))
        a.describe(shift("mirror height", Z, {top + 0.03: 0.0, high: 1.0}, (top, high), (0.0, d, 0.0)))
    a.describe(
        shift("body height", Z, {lift + 0.005: 0.0, top - 0.015: 1.0}, (lift, top)),
        mirror("width", X, {0.0: 0.0, w: 1.0}, (-w, w), (0.0, 0.0, top)),
        shift("depth", Y, {-0.9 * d: 0.0, 0.9 * d: 1.0}, (-d, d), (0.0, 0.0, top)),
    )
    if lift:
        a.describe(shift("leg height", Z, {0.0: 0.0, lift: 1.0}, (0.0, lift)))
