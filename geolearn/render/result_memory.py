"""Memory for large results, used again once the result is gone.

A result of K = 50 hits at 256 px is 92 MB. Taken from the system for every call, its pages are mapped and zeroed each
time, which costs more than rasterizing; a loop over steps of a fit needs the same sizes again and again.
"""

import math
import weakref
from collections import defaultdict

import numpy as np
import torch

from geolearn.typing import Tensor

SMALL = 1 << 20  # bytes; what is smaller, the C library keeps by itself
KEPT = 1 << 28  # bytes that may lie unused


class ResultMemory:
    """Blocks that have been given back, by size; at most `limit` bytes of them."""

    def __init__(self, limit: int = KEPT):
        self.limit = limit
        self._blocks: defaultdict[int, list[np.ndarray]] = defaultdict(list)

    @property
    def unused(self) -> int:
        """Bytes of the blocks that wait to be used again."""
        return sum(size * len(blocks) for size, blocks in list(self._blocks.items()))

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A tensor with whatever its memory holds. The memory comes back when no tensor looks at it any more."""
        size = math.prod(shape) * dtype.itemsize
        if size < SMALL:
            return torch.empty(shape, dtype=dtype)
        try:
            block = self._blocks[size].pop()
        except IndexError:
            block = np.empty(size, np.uint8)  # NumPy asks for huge pages
        owner = block.view()  # the tensor's storage holds this view, and the finalizer of the view holds the block
        weakref.finalize(owner, self._give_back, block).atexit = False
        return torch.from_numpy(owner).view(dtype).view(shape)

    def _give_back(self, block: np.ndarray) -> None:
        if self.unused + block.nbytes > self.limit:
            self._blocks.clear()  # sizes of a job that has ended
        if block.nbytes <= self.limit:
            self._blocks[block.nbytes].append(block)


results = ResultMemory()
