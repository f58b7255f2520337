"""Layers for voxel grids."""

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor


class SpaceToDepth3d(nn.Module):
    """Fold each `factor`^3 block of cells into channels: (B, C, R, R, R) -> (B, C factor^3, R/factor, ...).

    Nothing is lost, and a convolution after it does the work of a strided one with a kernel `factor` times as wide.
    On a binary grid the first layer then has eight channels to vectorise over instead of one.

    >>> SpaceToDepth3d(2)(torch.zeros(1, 1, 32, 32, 32)).shape
    torch.Size([1, 8, 16, 16, 16])
    """

    def __init__(self, factor: int = 2):
        super().__init__()
        self.factor = factor

    def forward(self, x: Float[Tensor, "B C R R R"]) -> Float[Tensor, "B D S S S"]:
        batch, channels, size = x.shape[:3]
        f = self.factor
        if size % f:
            raise InvalidInputError(f"x: expected a resolution divisible by {f}, got {size}; pad the grid")
        x = x.view(batch, channels, size // f, f, size // f, f, size // f, f)
        x = x.permute(0, 1, 3, 5, 7, 2, 4, 6)
        return x.reshape(batch, channels * f**3, size // f, size // f, size // f).contiguous(
            memory_format=torch.channels_last_3d
        )

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class DepthToSpace3d(nn.Module):
    """The inverse of `SpaceToDepth3d`: (B, C factor^3, R, R, R) -> (B, C, R factor, ...).

    >>> x = torch.rand(1, 1, 4, 4, 4)
    >>> torch.equal(DepthToSpace3d(2)(SpaceToDepth3d(2)(x)), x)
    True
    """

    def __init__(self, factor: int = 2):
        super().__init__()
        self.factor = factor

    def forward(self, x: Float[Tensor, "B D R R R"]) -> Float[Tensor, "B C S S S"]:
        batch, channels, size = x.shape[:3]
        f = self.factor
        if channels % f**3:
            raise InvalidInputError(f"x: expected a multiple of {f**3} channels, got {channels}")
        x = x.reshape(batch, channels // f**3, f, f, f, size, size, size).permute(0, 1, 5, 2, 6, 3, 7, 4)
        return x.reshape(batch, channels // f**3, f * size, f * size, f * size)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class VoxelResidual(nn.Module):
    """Pre-activation residual block of two 3^3 convolutions: y = x + conv(relu(bn(conv(relu(bn(x)))))).

    He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 4(e), on grids. The last convolution starts
    at zero, so that a new block is the identity.

    Shape: (B, channels, R, R, R) -> the same.

    >>> x = torch.rand(1, 8, 4, 4, 4)
    >>> torch.equal(VoxelResidual(8)(x), x)
    True
    """

    def __init__(self, channels: int):
        super().__init__()
        self.norm1 = nn.BatchNorm3d(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Float[Tensor, "B C R R R"]) -> Float[Tensor, "B C R R R"]:
        residual = self.conv1(torch.relu(self.norm1(x)))
        return x + self.conv2(torch.relu(self.norm2(residual)))
