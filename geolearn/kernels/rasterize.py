"""Forward rasterization: for every pixel the K nearest faces, exactly as PyTorch3D's CPU rasterizer finds them.

Every float32 operation below is written in PyTorch3D's order and must stay there, in float32 and without fastmath: a
fused or reordered operation flips faces at edges. Constants added or compared in float64 are so in PyTorch3D too.
"""

import numpy as np
from numba import prange

from geolearn.kernels.rasterize_bins import bin_faces, pixel_centres
from geolearn.kernels.threads import kernel, parallel_kernel

ZERO, ONE, INFINITE = np.float32(0), np.float32(1), np.float32(np.inf)
EPSILON = 1e-8  # float64, as in PyTorch3D
CLIP_EPSILON = np.float32(1e-5)
LANES = 8  # pixels that are sampled together: float32 in a 256 bit register
SAMPLE = 6 * LANES  # floats of one run of pixels, see `_sample`
WORK_ITEMS = 64  # tiles are dealt to so many work items in turn, so that every thread gets some of every region
MIN_PAIRS = 1 << 22
BYTES_PER_HIT = 28  # int64 face, float32 depth, barycentrics, distance


def rasterize_forward(
    face_verts: np.ndarray,
    first_face: np.ndarray,
    faces_per_image: np.ndarray,
    siblings: np.ndarray,
    size: tuple[int, int],
    blur_radius: float,
    perspective_correct: bool,
    clip_barycentric_coords: bool,
    cull_backfaces: bool,
    outputs: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill `outputs`: pix_to_face int64 (N, H, W, K), zbuf float32, barycentrics float32 (..., 3), dists float32.

    Args:
        face_verts: float32 (F, 3, 3), xy in NDC (+X left, +Y up) and view depth.
        first_face, faces_per_image: int64 (N,), the faces of each image.
        siblings: int64 (F,), the other half of a face that was clipped into two, or -1; (0,) where there are none.
        blur_radius: squared NDC distance up to which a face reaches beyond its edges.
    """
    height, width = size
    if outputs[0].size == 0:
        return
    blur = np.float32(max(blur_radius, 0.0))
    xs, ys = pixel_centres(width, height), pixel_centres(height, width)
    # The face lists of a crowded scene must not outgrow the result: a few percent of it, or 16 MB.
    max_pairs = max(MIN_PAIRS, outputs[0].size * BYTES_PER_HIT // 100)
    bins = bin_faces(face_verts, first_face, faces_per_image, (xs, ys), float(np.sqrt(blur)), cull_backfaces, max_pairs)
    flags = (perspective_correct, clip_barycentric_coords)
    _rasterize_tiles(
        face_verts, siblings, bins.boxes, bins.starts, bins.faces, bins.shift, xs, ys, blur, *flags, *outputs
    )


@kernel(error_model="numpy")
def _edge(px, py, ax, ay, bx, by):
    """Twice the signed area of the triangle (p, a, b)."""
    return (px - ax) * (by - ay) - (py - ay) * (bx - ax)


@kernel(error_model="numpy")
def _squared_distance_to_segment(px, py, ax, ay, bx, by):
    dx, dy = bx - ax, by - ay
    squared_length = dx * dx + dy * dy
    if np.float64(squared_length) <= EPSILON:
        return (px - bx) * (px - bx) + (py - by) * (py - by)
    along = (dx * (px - ax) + dy * (py - ay)) / squared_length
    along = min(max(along, ZERO), ONE)
    qx, qy = ax + along * dx, ay + along * dy
    return (qx - px) * (qx - px) + (qy - py) * (qy - py)


@kernel(error_model="numpy")
def _sample(samples, py, x0, y0, z0, x1, y1, z1, x2, y2, z2, area, blur, perspective_correct, clip):
    """What a face looks like at LANES neighbouring pixels: depth, barycentrics, signed squared distance.

    `samples` is flat, LANES values of each in turn and behind them the x of the pixels, so that the compiler does all
    pixels at once. The depth is infinite where the face is not hit.
    """
    for lane in range(LANES):
        px = samples[5 * LANES + lane]
        w0 = _edge(px, py, x1, y1, x2, y2) / area
        w1 = _edge(px, py, x2, y2, x0, y0) / area
        w2 = _edge(px, py, x0, y0, x1, y1) / area
        if perspective_correct:
            t0 = w0 * z1 * z2
            t1 = w1 * z0 * z2
            t2 = w2 * z0 * z1
            total = np.float32(max(np.float64(t0 + t1 + t2), EPSILON))
            w0, w1, w2 = t0 / total, t1 / total, t2 / total
        inside = (w0 > ZERO) & (w1 > ZERO) & (w2 > ZERO)
        if clip:
            w0, w1, w2 = max(w0, ZERO), max(w1, ZERO), max(w2, ZERO)
            total = max(w0 + w1 + w2, CLIP_EPSILON)
            w0, w1, w2 = w0 / total, w1 / total, w2 / total
        depth = w0 * z0 + w1 * z1 + w2 * z2
        distance = _squared_distance_to_segment(px, py, x0, y0, x1, y1)
        distance = min(distance, _squared_distance_to_segment(px, py, x0, y0, x2, y2))
        distance = min(distance, _squared_distance_to_segment(px, py, x1, y1, x2, y2))
        hit = (depth >= ZERO) & (inside | (distance < blur))  # false for a depth that is not a number
        samples[lane] = depth if hit else INFINITE
        samples[LANES + lane] = w0
        samples[2 * LANES + lane] = w1
        samples[3 * LANES + lane] = w2
        samples[4 * LANES + lane] = -distance if inside else distance


@kernel
def _sibling_place(pixel, sibling, distance, count, order, faces, values):
    """Where in the queue the farther sibling is, -1 if it is the nearer one; `count` where there is none."""
    for i in range(count):
        if faces[pixel, order[pixel, i]] == sibling:
            return i if abs(distance) < abs(values[pixel, order[pixel, i], 3]) else -1
    return count


@kernel(inline="always")
def _queue(pixel, sibling, depth, distance, counts, depths, order, faces, values):
    """Enter a hit into a pixel's queue of the K nearest; returns its slot, or -1 where it has no place.

    `depths` and `order` are sorted by (depth, face); `order` names the slots of `faces` and `values`. Faces arrive in
    ascending order, so an equal depth goes behind. Of two siblings the one nearer to the pixel in the image stays.
    """
    most = order.shape[1]
    place = count = counts[pixel]
    if sibling >= 0:
        place = _sibling_place(pixel, sibling, distance, count, order, faces, values)
        if place < 0:
            return -1
    if place < count:  # the sibling leaves and its slot is taken over
        slot = order[pixel, place]
        for i in range(place, count - 1):
            depths[pixel, i] = depths[pixel, i + 1]
            order[pixel, i] = order[pixel, i + 1]
        place = count - 1
    elif count < most:
        slot = count
        counts[pixel] = count + 1
    else:
        place = most - 1
        if not depth < depths[pixel, place]:
            return -1
        slot = order[pixel, place]
    while place > 0 and depths[pixel, place - 1] > depth:
        depths[pixel, place] = depths[pixel, place - 1]
        order[pixel, place] = order[pixel, place - 1]
        place -= 1
    depths[pixel, place] = depth
    order[pixel, place] = slot
    return slot


@kernel(error_model="numpy")
def _draw(
    face, face_verts, siblings, boxes, window, side, centres, ys, blur, perspective_correct, clip,
    samples, places, counts, depths, order, faces, values,
):  # fmt: skip
    """Enter one face into the queues of all pixels of a tile, whose pixels are the `window`."""
    x0, y0, z0 = face_verts[face, 0, 0], face_verts[face, 0, 1], face_verts[face, 0, 2]
    x1, y1, z1 = face_verts[face, 1, 0], face_verts[face, 1, 1], face_verts[face, 1, 2]
    x2, y2, z2 = face_verts[face, 2, 0], face_verts[face, 2, 1], face_verts[face, 2, 2]
    area = np.float32(np.float64(_edge(x2, y2, x0, y0, x1, y1)) + EPSILON)
    sibling = siblings[face] if len(siblings) else -1
    # Pixels farther than `reach` outside the line of an edge are farther than the blur from the face: a quick way
    # out for a run of pixels both whose ends are. The slack covers the float32 rounding of the exact test, which
    # decides.
    radius = np.sqrt(blur)
    extent = max(abs(x0), abs(x1), abs(x2)) + max(abs(y0), abs(y1), abs(y2)) + radius + ONE
    reach = radius * np.float32(1.0001) + np.float32(1e-5) * extent
    sign = ONE if area > ZERO else -ONE
    limit0 = -reach * np.sqrt((x2 - x1) * (x2 - x1) + (y2 - y1) * (y2 - y1))
    limit1 = -reach * np.sqrt((x0 - x2) * (x0 - x2) + (y0 - y2) * (y0 - y2))
    limit2 = -reach * np.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
    left, right, top, bottom = window
    first, end = max(left, boxes[face, 0]) - left, min(right, boxes[face, 1] + 1) - left
    blocks = 0  # sampled one after the other, and only then looked at: the samples of many are under way at once
    for row in range(max(top, boxes[face, 2]), min(bottom, boxes[face, 3] + 1)):
        py = ys[row]
        for low in range(first, end, LANES):
            high = min(end, low + LANES)
            px, qx = centres[low], centres[high - 1]
            if (
                max(sign * _edge(px, py, x1, y1, x2, y2), sign * _edge(qx, py, x1, y1, x2, y2)) < limit0
                or max(sign * _edge(px, py, x2, y2, x0, y0), sign * _edge(qx, py, x2, y2, x0, y0)) < limit1
                or max(sign * _edge(px, py, x0, y0, x1, y1), sign * _edge(qx, py, x0, y0, x1, y1)) < limit2
            ):
                continue
            for lane in range(LANES):
                samples[blocks, 5 * LANES + lane] = centres[low + lane]
            _sample(samples[blocks], py, x0, y0, z0, x1, y1, z1, x2, y2, z2, area, blur, perspective_correct, clip)
            places[blocks, 0] = (row - top) * side + low
            places[blocks, 1] = high - low
            blocks += 1
    for block in range(blocks):
        for lane in range(places[block, 1]):
            depth = samples[block, lane]
            if depth == INFINITE:
                continue
            pixel = places[block, 0] + lane
            distance = samples[block, 4 * LANES + lane]
            slot = _queue(pixel, sibling, depth, distance, counts, depths, order, faces, values)
            if slot >= 0:
                faces[pixel, slot] = face
                values[pixel, slot, 0] = samples[block, LANES + lane]
                values[pixel, slot, 1] = samples[block, 2 * LANES + lane]
                values[pixel, slot, 2] = samples[block, 3 * LANES + lane]
                values[pixel, slot, 3] = distance


@parallel_kernel
def _rasterize_tiles(
    face_verts, siblings, boxes, starts, faces, shift, xs, ys, blur, perspective_correct, clip,
    pix_to_face, zbuf, barycentrics, dists,
):  # fmt: skip
    _, height, width, most = pix_to_face.shape
    flat = pix_to_face.reshape(-1), zbuf.reshape(-1), barycentrics.reshape(-1), dists.reshape(-1)
    side = 1 << shift
    across, down = ((width - 1) >> shift) + 1, ((height - 1) >> shift) + 1
    items = min(WORK_ITEMS, len(starts) - 1)
    for item in prange(items):
        centres = np.empty(side + LANES, np.float32)
        samples = np.empty((side * side // LANES, SAMPLE), np.float32)
        places = np.empty((side * side // LANES, 2), np.int64)
        counts = np.empty(side * side, np.int32)
        depths = np.empty((side * side, most), np.float32)
        order = np.empty((side * side, most), np.int32)
        queued = np.empty((side * side, most), np.int32)
        values = np.empty((side * side, most, 4), np.float32)
        for tile in range(item, len(starts) - 1, items):
            image = tile // (across * down)
            top = (tile // across % down) << shift
            left = (tile % across) << shift
            bottom, right = min(top + side, height), min(left + side, width)
            for column in range(len(centres)):
                centres[column] = xs[min(left + column, width - 1)]
            counts[:] = 0
            for pair in range(starts[tile], starts[tile + 1]):
                _draw(
                    faces[pair], face_verts, siblings, boxes, (left, right, top, bottom), side, centres, ys,
                    blur, perspective_correct, clip, samples, places, counts, depths, order, queued, values,
                )  # fmt: skip
            for row in range(top, bottom):
                begin = ((image * height + row) * width + left) * most
                _write_row((row - top) * side, right - left, begin, counts, depths, order, queued, values, *flat)


@kernel
def _write_row(pixel, width, begin, counts, depths, order, queued, values, pix_to_face, zbuf, barycentrics, dists):
    """Write the queues of a row of pixels from `begin` on; what is not filled is -1."""
    most = order.shape[1]
    pix_to_face[begin : begin + width * most] = -1
    zbuf[begin : begin + width * most] = -ONE
    barycentrics[3 * begin : 3 * (begin + width * most)] = -ONE
    dists[begin : begin + width * most] = -ONE
    for column in range(width):
        for k in range(counts[pixel + column]):
            slot = order[pixel + column, k]
            place = begin + column * most + k
            pix_to_face[place] = queued[pixel + column, slot]
            zbuf[place] = depths[pixel + column, k]
            barycentrics[3 * place] = values[pixel + column, slot, 0]
            barycentrics[3 * place + 1] = values[pixel + column, slot, 1]
            barycentrics[3 * place + 2] = values[pixel + column, slot, 2]
            dists[place] = values[pixel + column, slot, 3]
