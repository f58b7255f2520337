"""Equal positions as one vertex."""

import numpy as np

from geolearn.io.compiler import kernels_pay
from geolearn.typing import Array

_BYTES = 16  # of text that NumPy reads in the time that it takes to merge a corner


def merge_identical(corners: Array) -> tuple[Array, Array, Array]:
    """Merge equal positions: (C, 3) -> unique positions in order of first use, int64 (C,) which one each is, first
    uses.
    """
    keys = (corners + 0.0).view(np.uint64 if corners.dtype == np.float64 else np.uint32)  # -0.0 becomes 0.0
    if kernels_pay(len(keys) * _BYTES):
        from geolearn.kernels.welding import weld

        index = np.empty(len(keys), np.int64)
        first = weld(np.ascontiguousarray(keys, dtype=np.uint64), index)
        return corners[first], index, first
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return corners[first[order]], rank[index.reshape(-1)], first[order]
