"""Quarter turns are rotations; they reach all 24 ways to stand, and move cells as they move positions."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.quarter_turns import DIRECTIONS, UPRIGHT, turn_grid, turn_matrix, upright_matrix

FRONTS = ("-y", "+y", "-x", "+x")


def direction(name):
    axis = torch.zeros(3)
    axis["xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    return axis


def test_turns_are_rotations_that_bring_up_and_front_to_their_places():
    pairs = [(up, front) for up in DIRECTIONS for front in DIRECTIONS if up[1] != front[1]]
    turns = {tuple(turn_matrix(*pair).flatten().tolist()) for pair in pairs}
    assert len(turns) == len(pairs) == 24
    for up, front in pairs:
        turn = turn_matrix(up, front)
        assert float(torch.linalg.det(turn)) == pytest.approx(1)
        assert (turn @ direction(up)).tolist() == [0, 0, 1]
        assert (turn @ direction(front)).tolist() == [0, -1, 0]
    assert torch.equal(turn_matrix("+z", "-y"), torch.eye(3))


def test_upright_turns_reach_all_24_as_well():
    turns = {tuple(upright_matrix(up, front).flatten().tolist()) for up in UPRIGHT for front in FRONTS}
    assert len(turns) == 24
    for up in UPRIGHT:
        for front in FRONTS:
            assert (upright_matrix(up, front) @ direction(up)).tolist() == [0, 0, 1]
    assert torch.equal(upright_matrix("z"), torch.eye(3))
    for front in FRONTS:
        assert (upright_matrix("z", front) @ direction(front)).tolist() == [0, -1, 0]


@pytest.mark.parametrize("up", UPRIGHT)
@pytest.mark.parametrize("front", FRONTS)
def test_cells_move_as_positions_do(up, front):
    turn, cell = upright_matrix(up, front), torch.tensor([0.0, 1, 3])
    grids = torch.zeros(2, 5, 5, 5)
    grids[1][cell.long().unbind()] = 1
    moved = turn_grid(grids, turn)
    assert moved[1].nonzero().tolist() == [(turn @ (cell - 2) + 2).tolist()]
    assert not moved[0].any()


def test_directions_on_one_axis_are_refused():
    with pytest.raises(InvalidInputError, match=r"on different axes, got '\+z' and '-z'"):
        turn_matrix("+z", "-z")
