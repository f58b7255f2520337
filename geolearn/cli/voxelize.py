"""`geolearn voxelize`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class VoxelizeFile:
    """Turn a mesh file into a voxel file.

    For example:
        geolearn voxelize chair.off --resolution 32 -o chair.binvox
    """

    mesh: tyro.conf.Positional[Path]
    """OFF, OBJ, PLY, STL or GLB file."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """binvox, npy or npz file; its ending chooses the format."""
    resolution: int = 32
    """Cells per side."""
    mode: Literal["solid", "surface"] = "solid"
    """surface: cells that the surface meets. solid: those, and all that they enclose."""
    padding: int = 0
    """Empty cells to leave at every side."""

    def run(self) -> int:
        from geolearn.io import load_mesh, save_voxels
        from geolearn.ops import voxelize

        grid = voxelize(load_mesh(self.mesh), self.resolution, mode=self.mode, padding=self.padding)
        save_voxels(grid, self.output)
        occupied = int(grid.occupancy.sum())
        print(f"{self.output}: {self.resolution}^3 cells, {occupied} occupied")
        return 0
