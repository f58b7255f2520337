"""Backward rasterization: gradients of depths, barycentrics and distances to the corners of the faces.

Hits are sorted by face, then every face adds up its hits in pixel order in float64: the result does not depend on the
number of threads, and a face that covers the whole image is still shared by all of them.
"""

import numpy as np
from numba import prange

from geolearn.kernels.rasterize_bins import pixel_centres
from geolearn.kernels.rasterize_gradients import add_hits
from geolearn.kernels.threads import kernel, parallel_kernel

PIXELS_PER_PIECE = 1 << 14
MAX_PIECES = 16


def rasterize_backward(
    face_verts: np.ndarray,
    pix_to_face: np.ndarray,
    grad_zbuf: np.ndarray | None,
    grad_barycentrics: np.ndarray | None,
    grad_dists: np.ndarray | None,
    perspective_correct: bool,
    clip_barycentric_coords: bool,
    compat: bool,
) -> np.ndarray:
    """Gradient of the forward outputs to `face_verts`, float32 (F, 3, 3).

    Args:
        face_verts, pix_to_face: input and output of `rasterize_forward`; in every pixel the hits come first.
        grad_zbuf, grad_barycentrics, grad_dists: float32 gradients of the loss to the other outputs,
            None for zero.
        compat: differentiate as PyTorch3D does, in float32 and through the clamped denominator.
    """
    grad = np.zeros_like(face_verts)
    if pix_to_face.size == 0 or len(face_verts) == 0:
        return grad
    _, height, width, most = pix_to_face.shape
    starts, hits = _hits_by_face(pix_to_face.reshape(-1, most), len(face_verts))
    xs, ys = pixel_centres(width, height), pixel_centres(height, width)
    upstream = [
        np.empty(0, np.float32) if grad_output is None else grad_output.reshape(-1)
        for grad_output in (grad_zbuf, grad_barycentrics, grad_dists)
    ]
    flags = (perspective_correct, clip_barycentric_coords, compat)
    add_hits(face_verts, starts, hits, most, xs, ys, upstream, flags, grad.reshape(-1, 9))
    return grad


def _hits_by_face(pix_to_face: np.ndarray, faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of all hits sorted by (face, pixel), and where the hits of each face start."""
    pixels = len(pix_to_face)
    # Counting in pieces lets threads share the work; the tables must stay small beside the images.
    pieces = max(1, min(MAX_PIECES, pixels // PIXELS_PER_PIECE, pix_to_face.size // (4 * faces)))
    index = np.int32 if pix_to_face.size < 2**31 else np.int64
    counts = np.zeros((pieces, faces), index)
    _count_hits(pix_to_face, counts)
    starts = np.empty(faces + 1, np.int64)
    _place_hits(counts, starts)
    hits = np.empty(starts[-1], index)
    _fill_hits(pix_to_face, counts, hits)
    return starts, hits


@parallel_kernel
def _count_hits(pix_to_face, counts):
    pixels, most = pix_to_face.shape
    pieces = len(counts)
    for piece in prange(pieces):
        for pixel in range(pixels * piece // pieces, pixels * (piece + 1) // pieces):
            for k in range(most):
                face = pix_to_face[pixel, k]
                if face < 0:
                    break
                counts[piece, face] += 1


@kernel
def _place_hits(counts, starts):
    total = 0
    for face in range(counts.shape[1]):
        starts[face] = total
        for piece in range(len(counts)):
            count = counts[piece, face]
            counts[piece, face] = total
            total += count
    starts[-1] = total


@parallel_kernel
def _fill_hits(pix_to_face, places, hits):
    pixels, most = pix_to_face.shape
    pieces = len(places)
    for piece in prange(pieces):
        for pixel in range(pixels * piece // pieces, pixels * (piece + 1) // pieces):
            for k in range(most):
                face = pix_to_face[pixel, k]
                if face < 0:
                    break
                hits[places[piece, face]] = pixel * most + k
                places[piece, face] += 1
