"""The windows of a convolution as rows of a matrix, and their sum back into a grid: convolution as one product.

With rows w_p(x) of the windows, a convolution without padding is `gather_windows(x) @ weight.T`, its transpose is
`add_windows(h @ weight)`, and the gradient of its weights `h.T @ gather_windows(x)`. Rows cost memory, so give few
samples at a time; in return each of the three is a single matrix product, which processors do best.
"""

import functools
import math
from typing import Any

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Float, Tensor


def gather_windows(
    x: Float[Tensor, "B C *S"], kernel: tuple[int, ...], stride: tuple[int, ...]
) -> Float[Tensor, "N F"]:
    """The windows of a grid of one to three axes, a row for each sample and place, in index order.

    A row holds kernel_1 x ... x kernel_D x C values, channels last. Differentiable; fast on the CPU where `x` is laid
    out channels last.

    Args:
        x: B grids of C channels.
        kernel, stride: cells along every axis.

    Returns:
        (B * places, C * prod(kernel)), in the dtype of `x`.

    Raises:
        InvalidInputError: a kernel or stride of another number of axes, below 1, or a kernel wider than the grid.

    Example:
        >>> gather_windows(torch.arange(5.0).view(1, 1, 5), (3,), (2,))
        tensor([[0., 1., 2.],
                [2., 3., 4.]])
    """
    window_places(tuple(x.shape[2:]), kernel, stride)
    if x.is_cuda or torch.compiler.is_compiling():
        return _unfold(x, kernel, stride)
    return _Gather.apply(x, kernel, stride)  # type: ignore[return-value]


def add_windows(
    rows: Float[Tensor, "N F"], size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]
) -> Float[Tensor, "B C *S"]:
    """The grids in which every row is added at the place of its window: the transpose of `gather_windows`.

    Args:
        rows: (B * places, C * prod(kernel)).
        size: cells along every axis of the grids.
        kernel, stride: as in `gather_windows`.

    Returns:
        (B, C, *size), channels last in memory; float32 for rows in half precision.

    Raises:
        InvalidInputError: as `gather_windows`, or rows whose number or length does not fit.

    Example:
        >>> add_windows(torch.ones(2, 3), (5,), (3,), (2,))
        tensor([[[1., 1., 2., 1., 1.]]])
    """
    places = math.prod(window_places(size, kernel, stride))
    if rows.ndim != 2 or len(rows) % places or rows.shape[1] % math.prod(kernel):
        raise InvalidInputError(
            f"rows: expected (B * {places}, C * {math.prod(kernel)}) for a grid of {size}, kernel {kernel} and stride "
            f"{stride}, got {tuple(rows.shape)}"
        )
    if rows.is_cuda or torch.compiler.is_compiling():
        return _fold(rows, size, kernel, stride)
    return _Add.apply(rows, size, kernel, stride)  # type: ignore[return-value]


