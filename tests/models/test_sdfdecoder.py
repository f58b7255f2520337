"""SDFDecoder: distances it learned, codes that are standard normal, and the surface's gradient into the code."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import SDFDecoder
from geolearn.structures import Mesh


def ellipsoid_distance(points, axes):
    """Nearly the distance, near the surface."""
    scaled = points / axes
    return scaled.square().sum(-1).sub(1) / (2 * (scaled / axes).norm(dim=-1).clamp(min=1e-6))


@pytest.fixture(scope="module")
def trained():
    """Of ellipsoids that differ along one axis."""
    torch.manual_seed(0)
    axes = torch.tensor([0.3, 0.3, 0.2]).repeat(5, 1)
    axes[:, 2] = torch.linspace(0.15, 0.35, 5)
    decoder = SDFDecoder(2, shapes=5, width=32, resolution=24)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, total_iters=400)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        points = torch.rand(5, 200, 3, generator=generator) - 0.5
        optimiser.zero_grad()
        loss = decoder.training_loss(torch.arange(5), points, ellipsoid_distance(points, axes[:, None]))
        loss.backward()
        optimiser.step()
        schedule.step()
    decoder.settle()
    return decoder.eval(), axes


def volume(mesh: Mesh):
    a, b, c = mesh.verts[mesh.faces].unbind(1)
    return (a * torch.linalg.cross(b, c)).sum() / 6


def test_learned_shapes_have_their_volumes(trained):
    decoder, axes = trained
    for shape in range(5):
        with torch.no_grad():
            found = float(volume(decoder(decoder.code_of(shape)[None]).unbind()[0]))
        assert found == pytest.approx(4 / 3 * torch.pi * float(axes[shape].prod()), rel=0.06)


def test_settled_codes_have_mean_0_and_covariance_1(trained):
    codes = torch.stack([trained[0].code_of(shape) for shape in range(5)])
    torch.testing.assert_close(codes.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cov(codes.T), torch.eye(2), atol=1e-2, rtol=0)


def test_the_gradient_into_the_code_is_its_finite_difference(trained):
    decoder = trained[0]
    code = torch.tensor([0.3, -0.2], requires_grad=True)
    (gradient,) = torch.autograd.grad(volume(decoder(code[None]).unbind()[0]), code)
    step = 0.05
    for entry in range(2):
        ends = []
        for sign in (1, -1):
            moved = code.detach().clone()
            moved[entry] += sign * step
            with torch.no_grad():
                ends.append(float(volume(decoder(moved[None]).unbind()[0])))
        assert gradient[entry].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=0.05, abs=2e-4)
    assert float(gradient.abs().max()) > 5e-3


def test_bad_input():
    with pytest.raises(InvalidInputError, match="code_size, shapes, width"):
        SDFDecoder(4, shapes=0)
    with pytest.raises(InvalidInputError, match="codes: expected"):
        SDFDecoder(4).distance(torch.zeros(1, 3), torch.zeros(1, 2, 3))
