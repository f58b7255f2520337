"""The flow network: linear in the intention, exactly still for none, and its sizes."""

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.models import DeformationFlowNet

SMALL = {"resolution": 16, "widths": (8, 12, 16), "track_size": 8}


def make(mixing="linear", **options):
    torch.manual_seed(0)
    net = DeformationFlowNet(3, mixing=mixing, **{**SMALL, **options})
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def grids(count):
    return (torch.rand(count, 1, 16, 16, 16, generator=torch.Generator().manual_seed(1)) > 0.8).float()


def test_linear_in_the_amounts_and_additive_over_attributes():
    net, x = make(), grids(1).expand(3, -1, -1, -1, -1)
    intentions = torch.tensor([[0.5, 0.0, 0.0], [0.0, -1.0, 0.25], [0.5, -1.0, 0.25]])
    with torch.no_grad():
        first, second, both = net(x, intentions)
        torch.testing.assert_close(both, first + second, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(net(x, -2 * intentions)[0], -2 * first, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(net.velocities(x[:1])[0, 0], 2 * first, atol=1e-4, rtol=1e-4)
        assert float(first.abs().max()) > 0.1


def test_in_units_of_the_mean_motion():
    net, x = make(), grids(1)
    with torch.no_grad():
        before = net.velocities(x)
        net.motion.copy_(torch.tensor([2.0, 0.5, 1.0]))
        torch.testing.assert_close(net.velocities(x), before * torch.tensor([2.0, 0.5, 1.0]).view(3, 1, 1, 1, 1))


@pytest.mark.parametrize("mixing", ["linear", "middle"])
def test_no_intention_no_flow_to_the_bit(mixing):
    net, x = make(mixing), grids(2)
    with torch.no_grad():
        flow = net(x, torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0]]))
    assert torch.equal(flow[0], torch.zeros(3, 16, 16, 16))
    assert bool(flow[1].any())


def test_in_the_middle_the_flow_need_not_be_linear():
    net, x = make("middle"), grids(1)
    with torch.no_grad():
        one, two = net(x, torch.tensor([[1.0, 0, 0]])), net(x, torch.tensor([[2.0, 0, 0]]))
    assert float((two - 2 * one).abs().max()) > 1e-2
    with pytest.raises(InvalidInputError, match="not linear in the intention; call the net"):
        net.velocities(x)


def test_without_skips_the_decoder_sees_its_own_features_alone():
    joined, apart = (DeformationFlowNet(8, skip=skip).trunk.unet.up[-1][0].convolution for skip in (True, False))
    assert joined.in_channels == 2 * apart.in_channels


def test_half_of_a_cell_of_motion_can_be_told_from_its_neighbour():
    """The unfolded output has a value of its own for every voxel."""
    net = make()
    with torch.no_grad():
        field = net.velocities(grids(1))[0, 0, 0]
    assert float((field[::2] - field[1::2]).abs().max()) > 0.05


@pytest.mark.usefixtures("as_installed")
def test_unknown_mixing():
    with pytest.raises(UnknownNameError, match=r"unknown mixing 'centre'"):
        DeformationFlowNet(3, mixing="centre")


def test_in_blocks_it_is_the_same():
    x, blocks = grids(2), torch.tensor([[0, 77, 511], [5, 5, 300]])
    voxels = []
    for row in blocks.tolist():
        for block in row:
            i, j, k = 2 * (block // 64), 2 * (block // 8 % 8), 2 * (block % 8)
            voxels.append([((i + a) * 16 + j + b) * 16 + k + c for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    voxels = torch.tensor(voxels).view(2, 3, 8)
    net, rows = make(), torch.tensor([[2, 0], [1, -1]])
    net.motion.copy_(torch.tensor([2.0, 0.5, 1.0]))
    with torch.no_grad():
        whole = net.velocities(x).flatten(3)  # (B, K, 3, R^3)
        some = net.velocities_in_blocks(x, blocks, rows)
        for b in range(2):
            for m in range(2):
                expected = whole[b, max(int(rows[b, m]), 0)][:, voxels[b]].permute(1, 2, 0)
                torch.testing.assert_close(some[b, m], expected, atol=1e-4, rtol=1e-4)
    middle, intention = make("middle"), torch.tensor([[0.5, 0, -0.2], [0, 1, 0]])
    with torch.no_grad():
        flow, some = middle(x, intention).flatten(2), middle.flow_in_blocks(x, intention, blocks)
        for b in range(2):
            torch.testing.assert_close(some[b], flow[b][:, voxels[b]].permute(1, 2, 0), atol=1e-4, rtol=1e-4)
    with pytest.raises(InvalidInputError, match="ask for velocities_in_blocks"):
        net.flow_in_blocks(x, intention, blocks)
