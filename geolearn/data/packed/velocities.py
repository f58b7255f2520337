"""Velocities that are products of functions of one coordinate each, at some voxels or at all."""

import torch

from geolearn.typing import Float, Int, Tensor

BLOCK = 2  # voxels a side of the blocks that are learned from


def block_voxels(blocks: Int[Tensor, "B S"], size: int) -> Int[Tensor, "B S8"]:
    """Flat places of the voxels of blocks in a grid of `size`^3 cells; z fastest, x slowest within a block."""
    side = size // BLOCK
    x, y, z = BLOCK * (blocks // side**2), BLOCK * (blocks // side % side), BLOCK * (blocks % side)
    steps = torch.arange(BLOCK, device=blocks.device)
    i, j, k = torch.meshgrid(steps, steps, steps, indexing="ij")
    first = (x * size + y) * size + z
    return (first[..., None] + ((i * size + j) * size + k).reshape(-1)).flatten(1)


def velocities_at(factors: Float[Tensor, "B M 3 3 R"], voxels: Int[Tensor, "B S"]) -> Float[Tensor, "B M S 3"]:
    """Velocities at the centres of voxels, given by their place in a flat grid."""
    size = factors.shape[-1]
    product = torch.ones((), dtype=factors.dtype, device=factors.device)
    for axis, index in enumerate((voxels // size**2, voxels // size % size, voxels % size)):
        here = index[:, None, None].expand(-1, *factors.shape[1:3], -1)  # (B, M, 3, S)
        product = product * factors[:, :, :, axis].gather(3, here)
    return product.transpose(2, 3)


def velocity_lattice(factors: Float[Tensor, "*B 3 3 R"]) -> Float[Tensor, "*B 3 R R R"]:
    """Velocities at the centres of all voxels."""
    x, y, z = factors.unbind(-2)
    return x[..., :, None, None] * y[..., None, :, None] * z[..., None, None, :]
