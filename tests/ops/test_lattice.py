"""Deformation by a lattice: hand values, a slow loop, affine flows, gradients, and what is refused."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops import deform_by_lattice
from geolearn.ops.lattice import interpolate
from geolearn.structures import Mesh, VoxelGrid

MODES = ["linear", "cubic"]


def grid_of(size, origin=(-0.3, 0.1, 0.2), voxel_size=0.25):
    return VoxelGrid(torch.zeros(size, size, size), torch.tensor(origin), voxel_size)


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def centres(grid, dtype=torch.float64):
    size = grid.resolution
    index = torch.stack(torch.meshgrid(*[torch.arange(size)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return grid.origin.to(dtype) + (index.to(dtype) + 0.5) * grid.voxel_size


def catmull_rom(p0, p1, p2, p3, t):
    """The textbook's polynomial."""
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def slow(point, flow, grid, mode):
    """One axis after the other, nodes beyond the lattice by continuing its last two."""

    def along(values, u):
        size = len(values)
        if u < 0:
            return values[0] + u * (values[1] - values[0])
        if u > size - 1:
            return values[-1] + (u - size + 1) * (values[-1] - values[-2])
        i = min(int(u), size - 2)
        t = u - i
        if mode == "linear":
            return (1 - t) * values[i] + t * values[i + 1]
        before = values[i - 1] if i > 0 else 2 * values[0] - values[1]
        after = values[i + 2] if i + 2 < size else 2 * values[-1] - values[-2]
        return catmull_rom(before, values[i], values[i + 1], after, t)

    u = (point - grid.origin.double().numpy()) / grid.voxel_size - 0.5
    moved = []
    for axis in range(3):
        planes = [[along(row, u[2]) for row in plane] for plane in flow[axis].numpy()]
        moved.append(point[axis] + along([along(plane, u[1]) for plane in planes], u[0]))
    return moved


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_against_a_slow_loop(mode, size):
    grid, flow = grid_of(size), noise(3, size, size, size)
    points = noise(40, 3, seed=1) * 0.4 * size * grid.voxel_size + grid.origin + size * grid.voxel_size / 2
    points = torch.cat([points, centres(grid)[:3]])  # nodes themselves as well
    expected = torch.tensor([slow(point, flow, grid, mode) for point in points.numpy()], dtype=torch.float64)
    torch.testing.assert_close(deform_by_lattice(points, flow, grid, mode=mode), expected, atol=1e-9, rtol=1e-9)
    plain = points + interpolate(points, flow, grid.origin.double().numpy(), grid.voxel_size, mode == "cubic")
    torch.testing.assert_close(plain, expected, atol=1e-9, rtol=1e-9)


def test_hand_value():
    grid = VoxelGrid(torch.zeros(2, 2, 2), torch.zeros(3), 2.0)  # centres at 1 and 3
    flow = torch.zeros(3, 2, 2, 2)
    flow[1, 1, 1, 1] = 8.0
    moved = deform_by_lattice(torch.tensor([[2.0, 2.0, 2.0], [3.0, 3.0, 2.5]]), flow, grid)
    assert moved.tolist() == [[2.0, 3.0, 2.0], [3.0, 9.0, 2.5]]  # 8 / 8, and 8 * 3/4


@given(st.integers(0, 10**6), st.sampled_from(MODES), st.integers(2, 6))
def test_affine_flows_are_exact_inside_and_far_outside(seed, mode, size):
    grid = grid_of(size)
    matrix, offset = noise(3, 3, seed=seed), noise(3, seed=seed + 1)
    flow = (centres(grid) @ matrix.T + offset).T.reshape(3, size, size, size)
    points = noise(20, 3, seed=seed + 2) * 2
    expected = points + points @ matrix.T + offset
    torch.testing.assert_close(deform_by_lattice(points, flow, grid, mode=mode), expected, atol=1e-8, rtol=1e-8)


def test_cubic_is_exact_for_quadratic_flows_away_from_the_border():
    grid = grid_of(8)
    x, y, z = centres(grid).T
    flow = torch.stack([x * x - y * z, 3 * y * y + x, z * z - 2 * x * z]).reshape(3, 8, 8, 8)
    points = grid.origin.double() + (2 + 4 * torch.rand(50, 3, dtype=torch.float64)) * grid.voxel_size
    x, y, z = points.T
    expected = points + torch.stack([x * x - y * z, 3 * y * y + x, z * z - 2 * x * z], 1)
    torch.testing.assert_close(deform_by_lattice(points, flow, grid, mode="cubic"), expected)
    assert float((deform_by_lattice(points, flow, grid) - expected).abs().max()) > 1e-3


@pytest.mark.parametrize("mode", MODES)
def test_continuous_across_cells_and_at_the_border(mode):
    grid, flow = grid_of(4), noise(3, 4, 4, 4)
    edge = grid.origin.double() + (torch.tensor([[1.5, 1.2, 1.3], [0.5, 2.1, 3.5], [3.5, 0.5, 0.2]])) * grid.voxel_size
    step = 1e-9 * torch.ones(3, dtype=torch.float64)
    below, above = (deform_by_lattice(edge + s, flow, grid, mode=mode) for s in (-step, step))
    torch.testing.assert_close(below, above, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_gradients(mode):
    grid, flow = grid_of(3), noise(3, 3, 3, 3).requires_grad_()
    # nodes are kinks of the linear mode: stay away from them
    points = (centres(grid)[::3] + 0.11 * noise(9, 3, seed=2).sign() * grid.voxel_size).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, f: deform_by_lattice(p, f, grid, mode=mode), (points, flow))


