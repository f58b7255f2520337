"""Free-form deformation: a flow on a voxel grid moves meshes, point sets and depth scans."""

from typing import Any, Literal, TypeVar, get_args

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Tensor

Mode = Literal["linear", "cubic"]
MODES: tuple[Mode, ...] = get_args(Mode)
Points = TypeVar("Points", Mesh, Tensor)


def deform_by_lattice(
    points: Points, flow: Float[Tensor, "3 R R R"], grid: VoxelGrid, *, mode: Mode = "linear"
) -> Points:
    """Move every point by the flow where it lies: p + u(p), with u interpolated between the centres of the cells.

    The lattice of free-form deformation (Sederberg & Parry, SIGGRAPH 1986) with its nodes at the centres of a voxel
    grid, as Yumer & Mitra use it (ECCV 2016). What is finer than a cell moves along, so detail survives.

    | mode | u | continuous | exact for |
    | --- | --- | --- | --- |
    | `linear` | trilinear | itself | affine flows |
    | `cubic` | Catmull-Rom's spline in each axis (Keys 1981, a = -1/2) | also its first derivatives | affine flows |

    Both meet the flow at the nodes. Beyond the outermost centres it goes on linearly along each axis, so affine flows
    are exact everywhere. Departure: not the Bernstein or B-spline basis, under which the displacement at a node is not
    that of a point there.

    Differentiable in the points and in the flow. On the CPU, float32 and float64 run in a kernel, whose gradient
    cannot be differentiated again; other devices and types in plain torch, where it can. The result is the same for
    any number of threads.

    Args:
        points: (N, 3), or a mesh: its vertices move and all else stays. In the world of the grid.
        flow: displacement at the centre of cell [x, y, z], in the unit of the points.
        grid: where the lattice lies; its values do not matter.

    Returns:
        As `points`: the same type, and the dtype and device of the points.

    Raises:
        UnknownNameError: another mode.
        InvalidInputError: a flow of another resolution than the grid's, fewer than 2 cells, points that are not finite.

    >>> grid = VoxelGrid(torch.zeros(4, 4, 4), torch.zeros(3), 1.0)
    >>> flow = torch.zeros(3, 4, 4, 4)
    >>> flow[2, 1:] = 1.0                                         # up, from x = 1.5 on; nothing at x = 0.5
    >>> deform_by_lattice(torch.tensor([[1.0, 2.0, 2.0], [3.0, 2.0, 2.0]]), flow, grid)
    tensor([[1.0000, 2.0000, 2.5000],
            [3.0000, 2.0000, 3.0000]])
    """
    if mode not in MODES:
        raise unknown_name("mode", mode, MODES)
    if isinstance(points, Mesh):
        # not dataclasses.replace, whose checks would cost more than the motion
        moved = deform_by_lattice(points.verts, flow, grid, mode=mode)
        return Mesh(moved, points.faces, points.face_labels, points.name)
    size = grid.resolution
    if flow.shape != (3, size, size, size) or size < 2:
        raise InvalidInputError(
            f"flow: expected (3, {size}, {size}, {size}), as the grid has {size} cells per side, and at least 2 of "
            f"them, got {tuple(flow.shape)}"
        )
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidInputError(f"points: expected (N, 3), got {tuple(points.shape)}")
    if len(points) and not torch.isfinite(torch.stack(points.detach().aminmax())).all():  # NaN is both of them
        raise InvalidInputError("points: some coordinates are not finite; remove these points first")
    origin = grid.origin.detach().double().cpu().numpy()
    flow = flow.to(points)
    if points.device.type == "cpu" and points.dtype in (torch.float32, torch.float64):
        return _Deformation.apply(points, flow, origin, grid.voxel_size, mode == "cubic")  # type: ignore[return-value]
    return points + interpolate(points, flow, origin, grid.voxel_size, mode == "cubic")


class _Deformation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, flow: Tensor, origin: np.ndarray, voxel_size: float, cubic: bool) -> Tensor:
        from geolearn.kernels.lattice import move_cubic, move_linear  # Numba takes a while to import

        where = np.ascontiguousarray(points.detach().numpy())
        lattice = flow.detach().permute(1, 2, 3, 0).contiguous().numpy()
        number = where.dtype.type
        ctx.frame = (number(1 / voxel_size), (-origin / voxel_size - 0.5).astype(where.dtype))
        moved = np.empty_like(where)
        ctx.top = number(len(lattice) - 2)
        if cubic:
            move_cubic(where, lattice, *ctx.frame, moved)
        else:
            move_linear(where, lattice.reshape(-1), len(lattice), *ctx.frame, ctx.top, moved)
        ctx.save_for_backward(points, flow)
        ctx.cubic = cubic
        return torch.from_numpy(moved)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        from geolearn.kernels import lattice as kernels

        points, flow = ctx.saved_tensors
        where, gradient = (np.ascontiguousarray(value.detach().numpy()) for value in (points, gradients[0]))
        nodes = flow.detach().permute(1, 2, 3, 0).contiguous().numpy()
        size, to_points, to_flow = len(nodes), None, None
        if ctx.needs_input_grad[0]:
            found = np.empty_like(where)
            if ctx.cubic:
                kernels.points_gradient_cubic(where, nodes, *ctx.frame, gradient, found)
            else:
                kernels.points_gradient_linear(where, nodes.reshape(-1), size, *ctx.frame, ctx.top, gradient, found)
            to_points = torch.from_numpy(found)
        if ctx.needs_input_grad[1]:
            found, planes = np.zeros_like(nodes), -(-size // torch.get_num_threads())
            if ctx.cubic:
                kernels.lattice_gradient_cubic(where, *ctx.frame, gradient, planes, found)
            else:
                kernels.lattice_gradient_linear(where, size, *ctx.frame, ctx.top, gradient, planes, found.reshape(-1))
            to_flow = torch.from_numpy(found).permute(3, 0, 1, 2)
        return to_points, to_flow, None, None, None


def interpolate(
    points: Float[Tensor, "N 3"], flow: Float[Tensor, "C R R R"], origin: np.ndarray, voxel_size: float, cubic: bool
) -> Float[Tensor, "N C"]:
    """The flow at the points, in plain torch: what the kernels compute."""
    size = flow.shape[1]
    u = (points - torch.as_tensor(origin).to(points)) / voxel_size - 0.5
    low = u.detach().floor().clamp(0, size - 2)
    t = u - low
    weights = torch.stack([torch.zeros_like(t), 1 - t, t, torch.zeros_like(t)])  # (4, N, 3): nodes low - 1 to low + 2
    if cubic:
        s = 1 - t
        spline = [-t * s * s / 2, 1 + t * t * (1.5 * t - 2.5), 1 + s * s * (1.5 * s - 2.5), -s * t * t / 2]
        spline = torch.stack(spline)
        first, last = low == 0, low == size - 2
        # the node before the first is twice the first less the second
        before, after = spline[0] * first, spline[3] * last
        spline = spline + torch.stack([-before, 2 * before - after, 2 * after - before, -after])
        weights = torch.where((t < 0) | (t > 1), weights, spline)
    index = (low.long() + torch.arange(-1, 3, device=u.device)[:, None, None]).clamp(0, size - 1)
    taps = range(4) if cubic else range(1, 3)
    value = torch.zeros(len(points), len(flow), dtype=points.dtype, device=points.device)
    for a in taps:
        for b in taps:
            for c in taps:
                weight = weights[a, :, 0] * weights[b, :, 1] * weights[c, :, 2]
                value = value + weight[:, None] * flow[:, index[a, :, 0], index[b, :, 1], index[c, :, 2]].T
    return value
