"""Restricted Boltzmann machines against the table of all their states."""

import pytest
import torch
from tiny_machines import KINDS, bits, dense_matrix, joint, machine, states

from geolearn.errors import InvalidInputError
from geolearn.nn import ConvRBM, DenseRBM, LabelledRBM, annealed_log_partition, log_partition
from geolearn.nn.partition_function import visible_states


def shaped(rbm, flat):
    return flat.reshape(len(flat), *rbm.visible_shape)


def shaped_hidden(rbm, flat):
    return flat.reshape(len(flat), *rbm.hidden_shape)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ways_up_and_down_are_those_of_the_machine_without_tying(kind):
    rbm = machine(kind)
    weight, hidden_bias, visible_bias = dense_matrix(rbm)
    v = torch.rand(6, len(visible_bias), dtype=torch.float64)
    h = torch.rand(6, len(hidden_bias), dtype=torch.float64)
    torch.testing.assert_close(rbm.hidden_logits(shaped(rbm, v)).flatten(1), v @ weight.T + hidden_bias)
    torch.testing.assert_close(rbm.visible_logits(shaped_hidden(rbm, h)).flatten(1), h @ weight + visible_bias)
    energy = -(v @ visible_bias) - (h @ hidden_bias) - ((v @ weight.T) * h).sum(1)
    torch.testing.assert_close(rbm.energy(shaped(rbm, v), shaped_hidden(rbm, h)), energy)
    assert torch.equal(rbm.arrange(rbm.rows(shaped_hidden(rbm, h))), shaped_hidden(rbm, h))


@pytest.mark.parametrize("kind", KINDS)
def test_free_energies_and_log_z_by_enumeration(kind):
    rbm = machine(kind)
    v, _, table = joint(rbm)
    logs = -rbm.free_energy(shaped(rbm, v)) - log_partition(rbm)
    torch.testing.assert_close(logs.exp(), table.sum(1))
    assert float(table.sum()) == pytest.approx(1)
    # log Z itself: the all-off state has energy 0.
    off = int((v.sum(1) == 0).nonzero()[0]) if kind != "labelled" else None
    if off is not None:
        torch.testing.assert_close(log_partition(rbm), -table[off, 0].log())
    assert len(visible_states(rbm)) == len(v)


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_means_are_those_of_the_table(kind):
    rbm = machine(kind)
    v, h, table = joint(rbm)
    up = torch.sigmoid(rbm.hidden_logits(shaped(rbm, v))).flatten(1)
    torch.testing.assert_close(up, (table / table.sum(1, keepdim=True)) @ h)
    down = rbm.visible_means(rbm.visible_logits(shaped_hidden(rbm, h))).flatten(1)
    torch.testing.assert_close(down, (table / table.sum(0)).T @ v)


