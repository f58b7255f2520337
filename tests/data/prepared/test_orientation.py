"""Turns are rotations that bring up to z and the front to -y, the same for positions and for grids."""

import itertools

import numpy as np
import pytest
import torch

from geolearn.data.prepared.orientation import FRONTS, UPS, turn_grids, turn_matrix, turn_positions

UNIT = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


@pytest.mark.parametrize("up, front", itertools.product(UPS, FRONTS))
def test_positions_and_cells_turn_alike(up, front):
    rows = turn_matrix(up, front)
    assert np.linalg.det(rows) == pytest.approx(1)
    assert (rows @ UNIT[up]).tolist() == [0, 0, 1]
    positions = torch.tensor([[1.0, 2, 3], [-4, 5, 0]])
    assert torch.equal(turn_positions(positions, up, front), positions @ torch.tensor(rows.T, dtype=torch.float32))
    cell = np.array([0, 1, 3])
    grid = np.zeros((1, 5, 5, 5), bool)
    grid[0, *cell] = True
    moved = (rows @ (cell - 2) + 2).tolist()
    assert np.argwhere(turn_grids(grid, up, front)[0]).tolist() == [moved]


def test_what_faces_x_comes_to_the_front():
    faces = {"-y": (0, -1, 0), "+y": (0, 1, 0), "-x": (-1, 0, 0), "+x": (1, 0, 0)}
    for front, direction in faces.items():
        assert (turn_matrix("z", front) @ direction).tolist() == [0, -1, 0]
    assert turn_matrix("none").tolist() == np.eye(3).tolist()
