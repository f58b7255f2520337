"""Voxel layers against loops and identities."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.nn import DepthToSpace3d, SpaceToDepth3d, VoxelResidual


def test_space_to_depth_against_a_loop():
    x = torch.arange(2 * 3 * 4 * 4 * 4.0).view(2, 3, 4, 4, 4)
    y = SpaceToDepth3d(2)(x)
    assert y.shape == (2, 24, 2, 2, 2)
    for c in range(3):
        for i in range(4):
            for j in range(4):
                for k in range(4):
                    channel = ((c * 2 + i % 2) * 2 + j % 2) * 2 + k % 2
                    assert torch.equal(y[:, channel, i // 2, j // 2, k // 2], x[:, c, i, j, k])


def test_space_to_depth_refuses_a_remainder():
    with pytest.raises(InvalidInputError, match="divisible by 2, got 5"):
        SpaceToDepth3d(2)(torch.zeros(1, 1, 5, 5, 5))


@pytest.mark.parametrize("factor", [2, 3])
def test_depth_to_space_undoes_it(factor):
    x = torch.randn(2, 3, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(DepthToSpace3d(factor)(SpaceToDepth3d(factor)(x)), x)
    with pytest.raises(InvalidInputError, match=f"multiple of {factor**3} channels, got 5"):
        DepthToSpace3d(factor)(torch.zeros(1, 5, 2, 2, 2))


def test_a_new_residual_block_is_the_identity():
    x = torch.randn(2, 4, 3, 3, 3)
    assert torch.equal(VoxelResidual(4)(x), x)


def test_residual_gradients():
    torch.manual_seed(0)
    block = VoxelResidual(2).double()
    torch.nn.init.normal_(block.conv2.weight)
    assert torch.autograd.gradcheck(block, torch.randn(2, 2, 2, 2, 2, dtype=torch.float64, requires_grad=True))
