"""Rays through the pixels of cameras, samples of voxel grids along them, and front-to-back compositing.

On the CPU the work is done by `geolearn.kernels.volume`; the plain torch versions beside it run on other devices and
are what the kernels are tested against.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Int, Tensor


def pixel_rays(
    K: Float[Tensor, "N 3 3"], world_to_camera: Float[Tensor, "N 4 4"], height: int, width: int
) -> tuple[Float[Tensor, "N 3"], Float[Tensor, "N P 3"]]:
    """Camera centres and unit directions through all pixel centres, row by row (P = height * width), in the world."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=K.dtype, device=K.device) + 0.5,
        torch.arange(width, dtype=K.dtype, device=K.device) + 0.5,
        indexing="ij",
    )
    down = (y.reshape(1, -1) - K[:, 1, 2, None]) / K[:, 1, 1, None]
    right = (x.reshape(1, -1) - K[:, 0, 2, None] - K[:, 0, 1, None] * down) / K[:, 0, 0, None]
    local = functional.normalize(torch.stack([right, down, torch.ones_like(down)], dim=-1), dim=-1)
    rotation, translation = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3:]
    return -(rotation.mT @ translation)[..., 0], local @ rotation


def samples_inside(
    origins: Float[Tensor, "V 3"], directions: Float[Tensor, "V P 3"], resolution: int, step: float
) -> tuple[Int[Tensor, "V P"], Int[Tensor, "V P"]]:
    """`(first, count)`: the samples (s + 0.5) * step, s >= 0, of every ray that can see a value of the grid.

    Values reach from -1 to `resolution` in index space. Samples outside are 0, so this choice changes no result.
    """
    origins, directions = origins.detach().double()[:, None], directions.detach().double()
    directions = torch.where(directions.abs() < 1e-12, 1e-12, directions)
    low, high = (-1 - origins) / directions, (resolution - origins) / directions
    enter, leave = torch.minimum(low, high).amax(-1) / step, torch.maximum(low, high).amin(-1) / step
    first = (enter - 0.5).floor().clamp(min=0)
    count = ((leave - 0.5).ceil() - first + 1).clamp(min=0)
    return first.long(), torch.where(leave < enter, 0, count).long()


class Samples(NamedTuple):
    """Samples of all rays one after another, those of each ray from front to back; M = V * P rays.

    Attributes:
        values: (T, C).
        count: int64 (M,), how many samples each ray has.
    """

    values: Float[Tensor, "T C"]
    count: Int[Tensor, " M"]

    def sum_per_ray(self) -> Float[Tensor, "M C"]:
        """The sum of the samples of every ray."""
        ray = torch.repeat_interleave(self.count)
        return self.values.new_zeros(len(self.count), self.values.shape[1]).index_add(0, ray, self.values)


def sample_along_rays(
    grids: Float[Tensor, "B C R R R"], origins: Float[Tensor, "V 3"], directions: Float[Tensor, "V P 3"], step: float
) -> Samples:
    """Trilinear samples of the grids every `step` along the rays, from the camera on; none outside, where all is 0.

    Args:
        grids: values at the cell centres; view v sees grid v // (V / B).
        origins, directions: rays in index space, where cell (i, j, k) has its centre at (i, j, k).
        step: distance between samples, in voxels.

    Differentiable in the grids and in the rays.
    """
    first, count = samples_inside(origins, directions, grids.shape[-1], step)
    if grids.device.type == "cpu":
        values = _SampleAlongRays.apply(grids, origins, directions, first, count, step)
    else:
        values = sample_plain(grids, origins, directions, first, count, step)
    return Samples(values, count.reshape(-1))


def sample_plain(
    grids: Float[Tensor, "B C R R R"],
    origins: Float[Tensor, "V 3"],
    directions: Float[Tensor, "V P 3"],
    first: Int[Tensor, "V P"],
    count: Int[Tensor, "V P"],
    step: float,
) -> Float[Tensor, "T C"]:
    """The samples of `sample_along_rays` in plain torch."""
    batch, _, size = grids.shape[:3]
    ray = torch.repeat_interleave(count.reshape(-1))
    view = ray // max(first.shape[1], 1)
    number = torch.arange(len(ray), device=ray.device) - _starts(count.reshape(-1))[ray]
    t = ((first.reshape(-1)[ray] + number).to(grids.dtype) + 0.5) * step
    position = origins[view] + t[:, None] * directions.reshape(-1, 3)[ray]
    grid = view // max(len(first) // max(batch, 1), 1)
    low = position.detach().floor().long()
    total = grids.new_zeros(len(ray), grids.shape[1])
    for corner in itertools.product((0, 1), repeat=3):
        cell = low + torch.tensor(corner, device=low.device)
        inside = ((cell >= 0) & (cell < size)).all(1)
        weight = (1 - (position - cell).abs()).prod(1) * inside
        x, y, z = cell.clamp(0, size - 1).unbind(1)
        total = total + weight[:, None] * grids[grid, :, x, y, z]
    return total


