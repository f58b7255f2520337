"""Which faces touch which tile of an image: pixel boxes of faces, then lists of face indices per tile, in order."""

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

FACES_PER_CHUNK = 2048
MAX_CHUNKS_PER_IMAGE = 16
TILE_SHIFTS = np.array([4, 5, 6])  # tiles of 16, 32 and 64 pixels


class Bins(NamedTuple):
    """Face lists of square tiles of `1 << shift` pixels, image after image, row after row.

    `faces[starts[t] : starts[t + 1]]` are the packed indices of the faces that may touch tile t, ascending.
    `boxes[f]` are the first and last column and the first and last row that face f may touch.
    """

    boxes: np.ndarray  # int16 (F, 4)
    starts: np.ndarray  # int64 (tiles + 1,)
    faces: np.ndarray  # int32
    shift: int


def pixel_centres(size: int, other: int) -> np.ndarray:
    """NDC coordinates of pixel centres along an axis of `size` pixels: float32 (size,), falling with the index.

    The short side of the image spans [-1, 1]; +X points left and +Y up, so index 0 has the largest coordinate.
    Every operation is rounded to float32 in PyTorch3D's order.
    """
    f = np.float32
    span = f(2) if size <= other else f(size) * f(2) / f(other)
    offset = span / f(2)
    rising = -offset + (span * np.arange(size, dtype=np.float32) + offset) / f(size)
    return rising[::-1].copy()


def bin_faces(
    face_verts: np.ndarray,
    first_face: np.ndarray,
    faces_per_image: np.ndarray,
    centres: tuple[np.ndarray, np.ndarray],
    radius: float,
    cull_backfaces: bool,
    max_pairs: int,
) -> Bins:
    """List the faces of every tile of every image.

    Args:
        face_verts: float32 (F, 3, 3), xy in NDC and view depth.
        first_face, faces_per_image: int64 (N,), the faces of each image in `face_verts`.
        centres: x of the columns, y of the rows.
        radius: how far outside its box a face still reaches.
        max_pairs: tiles grow from 16 to 64 pixels until no more (tile, face) pairs than this are needed.
    """
    xs, ys = centres
    chunks = _chunks(first_face, faces_per_image)
    boxes = np.empty((len(face_verts), 4), np.int16)
    pairs = _find_boxes(face_verts, chunks, xs, ys, np.float32(radius), cull_backfaces, TILE_SHIFTS, boxes).sum(0)
    fitting = np.flatnonzero(pairs <= max_pairs)
    shift = int(TILE_SHIFTS[fitting[0] if len(fitting) else -1])
    across, down = ((len(axis) - 1 >> shift) + 1 for axis in (xs, ys))
    counts = np.zeros((len(chunks), across * down), np.int32)
    _count(boxes, chunks, shift, across, counts)
    starts = np.zeros(len(first_face) * across * down + 1, np.int64)
    _place(chunks, counts, starts)
    faces = np.empty(starts[-1], np.int32)
    _fill(boxes, chunks, shift, across, starts, counts, faces)
    return Bins(boxes, starts, faces, shift)


