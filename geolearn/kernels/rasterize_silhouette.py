"""Soft silhouettes and their gradient: every face reaches every pixel near it, nothing is sorted and nothing dropped.

With d_f the squared distance in pixels from a pixel centre to the nearest edge of face f, negative inside, and
p_f = sigmoid(-d_f / s) (Liu et al., ICCV 2019, equations 1 and 2), a pixel lets through T = prod_f (1 - p_f) of the
background. Then dT / dd_f = T p_f / s, so that the backward pass needs T and the distances, which are cheaper to
compute again than to keep.

The pixels of a row are independent and have no branches, so the compiler turns them into vector instructions. They are
float32 and accurate however large the face: an edge is described by where the first pixel of a row lies in its frame,
along its inner normal and beyond either end, in float64 until then, and far edges do not matter.
"""

import math

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

ZERO, ONE = np.float32(0), np.float32(1)
LOG2_E, LN_2 = np.float32(math.log2(math.e)), np.float32(math.log(2))
LANES = 8  # pixels of a row are visited in blocks of so many, which the compiler makes vector instructions of
OPAQUE = 1e-9  # a pixel that lets through less counts as settled: float32 shows no difference
SETTLED = np.float32(1 / OPAQUE)
LARGEST = np.float32(126)  # 2^126 and 2^-126 are float32
C2, C3, C4, C5, C6 = (np.float32(1 / math.factorial(n)) for n in range(2, 7))


@kernel(error_model="numpy", inline="always")
def _exp(x):
    """e^x in float32 to 3e-7 where it is near 1 and 4e-6 elsewhere; between 2^-126 and 2^126."""
    y = min(max(x * LOG2_E, -LARGEST), LARGEST)
    whole = np.int32(y + np.float32(126.5)) - np.int32(126)
    r = (y - np.float32(whole)) * LN_2
    power = np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)
    return power * (ONE + r * (ONE + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * C6))))))


@kernel(error_model="numpy", inline="always")
def _edge(n, a, b, i, n_step, a_step):
    """Pixel i of a row in the frame of an edge: inner distance, overshoot (negative before the start), both squared."""
    step = np.float32(i)
    inner, before, after = n + step * n_step, a + step * a_step, b + step * a_step
    beyond = max(after, ZERO) + min(before, ZERO)
    return inner, before, beyond, inner * inner + beyond * beyond


@kernel(error_model="numpy")
def _pass(passes, n0, a0, b0, n1, a1, b1, n2, a2, b2, u0, v0, u1, v1, u2, v2, scale, squared_reach):
    """Multiply 1 / T of a block of pixels by 1 / (1 - p) = 1 + exp(-d / s) of a face; `scale` is -1 / s."""
    for i in range(LANES):
        m0, _, _, d0 = _edge(n0, a0, b0, i, u0, v0)
        m1, _, _, d1 = _edge(n1, a1, b1, i, u1, v1)
        m2, _, _, d2 = _edge(n2, a2, b2, i, u2, v2)
        d = min(min(d0, d1), d2)
        d = -d if min(min(m0, m1), m2) > ZERO else d
        e = _exp(d * scale)
        passes[i] *= ONE + (e if d < squared_reach else ZERO)


@kernel(error_model="numpy", fastmath={"reassoc", "nsz"})
def _pull(weights, n0, a0, b0, n1, a1, b1, n2, a2, b2, u0, v0, u1, v1, u2, v2, k0, k1, k2, scale, squared_reach, sums):
    """Add a block's pull on the edges of a face to `sums`, float64 (12,).

    The pull is w p times the distance to the edge, with w from `weights`, negative outside. The four sums of an edge
    are those of its inner part, its part along the edge, and both times the share of the end.
    """
    s00 = s01 = s02 = s03 = s04 = s05 = s06 = s07 = s08 = s09 = s10 = s11 = ZERO
    for i in range(LANES):
        m0, t0, o0, d0 = _edge(n0, a0, b0, i, u0, v0)
        m1, t1, o1, d1 = _edge(n1, a1, b1, i, u1, v1)
        m2, t2, o2, d2 = _edge(n2, a2, b2, i, u2, v2)
        d = min(min(d0, d1), d2)
        nearest0 = d0 <= d
        nearest1 = (d1 <= d) & (not nearest0)
        inside = min(min(m0, m1), m2) > ZERO
        d = -d if inside else d
        e = _exp(d * scale)
        w = weights[i] * e / (ONE + e)
        w = w if d < squared_reach else ZERO
        w = w if inside else -w
        w0 = w if nearest0 else ZERO
        w1 = w if nearest1 else ZERO
        w2 = w - w0 - w1
        x0, y0, x1, y1, x2, y2 = w0 * m0, w0 * o0, w1 * m1, w1 * o1, w2 * m2, w2 * o2
        t0, t1, t2 = min(max(t0 * k0, ZERO), ONE), min(max(t1 * k1, ZERO), ONE), min(max(t2 * k2, ZERO), ONE)
        s00 += x0
        s01 += y0
        s02 += x0 * t0
        s03 += y0 * t0
        s04 += x1
        s05 += y1
        s06 += x1 * t1
        s07 += y1 * t1
        s08 += x2
        s09 += y2
        s10 += x2 * t2
        s11 += y2 * t2
    for number, part in enumerate((s00, s01, s02, s03, s04, s05, s06, s07, s08, s09, s10, s11)):
        sums[number] += part


