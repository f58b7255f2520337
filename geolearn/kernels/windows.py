"""The windows that a convolution without padding sees, side by side in memory, and the sum of windows back in place.

Arrays are flat per sample. A sample is a grid (X, Y, Z, C), channels last; its windows are rows (kx, ky, kz, C), one
for each place. So the last axis of a kernel and the channels are one run of memory: `starts` holds where in the grid
the runs begin, in the order in which the rows hold them, and `run` is how long they are.
"""

import numpy as np
from numba import prange

from geolearn.kernels.threads import parallel_kernel


@parallel_kernel
def gather_windows(grids, rows, starts, run):
    """Fill `rows` (B, len(starts) * run) with the windows of `grids` (B, X * Y * Z * C), of one dtype."""
    for sample in prange(len(grids)):
        for n in range(len(starts)):
            # Slices, whose indices are plainly not negative, become vector instructions.
            source, target = grids[sample, starts[n] : starts[n] + run], rows[sample, n * run : (n + 1) * run]
            for i in range(run):
                target[i] = source[i]


@parallel_kernel
def add_windows(rows, grids, starts, run):
    """Add `rows` (B, len(starts) * run) to `grids` (B, X * Y * Z * C), floats: the transpose of `gather_windows`."""
    for sample in prange(len(grids)):
        for n in range(len(starts)):
            source, target = rows[sample, n * run : (n + 1) * run], grids[sample, starts[n] : starts[n] + run]
            for i in range(run):
                target[i] += source[i]


@parallel_kernel
def add_bfloat16_windows(rows, grids, starts, run):
    """`add_windows` of the bits of bfloat16 numbers, uint16, to float32 grids."""
    for sample in prange(len(grids)):
        for n in range(len(starts)):
            source, target = rows[sample, n * run : (n + 1) * run], grids[sample, starts[n] : starts[n] + run]
            for i in range(run):
                # The upper half of a float32 is the bfloat16.
                target[i] += np.int32(np.uint32(source[i]) << np.uint32(16)).view(np.float32)
