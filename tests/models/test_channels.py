"""Weights of one channel look at several."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN, VoxNet, VoxResNet


@pytest.mark.parametrize("make", [VoxNet, lambda *a, **k: VoxResNet(*a, resolution=32, widths=(8, 8, 8), **k)])
def test_the_same_in_every_channel_gives_the_same(make, tmp_path):
    torch.manual_seed(0)
    net = make(3)
    net.eval().save_pretrained(tmp_path / "one.safetensors")
    wide = type(net).from_pretrained(tmp_path / "one.safetensors", in_channels=3)
    x = torch.rand(2, 1, 32, 32, 32).round()
    with torch.no_grad():
        torch.testing.assert_close(wide(x.expand(2, 3, 32, 32, 32)), net(x), atol=1e-5, rtol=1e-4)
        other = torch.cat([x, x, 1 - x], 1)
        assert not torch.allclose(wide(other), net(x), atol=1e-5)
    wide.save_pretrained(tmp_path / "three.safetensors")
    again = type(net).from_pretrained(tmp_path / "three.safetensors")
    assert again.config["in_channels"] == 3
    assert torch.equal(again(other), wide(other))
    with pytest.raises(InvalidInputError, match="these look at 3"):
        type(net).from_pretrained(tmp_path / "three.safetensors", in_channels=2)


def test_models_of_fixed_channels_say_so(tmp_path):
    MVCNN(2, backbone="resnet10t").save_pretrained(tmp_path / "net.safetensors")
    with pytest.raises(InvalidInputError, match="in_channels: MVCNN has no such argument"):
        MVCNN.from_pretrained(tmp_path / "net.safetensors", in_channels=4)