def composite(
    alphas: Float[Tensor, " T"], emissions: Float[Tensor, "T C"], count: Int[Tensor, " M"], *, inclusive: bool = False
) -> tuple[Float[Tensor, "M C"], Float[Tensor, " M"]]:
    """`(sum_i w_i e_i, sum_i w_i)` of every ray, w_i = a_i prod_{j<i} (1 - a_j), or prod_{j<=i} where `inclusive`.

    `count` says how many samples each ray has. Without `inclusive` the sum of weights is 1 - prod_i (1 - a_i), the
    opacity.

    Raises:
        InvalidInputError: the counts do not add up to the number of samples.
    """
    if not int(count.sum()) == len(alphas) == len(emissions):  # a kernel would read beyond the arrays
        raise InvalidInputError(
            f"count: expected counts that add up to the {len(alphas)} samples (emissions: {len(emissions)}), "
            f"got {int(count.sum())}"
        )
    if alphas.device.type == "cpu":
        return _Composite.apply(alphas, emissions, count, inclusive)
    return composite_plain(alphas, emissions, count, inclusive=inclusive)


def composite_plain(
    alphas: Float[Tensor, " T"], emissions: Float[Tensor, "T C"], count: Int[Tensor, " M"], *, inclusive: bool = False
) -> tuple[Float[Tensor, "M C"], Float[Tensor, " M"]]:
    """`composite` in plain torch, on samples padded to the longest ray."""
    padded = torch.arange(int(count.max()) if len(count) else 0, device=count.device) < count[:, None]
    passed = torch.cumprod(1 - alphas.new_zeros(padded.shape).masked_scatter(padded, alphas), dim=1)
    if not inclusive:
        passed = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    weights = (passed[padded] * alphas)[:, None]
    return Samples(weights * emissions, count).sum_per_ray(), Samples(weights, count).sum_per_ray()[:, 0]


def _starts(count: Tensor) -> Tensor:
    """Where each ray's samples begin."""
    return count.cumsum(0) - count


class _SampleAlongRays(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grids, origins, directions, first, count, step):
        from geolearn.kernels import volume

        samples = grids.new_zeros(int(count.sum()), grids.shape[1])
        if len(samples):
            lines = _lines(origins, directions, first, count)
            volume.sample_along_rays(_channels_last(grids), *lines, step, samples.numpy())
        ctx.save_for_backward(grids, origins, directions, first, count)
        ctx.step = step
        return samples

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_samples):
        from geolearn.kernels import volume

        grids, origins, directions, first, count = ctx.saved_tensors
        lines, to_samples = _lines(origins, directions, first, count), _array(to_samples)
        to_grids = to_origins = to_directions = None
        if ctx.needs_input_grad[0]:
            to_grids = grids.new_zeros(len(grids), *grids.shape[2:], grids.shape[1])
            if len(to_samples):
                volume.scatter_to_grids(to_samples, *lines, ctx.step, to_grids.numpy())
            to_grids = to_grids.permute(0, 4, 1, 2, 3)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            ends = torch.zeros(2, *directions.shape, dtype=torch.float64)
            if len(to_samples):
                volume.gradient_along_rays(_channels_last(grids), to_samples, *lines, ctx.step, *ends.numpy())
            to_origins, to_directions = ends[0].sum(1).to(origins.dtype), ends[1].to(directions.dtype)
        return to_grids, to_origins, to_directions, None, None, None


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alphas, emissions, count, inclusive):
        from geolearn.kernels import volume

        images, weights = alphas.new_zeros(len(count), emissions.shape[1]), alphas.new_zeros(len(count))
        rays = _array(_starts(count)), _array(count)
        volume.composite(_array(alphas), _array(emissions), *rays, inclusive, images.numpy(), weights.numpy())
        ctx.save_for_backward(alphas, emissions, count)
        ctx.inclusive = inclusive
        return images, weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_images, to_weights):
        from geolearn.kernels import volume

        alphas, emissions, count = ctx.saved_tensors
        to_alphas, to_emissions = alphas.new_empty(alphas.shape), emissions.new_empty(emissions.shape)
        volume.composite_backward(
            _array(alphas),
            _array(emissions),
            _array(_starts(count)),
            _array(count),
            ctx.inclusive,
            _array(to_images),
            _array(to_weights),
            to_alphas.numpy(),
            to_emissions.numpy(),
        )
        return to_alphas, to_emissions, None, None


def _array(tensor: Tensor, dtype: Any = None) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=dtype)


def _channels_last(grids: Tensor) -> np.ndarray:
    return _array(grids.permute(0, 2, 3, 4, 1))


def _lines(origins: Tensor, directions: Tensor, first: Tensor, count: Tensor) -> tuple[np.ndarray, ...]:
    """The rays as the kernels take them."""
    start = _starts(count.reshape(-1)).reshape(count.shape)
    return _array(origins, np.float64), _array(directions, np.float64), _array(first), _array(count), _array(start)