@kernel(error_model="numpy")
def _collect(sums, u0, v0, u1, v1, u2, v2, sign, factor, grad):
    """Move `sums` from the frames of the edges to the corners of the face, and start again at 0."""
    for edge in range(3):
        u, v = (u0, v0) if edge == 0 else (u1, v1) if edge == 1 else (u2, v2)
        parts = sums[4 * edge : 4 * edge + 4]
        for end in range(2):
            inner = sign * (parts[2] if end else parts[0] - parts[2])
            along = parts[3] if end else parts[1] - parts[3]
            corner = 2 * ((edge + end) % 3)
            grad[corner] += factor * (inner * u - along * v)
            grad[corner + 1] += factor * (inner * v + along * u)
    sums[:] = 0.0


@kernel
def _are_settled(pixels, backward):
    """Do all pixels of a block let through too little for a face to matter, or pull at nothing?"""
    lane = 0
    while lane < LANES and (pixels[lane] == ZERO if backward else pixels[lane] >= SETTLED):
        lane += 1
    return lane == LANES


@kernel(error_model="numpy")
def _columns(left, right, inner, per_step, reach):
    """Those of the columns left..right where inner + column / per_step >= -reach, or a few more."""
    bound = min(max((-reach - inner) * per_step, left - 1.0), right + 1.0)
    if per_step > 0:
        return max(left, int(bound)), right
    return left, min(right, int(bound) + 1)


@kernel(error_model="numpy")
def _visit(x0, y0, x1, y1, x2, y2, top, bottom, width, s, reach, least_area, backward, rows, sums, grad):
    """Visit the pixels near a face in the rows top..bottom of an image.

    Args:
        s: sigma in squared pixels; reach: how far the face is seen beyond its edges, in pixels.
        least_area: a face of which twice the area is not larger is skipped.
        rows: (bottom - top, width + LANES); forward 1 / T so far, backward T times the gradient of the loss to T.
        sums: float64 (12,) of zeros, scratch; grad: (6,), receives the gradient to the coordinates.
    """
    area = (x2 - x0) * (y1 - y0) - (y2 - y0) * (x1 - x0)
    if not least_area < abs(area) < np.inf:  # not a number comes here, too
        return
    first = int(min(max(min(y0, y1, y2) - reach + 0.5, top), bottom))
    last = int(min(max(max(y0, y1, y2) + reach + 0.5, top), bottom)) - 1
    left = int(min(max(min(x0, x1, x2) - reach + 0.5, 0.0), width))
    right = int(min(max(max(x0, x1, x2) + reach + 0.5, 0.0), width)) - 1
    if first > last or left > right:
        return
    sign = math.copysign(1.0, area)
    length0 = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    length1 = math.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2)
    length2 = math.sqrt((x0 - x2) ** 2 + (y0 - y2) ** 2)
    # Unit vectors along the edges (v, -u) and to their inner side (u, v), the latter to be multiplied by `sign`.
    u0, v0 = (y1 - y0) / length0, (x0 - x1) / length0
    u1, v1 = (y2 - y1) / length1, (x1 - x2) / length1
    u2, v2 = (y0 - y2) / length2, (x2 - x0) / length2
    per_step0, per_step1, per_step2 = sign / u0, sign / u1, sign / u2
    wide = right - left >= 2 * LANES
    scale, squared_reach = np.float32(-1.0 / s), np.float32(reach * reach)
    shares = np.float32(1 / length0), np.float32(1 / length1), np.float32(1 / length2)
    steps = (
        np.float32(sign * u0), np.float32(-v0), np.float32(sign * u1), np.float32(-v1), np.float32(sign * u2),
        np.float32(-v2),
    )  # fmt: skip
    for row in range(first, last + 1):
        py = row + 0.5
        # The frames at column 0: inner distance, and how far along the edge.
        n0, a0 = sign * (u0 * (0.5 - x0) + v0 * (py - y0)), u0 * (py - y0) - v0 * (0.5 - x0)
        n1, a1 = sign * (u1 * (0.5 - x1) + v1 * (py - y1)), u1 * (py - y1) - v1 * (0.5 - x1)
        n2, a2 = sign * (u2 * (0.5 - x2) + v2 * (py - y2)), u2 * (py - y2) - v2 * (0.5 - x2)
        start, stop = left, right
        if wide:
            start, stop = _columns(start, stop, n0, per_step0, reach)
            start, stop = _columns(start, stop, n1, per_step1, reach)
            start, stop = _columns(start, stop, n2, per_step2, reach)
        for block in range(start, stop + 1, LANES):
            pixels = rows[row - top, block : block + LANES]
            if _are_settled(pixels, backward):
                continue
            b0, b1, b2 = a0 - v0 * block, a1 - v1 * block, a2 - v2 * block
            frame0 = np.float32(n0 + sign * u0 * block), np.float32(b0), np.float32(b0 - length0)
            frame1 = np.float32(n1 + sign * u1 * block), np.float32(b1), np.float32(b1 - length1)
            frame2 = np.float32(n2 + sign * u2 * block), np.float32(b2), np.float32(b2 - length2)
            if backward:
                _pull(pixels, *frame0, *frame1, *frame2, *steps, *shares, scale, squared_reach, sums)
            else:
                _pass(pixels, *frame0, *frame1, *frame2, *steps, scale, squared_reach)
    if backward:
        # d(squared distance) / d(nearest point) = 2 (nearest point - pixel)
        _collect(sums, u0, v0, u1, v1, u2, v2, sign, 2.0 / s, grad)


