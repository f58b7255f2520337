"""Motions of procedural shapes: velocities on voxels, true deformed meshes and volumes, depth scans."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from geolearn.data.procedural.shape import Shape
from geolearn.ops import occupancy_from_depth, voxelize
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Bool, Float, Int, Tensor

AMOUNT = 0.5  # the largest of an intention that is drawn
SCAN_CAMERAS, SCAN_PIXELS = 48, 96  # on a sphere, from the top down
SCAN_LOWEST = 36  # the others look up from below


def velocities_at(factors: Float[Tensor, "B K 3 3 R"], voxels: Int[Tensor, "B S"]) -> Float[Tensor, "B K S 3"]:
    """v_k at the centres of voxels, given by their place in a flat grid."""
    size = factors.shape[-1]
    value = None
    for axis, index in enumerate((voxels // size**2, voxels // size % size, voxels % size)):
        here = index[:, None, None].expand(-1, *factors.shape[1:3], -1)  # (B, K, 3, S)
        factor = factors[:, :, :, axis].gather(3, here)
        value = factor if value is None else value * factor
    return value.transpose(2, 3)  # type: ignore[union-attr]


def velocity_lattice(factors: Float[Tensor, "*B 3 3 R"]) -> Float[Tensor, "*B 3 R R R"]:
    """The velocity at the centres of all voxels."""
    x, y, z = factors.unbind(-2)
    return x[..., :, None, None] * y[..., None, :, None] * z[..., None, None, :]


def deform_exactly(shape: Shape, attributes: Sequence[str], intention: Float[Tensor, " K"]) -> Mesh:
    """The mesh moved by the sum of the true motions of its attributes; what it lacks moves nothing."""
    handles = {handle.name: handle for handle in shape.handles}
    verts = shape.mesh.verts.double().numpy()
    moved = verts.copy()
    for name, amount in zip(attributes, intention.tolist(), strict=True):
        if amount and name in handles:
            moved += amount * handles[name].velocity(verts)
    return replace(shape.mesh, verts=torch.from_numpy(moved).float())


def voxelize_pose(
    shape: Shape, attributes: Sequence[str], intention: Float[Tensor, " K"], grid: VoxelGrid
) -> VoxelGrid:
    """The occupancy of the deformed shape in the grid of the shape itself; what leaves the grid is cut off."""
    size = grid.resolution
    bounds = torch.stack([grid.origin, grid.origin + size * grid.voxel_size])
    return voxelize(deform_exactly(shape, attributes, intention), size, bounds=bounds)


def draw_intentions(
    known: Bool[Tensor, "N K"], limits: Float[Tensor, "N K 2"], count: int, generator: torch.Generator
) -> Float[Tensor, "N M K"]:
    """`count` random intentions for each shape: one to three of its attributes, uniform within its limits and +-0.5."""
    shape = (len(known), count, known.shape[1])
    score = torch.rand(shape, generator=generator).masked_fill(~known[:, None], -1)
    wanted = torch.randint(1, 4, shape[:2], generator=generator)
    rank = score.argsort(2, descending=True).argsort(2)
    active = (rank < wanted[..., None]) & known[:, None]
    low, high = limits.clamp(-AMOUNT, AMOUNT)[:, None].unbind(-1)
    return (low + (high - low) * torch.rand(shape, generator=generator)) * active


def scan_grids(mesh: Mesh, grid: VoxelGrid, count: int, generator: torch.Generator) -> Iterator[Float[Tensor, "R R R"]]:
    """What `count` single cameras around the shape see, in the frame of `grid`: 0 free, 0.5 unknown, 1 surface."""
    low, high = mesh.bounds
    centre, longest = (low + high) / 2, (high - low).max()
    corners = torch.stack([grid.origin, grid.origin + grid.resolution * grid.voxel_size])
    bounds, inside = (corners - centre) / longest, replace(mesh, verts=(mesh.verts - centre) / longest)
    rig = camera_rig("sphere", count=SCAN_CAMERAS, size=SCAN_PIXELS)
    for view in torch.randint(0, SCAN_LOWEST, (count,), generator=generator).tolist():
        depth = render_views(inside, rig[view], shading="depth")[:, 0]
        yield occupancy_from_depth(depth, rig[view], grid.resolution, bounds=bounds).values
