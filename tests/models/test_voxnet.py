"""VoxNet against the paper's figures and a plain re-reading of its formula."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from geolearn.models import MultiResolutionVoxNet, VoxNet, VoxResNet, pretrained_names


@pytest.mark.parametrize("num_classes, parameters", [(10, 917_866), (40, 921_736)])
def test_parameter_count_of_the_paper(num_classes, parameters):
    assert sum(p.numel() for p in VoxNet(num_classes).parameters()) == parameters


def test_forward_is_the_papers_formula():
    torch.manual_seed(0)
    net = VoxNet().eval()
    x = (torch.rand(2, 1, 32, 32, 32) > 0.8).float()
    w = net.state_dict()
    h = F.leaky_relu(F.conv3d(2 * x - 1, w["tower.conv1.weight"], w["tower.conv1.bias"], stride=2), 0.1)
    h = F.max_pool3d(F.leaky_relu(F.conv3d(h, w["tower.conv2.weight"], w["tower.conv2.bias"]), 0.1), 2)
    h = F.relu(F.linear(h.flatten(1), w["tower.fc1.weight"], w["tower.fc1.bias"]))
    torch.testing.assert_close(net(x), F.linear(h, w["fc2.weight"], w["fc2.bias"]))


def test_initialisation_of_the_paper():
    torch.manual_seed(0)
    net = VoxNet(40)
    assert abs(float(net.tower.fc1.weight.detach().std()) - 0.01) < 2e-4
    # He et al.: variance 2 / ((1 + a^2) fan_in)
    assert abs(float(net.tower.conv2.weight.detach().std()) / (2 / (1.01 * 32 * 27)) ** 0.5 - 1) < 0.02
    assert all(
        float(layer.bias.detach().abs().max()) == 0
        for layer in (net.tower.conv1, net.tower.conv2, net.tower.fc1, net.fc2)
    )


def test_multi_resolution_sees_both_channels():
    torch.manual_seed(0)
    net = MultiResolutionVoxNet(5).eval()
    x = (torch.rand(1, 2, 32, 32, 32) > 0.8).float()
    features = net.features(x)
    coarse_gone = net.features(torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], 1))
    assert torch.equal(features[:, :128], coarse_gone[:, :128])
    assert not torch.equal(features[:, 128:], coarse_gone[:, 128:])


@pytest.mark.parametrize("model, name", [(VoxNet, "voxnet-modelnet10"), (VoxResNet, "voxresnet-modelnet10")])
def test_shipped_weights_know_modelnet10(real_data, model, name):
    path = real_data / "modelnet10" / "modelnet10_vox30.npz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    assert name in pretrained_names()
    with np.load(path) as archive:
        grids, labels = archive["X_test"][::9], torch.from_numpy(archive["y_test"][::9].astype(np.int64))
    x = F.pad(torch.from_numpy(grids).float()[:, None], (1, 1) * 3)
    with torch.inference_mode():
        found = model.from_pretrained(name)(x).argmax(1)
    assert float((found == labels).float().mean()) > 0.85
