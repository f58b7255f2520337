"""The convolutional network on the features of a face: its layers one by one, and what it does not depend on."""

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import MeshLabelNet


def features(faces: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(faces, 600, generator=torch.Generator().manual_seed(seed), **options)


def make(num_labels: int = 4, **options) -> MeshLabelNet:
    torch.manual_seed(0)
    return MeshLabelNet(num_labels, **options).eval()


def slow_convolution(picture: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(C, H, W) with a border of 0, every output channel and pixel by itself."""
    channels, rows, columns = picture.shape
    padded = np.zeros((channels, rows + 2, columns + 2))
    padded[:, 1:-1, 1:-1] = picture
    found = np.empty((len(weight), rows, columns))
    for k, i, j in np.ndindex(*found.shape):
        found[k, i, j] = bias[k] + (weight[k] * padded[:, i : i + 3, j : j + 3]).sum()
    return found


def slow_pool(picture: np.ndarray) -> np.ndarray:
    """The largest of every 2 x 2; a row or column that is left over is dropped."""
    channels, rows, columns = picture.shape
    found = np.empty((channels, rows // 2, columns // 2))
    for k, i, j in np.ndindex(*found.shape):
        found[k, i, j] = picture[k, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return found


def test_equals_its_layers_one_by_one():
    net, x = make(3, widths=(2, 3)), features(2)
    net.standardise.fit(features(50, seed=1) * 3 + 1)
    weights = {name: value.detach().double().numpy() for name, value in net.state_dict().items()}
    for face in range(2):
        scaled = (x[face].double().numpy() - weights["standardise.mean"]) * weights["standardise.inverse"]
        picture = np.clip(scaled, -5, 5).reshape(1, 30, 20)
        for layer in ("conv1", "conv2"):
            bent = np.maximum(slow_convolution(picture, weights[f"{layer}.weight"], weights[f"{layer}.bias"]), 0)
            picture = slow_pool(bent)
        assert picture.shape == (3, 7, 5)
        hidden = np.maximum(weights["fc1.weight"] @ picture.reshape(-1) + weights["fc1.bias"], 0)
        expected = weights["fc2.weight"] @ hidden + weights["fc2.bias"]
        np.testing.assert_allclose(net(x)[face].detach().numpy(), expected, atol=1e-5)


def test_parameters_are_those_of_the_table():
    expected = (16 * 9 + 16) + (32 * 16 * 9 + 32) + (128 * 32 * 7 * 5 + 128) + (128 * 6 + 6)
    assert sum(p.numel() for p in make(6).parameters()) == expected


def test_each_face_by_itself_in_any_order():
    net, x = make(), features(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = net(x)
        torch.testing.assert_close(net(x[order]), whole[order], rtol=0, atol=1e-6)
        torch.testing.assert_close(torch.cat([net(row[None]) for row in x]), whole, rtol=0, atol=1e-6)


def test_units_of_features_do_not_matter_once_their_scale_is_known():
    x, unit, zero = features(300), torch.rand(600) + 0.5, torch.randn(600)
    one, two = make(), make()
    one.standardise.fit(x)
    two.standardise.fit(x * unit + zero)
    torch.testing.assert_close(two(x * unit + zero), one(x), rtol=0, atol=1e-4)


def test_stands_for_the_network_on_the_surface():
    """What only the other network looks at changes nothing."""
    net, x = make(), features(5)
    assert torch.equal(net(x, torch.randn(5, 3), torch.rand(2, 3), torch.rand(5), [2, 3]), net(x))


def test_gradients_of_weights_and_features():
    net = make(2, widths=(1, 2)).double()
    x = features(1, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: net(x), (x,), fast_mode=True)
    net(features(6, dtype=torch.float64)).square().sum().backward()
    assert all(bool(p.grad.abs().sum() > 0) for p in net.parameters())


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MeshLabelNet(1), "num_labels: expected at least 2, got 1"),
        (lambda: make()(torch.zeros(3, 593)), r"features: expected \(F, 600\), got \(3, 593\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
