"""Where the windows of a convolution lie, and how its weights are ordered to meet them as rows of a matrix."""

import math
from dataclasses import dataclass
from functools import cached_property

from geolearn.errors import InvalidInputError
from geolearn.ops.windows import add_windows, fold_cells, gather_windows, unfold_cells, window_places
from geolearn.typing import Float, Tensor

WINDOW_BYTES = 16 << 20  # of windows held at once: beyond, memory is fetched anew from the system for every batch


@dataclass(frozen=True)
class WindowGeometry:
    """The windows of a convolution without padding on grids of one size.

    Where the stride divides kernel and size, blocks of stride^D cells go into the channels first: a wide stride over
    few channels becomes a stride of 1 over many, whose windows are long runs of memory.

    Attributes:
        size, kernel, stride: cells along each of the D axes.
        channels: C.

    Raises:
        InvalidInputError: numbers of axes that differ, numbers below 1, or a kernel wider than the grid.

    Example:
        >>> WindowGeometry((30, 30, 30), (6, 6, 6), (2, 2, 2), channels=1).places
        (13, 13, 13)
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    channels: int

    def __post_init__(self) -> None:
        window_places(self.size, self.kernel, self.stride)
        if self.channels < 1:
            raise InvalidInputError(f"channels: expected at least one, got {self.channels}")

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Windows along each axis."""
        return window_places(self.size, self.kernel, self.stride)

    @property
    def row_length(self) -> int:
        """F, the cells of a window times the channels."""
        return self.channels * math.prod(self.kernel)

    @cached_property
    def fold(self) -> int:
        """The side of the blocks that go into the channels; 1 for none."""
        step = self.stride[0]
        axes = zip(self.stride, self.kernel, self.size, strict=True)
        return step if all(s == step and k % step == 0 and n % step == 0 for s, k, n in axes) else 1

    def samples_at_once(self, item_bytes: int) -> int:
        """How many samples have windows of at most 16 MB together; at least one."""
        return max(1, WINDOW_BYTES // (math.prod(self.places) * self.row_length * item_bytes))

    def gather(self, x: Float[Tensor, "B C *S"]) -> Float[Tensor, "N F"]:
        """The windows, a row for each sample and place. Differentiable.

        Raises:
            InvalidInputError: grids of another size.
        """
        if x.shape[1:] != (self.channels, *self.size):
            expected = ", ".join(map(str, (self.channels, *self.size)))
            raise InvalidInputError(f"x: expected (B, {expected}), got {tuple(x.shape)}")
        if self.fold == 1:
            return gather_windows(x, self.kernel, self.stride)
        return gather_windows(fold_cells(x, self.fold), self._folded(self.kernel), self._folded(self.stride))

    def add(self, rows: Float[Tensor, "N F"]) -> Float[Tensor, "B C *S"]:
        """The grids in which every row is added at its place: the transpose of `gather`."""
        if self.fold == 1:
            return add_windows(rows, self.size, self.kernel, self.stride)
        folded = add_windows(rows, *map(self._folded, (self.size, self.kernel, self.stride)))
        return unfold_cells(folded, self.fold)

    def arrange(self, rows: Float[Tensor, "N H"]) -> Float[Tensor, "B H *T"]:
        """Values for each place, in rows, as grids of `places`, channels last in memory."""
        return rows.view(-1, *self.places, rows.shape[1]).movedim(-1, 1)

    def to_rows(self, kernel: Float[Tensor, "H C *K"]) -> Float[Tensor, "H F"]:
        """Weights as torch's convolutions have them, in the order of the windows."""
        return fold_cells(kernel, self.fold).movedim(1, -1).flatten(1)

    def to_kernel(self, rows: Float[Tensor, "H F"]) -> Float[Tensor, "H C *K"]:
        """The inverse of `to_rows`."""
        cells = self._folded(self.kernel)
        return unfold_cells(rows.view(len(rows), *cells, rows.shape[1] // math.prod(cells)).movedim(-1, 1), self.fold)

    def _folded(self, cells: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(c // self.fold for c in cells)
