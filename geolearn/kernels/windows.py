"""The windows that a convolution without padding sees, side by side in memory, and the sum of windows back in place.

Arrays are flat per sample. A sample is a grid (X, Y, Z, C), channels last; its windows are rows (kx, ky, kz, C), one
for each place (i, j, k) in index order. So the last axis of a kernel and the channels are one run of memory.
"""

import numpy as np
from numba import prange

from geolearn.kernels.threads import parallel_kernel


@parallel_kernel
def gather_windows(grids, rows, size, kernel, stride):
    """Fill `rows` (B, P * F) with the windows of `grids` (B, X * Y * Z * C), of one dtype.

    Args:
        size: (X, Y, Z, C).
        kernel, stride: cells along x, y, z.
    """
    _, size_y, size_z, channels = size
    run = kernel[2] * channels
    places = (
        (size[0] - kernel[0]) // stride[0] + 1,
        (size_y - kernel[1]) // stride[1] + 1,
        (size_z - kernel[2]) // stride[2] + 1,
    )
    for sample in prange(len(grids)):
        at = 0
        for i in range(places[0]):
            for j in range(places[1]):
                for k in range(places[2]):
                    for a in range(i * stride[0], i * stride[0] + kernel[0]):
                        for b in range(j * stride[1], j * stride[1] + kernel[1]):
                            first = ((a * size_y + b) * size_z + k * stride[2]) * channels
                            # Slices, whose indices are plainly not negative, become vector instructions.
                            source, target = grids[sample, first : first + run], rows[sample, at : at + run]
                            for n in range(run):
                                target[n] = source[n]
                            at += run


@parallel_kernel
def add_windows(rows, grids, size, kernel, stride):
    """Add `rows` (B, P * F) to `grids` (B, X * Y * Z * C), both floats: the transpose of `gather_windows`."""
    _, size_y, size_z, channels = size
    run = kernel[2] * channels
    places = (
        (size[0] - kernel[0]) // stride[0] + 1,
        (size_y - kernel[1]) // stride[1] + 1,
        (size_z - kernel[2]) // stride[2] + 1,
    )
    for sample in prange(len(grids)):
        at = 0
        for i in range(places[0]):
            for j in range(places[1]):
                for k in range(places[2]):
                    for a in range(i * stride[0], i * stride[0] + kernel[0]):
                        for b in range(j * stride[1], j * stride[1] + kernel[1]):
                            first = ((a * size_y + b) * size_z + k * stride[2]) * channels
                            source, target = rows[sample, at : at + run], grids[sample, first : first + run]
                            for n in range(run):
                                target[n] += source[n]
                            at += run


@parallel_kernel
def add_bfloat16_windows(rows, grids, size, kernel, stride):
    """`add_windows` of the bits of bfloat16 numbers, uint16, to float32 grids."""
    _, size_y, size_z, channels = size
    run = kernel[2] * channels
    places = (
        (size[0] - kernel[0]) // stride[0] + 1,
        (size_y - kernel[1]) // stride[1] + 1,
        (size_z - kernel[2]) // stride[2] + 1,
    )
    for sample in prange(len(grids)):
        at = 0
        for i in range(places[0]):
            for j in range(places[1]):
                for k in range(places[2]):
                    for a in range(i * stride[0], i * stride[0] + kernel[0]):
                        for b in range(j * stride[1], j * stride[1] + kernel[1]):
                            first = ((a * size_y + b) * size_z + k * stride[2]) * channels
                            source, target = rows[sample, at : at + run], grids[sample, first : first + run]
                            for n in range(run):
                                # The upper half of a float32 is the bfloat16.
                                target[n] += np.int32(np.uint32(source[n]) << np.uint32(16)).view(np.float32)
                            at += run
