"""The completion network: what was seen stays, padding does not shift, and it learns to fill a shadow."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import VoxelCompletionNet


def test_what_was_seen_stays():
    torch.manual_seed(0)
    net = VoxelCompletionNet(10, widths=(4, 8, 8)).eval()
    seen = (torch.rand(2, 1, 10, 10, 10, generator=torch.Generator().manual_seed(0)) * 3).floor() / 2
    found = net.complete(seen)
    known = seen != 0.5
    assert torch.equal(found[known], seen[known])
    torch.testing.assert_close(found[~known], torch.sigmoid(net(seen))[~known])


def test_padding_is_taken_off_where_it_was_put_on(monkeypatch):
    """10 cells become 12 for three levels: a network that passes its first channel on gives the surface back."""
    net = VoxelCompletionNet(10, widths=(4, 8, 8))
    shapes = []
    monkeypatch.setattr(net.net, "forward", lambda x: shapes.append(tuple(x.shape)) or x[:, :1] - x[:, 1:])
    seen = (torch.rand(2, 1, 10, 10, 10) * 3).floor() / 2
    assert torch.equal(net(seen), 2 * seen - 1)
    assert shapes == [(2, 2, 12, 12, 12)]


def test_it_learns_to_fill_a_shadow():
    """Blocks seen from -x: one layer is surface, the rest is behind it; all are five cells thick."""
    torch.manual_seed(0)
    truth = torch.zeros(4, 1, 12, 12, 12)
    seen = torch.zeros(4, 1, 12, 12, 12)
    for n in range(4):
        truth[n, :, 2 + n : 7 + n, 3:9, 3:9] = 1
        seen[n, :, 2 + n, 3:9, 3:9] = 1
        seen[n, :, 3 + n :, 3:9, 3:9] = 0.5
    net = VoxelCompletionNet(12, widths=(8, 16))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(seen), truth).backward()
        optimiser.step()
    assert ((net.eval().complete(seen) > 0.5) == (truth > 0.5)).float().mean() > 0.98


def test_other_observations_are_refused():
    net = VoxelCompletionNet(10, widths=(4, 8))
    with pytest.raises(InvalidInputError, match=r"observed: expected \(B, 1, 10, 10, 10\), got \(1, 1, 12, 12, 12\)"):
        net(torch.zeros(1, 1, 12, 12, 12))
    with pytest.raises(InvalidInputError, match=r"observed: expected cells 0 \(free\), 0.5 \(unknown\) or 1"):
        net.complete(torch.full((1, 1, 10, 10, 10), 0.2))
