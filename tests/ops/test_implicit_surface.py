"""Surfaces of functions: where they are, and where they go when the function changes."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.implicit_surface import implicit_surface


def volume(mesh):
    a, b, c = mesh.verts[mesh.faces].unbind(1)
    return (a * torch.linalg.cross(b, c)).sum() / 6


def test_a_ball_grows_along_its_normals():
    radius = torch.tensor(0.3, requires_grad=True)
    mesh = implicit_surface(lambda points: points.norm(dim=1) - radius, 16)
    torch.testing.assert_close(mesh.verts.norm(dim=1), torch.full((len(mesh.verts),), 0.3), atol=1e-5, rtol=0)
    assert mesh.verts.norm(dim=1).mean().item() == pytest.approx(0.3, abs=1e-6)
    weights = torch.randn(len(mesh.verts), 3, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((mesh.verts * weights).sum(), radius)
    normals = torch.nn.functional.normalize(mesh.verts.detach(), dim=1)
    assert gradient.item() == pytest.approx(float((normals * weights).sum()), rel=1e-4)  # dv/dr = n, df/dr = -1


def lopsided(parameters):
    """No distance: its slope varies from place to place."""
    a, b = parameters

    def field(points):
        x, y, z = points.unbind(1)
        return (1 + points[:, 0]) * (x**2 / 0.09 + (y - b * x) ** 2 / a**2 + z**2 / 0.04 - 1)

    return field


def test_the_gradient_of_the_volume_is_its_finite_difference():
    parameters = torch.tensor([0.25, 0.1], requires_grad=True)
    (gradient,) = torch.autograd.grad(volume(implicit_surface(lopsided(parameters), 40)), parameters)
    step = 5e-3
    for entry in range(2):
        ends = []
        for sign in (1, -1):
            moved = parameters.detach().clone()
            moved[entry] += sign * step
            ends.append(float(volume(implicit_surface(lopsided(moved), 40))))
        assert gradient[entry].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=0.02, abs=1e-4)
    assert abs(gradient[0].item()) > 0.05


def test_closed_where_it_would_leave_the_cube():
    mesh = implicit_surface(lambda points: points[:, 2] - 0.1, 8)
    edges = torch.cat([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    directed = {(a, b) for a, b in edges.tolist()}
    assert len(directed) == len(edges)
    assert all((b, a) in directed for a, b in directed)
    assert float(volume(mesh)) == pytest.approx(0.6, abs=0.12)  # nearly a cell is lost at the sides


def test_nothing_there_and_bad_input():
    assert len(implicit_surface(lambda points: points.norm(dim=1) + 1, 4).faces) == 0
    with pytest.raises(InvalidInputError, match="NaN"):
        implicit_surface(lambda points: points[:, 0] * float("nan"), 4)
    with pytest.raises(InvalidInputError, match="resolution, side"):
        implicit_surface(lambda points: points[:, 0], 1)