def chi_square(rbm, samples):
    """Of visible states against the exact distribution, in standard deviations from what is expected."""
    v, _, table = joint(rbm)
    code = 2.0 ** torch.arange(v.shape[1], dtype=torch.float64)
    found = torch.bincount((samples.flatten(1) @ code).long(), minlength=1 << v.shape[1])[(v @ code).long()].double()
    assert int(found.sum()) == len(samples)
    expected = len(samples) * table.sum(1)
    statistic = ((found - expected).square() / expected).sum()
    freedom = len(v) - 1
    return float((statistic - freedom) / (2 * freedom) ** 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_sampling_frequencies_match_the_exact_distribution(kind):
    rbm = machine(kind)
    start = shaped(rbm, states(rbm)[:1]).expand(20_000, *rbm.visible_shape)
    samples = rbm.gibbs(start, 25, torch.Generator().manual_seed(1)).detach()
    assert abs(chi_square(rbm, samples)) < 4
    # The same samples do not fit a machine that is a little different.
    with torch.no_grad():
        rbm.visible_bias[..., 0] += 0.3
    assert chi_square(rbm, samples) > 8


@pytest.mark.parametrize("kind", KINDS)
def test_annealed_importance_sampling_agrees_with_the_sum(kind):
    rbm = machine(kind, scale=1.0)
    exact = float(log_partition(rbm).detach())
    found = annealed_log_partition(rbm, runs=400, temperatures=60, generator=torch.Generator().manual_seed(0))
    assert found.log_weights.shape == (400,)
    assert abs(float(found.log_partition) - exact) < 4 * float(found.standard_error) < 0.3
    far = annealed_log_partition(
        rbm, runs=400, temperatures=60, base_bias=rbm.visible_bias.detach() + 0.5,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert abs(float(far.log_partition) - exact) < 4 * float(far.standard_error) < 0.5


def test_one_temperature_is_plain_importance_sampling():
    """From the base straight to the machine: log of mean exp(-F(v)) / p_0(v) over v from the base, in closed form."""
    rbm = machine("dense")
    found = annealed_log_partition(rbm, runs=200, temperatures=1, generator=torch.Generator().manual_seed(3))
    v = rbm.draw_visible(rbm.visible_bias.expand(200, 5), torch.Generator().manual_seed(3))
    base = v @ rbm.visible_bias - torch.nn.functional.softplus(rbm.visible_bias).sum()  # log p_0(v)
    torch.testing.assert_close(found.log_weights, (-rbm.free_energy(v) - base).detach())


def test_label_posterior_by_enumeration():
    rbm = machine("labelled")
    v, _, table = joint(rbm)
    units = bits(4)
    by_label = table.sum(1).view(rbm.classes, len(units)).T  # states are ordered by label
    torch.testing.assert_close(rbm.label_posterior(units), by_label / by_label.sum(1, keepdim=True))
    assert torch.equal(v[:16, :4], units)


def test_labels_count_more_on_the_way_up_only():
    plain, heavy = machine("labelled"), LabelledRBM(4, 3, 3, label_weight=10.0).double()
    heavy.load_state_dict(plain.state_dict())
    v = plain.join(torch.rand(5, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0]))
    units, labels = plain.split(v)
    expected = units @ plain.weight[:, :4].T + 10 * labels @ plain.label_matrix.T + plain.hidden_bias
    torch.testing.assert_close(heavy.hidden_logits(v), expected)
    h = torch.rand(5, 3, dtype=torch.float64)
    assert torch.equal(heavy.visible_logits(h), plain.visible_logits(h))
    scores = torch.stack(
        [
            torch.nn.functional.softplus(heavy.hidden_logits(plain.join(units, torch.full((5,), k)))).sum(1)
            + plain.label_bias[k]
            for k in range(3)
        ],
        1,
    )
    torch.testing.assert_close(heavy.label_posterior(units), scores.softmax(1))
    with pytest.raises(InvalidInputError, match=r"label_weight: a machine whose labels count 10 times"):
        heavy.free_energy(v)


def test_samples_of_a_class():
    """With the label held, frequencies are those of p(v | y)."""
    rbm = machine("labelled")
    _, _, table = joint(rbm)
    expected = table.sum(1).view(3, 16)[2]
    expected = 20_000 * expected / expected.sum()
    start = torch.zeros(20_000, 4, dtype=torch.float64)
    samples = rbm.gibbs_of_class(start, torch.full((20_000,), 2), 30, torch.Generator().manual_seed(2)).detach()
    found = (samples[:, None] == bits(4)[None]).all(2).sum(0)
    assert float(((found - expected).square() / expected).sum()) < 15 + 4 * 30**0.5


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_stays_close(kind):
    rbm = machine(kind).float()
    v = shaped(rbm, torch.rand(8, rbm.visible_bias.numel()))
    expected = rbm.hidden_logits(v)
    with torch.autocast("cpu", torch.bfloat16):
        found = rbm.hidden_logits(v)
        down = rbm.visible_logits(torch.sigmoid(found))
    assert found.dtype == down.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.02)
    torch.testing.assert_close(down, rbm.visible_logits(torch.sigmoid(expected)), atol=0.05, rtol=0.02)


def test_autocast_does_not_keep_old_weights():
    rbm = DenseRBM(4, 3)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        before = rbm.hidden_logits(torch.ones(1, 4))
        rbm.weight += 1
        assert torch.allclose(rbm.hidden_logits(torch.ones(1, 4)), before + 4, atol=0.05)


def test_many_samples_are_worked_on_in_parts(monkeypatch):
    rbm = machine("conv3d")
    v = torch.rand(7, 1, 2, 2, 2, dtype=torch.float64)
    up, h = rbm.hidden_logits(v), torch.rand(7, *rbm.hidden_shape, dtype=torch.float64)
    down = rbm.visible_logits(h)
    monkeypatch.setattr("geolearn.nn.window_geometry.WINDOW_BYTES", 1)
    assert rbm.samples_at_once(torch.float64) == 1
    torch.testing.assert_close(rbm.hidden_logits(v), up)
    torch.testing.assert_close(rbm.visible_logits(h), down)


