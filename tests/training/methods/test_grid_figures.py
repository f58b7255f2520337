"""Volume IoU by hand, and sheets of grids of which some are empty."""

import pytest
import torch

from geolearn.io.images import read_image
from geolearn.training.methods.grid_figures import draw_grids, unit_grid, volume_iou


def test_volume_iou_by_hand():
    cells, truth = torch.zeros(3, 1, 4, 4, 4), torch.zeros(3, 1, 4, 4, 4)
    cells[0, 0, 0, 0] = torch.tensor([0.9, 0.6, 0.2, 0.0])
    truth[0, 0, 0, 0] = torch.tensor([1.0, 0.0, 1.0, 0.0])
    truth[1, 0, 0, 0] = 1
    assert volume_iou(cells, truth).tolist() == pytest.approx([1 / 3, 0, 1])
    assert volume_iou(cells, truth, 0.1).tolist() == pytest.approx([2 / 3, 0, 1])


def test_a_unit_grid_fills_the_unit_cube():
    grid = unit_grid(torch.ones(4, 4, 4, dtype=torch.bool))
    assert grid.origin.tolist() == [-0.5] * 3
    assert grid.voxel_size * grid.resolution == 1


def test_what_has_no_surface_is_left_out_and_nothing_is_no_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra [train]")
    grids = torch.zeros(3, 1, 6, 6, 6)
    assert draw_grids(list(grids), ["a", "b", "c"], tmp_path / "none.png", 3, "nothing") == []
    assert not (tmp_path / "none.png").exists()
    grids[1, 0, 2:4, 2:4, 2:4] = 1
    assert draw_grids(list(grids), ["a", "b", "c"], tmp_path / "one.png", 3, "a cube") == [
        (tmp_path / "one.png", "a cube")
    ]
    assert float(read_image(tmp_path / "one.png").min()) < 0.9
