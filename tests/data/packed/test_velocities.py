"""Velocities as products of functions of one coordinate: at some voxels and at all, against loops."""

import torch

from geolearn.data.packed.velocities import block_voxels, velocities_at, velocity_lattice


def factors():
    return torch.randn(2, 3, 3, 3, 4, generator=torch.Generator().manual_seed(0))


def test_a_voxel_of_the_lattice_is_the_product_of_three_factors():
    found = velocity_lattice(factors())
    assert found.shape == (2, 3, 3, 4, 4, 4)
    for n, k, a, x, y, z in [(0, 0, 0, 0, 0, 0), (1, 2, 1, 3, 0, 2), (0, 1, 2, 1, 2, 3)]:
        one = factors()[n, k, a]
        torch.testing.assert_close(found[n, k, a, x, y, z], one[0, x] * one[1, y] * one[2, z])


def test_at_some_voxels_it_is_the_same():
    voxels = torch.tensor([[0, 63, 17, 6], [5, 5, 62, 40]])
    found, whole = velocities_at(factors(), voxels), velocity_lattice(factors()).flatten(3)
    for n in range(2):
        torch.testing.assert_close(found[n], whole[n][:, :, voxels[n]].transpose(1, 2))


def test_blocks_divide_the_grid():
    voxels = block_voxels(torch.arange(27)[None], 6)[0]
    assert sorted(voxels.tolist()) == list(range(216))
    x, y, z = voxels[8 * 5 : 8 * 6] // 36, voxels[8 * 5 : 8 * 6] // 6 % 6, voxels[8 * 5 : 8 * 6] % 6
    # block 5 of 3 x 3 x 3 is (0, 1, 2); z runs fastest
    assert x.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert y.tolist() == [2, 2, 3, 3, 2, 2, 3, 3]
    assert z.tolist() == [4, 5, 4, 5, 4, 5, 4, 5]
