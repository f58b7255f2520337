"""3D ShapeNets: the paper's sizes, the ways up and down, samples, completion and the unrolled network."""

import pytest
import torch
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D, ShapeNets3DClassifier, complete_by_belief, load_model, save_model

SMALL = {"resolution": 26, "channels": (3, 5, 7), "hidden": 9, "top": 11}


def small(classes=3, seed=0, **changes) -> ShapeNets3D:
    torch.manual_seed(seed)
    net = ShapeNets3D(classes, **(SMALL | changes))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return net


def grids(count, side=26, seed=0):
    return (torch.rand(count, 1, side, side, side, generator=torch.Generator().manual_seed(seed)) < 0.1).float()


def test_the_sizes_of_the_paper():
    net = ShapeNets3D(10)
    assert [layer.visible_shape for layer in net.layers] == [(1, 30, 30, 30), (48, 13, 13, 13), (160, 5, 5, 5), (4096,)]
    assert [layer.hidden_shape for layer in net.layers] == [(48, 13, 13, 13), (160, 5, 5, 5), (512, 2, 2, 2), (1200,)]
    assert net.top.weight.shape == (4000, 1210)
    assert net.top.label_weight == 10
    weights = 48 * 6**3 + 160 * 48 * 5**3 + 512 * 160 * 4**3 + 4096 * 1200 + 4000 * 1210
    assert sum(p.numel() for p in net.parameters() if p.ndim == 2) == weights
    bound = (6 / (6**3 * 49)) ** 0.5
    assert 0.99 * bound < float(net.layers[0].weight.detach().abs().max()) <= bound
    assert not any(bool(layer.hidden_bias.any() or layer.visible_bias.any()) for layer in [*net.layers, net.top])


def test_up_and_down_are_sigmoid_convolutions():
    net, x = small(), grids(2)
    up = x
    for layer in net.layers[:3]:
        up = torch.sigmoid(functional.conv3d(up, layer.kernel, layer.hidden_bias, layer.geometry.stride))
    torch.testing.assert_close(net.up(x, 3), up)
    dense = net.layers[3]
    units = torch.sigmoid(up.flatten(1) @ dense.weight.T + dense.hidden_bias)
    torch.testing.assert_close(net.up(x), units)
    assert torch.equal(net.up(x, 0), x)
    down = torch.sigmoid(units @ dense.weight + dense.visible_bias).view_as(up)
    for layer in reversed(net.layers[:3]):
        down = functional.conv_transpose3d(down, layer.kernel, stride=layer.geometry.stride) + layer.visible_bias
        down = torch.sigmoid(down)
    torch.testing.assert_close(net.down(units), down)


def test_the_posterior_is_that_of_the_top():
    net, x = small(), grids(4)
    units = net.up(x)
    assert torch.equal(net.label_posterior(x), net.top.label_posterior(units))
    torch.testing.assert_close(net.label_posterior(x).sum(1), torch.ones(4))


def test_unrolled_it_starts_from_the_way_up_and_the_weights_of_the_labels():
    net, x = small(), grids(3)
    unrolled = net.unroll()
    units = net.up(x)
    features = torch.sigmoid(units @ net.top.weight[:, :-3].T + net.top.hidden_bias)
    torch.testing.assert_close(unrolled.features(x), features)
    torch.testing.assert_close(unrolled(x), features @ net.top.label_matrix + net.top.label_bias)
    assert unrolled.config == {"num_classes": 3, **SMALL}


def test_samples_of_a_class_come_from_what_the_top_says_of_it():
    """A top that gives the first unit to class 0 alone, and a way down that shows the units as they are."""
    net = small(classes=2)
    with torch.no_grad():
        for parameter in net.top.parameters():
            parameter.zero_()
        net.top.weight[0, 0] = 20.0  # hidden unit 0 wants visible unit 0, both want label 0
        net.top.weight[0, -2:] = torch.tensor([4.0, -4.0])
        net.top.hidden_bias[0] = -10.0
        net.top.visible_bias[0] = -10.0
    shown = []
    net.down = lambda units: shown.append(units) or torch.zeros(len(units), 1, 26, 26, 26)
    net.sample(torch.tensor([0, 1] * 20), steps=30, generator=torch.Generator().manual_seed(0))
    assert shown[0][::2, 0].mean() > 0.95
    assert shown[0][1::2, 0].mean() < 0.05
    assert ((shown[0] >= 0) & (shown[0] <= 1)).all()