@pytest.mark.parametrize("kind", KINDS)
def test_no_samples(kind):
    rbm = machine(kind)
    nothing = torch.zeros(0, *rbm.visible_shape, dtype=torch.float64)
    assert rbm.gibbs(nothing, 2).shape == nothing.shape
    assert rbm.free_energy(nothing).shape == (0,)


def test_the_kernel_of_a_folded_stride_is_torch_s():
    """The first layer of 3D ShapeNets, whose stride of 2 becomes 8 channels."""
    rbm = ConvRBM(2, 3, size=(8, 10, 6), kernel=4, stride=2).double()
    v = torch.randn(2, 2, 8, 10, 6, dtype=torch.float64)
    expected = torch.nn.functional.conv3d(v, rbm.kernel, rbm.hidden_bias, stride=2)
    torch.testing.assert_close(rbm.hidden_logits(v), expected)
    h = torch.randn_like(expected)
    down = torch.nn.functional.conv_transpose3d(h, rbm.kernel, stride=2) + rbm.visible_bias
    torch.testing.assert_close(rbm.visible_logits(h), down)


@pytest.mark.parametrize("kind", KINDS)
def test_which_windows_hold_anything(kind):
    rbm = machine(kind)
    for v in shaped(rbm, states(rbm)):
        windows = rbm.windows(v[None]).detach()
        if kind == "labelled":
            windows = rbm.split(windows)[0]  # a label alone is nothing
        assert torch.equal(rbm.nonzero_windows(v[None]), (windows != 0).any(1))


def test_untied_weights_lead_down_alone():
    rbm = machine("conv2d")
    v, h = torch.rand(2, 1, 3, 3, dtype=torch.float64), torch.rand(2, 2, 2, 2, dtype=torch.float64)
    up, down = rbm.hidden_logits(v), rbm.visible_logits(h)
    rbm.untie()
    rbm.untie()
    assert torch.equal(rbm.visible_logits(h), down)
    with torch.no_grad():
        rbm.down_weight *= 2
    assert torch.equal(rbm.hidden_logits(v), up)
    torch.testing.assert_close(rbm.visible_logits(h) - rbm.visible_bias, 2 * (down - rbm.visible_bias))
    for ask in (rbm.free_energy, lambda v: log_partition(rbm), lambda v: annealed_log_partition(rbm)):
        with pytest.raises(InvalidInputError, match=r"weights that are untied by wake-sleep learning have none"):
            ask(v)


def test_what_cannot_be_is_refused(as_installed):
    with pytest.raises(InvalidInputError, match=r"visible, hidden: expected at least one unit each, got 0 and 3"):
        DenseRBM(0, 3)
    with pytest.raises(InvalidInputError, match=r"visible: expected \(B, 5\), got \(1, 4\)"):
        machine("dense").hidden_logits(torch.zeros(1, 4))
    with pytest.raises(InvalidInputError, match=r"x: expected \(B, 1, 3, 3\), got \(1, 1, 3, 4\)"):
        machine("conv2d").hidden_logits(torch.zeros(1, 1, 3, 4))
    with pytest.raises(InvalidInputError, match=r"in_channels, out_channels: expected at least one each"):
        ConvRBM(0, 1, size=(3,), kernel=1)
    with pytest.raises(InvalidInputError, match=r"a kernel that fits the grid \(3,\), got \(4,\)"):
        ConvRBM(1, 1, size=(3,), kernel=4)
    with pytest.raises(InvalidInputError, match=r"classes: expected at least one, got 0"):
        LabelledRBM(2, 2, 0)
    with pytest.raises(InvalidInputError, match=r"label_weight: expected a factor > 0, got 0"):
        LabelledRBM(2, 2, 2, label_weight=0.0)
    with pytest.raises(InvalidInputError, match=r"labels: expected 0..2, got 1..3"):
        machine("labelled").join(torch.zeros(2, 4), torch.tensor([1, 3]))
    with pytest.raises(InvalidInputError, match=r"at most 24 visible units to sum over, got 25"):
        log_partition(DenseRBM(25, 2))
    with pytest.raises(InvalidInputError, match=r"runs, temperatures: expected at least 1, got 0 and 5"):
        annealed_log_partition(machine("dense"), runs=0, temperatures=5)
    with pytest.raises(InvalidInputError, match=r"base_bias: expected \(5,\), got \(4,\)"):
        annealed_log_partition(machine("dense"), base_bias=torch.zeros(4))
