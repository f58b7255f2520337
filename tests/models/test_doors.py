"""What networks are given by people: other types of numbers, other shapes, other things."""

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, MVCNN, VoxNet, VoxResNet
from geolearn.structures import VoxelGrid

GRIDS = {
    "voxnet": (VoxNet, (1, 32)),
    "voxnet_multires": (lambda n: MODELS["voxnet_multires"](n), (2, 32)),
    "voxresnet": (lambda n: VoxResNet(n, resolution=16, widths=(8, 8, 8)), (1, 16)),
    "shapenets3d_classifier": (
        lambda n: MODELS["shapenets3d_classifier"](n, channels=(4, 8, 16), hidden=20, top=30),
        (1, 30),
    ),
}


@pytest.fixture(params=sorted(GRIDS))
def network(request):
    """A network, and two grids that it takes."""
    torch.manual_seed(0)
    make, (channels, side) = GRIDS[request.param]
    return make(3).eval(), (torch.rand(2, channels, side, side, side) > 0.8).float()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.int8, torch.float64, torch.float16])
def test_occupancy_of_any_type_is_the_same_occupancy(dtype, network):
    net, x = network
    assert torch.equal(net(x.to(dtype)), net(x))


def test_half_a_network_takes_whole_numbers(network):
    net, x = network
    assert net.to(torch.bfloat16)(x).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype, full, low, high", [(torch.uint8, 255, 0, 255), (torch.int64, -1, -1, 0)])
def test_255_is_not_1(dtype, full, low, high, network):
    net, x = network
    with pytest.raises(InvalidInputError, match=rf"expected occupancy in \[0, 1\], got {dtype} from {low} to {high}"):
        net((x * full).to(dtype))


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    "change, remedy",
    [
        (lambda x: x[0, 0], r"one grid is x\[None, None\]"),
        (lambda x: x[:, 0], r"x\[:, None\] adds the channel of a batch"),
        (lambda x: x.expand(2, 3, 32, 32, 32), "in_channels=3"),
        (lambda x: x[..., :30, :30, :30], "made with resolution=30, this one has 32"),
        (lambda x: x[..., :30], r"32\), got \(2, 1, 32, 32, 30\)$"),
        (lambda x: x.numpy(), r"got ndarray; pass torch\.as_tensor\(x\)"),
        (lambda x: VoxelGrid(x[0, 0]), r"got VoxelGrid; pass x\.values\[None, None\]"),
    ],
)
def test_another_shape_is_one_sentence(change, remedy):
    with pytest.raises(InvalidInputError, match=f"^x: expected .*{remedy}") as caught:
        VoxNet(3)(change(torch.zeros(2, 1, 32, 32, 32)))
    assert "\n" not in str(caught.value)


def test_a_smaller_grid_is_refused_by_a_residual_network_too():
    with pytest.raises(InvalidInputError, match="made with resolution=64"):
        VoxResNet(3)(torch.zeros(1, 1, 64, 64, 64))
    with pytest.raises(InvalidInputError, match="made with resolution=30"):
        VoxResNet(3)(torch.zeros(1, 1, 30, 30, 30))


def test_one_shape_alone_in_training():
    net = VoxResNet(3, resolution=16, widths=(8, 8, 8))
    with pytest.raises(InvalidInputError, match=r"at least two shapes while training, got one.*net\.eval\(\)"):
        net.train()(torch.zeros(1, 1, 16, 16, 16))
    assert net.eval()(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3)
    net.train().norm.eval()
    assert net(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3)


class TestPictures:
    @pytest.fixture(scope="class")
    def net(self):
        torch.manual_seed(0)
        return MVCNN(3, backbone="resnet10t").eval()

    def test_bytes_are_scaled(self, net):
        pictures = torch.randint(0, 256, (1, 2, 3, 32, 32), dtype=torch.uint8)
        assert torch.equal(net(pictures), net(pictures.float() / 255))
        assert torch.equal(net(torch.zeros_like(pictures)), net(torch.zeros(pictures.shape)))
        assert torch.equal(net(pictures > 127), net((pictures > 127).float()))
        torch.testing.assert_close(net(pictures.double() / 255), net(pictures.float() / 255))

    def test_bytes_that_are_zero_and_one_have_two_meanings(self, net):
        with pytest.raises(InvalidInputError, match=r"got none above 1; if 1 is white, pass x\.float\(\)"):
            net(torch.ones(1, 2, 1, 32, 32, dtype=torch.uint8))

    @pytest.mark.usefixtures("as_installed")
    @pytest.mark.parametrize(
        "x, message",
        [
            (torch.zeros(1, 2, 3, 32, 32, dtype=torch.int64), "expected bytes .* or floats .*, got torch.int64"),
            (torch.zeros(2, 3, 32, 32), r"got \(2, 3, 32, 32\); one view of each shape is x\[:, None\]"),
            (torch.zeros(1, 2, 4, 32, 32), r"1 or 3 channels, got \(1, 2, 4, 32, 32\)"),
            (torch.zeros(1, 0, 3, 32, 32), "at least one view"),
            (np.zeros((1, 2, 3, 32, 32)), r"got ndarray; pass torch\.as_tensor\(x\)"),
        ],
    )
    def test_anything_else_is_one_sentence(self, x, message, net):
        with pytest.raises(InvalidInputError, match=message):
            net(x)


@pytest.mark.usefixtures("as_installed")
def test_doors_are_open_to_compilers():
    """Values are not looked at while a network is traced, and shapes are fixed."""
    net = VoxNet(3).eval()
    x = torch.ones(2, 1, 32, 32, 32, dtype=torch.uint8)
    traced = torch.compile(net, backend="eager", fullgraph=True)
    assert torch.equal(traced(x), net(x))
    exported = torch.export.export(net, (x.float(),), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    assert torch.equal(exported.module()(x.float().repeat(2, 1, 1, 1, 1)), net(x.repeat(2, 1, 1, 1, 1)))
