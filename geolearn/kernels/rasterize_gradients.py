"""The gradient of one hit (a face seen at a pixel) to the nine coordinates of the face, in two flavours.

The differentiated function, with p the pixel centre, e the edge function and d = max(., 1e-8), is

    b_i = e(p, v_j, v_k) / (e(v_2, v_0, v_1) + 1e-8)
    t_i = b_i z_j z_k,  u_i = t_i / d(t_0 + t_1 + t_2)       with perspective correction, else u = b
    w_i = max(u_i, 0) / max(sum_i max(u_i, 0), 1e-5)         with clipping, else w = u
    depth = sum_i w_i z_i
    distance = squared distance of p to the nearest edge, negative where all u_i > 0
"""

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

EPSILON = 1e-8
CLIP_EPSILON = 1e-5
HITS_PER_SEGMENT = 2048


def add_hits(
    face_verts: np.ndarray,
    starts: np.ndarray,
    hits: np.ndarray,
    most: int,
    xs: np.ndarray,
    ys: np.ndarray,
    upstream: list[np.ndarray],
    flags: tuple[bool, bool, bool],
    grad: np.ndarray,
) -> None:
    """Sum the gradients of all hits into `grad`, float32 (F, 9).

    Args:
        starts, hits: flat indices of hits (pixel * `most` + k) sorted by face and pixel, and where each face starts.
        xs, ys: pixel centres.
        upstream: gradients of the loss to depths, barycentrics (three per hit) and distances, flat; length 0 for zero.
        flags: perspective correction, clipping of barycentrics, differentiate as PyTorch3D.
    """
    segments = -(-len(hits) // HITS_PER_SEGMENT)
    shared_faces = np.full((segments, 2), -1, np.int64)
    shared_sums = np.zeros((segments, 2, 9))
    _add_segments(face_verts, starts, hits, most, xs, ys, *upstream, *flags, grad, shared_faces, shared_sums)
    _add_shared(shared_faces.reshape(-1), shared_sums.reshape(-1, 9), grad)


@kernel(error_model="numpy")
def _edge(px, py, ax, ay, bx, by):
    return (px - ax) * (by - ay) - (py - ay) * (bx - ax)


@kernel(error_model="numpy")
def _segment(px, py, ax, ay, bx, by, one):
    """Squared distance of p to the segment, how far along it (0 to 1) the nearest point lies, and the way to it.

    `one` is 1 in the precision of the computation.
    """
    dx, dy = bx - ax, by - ay
    squared_length = dx * dx + dy * dy
    along = one
    if np.float64(squared_length) > EPSILON:
        along = min(max((dx * (px - ax) + dy * (py - ay)) / squared_length, one - one), one)
    x, y = (one - along) * ax + along * bx - px, (one - along) * ay + along * by - py
    return x * x + y * y, along, x, y


@kernel(error_model="numpy")
def _hit_gradient(px, py, corners, upstream, perspective_correct, clip):
    """Exact derivative of the function above in float64.

    Where both options are on, the denominator of the perspective correction cancels: w = max(t, 0) / sum max(t, 0).
    It is differentiated in that form, which stays finite where d is clamped.
    """
    px, py = np.float64(px), np.float64(py)
    x0, y0, z0 = np.float64(corners[0]), np.float64(corners[1]), np.float64(corners[2])
    x1, y1, z1 = np.float64(corners[3]), np.float64(corners[4]), np.float64(corners[5])
    x2, y2, z2 = np.float64(corners[6]), np.float64(corners[7]), np.float64(corners[8])
    g_depth, g_distance = np.float64(upstream[0]), np.float64(upstream[4])

    inverse_area = 1.0 / (_edge(x2, y2, x0, y0, x1, y1) + EPSILON)
    b0 = _edge(px, py, x1, y1, x2, y2) * inverse_area
    b1 = _edge(px, py, x2, y2, x0, y0) * inverse_area
    b2 = _edge(px, py, x0, y0, x1, y1) * inverse_area
    t0, t1, t2, total, d = b0, b1, b2, 1.0, 1.0
    if perspective_correct:
        t0, t1, t2 = b0 * z1 * z2, b1 * z0 * z2, b2 * z0 * z1
        total = t0 + t1 + t2
        d = max(total, EPSILON)
    c0, c1, c2, scale = t0, t1, t2, 1.0 / d
    inside = t0 > 0 and t1 > 0 and t2 > 0
    homogeneous = False  # does w depend on the ratios of the t only?
    if clip:
        c0, c1, c2 = max(t0, 0.0), max(t1, 0.0), max(t2, 0.0)
        homogeneous = c0 + c1 + c2 >= CLIP_EPSILON * d
        scale = 1.0 / (c0 + c1 + c2 if homogeneous else CLIP_EPSILON * d)
    w0, w1, w2 = c0 * scale, c1 * scale, c2 * scale

    g_w0 = np.float64(upstream[1]) + g_depth * z0
    g_w1 = np.float64(upstream[2]) + g_depth * z1
    g_w2 = np.float64(upstream[3]) + g_depth * z2
    g_z0, g_z1, g_z2 = g_depth * w0, g_depth * w1, g_depth * w2
    # w = c * scale: `g_sum` is the gradient that reaches every t through the scale.
    g_sum = -(g_w0 * w0 + g_w1 * w1 + g_w2 * w2)
    g_t0, g_t1, g_t2 = g_w0 * scale, g_w1 * scale, g_w2 * scale
    if homogeneous:
        g_t0, g_t1, g_t2 = g_t0 + g_sum * scale, g_t1 + g_sum * scale, g_t2 + g_sum * scale
    if clip:
        g_t0 = g_t0 if t0 >= 0 else 0.0
        g_t1 = g_t1 if t1 >= 0 else 0.0
        g_t2 = g_t2 if t2 >= 0 else 0.0
    if perspective_correct and not homogeneous and total >= EPSILON:
        g_t0, g_t1, g_t2 = g_t0 + g_sum / d, g_t1 + g_sum / d, g_t2 + g_sum / d
    g_b0, g_b1, g_b2 = g_t0, g_t1, g_t2
    if perspective_correct:
        g_b0, g_b1, g_b2 = g_t0 * z1 * z2, g_t1 * z0 * z2, g_t2 * z0 * z1
        g_z0 += g_t1 * b1 * z2 + g_t2 * b2 * z1
        g_z1 += g_t0 * b0 * z2 + g_t2 * b2 * z0
        g_z2 += g_t0 * b0 * z1 + g_t1 * b1 * z0
    g_e0, g_e1, g_e2 = g_b0 * inverse_area, g_b1 * inverse_area, g_b2 * inverse_area
    g_area = -(g_b0 * b0 + g_b1 * b1 + g_b2 * b2) * inverse_area

    g_x0 = g_e1 * (y2 - py) + g_e2 * (py - y1) + g_area * (y2 - y1)
    g_y0 = g_e1 * (px - x2) + g_e2 * (x1 - px) + g_area * (x1 - x2)
    g_x1 = g_e0 * (py - y2) + g_e2 * (y0 - py) + g_area * (y0 - y2)
    g_y1 = g_e0 * (x2 - px) + g_e2 * (px - x0) + g_area * (x2 - x0)
    g_x2 = g_e0 * (y1 - py) + g_e1 * (py - y0) + g_area * (y1 - y0)
    g_y2 = g_e0 * (px - x1) + g_e1 * (x0 - px) + g_area * (x0 - x1)

    if g_distance != 0:
        g_point = -2.0 * g_distance if inside else 2.0 * g_distance
        d01, s01, x01, y01 = _segment(px, py, x0, y0, x1, y1, 1.0)
        d02, s02, x02, y02 = _segment(px, py, x0, y0, x2, y2, 1.0)
        d12, s12, x12, y12 = _segment(px, py, x1, y1, x2, y2, 1.0)
        if d01 <= d02 and d01 <= d12:
            g_x0 += g_point * (1 - s01) * x01
            g_y0 += g_point * (1 - s01) * y01
            g_x1 += g_point * s01 * x01
            g_y1 += g_point * s01 * y01
        elif d02 <= d12:
            g_x0 += g_point * (1 - s02) * x02
            g_y0 += g_point * (1 - s02) * y02
            g_x2 += g_point * s02 * x02
            g_y2 += g_point * s02 * y02
        else:
            g_x1 += g_point * (1 - s12) * x12
            g_y1 += g_point * (1 - s12) * y12
            g_x2 += g_point * s12 * x12
            g_y2 += g_point * s12 * y12
    return g_x0, g_y0, g_z0, g_x1, g_y1, g_z1, g_x2, g_y2, g_z2


@kernel(error_model="numpy")
def _edge_gradient(px, py, ax, ay, bx, by, g):
    """g times the gradient of the edge function to p, a and b."""
    return g * (by - ay), g * (ax - bx), g * (py - by), g * (bx - px), g * (ay - py), g * (px - ax)


@kernel(error_model="numpy")
def _hit_gradient_as_pytorch3d(px, py, corners, upstream, perspective_correct, clip):
    """PyTorch3D's derivative in float32, its order of operations kept.

    It differentiates the clamp d of the perspective correction as if it were inactive. Where d is clamped (pixels
    beyond the horizon of a face), a gradient is then the small difference of numbers of the order 1e16.
    """
    zero, one, two = np.float32(0), np.float32(1), np.float32(2)
    x0, y0, z0, x1, y1, z1, x2, y2, z2 = corners
    g_depth, g_0, g_1, g_2, g_distance = upstream
    area = np.float32(np.float64(_edge(x2, y2, x0, y0, x1, y1)) + EPSILON)
    e0, e1, e2 = _edge(px, py, x1, y1, x2, y2), _edge(px, py, x2, y2, x0, y0), _edge(px, py, x0, y0, x1, y1)
    b0, b1, b2 = e0 / area, e1 / area, e2 / area
    u0, u1, u2 = b0, b1, b2
    t0, t1, t2, d = b0, b1, b2, one
    if perspective_correct:
        t0, t1, t2 = b0 * z1 * z2, b1 * z0 * z2, b2 * z0 * z1
        d = np.float32(max(np.float64(t0 + t1 + t2), EPSILON))
        u0, u1, u2 = t0 / d, t1 / d, t2 / d
    w0, w1, w2 = u0, u1, u2
    g_0, g_1, g_2 = g_0 + g_depth * z0, g_1 + g_depth * z1, g_2 + g_depth * z2
    if clip:
        c0, c1, c2 = max(u0, zero), max(u1, zero), max(u2, zero)
        total = c0 + c1 + c2
        s = max(total, np.float32(CLIP_EPSILON))
        w0, w1, w2 = c0 / s, c1 / s, c2 / s
        own, k0, k1, k2 = one / s, zero, zero, zero
        if total >= np.float32(CLIP_EPSILON):
            k0, k1, k2 = -c0 / (s * s), -c1 / (s * s), -c2 / (s * s)
        g_0, g_1, g_2 = (
            g_0 * (own + k0) + g_1 * k1 + g_2 * k2 if u0 >= zero else zero,
            g_1 * (own + k1) + g_0 * k0 + g_2 * k2 if u1 >= zero else zero,
            g_2 * (own + k2) + g_0 * k0 + g_1 * k1 if u2 >= zero else zero,
        )
    g_z0, g_z1, g_z2 = g_depth * w0, g_depth * w1, g_depth * w2
    if perspective_correct:
        g_d = (-t0 * g_0 - t1 * g_1 - t2 * g_2) / (d * d)
        g_t0, g_t1, g_t2 = g_d + g_0 / d, g_d + g_1 / d, g_d + g_2 / d
        g_0, g_1, g_2 = g_t0 * z1 * z2, g_t1 * z0 * z2, g_t2 * z0 * z1
        g_z0 += g_t1 * b1 * z2 + g_t2 * b2 * z1
        g_z1 += g_t0 * b0 * z2 + g_t2 * b2 * z0
        g_z2 += g_t0 * b0 * z1 + g_t1 * b1 * z0

    inverse, squared = one / area, area * area
    _, _, p1x, p1y, p2x, p2y = _edge_gradient(px, py, x1, y1, x2, y2, g_0 * inverse)
    a0x, a0y, a1x, a1y, a2x, a2y = _edge_gradient(x0, y0, x1, y1, x2, y2, g_0 * (-e0 / squared))
    g_x0, g_y0, g_x1, g_y1, g_x2, g_y2 = a0x, a0y, p1x + a1x, p1y + a1y, p2x + a2x, p2y + a2y
    _, _, p2x, p2y, p0x, p0y = _edge_gradient(px, py, x2, y2, x0, y0, g_1 * inverse)
    a0x, a0y, a1x, a1y, a2x, a2y = _edge_gradient(x0, y0, x1, y1, x2, y2, g_1 * (-e1 / squared))
    g_x0, g_y0 = g_x0 + (p0x + a0x), g_y0 + (p0y + a0y)
    g_x1, g_y1 = g_x1 + a1x, g_y1 + a1y
    g_x2, g_y2 = g_x2 + (p2x + a2x), g_y2 + (p2y + a2y)
    _, _, p0x, p0y, p1x, p1y = _edge_gradient(px, py, x0, y0, x1, y1, g_2 * inverse)
    a0x, a0y, a1x, a1y, a2x, a2y = _edge_gradient(x0, y0, x1, y1, x2, y2, g_2 * (-e2 / squared))
    g_x0, g_y0 = g_x0 + (p0x + a0x), g_y0 + (p0y + a0y)
    g_x1, g_y1 = g_x1 + (p1x + a1x), g_y1 + (p1y + a1y)
    g_x2, g_y2 = g_x2 + a2x, g_y2 + a2y

    if u0 > zero and u1 > zero and u2 > zero:
        g_distance = -g_distance
    d01, s01, x01, y01 = _segment(px, py, x0, y0, x1, y1, one)
    d02, s02, x02, y02 = _segment(px, py, x0, y0, x2, y2, one)
    d12, s12, x12, y12 = _segment(px, py, x1, y1, x2, y2, one)
    if d01 <= d02 and d01 <= d12:
        first, second = g_distance * (one - s01) * two, g_distance * s01 * two
        g_x0, g_y0, g_x1, g_y1 = g_x0 + first * x01, g_y0 + first * y01, g_x1 + second * x01, g_y1 + second * y01
    elif d02 <= d12:
        first, second = g_distance * (one - s02) * two, g_distance * s02 * two
        g_x0, g_y0, g_x2, g_y2 = g_x0 + first * x02, g_y0 + first * y02, g_x2 + second * x02, g_y2 + second * y02
    else:
        first, second = g_distance * (one - s12) * two, g_distance * s12 * two
        g_x1, g_y1, g_x2, g_y2 = g_x1 + first * x12, g_y1 + first * y12, g_x2 + second * x12, g_y2 + second * y12
    return g_x0, g_y0, g_z0, g_x1, g_y1, g_z1, g_x2, g_y2, g_z2


@kernel(error_model="numpy")
def _sum_hits(
    sums, hits, corners, most, xs, ys, grad_zbuf, grad_barycentrics, grad_dists, perspective_correct, clip, compat
):
    """Add up the gradients of some hits of one face into `sums`, float64 (9,)."""
    zero = np.float32(0)
    width, height = len(xs), len(ys)
    for hit in hits:
        pixel = hit // most
        px, py = xs[pixel % width], ys[pixel // width % height]
        g_depth = grad_zbuf[hit] if len(grad_zbuf) else zero
        g_0 = grad_barycentrics[3 * hit] if len(grad_barycentrics) else zero
        g_1 = grad_barycentrics[3 * hit + 1] if len(grad_barycentrics) else zero
        g_2 = grad_barycentrics[3 * hit + 2] if len(grad_barycentrics) else zero
        g_distance = grad_dists[hit] if len(grad_dists) else zero
        if g_depth == zero and g_0 == zero and g_1 == zero and g_2 == zero and g_distance == zero:
            continue
        upstream = (g_depth, g_0, g_1, g_2, g_distance)
        if compat:
            gradient = _hit_gradient_as_pytorch3d(px, py, corners, upstream, perspective_correct, clip)
            for i in range(9):
                sums[i] = np.float32(sums[i]) + gradient[i]
        else:
            gradient = _hit_gradient(px, py, corners, upstream, perspective_correct, clip)
            for i in range(9):
                sums[i] += gradient[i]


@parallel_kernel
def _add_segments(
    face_verts, starts, hits, most, xs, ys, grad_zbuf, grad_barycentrics, grad_dists, perspective_correct, clip, compat,
    grad, shared_faces, shared_sums,
):  # fmt: skip
    """Sum segments of equal length; faces that reach over the end of a segment go to the shared sums."""
    for segment in prange(len(shared_faces)):
        first = segment * HITS_PER_SEGMENT
        end = min(first + HITS_PER_SEGMENT, len(hits))
        sums = np.empty(9)
        face = np.searchsorted(starts, first, side="right") - 1
        while face < len(face_verts) and starts[face] < end:
            face_first, face_end = starts[face], starts[face + 1]
            if face_first < face_end:
                v = face_verts[face]
                corners = (v[0, 0], v[0, 1], v[0, 2], v[1, 0], v[1, 1], v[1, 2], v[2, 0], v[2, 1], v[2, 2])
                sums[:] = 0
                _sum_hits(
                    sums, hits[max(first, face_first) : min(end, face_end)], corners, most, xs, ys,
                    grad_zbuf, grad_barycentrics, grad_dists, perspective_correct, clip, compat,
                )  # fmt: skip
                if face_first >= first and face_end <= end:
                    for i in range(9):
                        grad[face, i] = sums[i]
                else:
                    side = 0 if face_first < first else 1
                    shared_faces[segment, side] = face
                    shared_sums[segment, side] = sums
            face += 1


@kernel(allocates=True)
def _add_shared(faces, sums, grad):
    """Add the parts of faces shared by segments, in order; the parts of one face follow each other."""
    total = np.zeros(9)
    current = -1
    for part in range(len(faces)):
        if faces[part] < 0:
            continue
        if faces[part] != current:
            current = faces[part]
            total[:] = 0
        for i in range(9):
            total[i] += sums[part, i]
            grad[current, i] = total[i]
