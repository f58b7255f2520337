"""Contrastive divergence against sums over all states, loops, and the likelihood that it climbs."""

import pytest
import torch
from tiny_machines import KINDS, bits, joint, machine, states

from geolearn.errors import InvalidInputError
from geolearn.nn import CDSettings, ConvRBM, DenseRBM, cd_gradients, contrastive_divergence, descent, log_partition

EXACT = CDSettings(mean_field=False, average_places=False)


def parts(divergence):
    return torch.cat([divergence.weight.flatten(), divergence.hidden_bias, divergence.visible_bias.flatten()])


def likelihood_gradient(rbm, data):
    """Exactly, by autograd through the sum over all states."""
    loss = (-rbm.free_energy(data)).mean() - log_partition(rbm)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [rbm.weight, rbm.hidden_bias, rbm.visible_bias])])


def expected_cd(rbm, data, steps):
    """The mean of CD-k over all ways that sampling can go, from the table of the machine's conditionals."""
    v, _, table = joint(rbm)
    round_trip = (table / table.sum(1, keepdim=True)) @ (table / table.sum(0)).T  # p(h | v) p(v' | h)
    start = (data.flatten(1)[:, None] == v[None]).all(2).double().mean(0)
    end = start @ torch.linalg.matrix_power(round_trip, steps)
    everything = v.reshape(-1, *rbm.visible_shape)
    free = rbm.free_energy(everything)
    phases = ((end - start) * free).sum()
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(phases, [rbm.weight, rbm.hidden_bias, rbm.visible_bias])]
    )


@pytest.fixture(params=KINDS)
def scene(request):
    rbm = machine(request.param)
    data = states(rbm)[[1, 2, 5]].reshape(3, *rbm.visible_shape)
    return rbm, data


