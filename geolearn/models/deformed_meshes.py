"""Meshes deformed by a network: voxelize, ask for the flow, move the vertices; foldover measured or prevented."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models.deformationflownet import DeformationFlowNet
from geolearn.ops import damp_flow, deform_by_lattice, integrate_flow, measure_foldover, voxelize
from geolearn.ops.foldover import Foldover
from geolearn.ops.lattice import Mode
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Tensor

Prevention = Literal["none", "damp", "integrate"]
PREVENTIONS: tuple[Prevention, ...] = get_args(Prevention)


@dataclass(frozen=True, eq=False)
class DeformedMesh:
    """What `deform_mesh` returns.

    Attributes:
        mesh: the same faces, labels and name, other vertices.
        flow: (3, R, R, R) that moved them, in the unit of the mesh.
        grid: the voxelized shape, in whose cells the flow lies.
        foldover: of the flow, in cells of the lattice that touch the shape.
        unprevented: the same before anything was done about it.

    >>> import trimesh
    >>> net = DeformationFlowNet(2, 16, widths=(4, 8)).eval()
    >>> found = deform_mesh(net, Mesh.from_trimesh(trimesh.creation.box()), torch.tensor([0.0, 0.0]))
    >>> found.foldover.share, found.foldover.lowest
    (0.0, 1.0)
    """

    mesh: Mesh
    flow: Float[Tensor, "3 R R R"]
    grid: VoxelGrid
    foldover: Foldover
    unprevented: Foldover


def deform_mesh(
    net: DeformationFlowNet,
    mesh: Mesh,
    intention: Float[Tensor, " K"],
    *,
    prevent: Prevention = "none",
    mode: Mode = "linear",
) -> DeformedMesh:
    """Change the attributes of a mesh; its faces stay as they are.

    The mesh may be any soup of triangles, open or of several components: it is voxelized, and space is deformed around
    it. It must stand upright (Z) and face -Y, as the shapes that the network learned from.

    Args:
        net: with trained weights, in evaluation mode.
        intention: an amount for each attribute; 0.4 makes a length 40 % longer. All zeros return the mesh itself.
        prevent: "none"; "damp" smooths the flow where it folds (`damp_flow`); "integrate" takes it for the velocity
            over unit time (`integrate_flow`). For a stretch by 1 + a to come out as such, give log(1 + a) then.
        mode: how the flow is interpolated between voxels, see `deform_by_lattice`.

    Raises:
        UnknownNameError: another `prevent` or `mode`.
        InvalidInputError: another number of amounts, amounts that are not finite, or a mesh without faces.

    >>> import trimesh
    >>> box, net = Mesh.from_trimesh(trimesh.creation.box()), DeformationFlowNet(2, 16, widths=(4, 8)).eval()
    >>> moved = deform_mesh(net, box, torch.tensor([0.4, 0.0])).mesh
    >>> moved.faces is box.faces, moved.verts.shape
    (True, torch.Size([8, 3]))
    """
    if prevent not in PREVENTIONS:
        raise unknown_name("prevention of foldover", prevent, PREVENTIONS)
    if intention.shape != (net.num_attributes,) or not bool(torch.isfinite(intention).all()):
        raise InvalidInputError(
            f"intention: expected {net.num_attributes} finite amounts, one for each attribute, got {intention.tolist()}"
        )
    grid = voxelize_shape(net, mesh)
    with torch.inference_mode():
        cells = net(grid.values[None, None].to(net.motion), intention[None].to(net.motion))[0]
    raw = flow = cells.clone().to(mesh.verts) * grid.voxel_size
    if prevent == "damp":
        flow = damp_flow(raw, grid.voxel_size)
    elif prevent == "integrate":
        flow = integrate_flow(raw, grid.voxel_size)
    before = measure_foldover(raw, grid, near=grid.values)
    after = before if prevent == "none" else measure_foldover(flow, grid, near=grid.values)
    moved = mesh if not bool((intention != 0).any()) else deform_by_lattice(mesh, flow, grid, mode=mode)
    return DeformedMesh(moved, flow, grid, after, before)


def attribute_motions(
    net: DeformationFlowNet, mesh: Mesh, which: list[int], *, mode: Mode = "linear"
) -> Float[Tensor, "M V 3"]:
    """How every vertex moves for an amount of 1 of some attributes; for other amounts it moves in proportion.

    Raises:
        InvalidInputError: a network whose flow is not linear in the intention, or a mesh without faces.

    >>> import trimesh
    >>> box, net = Mesh.from_trimesh(trimesh.creation.box()), DeformationFlowNet(2, 16, widths=(4, 8)).eval()
    >>> motion = attribute_motions(net, box, [1])[0]
    >>> again = deform_mesh(net, box, torch.tensor([0.0, 0.3])).mesh.verts
    >>> torch.allclose(box.verts + 0.3 * motion, again, atol=1e-6)
    True
    """
    grid = voxelize_shape(net, mesh)
    with torch.inference_mode():
        velocities = net.velocities(grid.values[None, None].to(net.motion))[0, which]
    flows = velocities.clone().to(mesh.verts) * grid.voxel_size
    return torch.stack([deform_by_lattice(mesh.verts, flow, grid, mode=mode) - mesh.verts for flow in flows])


def voxelize_shape(net: DeformationFlowNet, mesh: Mesh) -> VoxelGrid:
    """The mesh as the network sees it: solid, the longest side R - 2 * padding cells."""
    return voxelize(mesh, net.resolution, padding=net.padding)
