"""Positions and grids of files turn alike, and keep their digits."""

import itertools

import numpy as np
import pytest
import torch

from geolearn.data.prepared.orientation import FRONTS, UPS, turn_grids, turn_positions
from geolearn.ops.quarter_turns import upright_matrix


@pytest.mark.parametrize("up, front", itertools.product(UPS, FRONTS))
def test_positions_and_cells_turn_alike(up, front):
    rows = upright_matrix(up, front)
    positions = torch.tensor([[1.0, 2, 3], [-4, 5, 0]])
    assert torch.equal(turn_positions(positions, up, front), positions @ rows.T)
    cell = torch.tensor([0.0, 1, 3])
    grid = np.zeros((1, 5, 5, 5), bool)
    grid[0, *cell.int().tolist()] = True
    moved = (rows @ (cell - 2) + 2).tolist()
    assert np.argwhere(turn_grids(grid, up, front)[0]).tolist() == [moved]


def test_digits_stay():
    positions = torch.tensor([[0.1, 1 / 3, 1e-7]], dtype=torch.float64)
    assert turn_positions(positions, "y").tolist() == [[0.1, -1e-7, 1 / 3]]
    assert turn_positions(torch.tensor([[1, 2, 3]]), "x").tolist() == [[-3, 2, 1]]


def test_no_axis_turns_nothing():
    positions = torch.tensor([[1.0, 2, 3]])
    assert torch.equal(turn_positions(positions, "none"), positions)