def test_samples_are_the_same_for_the_same_seed():
    net, labels = small(), torch.tensor([0, 2])
    one, two, other = (net.sample(labels, steps=5, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.shape == (2, 1, 26, 26, 26)


def observation(seed=0):
    values = torch.full((2, 1, 26, 26, 26), 0.5)
    values[:, :, :, :10] = 0
    values[:, :, :, 10] = 1
    return values


def test_what_was_seen_stays_and_particles_are_averaged():
    net, seen = small(), observation()
    found = complete_by_belief(
        net, seen, particles=5, passes=2, generator=torch.Generator().manual_seed(0), keep_particles=True
    )
    known = seen != 0.5
    assert torch.equal(found.probabilities[known], seen[known])
    torch.testing.assert_close(found.probabilities[:, 0], found.particles.mean(1))
    assert (found.particles[:, :, :, :10] == 0).all()
    inside = found.probabilities[~known]
    assert 0 < float(inside.min()) <= float(inside.max()) < 1
    torch.testing.assert_close(found.posterior.sum(1), torch.ones(2))
    plain = complete_by_belief(net, seen, particles=5, passes=2, generator=torch.Generator().manual_seed(0))
    assert plain.particles is None
    assert torch.equal(plain.probabilities, found.probabilities)


def test_a_pass_by_hand(monkeypatch):
    """One particle, one pass: up by means, a label from its posterior, the top's units, and down by means."""
    net, seen = small(), observation()[:1]
    found = complete_by_belief(net, seen, particles=1, passes=1, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    from geolearn.ops.bernoulli import sample_bernoulli

    start = torch.where(seen == 0.5, sample_bernoulli(torch.full_like(seen, 0.9), generator), seen)
    units = net.up(start)
    label = torch.multinomial(net.top.label_posterior(units), 1, generator=generator)[:, 0]
    hidden = net.top.sample_hidden(net.top.join(units, label), generator)
    below = torch.sigmoid(net.top.visible_logits(hidden))[:, :9]
    expected = torch.where(seen == 0.5, net.down(below), seen).detach()
    torch.testing.assert_close(found.probabilities, expected)
    torch.testing.assert_close(found.posterior, net.label_posterior(expected).detach())


def test_particles_start_at_nine_densities(monkeypatch):
    net = small()
    means = []
    monkeypatch.setattr(net, "up", lambda x: means.append(x.mean((1, 2, 3, 4))) or torch.zeros(len(x), 9))
    monkeypatch.setattr(net, "down", lambda units: torch.zeros(len(units), 1, 26, 26, 26))
    complete_by_belief(net, torch.full((1, 1, 26, 26, 26), 0.5), particles=11, passes=1)
    expected = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.9, 0.8])
    torch.testing.assert_close(means[0], expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("fill", [0.0, 0.5, 1.0])
def test_nothing_everything_and_all_unknown_are_no_nan(fill):
    net = small()
    found = complete_by_belief(net, torch.full((1, 1, 26, 26, 26), fill), particles=2, passes=2)
    assert torch.isfinite(found.probabilities).all()
    assert torch.isfinite(found.posterior).all()
    if fill != 0.5:
        assert (found.probabilities == fill).all()
    assert complete_by_belief(net, torch.zeros(0, 1, 26, 26, 26), particles=2).posterior.shape == (0, 3)


def test_untied_weights_are_kept_in_files(tmp_path):
    net, x = small(), grids(2)
    net.untie()
    with torch.no_grad():
        net.layers[1].down_weight += 0.5
    save_model(net, tmp_path / "m.safetensors", classes=["a", "b", "c"])
    again, _ = load_model(tmp_path / "m.safetensors")
    assert again.config["untied"]
    assert torch.equal(again.up(x), net.up(x))
    assert torch.equal(again.down(net.up(x)), net.down(net.up(x)))


def test_what_cannot_be_is_refused():
    net = small()
    with pytest.raises(InvalidInputError, match=r"resolution: expected 26, 30, 34, \.\.\. for 3D ShapeNets, got 32"):
        ShapeNets3D(10, resolution=32)
    with pytest.raises(InvalidInputError, match=r"resolution: expected 26, 30, 34"):
        ShapeNets3DClassifier(10, resolution=22)
    with pytest.raises(InvalidInputError, match=r"grids: expected \(B, 1, 26, 26, 26\), got \(1, 1, 30, 30, 30\)"):
        net.up(grids(1, 30))
    with pytest.raises(InvalidInputError, match=r"observed: expected \(B, 1, 26, 26, 26\), got \(1, 1, 30, 30, 30\)"):
        complete_by_belief(net, torch.zeros(1, 1, 30, 30, 30))
    strange = torch.zeros(1, 1, 26, 26, 26)
    strange[0, 0, 0, 0, :2] = torch.tensor([0.25, torch.nan])
    with pytest.raises(InvalidInputError, match=r"observed: expected cells 0 \(free\).*got 0.25 among 2 others"):
        complete_by_belief(net, strange)
    with pytest.raises(InvalidInputError, match=r"particles, passes: expected at least 1, got 0 and 30"):
        complete_by_belief(net, torch.zeros(1, 1, 26, 26, 26), particles=0)
    with pytest.raises(InvalidInputError, match=r"steps: expected at least one round of Gibbs sampling, got 0"):
        net.sample(torch.tensor([0]), steps=0)
    with pytest.raises(InvalidInputError, match=r"labels: expected 0..2, got 3..3"):
        net.sample(torch.tensor([3]), steps=1)
