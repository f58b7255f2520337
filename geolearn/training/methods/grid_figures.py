"""Occupancy grids compared and drawn, for every method that makes some."""

from collections.abc import Sequence
from pathlib import Path

import torch

from geolearn.ops.isosurface import voxel_surface
from geolearn.reports.plots import plot_meshes
from geolearn.structures import VoxelGrid
from geolearn.training.method import Picture
from geolearn.typing import Float, Shaped, Tensor


def volume_iou(
    cells: Float[Tensor, "B 1 R R R"], truth: Float[Tensor, "B 1 R R R"], level: float = 0.5
) -> Float[Tensor, " B"]:
    """Cells common to both over those of either, of `cells` above a level and `truth` above 1/2; 1 if all are empty."""
    found, shape = cells > level, truth > 0.5
    common, union = (found & shape).sum((1, 2, 3, 4)), (found | shape).sum((1, 2, 3, 4))
    return torch.where(union > 0, common / union.clamp(min=1), 1.0)


def unit_grid(values: Shaped[Tensor, "R R R"]) -> VoxelGrid:
    """Cells as a grid that fills the unit cube about the origin."""
    return VoxelGrid(values.float(), torch.full((3,), -0.5), 1 / len(values))


def draw_grids(
    grids: Sequence[Shaped[Tensor, "1 R R R"]], captions: Sequence[str], path: Path, columns: int, title: str
) -> list[Picture]:
    """A sheet of the surfaces of grids at 1/2, by rows; no picture where none of them has any."""
    surfaces = [voxel_surface(unit_grid(grid[0])) for grid in grids]
    shown = [(mesh, text) for mesh, text in zip(surfaces, captions, strict=True) if len(mesh.faces)]
    if not shown:
        return []
    plot_meshes(shown, path, columns=columns)
    return [(path, title)]
