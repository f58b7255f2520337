"""Packing against a loop over cells, and what must hold of any packing."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.data import PackedVoxels, pack, resize_columns, unpack
from geolearn.errors import InvalidInputError


def random_grids(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, size, size, size, generator=torch.Generator().manual_seed(seed)) < 0.3


def test_bit_k_is_cell_z_k():
    values = torch.zeros(1, 32, 32, 32, dtype=torch.bool)
    values[0, 3, 5, 0] = values[0, 3, 5, 7] = values[0, 4, 0, 31] = True
    columns = pack(values)
    assert columns.dtype == torch.int32
    assert columns[0, 3, 5] == 1 + (1 << 7)
    assert columns[0, 4, 0] == -(1 << 31)
    assert int((columns != 0).sum()) == 2


@given(size=st.integers(1, 32), count=st.integers(0, 3), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_unpack_undoes_pack(size, count, seed):
    values = random_grids(count, size, seed)
    cells = unpack(pack(values))
    assert cells.shape == (count, 1, size, size, size)
    assert cells.is_contiguous()
    assert torch.equal(cells[:, 0], values.float())


def test_numpy_and_strided_input_and_other_dtypes():
    values = random_grids(2, 9)
    expected = pack(values)
    assert torch.equal(pack(values.numpy()), expected)
    assert torch.equal(pack(values.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)), expected)
    assert torch.equal(unpack(expected.mT.contiguous().mT), unpack(expected))
    half = unpack(expected, torch.float16)
    assert half.dtype == torch.float16
    assert torch.equal(half[:, 0].bool(), values)


@pytest.mark.parametrize("small, large", [(30, 32), (5, 8), (1, 2), (7, 7)])
def test_resizing_pads_about_the_centre_and_crops_back(small, large):
    values = random_grids(2, small)
    low = (large - small) // 2
    expected = torch.zeros(2, large, large, large)
    expected[:, low : low + small, low : low + small, low : low + small] = values.float()
    padded = resize_columns(pack(values), large)
    assert torch.equal(unpack(padded)[:, 0], expected)
    assert torch.equal(resize_columns(padded, small), pack(values))


def test_crop_drops_what_is_outside():
    values = torch.ones(1, 6, 6, 6, dtype=torch.bool)
    assert torch.equal(unpack(resize_columns(pack(values), 4)), torch.ones(1, 1, 4, 4, 4))


def test_the_record():
    values = random_grids(3, 4)
    record = PackedVoxels(pack(values), torch.tensor([1, 0, 1]), ("a", "b", "c"), ("x", "y"))
    assert (len(record), record.resolution) == (3, 4)
    chosen = record.select([2, 0])
    assert chosen.keys == ("c", "a")
    assert chosen.targets.tolist() == [1, 1]
    assert torch.equal(chosen.occupancy()[:, 0], values[[2, 0]].float())
    assert record.resized(6).resolution == 6
    assert len(record.select([])) == 0


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((1, 4, 4, 4), np.float32), "expected bool"),
        (np.zeros((4, 4, 4), bool), r"expected bool \(N, R, R, R\)"),
        (np.zeros((1, 4, 4, 5), bool), r"got bool \(1, 4, 4, 5\)"),
        (np.zeros((1, 33, 33, 33), bool), "1 to 32 cells a side, got 33"),
    ],
)
def test_refuses_what_does_not_pack(values, message):
    with pytest.raises(InvalidInputError, match=message):
        inspect.unwrap(pack)(values)  # past the shape checker, which only tests have


def test_refuses_wrong_columns_and_labels():
    columns = pack(random_grids(2, 4))
    with pytest.raises(InvalidInputError, match="expected int32"):
        unpack(columns.long())
    with pytest.raises(InvalidInputError, match="expected 2 of each, one per shape, got 3 and 2"):
        PackedVoxels(columns, torch.zeros(3), ("a", "b"))
    with pytest.raises(InvalidInputError, match="expected 2 of each, one per shape, got 2 and 1"):
        PackedVoxels(columns, torch.zeros(2, dtype=torch.int64), ("a",))
    with pytest.raises(InvalidInputError, match="1 to 32"):
        resize_columns(columns, 33)
