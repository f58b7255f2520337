"""What every registered model of deformations promises: a grid and an intention in, something on the grid out."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, load_model, save_model

NAMES = [name for name in MODELS if MODELS[name].inputs == "deformations"]
SIZE, SMALL = 16, {"resolution": 16, "widths": (8, 12, 16), "track_size": 8}


def make(name: str, **options):
    torch.manual_seed(0)
    return MODELS[name](3, **{**SMALL, **options})


def inputs(count: int):
    generator = torch.Generator().manual_seed(1)
    grids = (torch.rand(count, 1, SIZE, SIZE, SIZE, generator=generator) > 0.8).float()
    return grids, torch.rand(count, 3, generator=generator) - 0.5


def settle(model):
    """Every parameter random, and batch statistics with some history."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.train()
    for _ in range(2):
        model(*inputs(8))
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
class TestEveryModelOfDeformations:
    def test_a_sample_does_not_depend_on_its_batch(self, name):
        model, (grids, intentions) = settle(make(name)), inputs(4)
        with torch.no_grad():
            alone = torch.cat([model(grids[i : i + 1], intentions[i : i + 1]) for i in range(4)])
            torch.testing.assert_close(alone, model(grids, intentions), atol=1e-4, rtol=1e-4)

    def test_both_the_grid_and_the_intention_matter(self, name):
        model, (grids, intentions) = settle(make(name)), inputs(2)
        with torch.no_grad():
            first = model(grids[:1], intentions[:1])
            assert float((model(grids[1:], intentions[:1]) - first).abs().max()) > 1e-3
            assert float((model(grids[:1], intentions[1:]) - first).abs().max()) > 1e-3

    @pytest.mark.parametrize("skip", [True, False])
    def test_every_parameter_gets_a_gradient(self, name, skip):
        model = make(name, skip=skip)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        model(*inputs(4)).square().sum().backward()
        silent = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
        assert not silent

    def test_same_seed_same_weights(self, name):
        one, two = make(name).state_dict(), make(name).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)

    def test_learns_a_tiny_set_by_heart(self, name):
        model, (grids, intentions) = make(name), inputs(4)
        with torch.no_grad():
            start = model(grids, intentions)
            noise = (torch.randn(start.shape, generator=torch.Generator().manual_seed(2)) > 0).float()
            change = torch.nn.functional.avg_pool3d(noise, 4)
            for axis in (2, 3, 4):
                change = change.repeat_interleave(4, axis)
            target = start + change  # a volume starts as the grid that it is given
        optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
        losses = []
        for _ in range(60):
            optimiser.zero_grad()
            loss = torch.nn.functional.mse_loss(model(grids, intentions), target)
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.3 * losses[0]

    def test_weights_come_back_from_a_file(self, name, tmp_path):
        model, (grids, intentions) = settle(make(name, skip=False)), inputs(2)
        save_model(model, tmp_path / "m.safetensors", attributes=["a", "b", "c"])
        again, record = load_model(tmp_path / "m.safetensors")
        assert record["attributes"] == ["a", "b", "c"]
        assert again.config == model.config
        with torch.no_grad():
            assert torch.equal(again(grids, intentions), model(grids, intentions))

    def test_half_precision_weights_stay_close(self, name, tmp_path):
        model, (grids, intentions) = settle(make(name)), inputs(2)
        save_model(model, tmp_path / "m.safetensors", half=True)
        with torch.no_grad():
            again = load_model(tmp_path / "m.safetensors")[0](grids, intentions)
            torch.testing.assert_close(again, model(grids, intentions), atol=2e-2, rtol=2e-2)

    def test_refusals(self, name):
        model, (grids, intentions) = make(name), inputs(2)
        with pytest.raises(InvalidInputError, match=r"grid: expected \(B, 1, 16, 16, 16\), got \(2, 1, 12, 12, 12\)"):
            model(torch.zeros(2, 1, 12, 12, 12), intentions)
        with pytest.raises(InvalidInputError, match=r"intention: expected \(2, 3\), an amount for each attribute"):
            model(grids, intentions[:, :2])
        with pytest.raises(InvalidInputError, match="resolution: expected a multiple of 8 with 3 widths, got 20"):
            make(name, resolution=20)
        with pytest.raises(InvalidInputError, match="num_attributes: expected at least 1, got 0"):
            MODELS[name](0)
