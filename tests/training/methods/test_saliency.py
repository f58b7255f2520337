"""Saliency against finite differences, and on shapes of which one view decides."""

import pytest
import torch

from geolearn.models import MVCNN
from geolearn.training.methods.saliency import view_saliency

pytest.importorskip("timm", reason="needs the extra [backbones]")


def model(**settings) -> MVCNN:
    torch.manual_seed(0)
    return MVCNN(3, backbone="test_efficientnet", **settings).eval()


def test_the_strongest_pixel_moves_the_score_as_the_gradient_says():
    net = model(pooling="mean").double()
    x = torch.rand(1, 2, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = view_saliency(net, x, torch.tensor([1]))
    view, row, column = (int(i[0]) for i in torch.where(found.pixels[0] == found.pixels.max()))
    step = torch.zeros_like(x)
    step[0, view, 0, row, column] = 1e-6
    with torch.no_grad():
        change = (net(x + step) - net(x - step))[0, 1] / 2e-6
    assert float(change.abs()) == pytest.approx(float(found.pixels.max()), rel=1e-4)


def test_a_masked_view_has_no_say_and_shares_sum_to_one():
    x, mask = torch.rand(2, 3, 1, 32, 32), torch.tensor([[True, False, True], [True, True, True]])
    found = view_saliency(model(), x, mask=mask)
    assert float(found.views[0, 1]) == 0
    torch.testing.assert_close(found.views.sum(1), torch.ones(2))
    assert found.pixels.shape == (2, 3, 32, 32)


def test_the_mode_of_the_model_is_left_as_it_was():
    net = model().train()
    view_saliency(net, torch.rand(1, 2, 1, 32, 32))
    assert net.training
