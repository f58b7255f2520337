"""The voxel record: what it refuses, and where its cells lie."""

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import VoxelGrid


def test_cells_lie_between_origin_and_origin_plus_size_by_hand():
    values = torch.zeros(4, 4, 4, dtype=torch.bool)
    values[0, 0, 0] = values[1, 2, 3] = True
    grid = VoxelGrid(values, torch.tensor([-1.0, 0.0, 10.0]), 0.5)
    assert grid.resolution == 4
    assert grid.points().tolist() == [[-0.75, 0.25, 10.25], [-0.25, 1.25, 11.75]]
    assert grid.centres(torch.tensor([[3, 3, 3]])).tolist() == [[0.75, 1.75, 11.75]]
    assert grid.centres(torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 3)
    assert repr(grid) == "VoxelGrid(4^3 torch.bool, voxel_size 0.5)"


def test_floats_are_occupied_above_one_half():
    grid = VoxelGrid(torch.tensor([[[0.5, 0.6], [0.0, 1.0]], [[-3.0, 0.4], [0.49, 2.0]]]))
    assert grid.occupancy.tolist() == [[[False, True], [False, True]], [[False, False], [False, True]]]
    assert len(grid.points()) == 3


@pytest.mark.parametrize(
    "values, dtype",
    [
        (np.ones((2, 2, 2), bool), torch.bool),
        (np.ones((2, 2, 2), np.int32), torch.float32),
        (np.ones((2, 2, 2)), torch.float32),
        (np.ones((2, 2, 2), ">f4"), torch.float32),
        (np.ones((2, 2, 2), bool)[::-1, :, ::-1], torch.bool),
        (np.broadcast_to(np.True_, (2, 2, 2)), torch.bool),
        ([[[1.0]]], torch.float32),
    ],
)
def test_arrays_are_converted(as_installed, values, dtype):
    grid = VoxelGrid(values, origin=(0, 0, 0), voxel_size=np.float32(1))
    assert grid.values.dtype == dtype
    assert bool(grid.occupancy.all())
    assert type(grid.voxel_size) is float


@pytest.mark.parametrize(
    "change, message",
    [
        ({"values": torch.zeros(2, 2, 3)}, r"values: expected a cube \(R, R, R\) with R >= 1, got \(2, 2, 3\)"),
        ({"values": torch.zeros(0, 0, 0)}, r"values: expected a cube .* got \(0, 0, 0\)"),
        ({"values": torch.zeros(2, 2)}, r"values: expected shape \(any, any, any\), got \(2, 2\)"),
        ({"values": "grid"}, r"values: expected numbers of shape"),
        ({"values": torch.full((2, 2, 2), torch.inf)}, "values: 8 of 8 values are NaN, infinite"),
        ({"origin": torch.zeros(2)}, r"origin: expected shape \(3\), got \(2,\)"),
        ({"origin": torch.tensor([0, 0, torch.nan])}, "origin: 1 of 3 values are NaN"),
        ({"voxel_size": 0.0}, r"voxel_size: expected a finite length > 0, got 0\.0"),
        ({"voxel_size": -1}, "voxel_size: expected a finite length > 0, got -1"),
        ({"voxel_size": float("nan")}, "voxel_size: expected a finite length > 0, got nan"),
        ({"voxel_size": float("inf")}, "voxel_size: expected a finite length > 0, got inf"),
        ({"voxel_size": "big"}, "voxel_size: expected a finite length > 0, got 'big'"),
    ],
)
def test_what_is_no_grid_is_refused(as_installed, change, message):
    with pytest.raises(InvalidInputError, match=message):
        VoxelGrid(**({"values": torch.zeros(2, 2, 2)} | change))


def test_gradients_and_strides_are_kept():
    values = torch.rand(3, 3, 3, requires_grad=True)
    grid = VoxelGrid(values.transpose(0, 2))
    grid.values[0, 1, 2].backward()
    assert values.grad.nonzero().tolist() == [[2, 1, 0]]
