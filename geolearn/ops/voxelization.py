"""Triangle meshes to occupancy grids."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.grid_frame import MAX_RESOLUTION, check_bounds, frame_of_box
from geolearn.structures import Mesh, VoxelGrid
from geolearn.structures._door import whole_number
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array, Tensor


@takes_mesh
def voxelize(
    mesh: Mesh,
    resolution: int,
    *,
    mode: Literal["solid", "surface"] = "solid",
    padding: int = 0,
    bounds: Tensor | Array | Sequence[Any] | None = None,
    fill: Literal["flood", "winding"] = "flood",
) -> VoxelGrid:
    """The cells that a mesh occupies.

    `surface` marks every cell whose closed cube meets a triangle: the separating-axis test (Akenine-Moeller 2001),
    decided exactly on corners in cell units, `(verts - origin) / voxel_size` in float64. `solid` marks these and what
    they enclose: with `fill="flood"` every cell that is not 6-connected to the outside through unmarked cells, as 3D
    ShapeNets fills (Wu et al., CVPR 2015, section 5), which asks nothing of the mesh but that its holes be smaller
    than a cell; with `fill="winding"` every cell whose centre has a generalised winding number (Jacobson et al.,
    SIGGRAPH 2013) beyond +-1/2, which closes larger holes as well and needs consistently oriented faces.

    Time and memory grow with the cells of the surface, apart from the grid itself; `winding` evaluates solid angles
    in every cell off the surface if the mesh has a boundary. The result is the same for any number of threads and
    any order of faces (`winding` of a mesh with a boundary: except for cells within 0.02 of 1/2).

    Args:
        mesh: V vertices, F faces; any soup of triangles, degenerate ones included. Computed on the CPU.
        resolution: R, cells per axis, 1..512.
        mode: "solid" or "surface".
        padding: cells left empty on every side.
        bounds: (2, 3), the lowest and highest corner of the box that is fitted (for example the same for many shapes);
            what lies outside the grid is cut off. By default the box of the mesh.
        fill: how `solid` finds the inside. A surface that encloses nothing, because of holes larger than a cell, gives
            the surface alone with "flood".

    Returns:
        A bool grid (R, R, R) on the mesh's device. Uniform scale, centred: the longest side of the box fills
        `resolution - 2 * padding` cells; without `bounds` the cells are larger by a rounding error of float32, so
        that the mesh does not touch the padding.

    Raises:
        InvalidInputError: an unknown mode or fill, a resolution, padding or bounds out of range, a mesh without faces
            and no bounds, or a flood fill of a mesh that reaches very far out of `bounds`.

    >>> import trimesh
    >>> box = Mesh.from_trimesh(trimesh.creation.box())
    >>> [int(voxelize(box, 8, mode=mode, padding=1).values.sum()) for mode in ("solid", "surface")]
    [216, 152]
    """
    if not isinstance(mesh, Mesh):
        raise InvalidInputError(f"mesh: expected a geolearn Mesh (Mesh.from_trimesh makes one), got {type(mesh)}")
    resolution, padding = whole_number(resolution, "resolution"), whole_number(padding, "padding")
    if mode not in ("solid", "surface"):
        raise InvalidInputError(f"mode: expected 'solid' or 'surface', got {mode!r}")
    if fill not in ("flood", "winding"):
        raise InvalidInputError(f"fill: expected 'flood' or 'winding', got {fill!r}")
    # Late: Numba takes a while to import.
    from geolearn.kernels.voxelize_surface import mark_surface, to_cells, used_box

    # NumPy from here on: torch would wake its threads for arrays that take a fraction of a millisecond.
    verts = mesh.verts.detach().cpu().contiguous().numpy()
    faces = mesh.faces.cpu().contiguous().numpy()
    if bounds is not None:
        origin, voxel_size = frame_of_box(check_bounds(bounds), resolution, padding, margin=False)
    elif len(faces):
        origin, voxel_size = frame_of_box(used_box(verts, faces), resolution, padding, margin=True)
    else:
        raise InvalidInputError(f"mesh: {mesh.name!r} has no faces, so it has no extent to fit; give bounds")
    points = to_cells(verts, origin, voxel_size)

    # A fill that follows the surface must see all of it: widen the grid to what `bounds` cut off.
    below, above = np.zeros(3, np.int64), np.zeros(3, np.int64)
    if mode == "solid" and fill == "flood" and bounds is not None and len(faces):
        below, above = _cells_outside(used_box(points, faces), resolution)
        points += below
    cells = np.zeros(below + resolution + above, np.uint8)
    mark_surface(points, faces, cells)
    if mode == "solid":
        _fill(cells, points, faces, fill)
    x, y, z = below
    cells = np.ascontiguousarray(cells[x : x + resolution, y : y + resolution, z : z + resolution])
    return VoxelGrid(torch.from_numpy(cells.view(np.bool_)).to(mesh.device), torch.from_numpy(origin), voxel_size)


def _fill(cells: np.ndarray, points: np.ndarray, faces: np.ndarray, fill: str) -> None:
    if fill == "flood":
        from geolearn.kernels.voxelize_fill import fill_enclosed

        fill_enclosed(cells)
    else:
        from geolearn.kernels.voxelize_winding import fill_wound

        fill_wound(cells, points, faces)


def _cells_outside(box: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """How many cells a box reaches beyond the grid on the low and on the high side of each axis."""
    below = np.maximum(-np.floor(box[0]), 0)
    above = np.maximum(np.ceil(box[1]) - resolution, 0)
    if np.prod(below + resolution + above) > MAX_RESOLUTION**3:
        raise InvalidInputError(
            f"bounds: a flood fill needs a grid around the whole mesh, which reaches {below.max():.0f} cells below and "
            f"{above.max():.0f} cells above these bounds; use larger bounds, a lower resolution or the fill 'winding'"
        )
    return below.astype(np.int64), above.astype(np.int64)
