"""Rays through the pixels of cameras, samples of voxel grids along them, and front-to-back compositing.

On the CPU the work is done by `geolearn.kernels.volume`; the plain torch versions beside it run on other devices and
are what the kernels are tested against.
"""

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

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


def sample_along_rays(
    grids: Float[Tensor, "B C R R R"], origins: Float[Tensor, "V 3"], directions: Float[Tensor, "V P 3"], step: float
) -> Float[Tensor, "V P S C"]:
    """Trilinear samples of the grids every `step` along the rays, from the camera on; 0 outside the grid.

    Args:
        grids: values at the cell centres; view v sees grid v // (V / B).
        origins, directions: rays in index space, where cell (i, j, k) has its centre at (i, j, k).
        step: distance between samples, in voxels.

    S is the largest number of samples that a ray has inside its grid; the samples of other rays end in zeros.
    Differentiable in the grids and in the rays.
    """
    first, count = samples_inside(origins, directions, grids.shape[-1], step)
    longest = max(1, int(count.max())) if count.numel() else 1
    if grids.device.type == "cpu":
        return _SampleAlongRays.apply(grids, origins, directions, first, count, step, longest)
    return sample_along_rays_plain(grids, origins, directions, first, step, longest)


def sample_along_rays_plain(
    grids: Tensor, origins: Tensor, directions: Tensor, first: Tensor, step: float, longest: int
) -> Tensor:
    """`sample_along_rays` in plain torch."""
    (batch, channels, resolution), (views, pixels) = grids.shape[:3], first.shape
    t = (first[..., None] + torch.arange(longest, device=first.device) + 0.5).to(grids.dtype) * step
    positions = origins[:, None, None] + t[..., None] * directions[:, :, None]
    # grid_sample wants -1..1 over the outer faces, and the last axis of the grid first
    positions = ((positions + 0.5) * (2 / resolution) - 1).flip(-1).reshape(batch, -1, pixels, longest, 3)
    samples = functional.grid_sample(grids, positions, align_corners=False)
    return (
        samples.reshape(batch, channels, -1, pixels, longest)
        .permute(0, 2, 3, 4, 1)
        .reshape(views, pixels, longest, channels)
    )


def composite(
    alphas: Float[Tensor, "M S"], emissions: Float[Tensor, "M S C"], *, inclusive: bool = False
) -> tuple[Float[Tensor, "M C"], Float[Tensor, " M"]]:
    """`(sum_i w_i e_i, sum_i w_i)` with w_i = a_i prod_{j<i} (1 - a_j), or prod_{j<=i} where `inclusive`.

    Without `inclusive` the sum of weights is the opacity 1 - prod_i (1 - a_i).
    """
    if alphas.device.type == "cpu":
        return _Composite.apply(alphas, emissions, inclusive)
    return composite_plain(alphas, emissions, inclusive=inclusive)


def composite_plain(alphas: Tensor, emissions: Tensor, *, inclusive: bool = False) -> tuple[Tensor, Tensor]:
    """`composite` in plain torch."""
    passed = torch.cumprod(1 - alphas, dim=1)
    if not inclusive:
        passed = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    weights = passed * alphas
    return torch.einsum("ms,msc->mc", weights, emissions), weights.sum(1)


class _SampleAlongRays(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grids, origins, directions, first, count, step, longest):
        from geolearn.kernels import volume

        lines = (_array(origins, np.float64), _array(directions, np.float64), first.numpy(), count.numpy(), step)
        samples = torch.zeros(*first.shape, longest, grids.shape[1], dtype=grids.dtype)
        if samples.numel():
            volume.sample_along_rays(_channels_last(grids), *lines, samples.numpy())
        ctx.save_for_backward(grids, origins, directions, first, count)
        ctx.step = step
        return samples

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_samples):
        from geolearn.kernels import volume

        grids, origins, directions, first, count = ctx.saved_tensors
        lines = (_array(origins, np.float64), _array(directions, np.float64), first.numpy(), count.numpy(), ctx.step)
        to_samples = _array(to_samples)
        to_grids = to_origins = to_directions = None
        if ctx.needs_input_grad[0]:
            to_grids = torch.zeros(len(grids), *grids.shape[2:], grids.shape[1], dtype=grids.dtype)
            volume.scatter_to_grids(to_samples, *lines, to_grids.numpy())
            to_grids = to_grids.permute(0, 4, 1, 2, 3)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            ends = torch.zeros(2, *directions.shape, dtype=torch.float64)
            volume.gradient_along_rays(_channels_last(grids), to_samples, *lines, *ends.numpy())
            to_origins, to_directions = ends[0].sum(1).to(origins.dtype), ends[1].to(directions.dtype)
        return to_grids, to_origins, to_directions, None, None, None, None


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alphas, emissions, inclusive):
        from geolearn.kernels import volume

        images, weights = alphas.new_zeros(len(alphas), emissions.shape[2]), alphas.new_zeros(len(alphas))
        volume.composite(_array(alphas), _array(emissions), inclusive, images.numpy(), weights.numpy())
        ctx.save_for_backward(alphas, emissions)
        ctx.inclusive = inclusive
        return images, weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_images, to_weights):
        from geolearn.kernels import volume

        alphas, emissions = ctx.saved_tensors
        to_alphas, to_emissions = alphas.new_empty(alphas.shape), emissions.new_empty(emissions.shape)
        volume.composite_backward(
            _array(alphas),
            _array(emissions),
            ctx.inclusive,
            _array(to_images),
            _array(to_weights),
            to_alphas.numpy(),
            to_emissions.numpy(),
        )
        return to_alphas, to_emissions, None


def _array(tensor: Tensor, dtype: Any = None) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=dtype)


def _channels_last(grids: Tensor) -> np.ndarray:
    return _array(grids.permute(0, 2, 3, 4, 1))