@kernel
def _face(points, faces, face, offset):
    i, j, k = faces[face, 0] + offset, faces[face, 1] + offset, faces[face, 2] + offset
    return (
        np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[j, 0]), np.float64(points[j, 1]),
        np.float64(points[k, 0]), np.float64(points[k, 1]),
    )  # fmt: skip


@parallel_kernel
def silhouettes(points, faces, first, end, offsets, bands, items, s, reach, least_area, transmission):
    """Write T of every image, float32 (N, H, W).

    Args:
        points: (P, 3) pixel coordinates and depths of vertices, all in front of the camera; faces: int64 (F, 3).
        first, end, offsets: int64 (N,); image n shows points[faces[first[n] : end[n]] + offsets[n]].
        bands: every image is cut into so many bands of rows, which are drawn independently of each other.
        items: the bands are dealt to so many work items in turn, one per thread.
        s, reach, least_area: see `_visit`.
    """
    images, height, width = transmission.shape
    for item in prange(items):
        sums, grad = np.zeros(12), np.zeros(6)
        rows = np.empty(((height + bands - 1) // bands, width + LANES), np.float32)
        for task in range(item, images * bands, items):
            image, band = task // bands, task % bands
            top, bottom = height * band // bands, height * (band + 1) // bands
            rows[:] = ONE
            for face in range(first[image], end[image]):
                _visit(
                    *_face(points, faces, face, offsets[image]),
                    top, bottom, width, s, reach, least_area, False, rows, sums, grad,
                )  # fmt: skip
            for row in range(bottom - top):
                for column in range(width):
                    transmission[image, top + row, column] = ONE / rows[row, column]


@parallel_kernel
def silhouette_gradients(
    points, faces, first, end, offsets, pieces, items, s, reach, least_area, weights, starts, by_face, grad
):
    """Add to `grad` (P, 3) the gradient to `points`, of which no two images share any.

    Args:
        weights: float32 (N, H, W + LANES), T times the gradient of the loss to T, then zeros.
        pieces: the faces of an image are cut into so many pieces, dealt to `items` work items in turn.
        starts: int64 (N,), where the faces of each image lie in by_face; by_face: float64 (sum F, 6), zeros.

    The others as for `silhouettes`.
    """
    images, height, width = weights.shape
    width -= LANES
    for item in prange(items):
        sums = np.zeros(12)
        for task in range(item, images * pieces, items):
            image, piece = task // pieces, task % pieces
            count = end[image] - first[image]
            for number in range(count * piece // pieces, count * (piece + 1) // pieces):
                _visit(
                    *_face(points, faces, first[image] + number, offsets[image]),
                    0, height, width, s, reach, least_area, True, weights[image], sums, by_face[starts[image] + number],
                )  # fmt: skip
    for image in prange(images):
        for number in range(end[image] - first[image]):
            for corner in range(3):
                point = faces[first[image] + number, corner] + offsets[image]
                grad[point, 0] += by_face[starts[image] + number, 2 * corner]
                grad[point, 1] += by_face[starts[image] + number, 2 * corner + 1]
