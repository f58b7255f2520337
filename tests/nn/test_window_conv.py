"""A convolution by windows is torch's convolution, forward and backward."""

import pytest
import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.nn import WindowConv3d
from geolearn.nn.window_geometry import WindowGeometry

SHAPES = [(1, 4, 6, 2, 10), (3, 5, 3, 2, 8), (2, 4, 4, 1, 5), (2, 3, 1, 1, 3)]  # C, H, kernel, stride, side


@pytest.mark.parametrize("channels, out, kernel, stride, side", SHAPES)
@pytest.mark.parametrize("in_parts", [False, True])
def test_values_and_gradients_are_torch_s(channels, out, kernel, stride, side, in_parts, monkeypatch):
    if in_parts:
        monkeypatch.setattr("geolearn.nn.window_geometry.WINDOW_BYTES", 1)
    ours = WindowConv3d(channels, out, kernel, stride).double()
    theirs = nn.Conv3d(channels, out, kernel, stride).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, channels, side, side + 2, side, dtype=torch.float64, requires_grad=True)
    one, other = ours(x), theirs(x)
    torch.testing.assert_close(one, other)
    weights = torch.randn_like(other)
    grads = torch.autograd.grad((one * weights).sum(), [x, *ours.parameters()])
    for grad, expected in zip(
        grads, torch.autograd.grad((other * weights).sum(), [x, *theirs.parameters()]), strict=True
    ):
        torch.testing.assert_close(grad, expected)


def test_half_precision_is_close_and_trains_float32_weights():
    net = WindowConv3d(4, 6, 3, 2)
    x = torch.rand(5, 4, 9, 9, 9, requires_grad=True)
    expected = torch.autograd.grad(net(x).square().sum(), [x, net.weight])
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    assert y.dtype == torch.bfloat16
    found = torch.autograd.grad(y.float().square().sum(), [x, net.weight])
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert float((one - other).norm() / other.norm()) < 0.02


def test_it_exports_as_torch_s_convolution():
    net, x = WindowConv3d(1, 2, 4, 2).eval(), torch.rand(2, 1, 8, 8, 8)
    program = torch.export.export(net, (x,))
    assert any("conv3d" in str(node.target) for node in program.graph.nodes)
    torch.testing.assert_close(program.module()(x), net(x))


def test_the_order_of_weights_comes_back():
    geometry = WindowGeometry((8, 8, 8), (4, 4, 4), (2, 2, 2), 3)
    kernel = torch.randn(5, 3, 4, 4, 4)
    assert geometry.fold == 2
    assert torch.equal(geometry.to_kernel(geometry.to_rows(kernel)), kernel)


def test_other_inputs_are_refused(as_installed):
    with pytest.raises(InvalidInputError, match=r"x: expected \(B, 2, X, Y, Z\), got \(1, 3, 4, 4, 4\)"):
        WindowConv3d(2, 2, 3)(torch.zeros(1, 3, 4, 4, 4))
    with pytest.raises(InvalidInputError, match=r"a kernel that fits the grid \(2, 4, 4\)"):
        WindowConv3d(2, 2, 3)(torch.zeros(1, 2, 2, 4, 4))
    with pytest.raises(InvalidInputError, match=r"channels: expected at least one, got 0"):
        WindowGeometry((4,), (2,), (1,), 0)
