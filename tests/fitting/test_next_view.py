"""The next-best view: clusters, fusion, entropies by hand, and a network to which one side tells everything."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.fitting import next_view
from geolearn.fitting.next_view import (
    NextViewSettings,
    choose_next_view,
    cluster_shapes,
    expected_entropy,
    fuse_observations,
    random_cameras,
)
from geolearn.models import ShapeNets3D
from geolearn.models.shapenets3d_completion import BeliefCompletion
from geolearn.render import cameras_around

SETTINGS = NextViewSettings(particles=4, passes=1, clusters=2, entropy_particles=1, entropy_passes=1, pixels=64)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return ShapeNets3D(2, resolution=26, channels=(2, 3, 4), hidden=5, top=6)


def shape(fill):
    values = torch.zeros(26, 26, 26)
    values[4:22, 4:22, 4:22] = 1
    if fill:
        values[4:9, 10:16, 10:16] = 0  # a notch in the side towards -x
    return values


def test_observations_are_fused_cell_by_cell():
    values = torch.tensor([0.0, 0.5, 1.0])
    one, other = torch.cartesian_prod(values, values).unbind(1)
    fused = fuse_observations(one.view(9, 1, 1, 1), other.view(9, 1, 1, 1)).flatten()
    assert fused.tolist() == [0, 0, 1, 0, 0.5, 1, 1, 1, 1]


def test_clusters_are_represented_by_their_members():
    shapes = torch.zeros(7, 2, 2, 2)
    shapes[:4, 0] = 1  # four alike, but for one cell of one of them
    shapes[3, 1, 1, 1] = 1
    shapes[4:, 1] = 1
    found, shares = cluster_shapes(shapes.bool(), 2, torch.Generator().manual_seed(0))
    order = shares.argsort(descending=True)
    assert shares[order].tolist() == pytest.approx([4 / 7, 3 / 7])
    assert torch.equal(found[order[0]], shapes[0])
    assert torch.equal(found[order[1]], shapes[4])
    alike, whole = cluster_shapes(shapes[:3].bool(), 5)
    assert len(alike) == 1
    assert whole.tolist() == [1]
    with pytest.raises(InvalidInputError, match=r"shapes: expected at least one, got none"):
        cluster_shapes(shapes[:0].bool(), 2)


def informed(net, cells, *, particles, keep_particles=False, **_):
    """Stands for completion: class 0 or 1 is certain once the notch's place is seen, else both are as likely."""
    notch = cells[:, 0, 4, 12, 12]
    middle = cells[:, 0, 13, 13, 13]  # never seen: what is completed there tells nothing
    posterior = torch.where(notch == 0.5, 0.5, torch.where(notch == 1, 1.0, 0.0))
    assert (middle == 0.5).all()
    guesses = torch.stack([shape(n % 2) for n in range(particles)]).expand(len(cells), -1, -1, -1, -1)
    return BeliefCompletion(guesses.mean(1, keepdim=True), torch.stack([posterior, 1 - posterior], 1), guesses)


def test_the_side_that_tells_the_class_is_looked_at(net, monkeypatch):
    monkeypatch.setattr(next_view, "complete_by_belief", informed)
    candidates = cameras_around(torch.tensor([0.0, math.pi, math.pi / 2]), torch.zeros(3), size=192)
    first = cameras_around(torch.tensor([0.3]), torch.tensor([0.2]), size=192)
    observed = torch.full((26, 26, 26), 0.5)
    chosen, scores = choose_next_view(net, observed, first, candidates, settings=SETTINGS)
    assert chosen == 1
    assert scores.tolist() == pytest.approx([-math.log(2), 0, -math.log(2)], abs=1e-6)


def test_expected_entropy_is_weighted(net, monkeypatch):
    posteriors = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.8, 0.2], [1.0, 0.0]])  # shape by candidate
    monkeypatch.setattr(
        next_view, "complete_by_belief", lambda net, cells, **_: BeliefCompletion(cells, posteriors, None)
    )
    found = expected_entropy(
        net, torch.full((26, 26, 26), 0.5), torch.stack([shape(0), shape(1)]), torch.tensor([0.25, 0.75]),
        random_cameras(2, torch.Generator().manual_seed(0)),
    )  # fmt: skip
    small = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert found.tolist() == pytest.approx([0.75 * small, 0.25 * math.log(2)], rel=1e-5)


def test_the_rivals(net, monkeypatch):
    monkeypatch.setattr(next_view, "complete_by_belief", informed)
    angles = torch.tensor([0.2, math.pi, 1.0])
    candidates = cameras_around(angles, torch.zeros(3), size=192)
    first = cameras_around(torch.zeros(1), torch.zeros(1), size=192)
    observed = torch.full((26, 26, 26), 0.5)
    observed[13:] = 0  # the half towards +x is known
    observed[13, 13, 13] = 0.5
    chosen, scores = choose_next_view(net, observed, first, candidates, rule="farthest")
    assert chosen == 1
    distance = float(first.centres.norm())
    assert scores.tolist() == pytest.approx([2 * distance * math.sin(float(a) / 2) for a in angles], rel=1e-4)
    chosen, scores = choose_next_view(net, observed, first, candidates, rule="most_new", settings=SETTINGS)
    assert chosen == 1
    assert float(scores[1]) > 500
    drawn = {choose_next_view(net, observed, first, candidates, rule="random")[0] for _ in range(40)}
    assert drawn == {0, 1, 2}


def test_cameras_are_even_over_the_sphere_and_look_at_the_middle():
    cameras = random_cameras(2000, torch.Generator().manual_seed(0), size=64)
    centres = cameras.centres / cameras.centres.norm(dim=1, keepdim=True)
    assert float(centres.mean(0).abs().max()) < 0.06
    assert centres.square().mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
    pixels, _ = cameras.project(torch.zeros(1, 3))
    assert float((pixels - 32).abs().max()) < 1e-3


def test_the_whole_rule_runs_on_a_network(net):
    candidates = random_cameras(2, torch.Generator().manual_seed(0), size=64)
    chosen, scores = choose_next_view(
        net, torch.full((26, 26, 26), 0.5), candidates[0], candidates, settings=SETTINGS,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert chosen in (0, 1)
    assert torch.isfinite(scores).all()
    assert (scores <= 0).all()
    assert (scores >= -math.log(2) - 1e-6).all()


def test_what_cannot_be_asked_is_refused(net):
    cameras = random_cameras(1)
    with pytest.raises(UnknownNameError, match=r"unknown rule of the next view 'entropi'. Did you mean 'entropy'"):
        choose_next_view(net, torch.zeros(26, 26, 26), cameras, cameras, rule="entropi")
    with pytest.raises(InvalidInputError, match=r"candidates: expected at least one camera, got none"):
        choose_next_view(net, torch.zeros(26, 26, 26), cameras, cameras[:0])
    with pytest.raises(InvalidInputError, match=r"settings: expected numbers >= 1"):
        NextViewSettings(particles=0)
    with pytest.raises(InvalidInputError, match=r"observed: expected \(B, 1, 26, 26, 26\)"):
        choose_next_view(net, torch.zeros(30, 30, 30), cameras, cameras)