def _chunks(first_face: np.ndarray, faces_per_image: np.ndarray) -> np.ndarray:
    """Runs of faces of one image, (image, first face, end), ascending; how many depends on the faces only."""
    chunks = []
    for image, (first, count) in enumerate(zip(first_face.tolist(), faces_per_image.tolist(), strict=True)):
        pieces = min(max(count // FACES_PER_CHUNK, 1), MAX_CHUNKS_PER_IMAGE)
        ends = [first + count * piece // pieces for piece in range(pieces + 1)]
        chunks += [(image, ends[piece], ends[piece + 1]) for piece in range(pieces)]
    return np.array(chunks, np.int64).reshape(-1, 3)


@kernel
def _covered(low, high, centres):
    """First and last index whose centre lies in the closed interval [low, high]; (1, 0) where none does."""
    last_index = len(centres) - 1
    if not (high >= centres[last_index] and low <= centres[0]):
        return 1, 0
    per_unit = last_index / max(np.float64(centres[0]) - np.float64(centres[last_index]), 1e-30)
    first = int(min(max((np.float64(centres[0]) - np.float64(high)) * per_unit, 0.0), last_index))
    last = int(min(max((np.float64(centres[0]) - np.float64(low)) * per_unit, 0.0), last_index))
    # Those are right to a pixel; comparing centres decides.
    while first > 0 and centres[first - 1] <= high:
        first -= 1
    while first <= last_index and centres[first] > high:
        first += 1
    while last < last_index and centres[last + 1] >= low:
        last += 1
    while last >= 0 and centres[last] < low:
        last -= 1
    return first, last


@kernel
def _box(face, xs, ys, radius, cull_backfaces):
    """Pixels (x first, x last, y first, y last) that a face may touch; (1, 0, 1, 0) where it is skipped."""
    for corner in range(3):
        for axis in range(3):
            if not math.isfinite(face[corner, axis]):
                return 1, 0, 1, 0
    area = (face[0, 0] - face[1, 0]) * (face[2, 1] - face[1, 1]) - (face[0, 1] - face[1, 1]) * (face[2, 0] - face[1, 0])
    if abs(np.float64(area)) <= 1e-8 or (cull_backfaces and area < 0):
        return 1, 0, 1, 0
    if np.float64(min(face[0, 2], face[1, 2], face[2, 2])) < 1e-8:
        return 1, 0, 1, 0
    x_first, x_last = _covered(
        min(face[0, 0], face[1, 0], face[2, 0]) - radius, max(face[0, 0], face[1, 0], face[2, 0]) + radius, xs
    )
    y_first, y_last = _covered(
        min(face[0, 1], face[1, 1], face[2, 1]) - radius, max(face[0, 1], face[1, 1], face[2, 1]) + radius, ys
    )
    if x_first > x_last or y_first > y_last:
        return 1, 0, 1, 0
    return x_first, x_last, y_first, y_last


@parallel_kernel
def _find_boxes(face_verts, chunks, xs, ys, radius, cull_backfaces, shifts, boxes):
    """Write the box of every face; count (tile, face) pairs per chunk for each candidate tile size."""
    pairs = np.zeros((len(chunks), len(shifts)), np.int64)
    for chunk in prange(len(chunks)):
        for face in range(chunks[chunk, 1], chunks[chunk, 2]):
            x_first, x_last, y_first, y_last = _box(face_verts[face], xs, ys, radius, cull_backfaces)
            boxes[face, 0] = x_first
            boxes[face, 1] = x_last
            boxes[face, 2] = y_first
            boxes[face, 3] = y_last
            if x_first <= x_last:
                for s in range(len(shifts)):
                    shift = shifts[s]
                    pairs[chunk, s] += ((x_last >> shift) - (x_first >> shift) + 1) * (
                        (y_last >> shift) - (y_first >> shift) + 1
                    )
    return pairs


@parallel_kernel
def _count(boxes, chunks, shift, across, counts):
    for chunk in prange(len(chunks)):
        for face in range(chunks[chunk, 1], chunks[chunk, 2]):
            if boxes[face, 0] <= boxes[face, 1]:
                for row in range(boxes[face, 2] >> shift, (boxes[face, 3] >> shift) + 1):
                    for column in range(boxes[face, 0] >> shift, (boxes[face, 1] >> shift) + 1):
                        counts[chunk, row * across + column] += 1


@kernel
def _place(chunks, counts, starts):
    """Turn counts into places: `starts` of the tiles, and in `counts` the offset of each chunk within its tile."""
    tiles = counts.shape[1]
    for chunk in range(len(chunks)):
        base = chunks[chunk, 0] * tiles + 1
        for tile in range(tiles):
            count = counts[chunk, tile]
            counts[chunk, tile] = starts[base + tile]
            starts[base + tile] += count
    for tile in range(1, len(starts)):
        starts[tile] += starts[tile - 1]


@parallel_kernel
def _fill(boxes, chunks, shift, across, starts, counts, faces):
    tiles = counts.shape[1]
    for chunk in prange(len(chunks)):
        base = chunks[chunk, 0] * tiles
        for face in range(chunks[chunk, 1], chunks[chunk, 2]):
            if boxes[face, 0] <= boxes[face, 1]:
                for row in range(boxes[face, 2] >> shift, (boxes[face, 3] >> shift) + 1):
                    for column in range(boxes[face, 0] >> shift, (boxes[face, 1] >> shift) + 1):
                        tile = row * across + column
                        faces[starts[base + tile] + counts[chunk, tile]] = face
                        counts[chunk, tile] += 1