@pytest.mark.parametrize("mode", MODES)
def test_kernel_and_plain_torch_agree_in_value_and_gradient(mode):
    grid = grid_of(9)
    flow = noise(3, 9, 9, 9, dtype=torch.float32).requires_grad_()
    points = noise(200, 3, seed=1, dtype=torch.float32).requires_grad_()
    weights = noise(200, 3, seed=2, dtype=torch.float32)
    fast = deform_by_lattice(points, flow, grid, mode=mode)
    plain = points + interpolate(points, flow, grid.origin.double().numpy(), grid.voxel_size, mode == "cubic")
    torch.testing.assert_close(fast, plain, atol=2e-4, rtol=1e-4)
    for one, other in zip(
        torch.autograd.grad((fast * weights).sum(), [points, flow]),
        torch.autograd.grad((plain * weights).sum(), [points, flow]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("mode", MODES)
def test_same_bits_for_any_number_of_threads(mode):
    grid, found = grid_of(9), set()
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            flow = noise(3, 9, 9, 9, dtype=torch.float32).requires_grad_()
            points = noise(5000, 3, seed=1, dtype=torch.float32).requires_grad_()
            moved = deform_by_lattice(points, flow, grid, mode=mode)
            values = [moved, *torch.autograd.grad(moved.sin().sum(), [points, flow])]
            found.add(hashlib.sha256(b"".join(v.detach().numpy().tobytes() for v in values)).hexdigest())
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


def test_a_mesh_keeps_all_but_its_vertices():
    faces, labels = torch.tensor([[0, 1, 2], [2, 1, 3]]), torch.tensor([4, 2])
    mesh = Mesh(noise(5, 3, dtype=torch.float32), faces, labels, "sheet")
    grid, flow = grid_of(4), noise(3, 4, 4, 4, dtype=torch.float32)
    moved = deform_by_lattice(mesh, flow, grid)
    assert torch.equal(moved.verts, deform_by_lattice(mesh.verts, flow, grid))
    assert torch.equal(moved.faces, faces)
    assert torch.equal(moved.face_labels, labels)
    assert moved.name == "sheet"


def test_a_flow_of_zero_moves_nothing_and_none_may_come():
    grid, flow = grid_of(4), torch.zeros(3, 4, 4, 4)
    points = noise(10, 3, dtype=torch.float32)
    assert torch.equal(deform_by_lattice(points, flow, grid), points)
    assert deform_by_lattice(points[:0], flow, grid).shape == (0, 3)


@pytest.mark.parametrize("mode", MODES)
def test_views_and_other_types(mode):
    grid = grid_of(4)
    flow = noise(4, 4, 4, 3).permute(3, 0, 1, 2)
    points = noise(20, 6, seed=1)[:, ::2]
    expected = deform_by_lattice(points.contiguous(), flow.contiguous(), grid, mode=mode)
    assert torch.equal(deform_by_lattice(points, flow, grid, mode=mode), expected)
    single = deform_by_lattice(points.float(), flow, grid, mode=mode)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, atol=1e-4, rtol=1e-4)
    inside = (grid.origin + torch.tensor([[1.0, 2.5, 2.0], [3.0, 1.0, 2.0]]) * grid.voxel_size).bfloat16()
    half = deform_by_lattice(inside, flow, grid, mode=mode)  # in plain torch
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(
        half.double(), deform_by_lattice(inside.double(), flow, grid, mode=mode), atol=0.03, rtol=0.03
    )


def test_points_far_away_are_moved_along_the_line():
    grid = grid_of(4, (0.0, 0.0, 0.0), 1.0)
    flow = torch.zeros(3, 4, 4, 4)
    flow[0] = torch.tensor([0.0, 1.0, 2.0, 4.0])[:, None, None]
    far = torch.tensor([[1e6, 2.0, 2.0], [-1e6, 2.0, 2.0]])
    expected = far + torch.tensor([[4 + 2 * (1e6 - 3.5), 0, 0], [-1e6 - 0.5, 0, 0]])
    torch.testing.assert_close(deform_by_lattice(far, flow, grid), expected)


@pytest.mark.usefixtures("as_installed")
class TestRefusals:
    def test_modes(self):
        with pytest.raises(UnknownNameError, match=r"unknown mode 'cubik'\. Did you mean 'cubic'"):
            deform_by_lattice(torch.zeros(1, 3), torch.zeros(3, 2, 2, 2), grid_of(2), mode="cubik")

    def test_another_resolution(self):
        with pytest.raises(InvalidInputError, match=r"expected \(3, 4, 4, 4\), as the grid has 4 cells"):
            deform_by_lattice(torch.zeros(1, 3), torch.zeros(3, 5, 5, 5), grid_of(4))
        with pytest.raises(InvalidInputError, match="at least 2 of them"):
            deform_by_lattice(torch.zeros(1, 3), torch.zeros(3, 1, 1, 1), grid_of(1))

    def test_points(self):
        with pytest.raises(InvalidInputError, match=r"points: expected \(N, 3\), got \(3,\)"):
            deform_by_lattice(torch.zeros(3), torch.zeros(3, 2, 2, 2), grid_of(2))
        for bad in (np.nan, np.inf, -np.inf):
            with pytest.raises(InvalidInputError, match="not finite"):
                deform_by_lattice(torch.tensor([[0.0, bad, 0.0]]), torch.zeros(3, 2, 2, 2), grid_of(2))
