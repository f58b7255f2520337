"""A restricted Boltzmann machine whose weights are a convolution, on signals, pictures and volumes."""

import math

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.nn.rbm import RBM, uniform_weights
from geolearn.ops.windows import add_windows, fold_cells, gather_windows, unfold_cells, window_places
from geolearn.typing import Bool, Float, Tensor

WINDOW_BYTES = 16 << 20  # of windows held at once: beyond, memory is fetched anew from the system for every batch


class ConvRBM(RBM):
    """A machine of grids with C channels of visible and H channels of hidden units; see `geolearn.nn.rbm`.

    h sees v through a convolution without padding, v sees h through its transpose. So a grid of `size` cells has
    (size - kernel) / stride + 1 hidden places along an axis, and the division should leave no remainder: the cells
    beyond the last window see no hidden unit. The hidden bias is one number a channel, the visible bias one a cell.

    Weights start uniform in +- sqrt(6 / (kernel^D (C + H))), biases at 0.

    Args:
        in_channels, out_channels: C and H.
        size: cells along each of the D axes; D = 2 for pictures, 3 for volumes (1 for signals works as well).
        kernel, stride: cells along every axis, one number for all or one each.

    Shape: v (B, C, *size), h (B, H, *places).

    Example:
        >>> rbm = ConvRBM(1, 48, size=(30, 30, 30), kernel=6, stride=2)
        >>> rbm.hidden_logits(torch.zeros(2, 1, 30, 30, 30)).shape
        torch.Size([2, 48, 13, 13, 13])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        size: tuple[int, ...],
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
    ):
        super().__init__()
        if min(in_channels, out_channels) < 1:
            raise InvalidInputError(
                f"in_channels, out_channels: expected at least one each, got {in_channels} and {out_channels}"
            )
        self.in_channels, self.size = in_channels, tuple(size)
        self.kernel_size = (kernel,) * len(size) if isinstance(kernel, int) else tuple(kernel)
        self.stride = (stride,) * len(size) if isinstance(stride, int) else tuple(stride)
        self.places = window_places(self.size, self.kernel_size, self.stride)
        self._fold = self._foldable()
        cells = math.prod(self.kernel_size)
        self.weight = nn.Parameter(
            uniform_weights(out_channels, cells * in_channels, cells * (in_channels + out_channels))
        )
        self.hidden_bias = nn.Parameter(torch.zeros(out_channels))
        self.visible_bias = nn.Parameter(torch.zeros(in_channels, *size))
        self.register_parameter("down_weight", None)

    @property
    def kernel(self) -> Float[Tensor, "H C *K"]:
        """The weights as `torch.nn.functional.conv3d` takes them."""
        axes = len(self.size)
        outer = [k // self._fold for k in self.kernel_size]
        weight = self.weight.view(-1, *outer, *([self._fold] * axes), self.in_channels)
        order = [0, 1 + 2 * axes, *(axis + n * axes for axis in range(1, 1 + axes) for n in (0, 1))]
        return weight.permute(order).reshape(-1, self.in_channels, *self.kernel_size)

    @property
    def visible_shape(self) -> tuple[int, ...]:
        return self.in_channels, *self.size

    @property
    def hidden_shape(self) -> tuple[int, ...]:
        return self.hidden_units, *self.places

    def samples_at_once(self, dtype: torch.dtype) -> int:
        return max(1, WINDOW_BYTES // (math.prod(self.places) * self.weight.shape[1] * dtype.itemsize))

    def windows(self, visible: Float[Tensor, "B C *V"]) -> Float[Tensor, "N F"]:
        if visible.shape[1:] != self.visible_shape:
            expected = ", ".join(map(str, self.visible_shape))
            raise InvalidInputError(f"visible: expected (B, {expected}), got {tuple(visible.shape)}")
        visible = visible.to(self.product_dtype())
        if self._fold == 1:
            return gather_windows(visible, self.kernel_size, self.stride)
        return gather_windows(
            fold_cells(visible, self._fold), self._folded(self.kernel_size), self._folded(self.stride)
        )

    def spread(self, rows: Float[Tensor, "N F"]) -> Float[Tensor, "B C *V"]:
        if self._fold == 1:
            return add_windows(rows, self.size, self.kernel_size, self.stride)
        size, kernel, stride = map(self._folded, (self.size, self.kernel_size, self.stride))
        return unfold_cells(add_windows(rows, size, kernel, stride), self._fold)

    def arrange(self, rows: Float[Tensor, "N H"]) -> Float[Tensor, "B H *T"]:
        return rows.view(-1, *self.places, self.hidden_units).movedim(-1, 1)

    def rows(self, hidden: Float[Tensor, "B H *T"]) -> Float[Tensor, "N H"]:
        return hidden.to(self.product_dtype()).movedim(1, -1).reshape(-1, self.hidden_units)

    def nonzero_windows(self, visible: Float[Tensor, "B C *V"]) -> Bool[Tensor, " N"]:
        filled = (visible != 0).any(1)
        for axis, (cells, step) in enumerate(zip(self.kernel_size, self.stride, strict=True)):
            filled = filled.unfold(1 + axis, cells, step).any(-1)  # along one axis after the other
        return filled.reshape(-1)

    def extra_repr(self) -> str:
        channels = f"{self.in_channels}, {self.hidden_units}"
        return f"{channels}, size={self.size}, kernel={self.kernel_size}, stride={self.stride}"

    def _foldable(self) -> int:
        """How many cells of an axis go into the channels: a stride that kernel and size are multiples of.

        A wide stride over few channels then becomes a stride of 1 over many. The weights keep the order of the windows.
        """
        step = self.stride[0]
        fits = all(s == step and k % step == 0 and n % step == 0 for s, k, n in self._axes())
        return step if fits else 1

    def _axes(self) -> zip:  # type: ignore[type-arg]
        return zip(self.stride, self.kernel_size, self.size, strict=True)

    def _folded(self, cells: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(c // self._fold for c in cells)
