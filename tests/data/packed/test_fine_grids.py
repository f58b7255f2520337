"""Grids of more than 32 cells: the same warps as packed columns, cell by cell, and nothing lost in the packing."""

import pytest
import torch

from geolearn.data import Batches, VoxelAugment
from geolearn.data.packed import pack, unpack, warp_columns
from geolearn.data.packed.fine_grids import PackedFineVoxels, pack_fine, unpack_fine, warp_cells
from geolearn.errors import InvalidInputError


def grids(count: int, size: int) -> torch.Tensor:
    return torch.rand(count, size, size, size, generator=torch.Generator().manual_seed(size)) < 0.3


@pytest.mark.parametrize("size", [1, 7, 8, 33, 48])
def test_packing_loses_nothing(size):
    cells = grids(3, size)
    assert pack_fine(cells).shape == (3, size, size, -(-size // 8))
    assert torch.equal(unpack_fine(pack_fine(cells)).bool(), cells)
    assert torch.equal(pack_fine(cells.numpy()), pack_fine(cells))


@pytest.mark.parametrize("size", [5, 32])
def test_warps_equal_those_of_columns(size):
    cells = grids(40, size)
    warp = VoxelAugment(rotations=0, jitter_rad=0.1, shift=3, scale=0.3).draw(40, torch.Generator().manual_seed(0))
    expected = unpack(warp_columns(pack(cells), *warp))[:, 0]
    assert torch.equal(warp_cells(cells.to(torch.uint8), warp).float(), expected)
    assert warp_cells(cells[:0].to(torch.uint8), warp.select(slice(0, 0))).shape == (0, size, size, size)


def test_batches_are_those_of_a_network():
    cells = grids(5, 40)
    split = PackedFineVoxels(pack_fine(cells), torch.arange(5), tuple("abcde"), ("v", "w", "x", "y", "z"))
    assert repr(split) == "PackedFineVoxels(5 x 40^3, 5 classes, cpu)"
    batch = next(iter(Batches(split, 2, shuffle=False, seed=0)))
    assert batch.data.dtype == torch.float32
    assert torch.equal(batch.data[:, 0] > 0, cells[:2])
    assert torch.equal(split.select([3, 1]).occupancy()[:, 0] > 0, cells[[3, 1]])
    moved = next(iter(Batches(split, 5, augment=VoxelAugment(shift=2), seed=0)))
    assert moved.data.shape == (5, 1, 40, 40, 40)
    assert split.to("cpu").select([0]).with_classes(("z", "y", "x", "w", "v")).targets.tolist() == [4]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: pack_fine(torch.zeros(1, 129, 129, 129, dtype=torch.bool)), "expected 1 to 128 cells a side, got 129"),
        (
            lambda: PackedFineVoxels(torch.zeros(1, 9, 9, 1, dtype=torch.uint8), torch.zeros(1), ("a",)),
            "bits: expected",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
