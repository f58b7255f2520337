"""A convolution of volumes as one matrix product, for the CPU."""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from geolearn.errors import InvalidInputError
from geolearn.nn.window_geometry import WindowGeometry
from geolearn.typing import Float, Tensor


class WindowConv3d(nn.Conv3d):
    """`torch.nn.Conv3d` without padding, computed on the CPU as windows times weights.

    The same parameters and values. Faster than torch's own where kernels are wide and grids small, as in 3D ShapeNets,
    most of all in bfloat16 and backward. Windows are gathered a few megabytes at a time and again for the gradient, so
    they cost no memory. Elsewhere (CUDA, `torch.compile`, `torch.export`) it is torch's convolution.

    Args:
        in_channels, out_channels, kernel_size, stride: as in `torch.nn.Conv3d`.

    Shape: (B, in_channels, X, Y, Z) -> (B, out_channels, ...), channels last in memory.

    Example:
        >>> WindowConv3d(1, 4, 6, stride=2)(torch.zeros(2, 1, 30, 30, 30)).shape
        torch.Size([2, 4, 13, 13, 13])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1):
        super().__init__(in_channels, out_channels, kernel_size, stride)

    def forward(self, x: Float[Tensor, "B C X Y Z"]) -> Float[Tensor, "B H X2 Y2 Z2"]:
        if x.is_cuda or torch.compiler.is_compiling():
            return super().forward(x)
        if x.ndim != 5 or x.shape[1] != self.in_channels:
            raise InvalidInputError(f"x: expected (B, {self.in_channels}, X, Y, Z), got {tuple(x.shape)}")
        geometry = WindowGeometry(tuple(x.shape[2:]), self.kernel_size, self.stride, self.in_channels)  # type: ignore[arg-type]
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else self.weight.dtype
        rows = geometry.to_rows(self.weight).to(dtype)
        y = _Convolve.apply(x.to(dtype), rows, geometry)
        return y if self.bias is None else y + self.bias.to(dtype)[:, None, None, None]  # type: ignore[operator]


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: WindowGeometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        parts = x.detach().split(geometry.samples_at_once(x.element_size()))
        return geometry.arrange(torch.cat([geometry.gather(part) @ weight.T for part in parts]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        geometry: WindowGeometry = ctx.geometry
        at_once = geometry.samples_at_once(x.element_size())
        to_weight = torch.zeros(weight.shape, dtype=torch.promote_types(weight.dtype, torch.float32))
        to_x = []
        for part, grad in zip(x.split(at_once), grads[0].split(at_once), strict=True):
            rows = grad.movedim(1, -1).reshape(-1, grad.shape[1])
            if ctx.needs_input_grad[1]:
                to_weight += rows.T @ geometry.gather(part)
            if ctx.needs_input_grad[0]:
                to_x.append(geometry.add(rows @ weight))
        return torch.cat(to_x).to(x.dtype) if to_x else None, to_weight.to(weight.dtype), None
