"""U-Nets on images and on voxel grids: encoder-decoders whose levels are joined by skips."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal, get_args

import torch
from torch import nn
from torch.nn import functional as F

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.typing import Float, Tensor

Norm = Literal["batch", "instance", "none"]
NORMS: tuple[Norm, ...] = get_args(Norm)
Padding = Literal["zeros", "replicate"]
PADDINGS: tuple[Padding, ...] = get_args(Padding)


class _UNet(nn.Module):
    """What `UNet2d` and `VoxelUNet` share; they differ in the number of spatial axes."""

    axes: ClassVar[int]
    _convolutions: ClassVar[type[nn.Conv2d] | type[nn.Conv3d]]
    _batch_norm: ClassVar[type[nn.BatchNorm2d] | type[nn.BatchNorm3d]]
    _memory_format: ClassVar[torch.memory_format]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int] = (16, 32, 64, 128),
        *,
        layers_per_level: int = 1,
        skip: bool = True,
        condition_size: int = 0,
        track_size: int = 0,
        norm: Norm = "batch",
        padding: Padding = "zeros",
    ):
        super().__init__()
        _check_sizes(in_channels, out_channels, widths, layers_per_level, condition_size, track_size)
        if norm not in NORMS:
            raise unknown_name("norm", norm, NORMS)
        if padding not in PADDINGS:
            raise unknown_name("padding", padding, PADDINGS)
        self.in_channels, self.skip, self.condition_size, self.track_size = (
            in_channels,
            skip,
            condition_size,
            track_size,
        )
        self.factor = 2 ** (len(widths) - 1)

        def level(before: int, after: int, stride: int = 1) -> nn.ModuleList:
            sizes = [before, *[after] * layers_per_level]
            return nn.ModuleList(
                self._layer(sizes[i], after, stride if i == 0 else 1, norm, padding) for i in range(layers_per_level)
            )

        fine_to_coarse = list(pairwise(widths))
        self.start = nn.Linear(in_channels, track_size) if track_size else None
        self.down = nn.ModuleList([level(in_channels, widths[0])])
        self.down.extend(level(fine, coarse, stride=2) for fine, coarse in fine_to_coarse)
        if condition_size:
            middle = widths[-1]
            self.mix = nn.Sequential(
                nn.Linear(condition_size, middle), nn.ReLU(), nn.Linear(middle, 2 * middle)
            )  # a scale and a shift for every channel of the middle
            self.mixed = level(middle, middle)
        self.narrow = nn.ModuleList(self._convolutions(coarse, fine, 1) for fine, coarse in reversed(fine_to_coarse))
        self.up = nn.ModuleList(level(2 * fine if skip else fine, fine) for fine, _ in reversed(fine_to_coarse))
        self.end = self._convolutions(widths[0], out_channels, 1)
        last = [layer for layer in self.modules() if isinstance(layer, _Layer)][-1]
        last.renew = None  # no layer comes after it
        self.to(memory_format=self._memory_format)  # type: ignore[call-overload]

    def _layer(self, before: int, after: int, stride: int, norm: Norm, padding: Padding) -> "_Layer":
        convolution = self._convolutions(before, after, 3, stride, padding=1, bias=norm == "none", padding_mode=padding)  # type: ignore[arg-type]
        normalise = {
            "batch": lambda: self._batch_norm(after),
            "instance": lambda: nn.GroupNorm(after, after),  # accepts a middle of a single cell, InstanceNorm does not
            "none": nn.Identity,
        }[norm]()
        return _Layer(convolution, normalise, after, self.track_size)

    def forward(self, x: Float[Tensor, "B C *S"], condition: Float[Tensor, "B K"] | None = None) -> Tensor:
        return self.end(self.features(x, condition))

    def features(self, x: Float[Tensor, "B C *S"], condition: Float[Tensor, "B K"] | None = None) -> Tensor:
        """What the last convolution sees: (B, widths[0], ...) at full resolution."""
        self._check(x, condition)
        levels, track = self._encode(x)
        x = levels[-1]
        if condition is not None:
            scale, shift = self.mix(condition).chunk(2, dim=1)
            x, track = _through(self.mixed, x * (1 + _over(scale, x)) + _over(shift, x), track)
        for narrow, level, fine in zip(self.narrow, self.up, levels[-2::-1], strict=True):
            x = F.interpolate(narrow(x), scale_factor=2, mode="nearest")
            x, track = _through(level, torch.cat([x, fine], 1) if self.skip else x, track)
        return x

    def code(self, x: Float[Tensor, "B C *S"]) -> Float[Tensor, "B D"]:
        """What the encoder makes of x: the means of the coarsest level's channels, D = widths[-1]."""
        self._check(x, None, whole=False)
        return _mean(self._encode(x)[0][-1])

    def _encode(self, x: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """The features of every level, finest first, and the track after the last."""
        track = None if self.start is None else F.selu(self.start(_mean(x)))
        levels = []
        for level in self.down:
            x, track = _through(level, x, track)
            levels.append(x)
        return levels, track

    def _check(self, x: Tensor, condition: Tensor | None, *, whole: bool = True) -> None:
        axes, factor = self.axes, self.factor
        if x.ndim != axes + 2 or x.shape[1] != self.in_channels:
            raise InvalidInputError(f"x: expected (B, {self.in_channels}, and {axes} axes), got {tuple(x.shape)}")
        if any(size == 0 or size % factor for size in x.shape[2:]):
            raise InvalidInputError(
                f"x: expected sizes divisible by {factor}, got {tuple(x.shape[2:])}; pad it, or use fewer widths"
            )
        size = self.condition_size if whole else 0
        if (condition is None) != (size == 0) or (condition is not None and condition.shape != (len(x), size)):
            expected = f"({len(x)}, {size})" if size else "none, as condition_size is 0"
            got = "none" if condition is None else tuple(condition.shape)
            raise InvalidInputError(f"condition: expected {expected}, got {got}")


class UNet2d(_UNet):
    """A U-Net on images: (B, in_channels, H, W) -> (B, out_channels, H, W).

    Ronneberger et al., MICCAI 2015. Level i has widths[i] channels and 1/2^i of the resolution. Downwards, a
    convolution of stride 2; upwards, the nearest neighbour enlarged and then convolved ("resize-convolution", Odena et
    al., Distill 2016), which makes no checkerboard as a transposed convolution does. All convolutions are 3 wide and
    followed by a normalisation and a ReLU; the last is 1 wide and linear.

    **Condition.** A vector c per sample enters in the middle, at the coarsest level: m -> m (1 + s(c)) + t(c) per
    channel, with a small perceptron for (s, t), and then a convolution mixes it in.

    **Global track** (Deschaintre et al., SIGGRAPH 2018, section 4.2). A vector g that knows the whole input goes along:
    every layer adds a linear map of g to each of its cells after normalising, and g <- selu(W [g, channel means before
    normalising]). What instance normalisation removes, the means, so comes back. Departure: g starts from the means of
    the input.

    Args:
        widths: channels of each level, finest first. Sizes have to be divisible by 2^(len(widths) - 1).
        layers_per_level: convolutions per level, in the encoder and in the decoder.
        skip: give each level of the decoder the encoder's features of the same level.
        condition_size: K, numbers in the conditioning vector; 0: none, and `forward` takes none.
        track_size: numbers in the global track; 0: none.
        norm: "batch", "instance" or "none".
        padding: "zeros", or "replicate", by which a constant image gives a constant one.

    Shape: x (B, in_channels, H, W), condition (B, K) -> (B, out_channels, H, W).

    Raises:
        InvalidInputError: from `forward`, sizes that are not divisible, or other channels or numbers in the condition.

    >>> net = UNet2d(3, 1, (8, 16, 32))
    >>> net(torch.zeros(2, 3, 64, 48)).shape
    torch.Size([2, 1, 64, 48])
    """

    axes = 2
    _convolutions, _batch_norm, _memory_format = nn.Conv2d, nn.BatchNorm2d, torch.channels_last


class VoxelUNet(_UNet):
    """A U-Net on voxel grids: (B, in_channels, X, Y, Z) -> (B, out_channels, X, Y, Z). All else as in `UNet2d`.

    Çiçek et al., "3D U-Net", MICCAI 2016, with strided convolutions in place of pooling and resize-convolutions in
    place of transposed ones.

    >>> net = VoxelUNet(1, 3, (8, 16, 32), condition_size=5)
    >>> net(torch.zeros(2, 1, 32, 32, 32), torch.zeros(2, 5)).shape
    torch.Size([2, 3, 32, 32, 32])
    """

    axes = 3
    _convolutions, _batch_norm, _memory_format = nn.Conv3d, nn.BatchNorm3d, torch.channels_last_3d


class _Layer(nn.Module):
    """relu(norm(conv(x)) + A g), and g <- selu(W [g, means of conv(x)]); without a track, relu(norm(conv(x)))."""

    def __init__(self, convolution: nn.Module, norm: nn.Module, channels: int, track_size: int):
        super().__init__()
        self.convolution, self.norm = convolution, norm
        self.add = nn.Linear(track_size, channels) if track_size else None
        self.renew = nn.Linear(track_size + channels, track_size) if track_size else None

    def forward(self, x: Tensor, track: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = self.convolution(x)
        y = self.norm(x)
        if track is not None and self.add is not None:
            y = y + _over(self.add(track), y)
        if track is not None and self.renew is not None:
            track = F.selu(self.renew(torch.cat([track, _mean(x)], 1)))
        return torch.relu(y), track


def _through(level: nn.Module, x: Tensor, track: Tensor | None) -> tuple[Tensor, Tensor | None]:
    for layer in level.children():
        x, track = layer(x, track)
    return x, track


def _mean(x: Tensor) -> Tensor:
    """(B, C, ...) -> the means of the channels (B, C)."""
    return x.mean(tuple(range(2, x.ndim)))


def _over(per_channel: Tensor, x: Tensor) -> Tensor:
    """(B, C) with as many trailing dimensions of one as it takes to meet x (B, C, ...)."""
    return per_channel.view(*per_channel.shape, *[1] * (x.ndim - 2))


def _check_sizes(
    in_channels: int, out_channels: int, widths: Sequence[int], layers: int, condition_size: int, track_size: int
) -> None:
    for name, size, least in [
        ("in_channels", in_channels, 1),
        ("out_channels", out_channels, 1),
        ("layers_per_level", layers, 1),
        ("condition_size", condition_size, 0),
        ("track_size", track_size, 0),
        ("widths", min(widths, default=0), 1),
    ]:
        if size < least:
            raise InvalidInputError(f"{name}: expected at least {least}, got {widths if name == 'widths' else size}")
