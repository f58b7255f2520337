"""What a flood from outside does not reach is filled: against a breadth-first search over cells."""

from collections import deque

import numpy as np
import pytest
import torch

from geolearn.kernels.voxelize_fill import fill_enclosed


def filled(surface: np.ndarray) -> np.ndarray:
    cells = surface.astype(np.uint8)
    fill_enclosed(cells)
    return cells.astype(bool)


def search_from_outside(surface: np.ndarray) -> np.ndarray:
    """The oracle: a search over single cells of the grid with an empty layer around it."""
    blocked = np.pad(surface.astype(bool), 1)
    outside = np.zeros_like(blocked)
    outside[0, 0, 0] = True
    queue = deque([(0, 0, 0)])
    while queue:
        cell = queue.popleft()
        for axis in range(3):
            for step in (-1, 1):
                near = list(cell)
                near[axis] += step
                if 0 <= near[axis] < blocked.shape[axis] and not blocked[tuple(near)] and not outside[tuple(near)]:
                    outside[tuple(near)] = True
                    queue.append(tuple(near))
    return ~outside[1:-1, 1:-1, 1:-1]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 9), (7, 6, 5), (4, 3, 64), (3, 4, 65), (5, 4, 130)])
def test_equals_a_search_over_cells(shape):
    rng = np.random.default_rng(0)
    for density in (0.0, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0):
        surface = rng.random(shape) < density
        np.testing.assert_array_equal(filled(surface), search_from_outside(surface))


def test_a_shell_is_filled_and_a_leaking_one_is_not():
    shell = np.ones((6, 6, 70), bool)
    shell[1:-1, 1:-1, 1:-1] = False
    assert filled(shell).all()
    for hole in ((0, 3, 40), (5, 3, 1), (3, 0, 64), (3, 3, 0), (3, 3, 69)):
        leaking = shell.copy()
        leaking[hole] = False
        np.testing.assert_array_equal(filled(leaking), leaking)


def test_an_edge_or_corner_contact_does_not_leak():
    """Cells that meet along an edge only are not 6-connected."""
    diagonal = np.ones((5, 5, 5), bool)
    diagonal[2, 2, 2] = diagonal[2, 1, 1] = diagonal[2, 0, 1] = False
    expected = np.ones((5, 5, 5), bool)
    expected[2, 1, 1] = expected[2, 0, 1] = False
    np.testing.assert_array_equal(filled(diagonal), expected)


def test_a_winding_corridor_is_followed_to_its_end():
    """A snake through every other row, so that the outside comes back to columns it has already visited."""
    walls = np.ones((21, 21, 5), bool)
    for row in range(1, 20, 2):
        walls[row, 1:20, 2] = False
        walls[row + 1, 19 if row % 4 == 1 else 1, 2] = False
    assert filled(walls)[1, 1, 2] == search_from_outside(walls)[1, 1, 2]
    np.testing.assert_array_equal(filled(walls), search_from_outside(walls))
    walls[20, :, :] = True
    assert filled(walls).all()


def test_thread_count_changes_nothing_in_a_large_grid():
    surface = np.random.default_rng(1).random((170, 160, 160)) < 0.6
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        serial = filled(surface)
        torch.set_num_threads(2)
        np.testing.assert_array_equal(filled(surface), serial)
    finally:
        torch.set_num_threads(threads)
