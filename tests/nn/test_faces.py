"""Heat on faces against closed forms and slow loops; features on one scale."""

import math

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.nn import FaceBlock, FaceDiffusion, Standardise
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.structures import Mesh

SPHERE = Mesh.from_trimesh(trimesh.creation.icosphere(2))
SPECTRUM = face_spectrum(SPHERE, 320)
FULL = (SPECTRUM.functions, SPECTRUM.eigenvalues[None], SPECTRUM.areas, [320])


def diffusion(*times: float) -> FaceDiffusion:
    layer = FaceDiffusion(len(times))
    with torch.no_grad():
        layer.log_time.copy_(torch.tensor(times).log())
    return layer


def test_height_on_a_sphere_fades_at_the_rate_of_degree_one():
    """exp(-2 t / r^2), r^2 = 1 / (4 pi) for a sphere of area 1."""
    height = SPHERE.triangles().mean(1)[:, 2:]
    for time in (0.001, 0.02):
        faded = diffusion(time)(height, *FULL)
        assert torch.allclose(faded, math.exp(-8 * math.pi * time) * height, atol=0.01)


def test_no_time_changes_nothing_and_all_time_leaves_the_mean():
    x = torch.randn(320, 2, generator=torch.Generator().manual_seed(0))
    y = diffusion(1e-9, 1e4)(x, *FULL)
    assert torch.allclose(y[:, 0], x[:, 0], atol=1e-3)
    assert torch.allclose(y[:, 1], (SPECTRUM.areas * x[:, 1]).sum().expand(320), atol=1e-4)


def test_heat_is_kept_and_half_the_time_twice_is_the_time():
    x = torch.rand(320, 1, generator=torch.Generator().manual_seed(3))
    once, half = diffusion(0.02), diffusion(0.01)
    y = once(x, *FULL)
    assert float((SPECTRUM.areas * y[:, 0]).sum().detach()) == pytest.approx(
        float((SPECTRUM.areas * x[:, 0]).sum()), rel=1e-4
    )
    assert torch.allclose(half(half(x, *FULL), *FULL), y, atol=1e-4)


def test_gradients_of_the_time_and_the_input():
    layer = FaceDiffusion(3).double()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(9, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    functions = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    values = torch.rand(2, 4, generator=generator, dtype=torch.float64)
    areas = torch.rand(9, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: layer(x, functions, values, areas, [4, 5]), (x,))
    assert torch.autograd.gradcheck(
        lambda t: torch.func.functional_call(layer, {"log_time": t}, (x.detach(), functions, values, areas, [4, 5])),
        (layer.log_time.detach().clone().requires_grad_(),),
    )


def test_meshes_of_a_batch_do_not_mix():
    x = torch.rand(640, 2, generator=torch.Generator().manual_seed(3))
    packed = (SPECTRUM.functions.repeat(2, 1), FULL[1].repeat(2, 1), SPECTRUM.areas.repeat(2), [320, 320])
    layer = diffusion(0.01, 0.3)
    assert torch.allclose(layer(x, *packed), torch.cat([layer(x[:320], *FULL), layer(x[320:], *FULL)]), atol=1e-6)


def test_a_block_adds_to_its_input():
    block = FaceBlock(4)
    torch.nn.init.zeros_(block.narrow.weight)
    torch.nn.init.constant_(block.narrow.bias, 2.0)
    x = torch.rand(320, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(block(x, *FULL), x + 2)


def test_standardised_features():
    layer = Standardise(3, limit=2.0)
    x = torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 0.0], [5.0, 5.0, 0.0]])
    layer.fit(x)
    expected = torch.tensor([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])  # the deviation of 1, 3, 5 is 2
    assert torch.allclose(layer(x), expected)
    assert layer(torch.tensor([[99.0, 7.0, -1.0]])).tolist() == [[2.0, 0.0, 0.0]]


@pytest.mark.parametrize("rows", [(1, 3), (4, 2)])
def test_a_scale_cannot_come_from_one_row_or_other_features(rows):
    with pytest.raises(InvalidInputError, match="x: expected at least 2 rows of 3 features"):
        Standardise(3).fit(torch.zeros(rows))
