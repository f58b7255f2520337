"""A restricted Boltzmann machine whose weights are a convolution, on signals, pictures and volumes."""

import math

import torch
from torch import nn
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.nn.rbm import RBM, uniform_weights
from geolearn.nn.window_geometry import WindowGeometry
from geolearn.typing import Bool, Float, Tensor


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
        kernel = (kernel,) * len(size) if isinstance(kernel, int) else tuple(kernel)
        stride = (stride,) * len(size) if isinstance(stride, int) else tuple(stride)
        self.geometry = WindowGeometry(tuple(size), kernel, stride, in_channels)
        fans = math.prod(kernel) * (in_channels + out_channels)
        self.weight = nn.Parameter(uniform_weights(out_channels, self.geometry.row_length, fans))
        self.hidden_bias = nn.Parameter(torch.zeros(out_channels))
        self.visible_bias = nn.Parameter(torch.zeros(in_channels, *size))
        self.register_parameter("down_weight", None)

    @property
    def kernel(self) -> Float[Tensor, "H C *K"]:
        """The weights as `torch.nn.functional.conv3d` takes them."""
        return self.geometry.to_kernel(self.weight)

    @property
    def visible_shape(self) -> tuple[int, ...]:
        return self.geometry.channels, *self.geometry.size

    @property
    def hidden_shape(self) -> tuple[int, ...]:
        return self.hidden_units, *self.geometry.places

    def samples_at_once(self, dtype: torch.dtype) -> int:
        return self.geometry.samples_at_once(dtype.itemsize)

    def windows(self, visible: Float[Tensor, "B C *V"]) -> Float[Tensor, "N F"]:
        return self.geometry.gather(visible.to(self.product_dtype()))

    def spread(self, rows: Float[Tensor, "N F"]) -> Float[Tensor, "B C *V"]:
        return self.geometry.add(rows)

    def arrange(self, rows: Float[Tensor, "N H"]) -> Float[Tensor, "B H *T"]:
        return self.geometry.arrange(rows)

    def rows(self, hidden: Float[Tensor, "B H *T"]) -> Float[Tensor, "N H"]:
        return hidden.to(self.product_dtype()).movedim(1, -1).reshape(-1, self.hidden_units)

    def nonzero_windows(self, visible: Float[Tensor, "B C *V"]) -> Bool[Tensor, " N"]:
        ones = (1,) * (3 - len(self.geometry.size))
        filled = (visible != 0).any(1).to(self.weight.dtype).view(len(visible), 1, *ones, *self.geometry.size)
        kernel, stride = ones + self.geometry.kernel, ones + self.geometry.stride
        for axis in range(3):  # one after the other
            cells, step = ([sides[axis] if n == axis else 1 for n in range(3)] for sides in (kernel, stride))
            filled = functional.max_pool3d(filled, cells, step)
        return filled.view(-1) > 0

    def extra_repr(self) -> str:
        shape = self.geometry
        return f"{shape.channels}, {self.hidden_units}, size={shape.size}, kernel={shape.kernel}, stride={shape.stride}"