def fold_cells(x: Float[Tensor, "B C *S"], factor: int) -> Float[Tensor, "B D *T"]:
    """Blocks of `factor` cells along every axis put into the channels, which are (block, C) in memory, channels last.

    Raises:
        InvalidInputError: sizes that `factor` does not divide.
    """
    axes, channels = x.ndim - 2, x.shape[1]
    if any(size % factor for size in x.shape[2:]):
        raise InvalidInputError(f"x: expected sizes divisible by {factor}, got {tuple(x.shape[2:])}")
    blocks = x.reshape(len(x), channels, *(n for size in x.shape[2:] for n in (size // factor, factor)))
    order = [0, *range(2, 2 + 2 * axes, 2), *range(3, 3 + 2 * axes, 2), 1]
    sizes = [size // factor for size in x.shape[2:]]
    return blocks.permute(order).reshape(len(x), *sizes, channels * factor**axes).movedim(-1, 1)


def unfold_cells(x: Float[Tensor, "B D *T"], factor: int) -> Float[Tensor, "B C *S"]:
    """The inverse of `fold_cells`.

    Raises:
        InvalidInputError: channels that are no multiple of factor^axes.
    """
    axes = x.ndim - 2
    if x.shape[1] % factor**axes:
        raise InvalidInputError(f"x: expected a multiple of {factor**axes} channels, got {x.shape[1]}")
    channels = x.shape[1] // factor**axes
    blocks = x.movedim(1, -1).reshape(len(x), *x.shape[2:], *([factor] * axes), channels)
    order = [0, 1 + 2 * axes, *(axis + n * axes for axis in range(1, 1 + axes) for n in (0, 1))]
    return blocks.permute(order).reshape(len(x), channels, *(factor * size for size in x.shape[2:]))


def window_places(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    """How many windows there are along every axis of a grid.

    Raises:
        InvalidInputError: see `gather_windows`.

    Example:
        >>> window_places((30, 30, 30), (6, 6, 6), (2, 2, 2))
        (13, 13, 13)
    """
    if not 1 <= len(size) == len(kernel) == len(stride) <= 3:
        raise InvalidInputError(
            f"kernel, stride: expected a number for each axis of a grid {size} of 1 to 3 axes, got {kernel}, {stride}"
        )
    if min(*kernel, *stride) < 1 or any(k > s for k, s in zip(kernel, size, strict=True)):
        raise InvalidInputError(
            f"kernel, stride: expected numbers >= 1 and a kernel that fits the grid {size}, got {kernel}, {stride}"
        )
    return tuple((s - k) // step + 1 for s, k, step in zip(size, kernel, stride, strict=True))


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        from geolearn.kernels.windows import gather_windows as gather  # late: Numba takes a while to import

        ctx.how = tuple(x.shape[2:]), kernel, stride
        places = math.prod(window_places(*ctx.how))
        grids = x.detach().movedim(1, -1).contiguous()
        rows = x.new_empty(len(x), places * x.shape[1] * math.prod(kernel))
        gather(_bits(grids.flatten(1)), _bits(rows), *_runs(*ctx.how, x.shape[1]))
        return rows.view(len(x) * places, x.shape[1] * math.prod(kernel))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return add_windows(grads[0].contiguous(), *ctx.how).to(grads[0].dtype), None, None


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]
    ) -> Tensor:
        from geolearn.kernels import windows

        ctx.how = size, kernel, stride
        ctx.dtype = rows.dtype
        rows = rows.detach().contiguous()
        if rows.dtype == torch.float16:
            rows = rows.float()
        places = math.prod(window_places(size, kernel, stride))
        batch = len(rows) // places
        channels = rows.shape[1] // math.prod(kernel)
        is_half = rows.dtype == torch.bfloat16
        grids = torch.zeros(batch, math.prod(size) * channels, dtype=torch.float32 if is_half else rows.dtype)
        add = windows.add_bfloat16_windows if is_half else windows.add_windows
        add(_bits(rows.view(batch, places * rows.shape[1])), grids.numpy(), *_runs(size, kernel, stride, channels))
        return grids.view(batch, *size, channels).movedim(-1, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        _, kernel, stride = ctx.how
        return gather_windows(grads[0].to(ctx.dtype), kernel, stride), None, None, None


def _bits(values: Tensor) -> Array:
    """The memory of a tensor as NumPy knows it; numbers of 16 bits as what they are made of."""
    if values.element_size() == 2:
        return values.view(torch.int16).numpy().view(np.uint16)
    return values.numpy()


@functools.cache
def _runs(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], channels: int) -> tuple[Array, int]:
    """Where the runs of memory begin that make up the windows of a grid, and how long each is."""
    ones = (1,) * (3 - len(size))  # the missing axes have one cell
    corners = [
        step * np.arange(n) for step, n in zip(ones + stride, ones + window_places(size, kernel, stride), strict=True)
    ]
    x, y, _ = (np.add.outer(corner, np.arange(n)) for corner, n in zip(corners, ones + kernel, strict=True))
    cells = np.arange(math.prod(size)).reshape(ones + size)
    # Axes: a place in x, y and z, then a step of the kernel along x and along y.
    starts = cells[x[:, None, None, :, None], y[None, :, None, None, :], corners[2][:, None, None]]
    return channels * starts.ravel(), kernel[-1] * channels


def _unfold(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """`gather_windows` in plain torch."""
    for axis, (cells, step) in enumerate(zip(kernel, stride, strict=True)):
        x = x.unfold(2 + axis, cells, step)
    axes = len(kernel)
    order = [0, *range(2, 2 + 2 * axes), 1]
    return x.permute(order).reshape(-1, x.shape[1] * math.prod(kernel))


def _fold(rows: Tensor, size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """`add_windows` in plain torch: every cell of the kernel is one strided slice of the grid."""
    places = window_places(size, kernel, stride)
    rows = rows.view(-1, *places, math.prod(kernel), rows.shape[1] // math.prod(kernel))
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    grids = rows.new_zeros(len(rows), *size, rows.shape[-1])
    for n in range(math.prod(kernel)):
        offset = np.unravel_index(n, kernel)
        where = [
            slice(int(first), int(first) + step * (count - 1) + 1, step)
            for first, step, count in zip(offset, stride, places, strict=True)
        ]
        grids[:, *where] += rows[..., n, :]
    return grids.movedim(-1, 1)
