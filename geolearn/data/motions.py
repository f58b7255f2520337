"""Motions of procedural shapes: in a normalised frame, of whole meshes, as deformed volumes; and depth scans."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from geolearn.data.procedural.shape import Shape
from geolearn.ops import occupancy_from_depth, voxelize
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Array, Float, Tensor

SCAN_CAMERAS, SCAN_PIXELS = 48, 96  # on a sphere, from the top down
SCAN_LOWEST = 36  # the others look up from below


def normalise(shape: Shape) -> Shape:
    """The shape as loaders deliver its mesh, centred and with a longest side of 1; its attributes come along."""
    low, high = shape.mesh.bounds.double().numpy()
    longest = float((high - low).max())

    def move(points: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
        return (np.asarray(points) - (low + high) / 2) / longest

    handles = tuple(handle.carried(move) for handle in shape.handles)
    return replace(shape, mesh=shape.mesh.normalised(), handles=handles, volume=None)


def deform_exactly(shape: Shape, attributes: Sequence[str], amounts: Float[Tensor, " M"]) -> Mesh:
    """The mesh moved by the sum of the true motions; what a shape lacks moves nothing."""
    handles = {handle.name: handle for handle in shape.handles}
    verts = shape.mesh.verts.double().numpy()
    moved = verts.copy()
    for name, amount in zip(attributes, amounts.tolist(), strict=False):  # amounts may be longer: padding
        if amount and name in handles:
            moved += amount * handles[name].velocity(verts)
    return replace(shape.mesh, verts=torch.from_numpy(moved).float())


def voxelize_in(mesh: Mesh, grid: VoxelGrid) -> VoxelGrid:
    """The occupancy of a mesh in another's grid; what leaves the grid is cut off."""
    size = grid.resolution
    return voxelize(mesh, size, bounds=torch.stack([grid.origin, grid.origin + size * grid.voxel_size]))


def scan_grids(mesh: Mesh, grid: VoxelGrid, count: int, generator: torch.Generator) -> Iterator[Float[Tensor, "R R R"]]:
    """What `count` single cameras around a normalised mesh see, in its grid: 0 free, 0.5 unknown, 1 surface."""
    bounds = torch.stack([grid.origin, grid.origin + grid.resolution * grid.voxel_size])
    rig = camera_rig("sphere", count=SCAN_CAMERAS, size=SCAN_PIXELS)
    for view in torch.randint(0, SCAN_LOWEST, (count,), generator=generator).tolist():
        depth = render_views(mesh, rig[view], shading="depth")[:, 0]
        yield occupancy_from_depth(depth, rig[view], grid.resolution, bounds=bounds).values