def test_the_expected_gradient_tends_to_that_of_the_likelihood(scene):
    rbm, data = scene
    exact = likelihood_gradient(rbm, data)
    gaps = [float((expected_cd(rbm, data, steps) - exact).norm() / exact.norm()) for steps in (1, 4, 200)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[0] > 0.02
    assert gaps[2] < 1e-6


@pytest.mark.parametrize("steps", [1, 3])
def test_the_mean_of_many_samples_is_the_expected_gradient(scene, steps):
    rbm, data = scene
    found = [
        parts(contrastive_divergence(rbm, data.repeat(400, *[1] * (data.ndim - 1)), generator, EXACT_STEPS[steps]))
        for generator in [torch.Generator().manual_seed(0)]
        for _ in range(25)
    ]
    found = torch.stack(found)
    error = found.std(0) / len(found) ** 0.5
    away = (found.mean(0) - expected_cd(rbm, data, steps)) / error.clamp(min=1e-12)
    assert float(away.abs().max()) < 4.5
    other = (found.mean(0) - expected_cd(rbm, data, 4 - steps)) / error.clamp(min=1e-12)
    assert float(other.abs().max()) > 4.5  # it would tell CD-1 from CD-3


EXACT_STEPS = {k: CDSettings(steps=k, mean_field=False, average_places=False) for k in (1, 3)}


def test_mean_field_by_a_loop_over_what_the_hidden_units_may_be():
    rbm = machine("dense")
    data = states(rbm)[[3, 17]]
    up = torch.sigmoid(rbm.hidden_logits(data)).detach()
    expected = torch.zeros(5, 5, dtype=torch.float64)  # rows: 4 of the weights and the visible biases
    for v, mean in zip(data, up, strict=True):
        for h in bits(4):
            chance = torch.where(h == 1, mean, 1 - mean).prod()
            back = torch.sigmoid(rbm.visible_logits(h[None])).detach()
            again = torch.sigmoid(rbm.hidden_logits(back)).detach()[0]
            expected[:4] += chance / 2 * (mean[:, None] * v - again[:, None] * back)
            expected[4] += chance / 2 * (v - back[0])
    many = data.repeat(20_000, 1)
    found = contrastive_divergence(rbm, many, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found.weight, expected[:4], atol=0.01, rtol=0)
    torch.testing.assert_close(found.visible_bias, expected[4], atol=0.01, rtol=0)
    assert float(found.activity) == pytest.approx(float(up.mean()))


@torch.no_grad()
def certain(kind, data):
    """A machine whose units, from these data on, are as good as certain: sampling then leaves nothing to chance."""
    for seed in range(1000):
        rbm = machine(kind, seed, scale=30.0)
        up = rbm.hidden_logits(data)
        down = rbm.visible_logits((up > 0).double())
        again = rbm.hidden_logits((down > 0).double())
        if min(float(logits.abs().min()) for logits in (up, down, again)) > 20 and bool((up > 0).any()):
            return rbm
    raise AssertionError("no such machine")


def by_loop(rbm, data, keep):
    """Sums of (v_window, h) over the places that count, positive less negative, their number, and v - v'."""
    weight, bias = torch.zeros_like(rbm.weight), torch.zeros_like(rbm.hidden_bias)
    visible, places = torch.zeros(rbm.visible_shape, dtype=torch.float64), 0
    for v in data.detach():
        mean = torch.sigmoid(rbm.hidden_logits(v[None])).detach()
        back = torch.sigmoid(rbm.visible_logits(mean.round())).detach()
        again = torch.sigmoid(rbm.hidden_logits(back)).detach()
        rows = zip(rbm.windows(v[None]), rbm.rows(mean), rbm.windows(back), rbm.rows(again), strict=True)
        for window, h, window_back, h_back in rows:
            if keep(window):
                weight += torch.outer(h, window) - torch.outer(h_back, window_back)
                bias += h - h_back
                places += 1
        visible += v - back[0]
    return weight.detach(), bias.detach(), visible, places


@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "conv3d"])
@pytest.mark.parametrize("skip_empty", [False, True])
def test_means_over_places_and_windows_that_are_skipped(kind, skip_empty, monkeypatch):
    data = torch.zeros(3, *machine(kind).visible_shape, dtype=torch.float64)
    data[0].view(-1)[0] = data[1].view(-1)[2:4] = 1  # most windows are empty
    rbm = certain(kind, data)
    weight, bias, visible, places = by_loop(rbm, data, lambda window: not skip_empty or bool(window.any()))
    total = 3 * len(rbm.windows(data[:1]))
    assert (0 < places < total) if skip_empty else places == total
    assert float(weight.abs().max()) > 0
    side = rbm.geometry.size[-1]
    found = contrastive_divergence(rbm, data, settings=CDSettings(skip_empty=skip_empty))
    torch.testing.assert_close(found.weight, weight / places)
    torch.testing.assert_close(found.hidden_bias, bias / places)
    torch.testing.assert_close(found.visible_bias, visible / (3 * side), atol=1e-6, rtol=0)
    plain = contrastive_divergence(rbm, data, settings=CDSettings(skip_empty=skip_empty, average_places=False))
    torch.testing.assert_close(plain.weight, weight / 3 * total / places)  # made up for the places that do not count
    torch.testing.assert_close(plain.visible_bias, visible / 3, atol=1e-6, rtol=0)
    monkeypatch.setattr("geolearn.nn.window_geometry.WINDOW_BYTES", 1)
    in_parts = contrastive_divergence(rbm, data, settings=CDSettings(skip_empty=skip_empty))
    torch.testing.assert_close(parts(in_parts), parts(found), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(in_parts.reconstruction_error, found.reconstruction_error)


def test_nothing_but_empty_windows_gives_no_gradient():
    rbm = machine("conv3d")
    found = contrastive_divergence(
        rbm, torch.zeros(2, *rbm.visible_shape).double(), settings=CDSettings(skip_empty=True)
    )
    assert not found.weight.any()
    assert not found.hidden_bias.any()
    assert torch.isfinite(parts(found)).all()
    assert float(found.activity) == 0


def test_sparsity_moves_hidden_biases_towards_the_target():
    rbm, data = machine("conv2d"), torch.rand(4, 1, 3, 3, dtype=torch.float64)
    plain = contrastive_divergence(rbm, data, torch.Generator().manual_seed(0))
    sparse = contrastive_divergence(
        rbm, data, torch.Generator().manual_seed(0), CDSettings(sparsity_target=0.1, sparsity_cost=0.5)
    )
    activity = torch.sigmoid(rbm.hidden_logits(data)).mean((0, 2, 3)).detach()
    torch.testing.assert_close(sparse.hidden_bias - plain.hidden_bias, 0.5 * (0.1 - activity))
    assert torch.equal(sparse.weight, plain.weight)


def test_steps_with_momentum_and_decay_by_hand():
    """The last step times momentum, plus rate * (direction - decay * weight); biases do not decay."""
    rbm, twin = machine("dense"), machine("dense")
    optimiser = descent(rbm, learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    data, moved = states(rbm)[[3, 9, 30]], [torch.zeros_like(p) for p in twin.parameters()]
    for seed in range(3):
        found = contrastive_divergence(twin, data, torch.Generator().manual_seed(seed))
        logged = cd_gradients(rbm, data, torch.Generator().manual_seed(seed))
        optimiser.step()
        assert logged == {"reconstruction_error": found.reconstruction_error, "activity": found.activity}
        with torch.no_grad():
            for m, name, direction in zip(moved, ("weight", "hidden_bias", "visible_bias"), found[:3], strict=True):
                parameter = getattr(twin, name)
                decay = 0.01 if name == "weight" else 0.0
                m.mul_(0.9).add_(0.1 * (direction - decay * parameter))
                parameter.add_(m)
        torch.testing.assert_close(rbm.weight, twin.weight)
        torch.testing.assert_close(rbm.hidden_bias, twin.hidden_bias)
        torch.testing.assert_close(rbm.visible_bias, twin.visible_bias)


def test_learning_climbs_the_likelihood():
    """Two patterns, each half of the time: the best log-likelihood is -log 2."""
    torch.manual_seed(0)
    rbm = DenseRBM(6, 8)
    data = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(10, 1)
    optimiser, generator = descent(rbm, learning_rate=0.1, momentum=0.5), torch.Generator().manual_seed(0)
    before = float((-rbm.free_energy(data) - log_partition(rbm)).mean().detach())
    for _ in range(400):
        cd_gradients(rbm, data, generator, CDSettings(mean_field=False))
        optimiser.step()
    after = float((-rbm.free_energy(data) - log_partition(rbm)).mean().detach())
    assert before < -3.5
    assert -1.0 < after < -0.693


def test_half_precision_gives_nearly_the_same_gradient():
    torch.manual_seed(1)
    rbm = ConvRBM(2, 6, size=(9, 9, 9), kernel=5, stride=2)
    data = (torch.rand(16, 2, 9, 9, 9) < 0.3).float()
    full = contrastive_divergence(rbm, data, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        half = contrastive_divergence(rbm, data, torch.Generator().manual_seed(0))
    assert half.weight.dtype == torch.float32
    for one, other in zip(full[:3], half[:3], strict=True):
        assert float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), 0)) > 0.99
    assert float(half.reconstruction_error) == pytest.approx(float(full.reconstruction_error), rel=0.01)


def test_what_cannot_be_learned_is_refused():
    rbm = machine("dense")
    with pytest.raises(InvalidInputError, match=r"visible: expected at least one sample, got none"):
        contrastive_divergence(rbm, torch.zeros(0, 5).double())
    with pytest.raises(InvalidInputError, match=r"steps: expected at least one round of Gibbs sampling, got 0"):
        CDSettings(steps=0)
    with pytest.raises(InvalidInputError, match=r"momentum: expected a number >= 0, got -1"):
        descent(rbm, learning_rate=0.1, momentum=-1.0)


def test_untied_weights_do_not_take_part():
    rbm, data = machine("conv2d"), torch.rand(3, 1, 3, 3, dtype=torch.float64)
    expected = contrastive_divergence(rbm, data, torch.Generator().manual_seed(0))
    rbm.untie()
    with torch.no_grad():
        rbm.down_weight.zero_()
    found = contrastive_divergence(rbm, data, torch.Generator().manual_seed(0))
    assert torch.equal(parts(found), parts(expected))
