"""Foldover: determinants by hand and by autograd, and that damping and integration remove it."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops import damp_flow, deform_by_lattice, integrate_flow, lattice_jacobian, measure_foldover
from geolearn.structures import VoxelGrid

SIZE, CELL = 8, 0.25


def grid():
    return VoxelGrid(torch.zeros(SIZE, SIZE, SIZE), torch.zeros(3), CELL)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def centres():
    steps = (torch.arange(SIZE, dtype=torch.float64) + 0.5) * CELL
    return torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"))


def test_of_an_affine_flow_it_is_the_determinant_everywhere():
    matrix = 0.3 * noise(3, 3)
    flow = torch.einsum("ij,jxyz->ixyz", matrix, centres())
    expected = torch.det(torch.eye(3, dtype=torch.float64) + matrix)
    torch.testing.assert_close(lattice_jacobian(flow, CELL), expected.expand(SIZE - 1, SIZE - 1, SIZE - 1))


def test_against_autograd_at_the_corners_of_a_cell():
    flow = 0.1 * noise(3, SIZE, SIZE, SIZE)
    least = lattice_jacobian(flow, CELL)
    for cell in ([0, 0, 0], [3, 5, 2], [6, 6, 6]):
        found = []
        for corner in torch.cartesian_prod(*[torch.tensor([1e-6, 1 - 1e-6], dtype=torch.float64)] * 3):
            point = ((torch.tensor(cell) + corner + 0.5) * CELL)[None].requires_grad_()
            moved = deform_by_lattice(point, flow, grid())
            rows = [torch.autograd.grad(moved[0, axis], point, retain_graph=True)[0][0] for axis in range(3)]
            found.append(torch.det(torch.stack(rows)))
        torch.testing.assert_close(least[tuple(cell)], torch.stack(found).min(), atol=1e-4, rtol=1e-4)


def test_a_plane_pushed_through_the_next_folds_one_layer_of_cells():
    flow = torch.zeros(3, SIZE, SIZE, SIZE)
    flow[0, 3] = 1.5 * CELL
    result = measure_foldover(flow, grid())
    assert result.folded.sum().item() == (SIZE - 1) ** 2
    assert bool(result.folded[3].all())
    assert result.lowest == pytest.approx(-0.5)
    assert result.share == pytest.approx(1 / 7)


def test_only_cells_near_the_shape_count():
    flow = torch.zeros(3, SIZE, SIZE, SIZE)
    flow[0, 3] = 1.5 * CELL
    near = torch.zeros(SIZE, SIZE, SIZE, dtype=torch.bool)
    near[4, 4, 4] = True  # a corner of 8 cells, 4 of them folded
    result = measure_foldover(flow, grid(), near=near)
    assert result.folded.sum().item() == 4
    assert result.share == 0.5
    near[:] = False
    near[7, 7, 7] = True
    assert measure_foldover(flow, grid(), near=near)[1:] == (0.0, 1.0)
    assert measure_foldover(flow, grid(), near=torch.zeros_like(near))[1:] == (0.0, 1.0)


@pytest.mark.parametrize("push", [1.2, 2.5])
def test_damping_unfolds_and_leaves_the_rest(push):
    flow = torch.zeros(3, SIZE, SIZE, SIZE)
    flow[0, 3, 3, 3] = push * CELL
    flow[1, 7] = 0.2 * CELL
    damped = damp_flow(flow, CELL, lowest=0.1)
    assert float(lattice_jacobian(flow, CELL).min()) < 0
    assert float(lattice_jacobian(damped, CELL).min()) >= 0.1
    assert torch.equal(damped[:, 7], flow[:, 7])
    assert 0.2 * CELL < float(damped[0].max()) < push * CELL


def test_a_sound_flow_is_not_damped():
    flow = 0.05 * noise(3, SIZE, SIZE, SIZE).float() * CELL
    assert damp_flow(flow, CELL) is flow


def test_damping_falls_back_on_scaling():
    flow = torch.zeros(3, SIZE, SIZE, SIZE, dtype=torch.float64)
    flow[0] = -1.5 * centres()[0]  # space inside out: no smoothing mends it
    damped = damp_flow(flow, CELL, lowest=0.25, rounds=0)
    torch.testing.assert_close(damped, flow / 2, atol=1e-6, rtol=1e-6)  # 1 - 1.5 s = 0.25


def test_integration_of_a_linear_velocity_is_the_matrix_exponential():
    matrix = 0.4 * noise(3, 3)
    flow = torch.einsum("ij,jxyz->ixyz", matrix, centres())
    moved = centres() + integrate_flow(flow, CELL, squarings=16)
    expected = torch.einsum("ij,jxyz->ixyz", torch.matrix_exp(matrix), centres())
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=1e-4)


def test_integration_stretches_by_e_to_the_amount_and_none_is_the_flow():
    flow = torch.zeros(3, SIZE, SIZE, SIZE, dtype=torch.float64)
    flow[2] = 0.5 * centres()[2]
    top = integrate_flow(flow, CELL, squarings=12)[2, 0, 0, -1] + centres()[2, 0, 0, -1]
    assert float(top) == pytest.approx(math.exp(0.5) * float(centres()[2, 0, 0, -1]), rel=1e-3)
    torch.testing.assert_close(integrate_flow(flow, CELL, squarings=0), flow)


def test_integration_unfolds():
    x, y, z = centres()
    wave = torch.stack([torch.sin(4 * x) * torch.cos(3 * y), torch.sin(3 * z), torch.cos(4 * x + z)])
    flow = 0.45 * wave
    assert measure_foldover(flow, grid()).share > 0.2
    sound = integrate_flow(flow, CELL, squarings=7)
    assert measure_foldover(sound, grid()).share == 0
    assert float(sound.norm(dim=0).mean()) > 0.5 * float(flow.norm(dim=0).mean())


def test_gradient_through_the_integration():
    flow = (0.2 * CELL * noise(3, 3, 3, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: integrate_flow(f, CELL, squarings=3), (flow,))


@pytest.mark.usefixtures("as_installed")
def test_refusals():
    with pytest.raises(InvalidInputError, match=r"expected \(3, R, R, R\) with R >= 2, got \(3, 4, 4, 5\)"):
        lattice_jacobian(torch.zeros(3, 4, 4, 5), 1.0)
    with pytest.raises(InvalidInputError, match="lowest: expected a determinant from 0 to below 1, got 1"):
        damp_flow(torch.zeros(3, 4, 4, 4), 1.0, lowest=1)
    with pytest.raises(InvalidInputError, match="squarings: expected 0 or more, got -1"):
        integrate_flow(torch.zeros(3, 4, 4, 4), 1.0, squarings=-1)
