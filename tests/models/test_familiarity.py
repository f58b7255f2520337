"""How far a shape is from known kinds, and which way up it is."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import DeformationFlowNet
from geolearn.models.familiarity import Familiarity, orientations
from geolearn.ops.quarter_turns import turn_matrix


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def two_kinds():
    scale = torch.tensor([1.0, 0.1, 2.0])
    known = {"a": noise(2000, 3) * scale, "b": noise(2000, 3, seed=1) * scale + torch.tensor([8.0, 0, 0])}
    unseen = {"a": noise(1000, 3, seed=2) * scale, "b": noise(1000, 3, seed=3) * scale + torch.tensor([8.0, 0, 0])}
    return Familiarity.of(known, unseen), unseen


def test_99_of_100_unseen_shapes_are_nearer_than_1_and_others_are_not():
    familiarity, unseen = two_kinds()
    for i, kind in enumerate("ab"):
        distances = familiarity.distances(unseen[kind])
        assert float((distances[:, i] <= 1).float().mean()) == pytest.approx(0.99, abs=0.002)
        assert float((distances[:, 1 - i] > 1.5).float().mean()) > 0.95


def test_distance_by_hand():
    familiarity = Familiarity(("a",), torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 4.0]]), torch.tensor([2.0]))
    # (3/0.5, 8/4) = (6, 2): sqrt(40 / 2) / 2
    assert float(familiarity.distances(torch.tensor([[4.0, 10.0]]))) == pytest.approx(20**0.5 / 2)


def test_a_number_that_never_varies_does_not_decide_alone():
    known = torch.cat([noise(100, 2), torch.zeros(100, 1)], 1)
    familiarity = Familiarity.of({"a": known}, {"a": known})
    assert float(familiarity.distances(torch.tensor([[0.0, 0.0, 0.02]]))) < 1


def test_kept_in_a_network():
    familiarity, unseen = two_kinds()
    net = DeformationFlowNet(2, 16, widths=(4, 3), kinds=2)
    familiarity.keep_in(net)
    again = Familiarity.of_net(net, ("a", "b"))
    assert torch.equal(again.distances(unseen["a"]), familiarity.distances(unseen["a"]))
    with pytest.raises(InvalidInputError, match="expected 2 names, as the network has"):
        Familiarity.of_net(net, ("a",))


@pytest.mark.parametrize("up, front", [("+z", "-y"), ("+y", "+z"), ("-x", "+y"), ("+z", "+x")])
def test_a_turned_shape_is_found_again(up, front):
    torch.manual_seed(0)
    net = DeformationFlowNet(2, 16, widths=(8, 8)).eval()
    grids = (noise(6, 1, 16, 16, 16, seed=4) > 1).float()
    codes = net.code(grids).detach()
    spread = torch.full((1, 8), 0.01)
    familiarity = Familiarity(("a",), codes[:1], spread, torch.ones(1))
    turn = turn_matrix(up, front)
    # the shape as a file would hold it: the direction `up` of the file points to +z of the network
    index = torch.stack(torch.meshgrid(*[torch.arange(16)] * 3, indexing="ij"), -1).float() - 7.5
    right = (index @ turn.T + 7.5).round().long().unbind(-1)
    stored = grids[0, 0][right]
    best = orientations(net, familiarity, stored, "a")
    assert len(best) == 24
    assert (best[0].up, best[0].front) == (up, front)
    assert best[0].distance < 0.1 < best[1].distance


def test_refusals():
    with pytest.raises(InvalidInputError, match="at least two codes of each"):
        Familiarity.of({"a": torch.zeros(1, 3)}, {"a": torch.zeros(5, 3)})
    familiarity, _ = two_kinds()
    with pytest.raises(InvalidInputError, match="expected one of a, b, got 'c'"):
        orientations(DeformationFlowNet(1), familiarity, torch.zeros(32, 32, 32), "c")
