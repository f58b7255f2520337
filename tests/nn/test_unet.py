"""U-Nets: constants stay constant, what skips, tracks and conditions carry, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.nn import UNet2d, VoxelUNet

NETS = [UNet2d, VoxelUNet]


def make(cls, *args, seed=0, **options):
    """A net in evaluation mode whose every parameter and statistic is random."""
    torch.manual_seed(seed)
    net = cls(*args, **options)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    for name, statistic in net.named_buffers():
        if "running" in name:
            nn.init.uniform_(statistic, 0.5, 1.5)
    return net.eval()


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("cls", NETS)
def test_a_constant_stays_constant(cls, norm):
    net = make(cls, 2, 3, (4, 6, 8), condition_size=2, track_size=5, norm=norm, padding="replicate").double()
    for module in net.modules():
        if norm == "instance" and hasattr(module, "eps"):
            module.eps = 1.0  # else every norm of a constant makes its rounding 300 times larger
    x = noise(2, 2).double().view(2, 2, *[1] * net.axes).expand(2, 2, *[8] * net.axes)
    y = net(x, noise(2, 2, seed=2).double()).detach().flatten(2)
    torch.testing.assert_close(y, y[..., :1].expand_as(y))
    assert float(y.std(1).min()) > 0  # the channels themselves differ


def test_a_constant_makes_no_checkerboard_away_from_a_padding_of_zeros():
    net = make(UNet2d, 1, 1, (4, 4, 4))
    inner = net(torch.ones(1, 1, 64, 64))[..., 24:40, 24:40]
    torch.testing.assert_close(inner, inner[..., :1, :1].expand_as(inner))
    transposed = nn.ConvTranspose2d(1, 1, 3, 2, 1, 1)(torch.ones(1, 1, 16, 16))[..., 8:24, 8:24]
    assert float(transposed.detach().std()) > 0.01  # what the test would see of a transposed convolution


def test_against_the_same_net_written_out():
    net = make(UNet2d, 1, 2, (3, 5), condition_size=2, track_size=4)
    x, c = noise(2, 1, 6, 4), noise(2, 2, seed=3)

    def layer(level, x, g):
        (one,) = level
        norm = one.norm
        x = F.conv2d(x, one.convolution.weight, stride=one.convolution.stride, padding=1)
        y = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        y = y + (g @ one.add.weight.T + one.add.bias)[:, :, None, None]
        if one.renew is not None:
            g = F.selu(torch.cat([g, x.mean((2, 3))], 1) @ one.renew.weight.T + one.renew.bias)
        return y.clamp(min=0), g

    with torch.no_grad():
        g = F.selu(x.mean((2, 3)) @ net.start.weight.T + net.start.bias)
        fine, g = layer(net.down[0], x, g)
        middle, g = layer(net.down[1], fine, g)
        scale, shift = net.mix(c)[:, :5], net.mix(c)[:, 5:]
        middle, g = layer(net.mixed, middle * (1 + scale[..., None, None]) + shift[..., None, None], g)
        narrow = (
            torch.einsum("oi,bihw->bohw", net.narrow[0].weight[..., 0, 0], middle) + net.narrow[0].bias[:, None, None]
        )
        twice = narrow.repeat_interleave(2, 2).repeat_interleave(2, 3)
        up, g = layer(net.up[0], torch.cat([twice, fine], 1), g)
        expected = torch.einsum("oi,bihw->bohw", net.end.weight[..., 0, 0], up) + net.end.bias[:, None, None]
        torch.testing.assert_close(net(x, c), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("cls", NETS)
def test_only_skips_go_around_the_middle(cls):
    x, other = noise(1, 1, *[8] * cls.axes), noise(1, 1, *[8] * cls.axes, seed=2)
    for skip in (True, False):
        net = make(cls, 1, 1, (4, 4, 4), skip=skip)
        nn.init.zeros_(net.narrow[0].weight)
        with torch.no_grad():
            assert torch.equal(net(x), net(other)) is not skip


def test_the_track_brings_back_the_mean_that_instance_normalisation_removes():
    x = noise(1, 1, 8, 8, 8)
    for track_size in (0, 4):
        net = make(VoxelUNet, 1, 1, (4, 4), norm="instance", track_size=track_size, padding="replicate")
        with torch.no_grad():
            change = float((net(x + 3) - net(x)).abs().max())
        assert (change > 0.1) == bool(track_size)
        assert change > 0.1 or change < 1e-4


@pytest.mark.parametrize("cls", NETS)
def test_a_sample_depends_on_its_own_condition_alone(cls):
    net = make(cls, 1, 2, (4, 8), condition_size=3, track_size=2, layers_per_level=2)
    x, c = noise(3, 1, *[4] * cls.axes), noise(3, 3, seed=2)
    with torch.no_grad():
        whole = net(x, c)
        torch.testing.assert_close(
            whole, torch.cat([net(x[i : i + 1], c[i : i + 1]) for i in range(3)]), atol=1e-4, rtol=1e-4
        )
        assert float((net(x[:1], c[1:2]) - whole[:1]).abs().max()) > 1e-2


@pytest.mark.parametrize("cls, size", [(UNet2d, (24, 40)), (VoxelUNet, (16, 8, 24)), (VoxelUNet, (4, 4, 4))])
def test_any_divisible_size_and_every_parameter_learns(cls, size):
    net = make(cls, 2, 3, (4, 5, 6), condition_size=2, track_size=3).train()
    y = net(noise(2, 2, *size), noise(2, 2, seed=2))
    assert y.shape == (2, 3, *size)
    y.square().sum().backward()
    silent = {key for key, p in net.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)}
    assert not silent


def test_gradients():
    net = make(VoxelUNet, 1, 1, (2, 3), condition_size=1, track_size=2, norm="instance").double()
    x, c = noise(1, 1, 4, 2, 2).double().requires_grad_(), noise(1, 1).double().requires_grad_()
    assert torch.autograd.gradcheck(net, (x, c))


def test_the_code_is_the_mean_of_the_coarsest_features_and_needs_no_condition():
    net = make(UNet2d, 1, 1, (2, 3), condition_size=2)
    x = noise(2, 1, 4, 6)
    (one,), (two,) = net.down
    with torch.no_grad():
        torch.testing.assert_close(net.code(x), two(one(x, None)[0], None)[0].mean((2, 3)))


class TestRefusals:
    def test_sizes(self):
        with pytest.raises(InvalidInputError, match=r"divisible by 4, got \(8, 8, 6\); pad it"):
            VoxelUNet(1, 1, (2, 2, 2))(torch.zeros(1, 1, 8, 8, 6))
        with pytest.raises(InvalidInputError, match=r"expected \(B, 2, and 2 axes\), got \(1, 1, 8, 8\)"):
            UNet2d(2, 1, (2, 2))(torch.zeros(1, 1, 8, 8))

    def test_conditions(self):
        x = torch.zeros(2, 1, 8, 8)
        with pytest.raises(InvalidInputError, match=r"condition: expected \(2, 3\), got none"):
            UNet2d(1, 1, (2, 2), condition_size=3)(x)
        with pytest.raises(InvalidInputError, match=r"condition: expected \(2, 3\), got \(2, 2\)"):
            UNet2d(1, 1, (2, 2), condition_size=3)(x, torch.zeros(2, 2))
        with pytest.raises(InvalidInputError, match=r"expected none, as condition_size is 0, got \(2, 2\)"):
            UNet2d(1, 1, (2, 2))(x, torch.zeros(2, 2))

    @pytest.mark.usefixtures("as_installed")
    def test_options(self):
        with pytest.raises(InvalidInputError, match=r"widths: expected at least 1, got \(4, 0\)"):
            UNet2d(1, 1, (4, 0))
        with pytest.raises(InvalidInputError, match="layers_per_level: expected at least 1, got 0"):
            UNet2d(1, 1, (4,), layers_per_level=0)
        with pytest.raises(UnknownNameError, match=r"unknown norm 'bach'\. Did you mean 'batch'"):
            UNet2d(1, 1, (4,), norm="bach")
        with pytest.raises(UnknownNameError, match=r"unknown padding 'zero'\. Did you mean 'zeros'"):
            UNet2d(1, 1, (4,), padding="zero")
