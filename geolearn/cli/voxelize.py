"""`geolearn voxelize`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from geolearn.structures import Mesh, VoxelGrid


@dataclass(frozen=True)
class VoxelizeFile:
    """Turn a mesh file into a voxel file.

    For example:
        geolearn voxelize chair.off --resolution 32 -o chair.binvox
    """

    mesh: tyro.conf.Positional[Path]
    """OFF, OBJ, PLY, STL, GLB or glTF file."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """binvox, mat, npy or npz file; its ending chooses the format."""
    resolution: int = 32
    """Cells per side."""
    mode: Literal["solid", "surface"] = "solid"
    """surface: cells that the surface meets. solid: those, and all that they enclose."""
    fill: Literal["flood", "winding"] = "flood"
    """How solid finds the inside. flood: all that no way through empty cells reaches from outside, hollows included.
    winding: what the surface winds around, hollows left out; also closes large holes, but needs faces that all turn the
    same way."""
    padding: int = 0
    """Empty cells to leave at every side."""

    def run(self) -> int:
        from geolearn.errors import printable
        from geolearn.io import load_mesh, save_voxels
        from geolearn.ops import voxelize

        mesh = load_mesh(self.mesh, attributes=False)
        grid = voxelize(mesh, self.resolution, mode=self.mode, padding=self.padding, fill=self.fill)
        save_voxels(grid, self.output)
        occupied = int(grid.occupancy.sum())
        print(f"{printable(self.output)}: {self.resolution}^3 cells, {occupied} occupied")
        if mesh.origin is not None:
            shown = ", ".join(f"{value:.15g}" for value in mesh.origin.tolist())
            print(f"The grid lies about ({shown}) in the world of {printable(self.mesh)}")
        if self.mode == "solid":
            surface = voxelize(mesh, self.resolution, mode="surface", padding=self.padding)
            if occupied == int(surface.occupancy.sum()):
                print(_why_empty(mesh, grid, self.fill))
        return 0


def _why_empty(mesh: "Mesh", grid: "VoxelGrid", fill: str) -> str:
    """Why solid added no cell to those of the surface."""
    from geolearn.io.inspect import describe_mesh

    facts = describe_mesh(mesh)
    if facts["boundary_edges"] == 0:
        return f"Solid added no cell: what the surface encloses is thinner than {grid.resolution} cells a side can show"
    more = "" if fill == "winding" else "; --fill winding closes holes where the faces turn the same way"
    return (
        f"Solid added no cell: the surface is open ({facts['boundary_edges']} edges have one face), so it encloses "
        f"nothing{more}"
    )
