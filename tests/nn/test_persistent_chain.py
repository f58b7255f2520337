"""Fast persistent contrastive divergence: its recursion by hand, and what it learns."""

import pytest
import torch
from tiny_machines import machine, states

from geolearn.errors import InvalidInputError
from geolearn.nn import DenseRBM, LabelledRBM, PersistentChain, descent, fast_persistent_gradients, log_partition

NAMES = ("weight", "hidden_bias", "visible_bias")


def statistics(rbm, v, h):
    return [h.T @ v / len(v), h.mean(0), v.mean(0)]


@pytest.mark.parametrize("label_weight", [1.0, 10.0])
def test_three_steps_by_hand(label_weight):
    """Slow weights take the step, fast ones as well after decaying by 19/20; the chain moves under their sum."""
    rbm, twin = (LabelledRBM(4, 3, 3, label_weight=label_weight).double() for _ in range(2))
    for one in (rbm, twin):
        one.load_state_dict(machine("labelled").state_dict())
    data = states(rbm)[[3, 20, 40]]
    chain = PersistentChain(rbm, samples=5)
    assert not chain.visible.any()
    optimiser = descent(rbm, learning_rate=0.1)
    v, fast = torch.zeros(5, 7, dtype=torch.float64), [torch.zeros_like(getattr(twin, name)) for name in NAMES]
    for seed in range(3):
        source = torch.Generator().manual_seed(seed)
        logged = fast_persistent_gradients(rbm, data, chain, source, fast_rate=0.1, steps=2)
        optimiser.step()
        with torch.no_grad():
            positive = torch.sigmoid(twin.hidden_logits(data))
            back = twin.visible_means(twin.visible_logits(positive))
            assert float(logged["reconstruction_error"]) == pytest.approx(float((data - back).square().mean()))
            slow = [getattr(twin, name).clone() for name in NAMES]
            for name, before, shift in zip(NAMES, slow, fast, strict=True):
                getattr(twin, name).copy_(before + shift)
            v = twin.gibbs(v, 2, torch.Generator().manual_seed(seed))
            negative = torch.sigmoid(twin.hidden_logits(v))
            up, down = statistics(twin, data, positive), statistics(twin, v, negative)
            for name, before, shift, p, n in zip(NAMES, slow, fast, up, down, strict=True):
                getattr(twin, name).copy_(before + 0.1 * (p - n))
                shift.mul_(19 / 20).add_(0.1 * (p - n))
        assert torch.equal(chain.visible, v)
        for name, shift in zip(NAMES, fast, strict=True):
            torch.testing.assert_close(getattr(chain, name), shift)
            torch.testing.assert_close(getattr(rbm, name).detach(), getattr(twin, name).detach())


def test_without_a_fast_rate_it_is_persistent_cd():
    rbm = machine("dense")
    chain = PersistentChain(rbm, 4)
    fast_persistent_gradients(rbm, states(rbm)[:2], chain, fast_rate=0.0)
    assert not chain.weight.any()
    assert rbm.weight.grad is not None


def test_a_training_goes_on_from_its_state():
    def train(rbm, chain, steps, generator):
        optimiser = descent(rbm, learning_rate=0.05)
        for _ in range(steps):
            fast_persistent_gradients(rbm, states(rbm)[[3, 20]], chain, generator, fast_rate=0.05)
            optimiser.step()

    whole, generator = machine("labelled"), torch.Generator().manual_seed(0)
    chain = PersistentChain(whole)
    train(whole, chain, 6, generator)
    parted, generator = machine("labelled"), torch.Generator().manual_seed(0)
    first = PersistentChain(parted)
    train(parted, first, 3, generator)
    again = PersistentChain(parted)
    again.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    train(parted, again, 3, generator)
    assert torch.equal(whole.weight, parted.weight)


def test_it_learns_patterns_and_their_labels():
    """Four patterns with labels: the best log-likelihood is -log 4, and the labels are told apart."""
    torch.manual_seed(0)
    rbm = LabelledRBM(6, 12, classes=2)
    patterns = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]])
    labels = torch.tensor([0, 1, 0, 1])
    data = rbm.join(patterns, labels)
    chain, generator = PersistentChain(rbm), torch.Generator().manual_seed(0)
    optimiser = descent(rbm, learning_rate=0.05, momentum=0.5)
    for step in range(600):
        rate = 0.05 if step < 450 else 0.01
        for group in optimiser.param_groups:
            group["lr"] = rate
        fast_persistent_gradients(rbm, data, chain, generator, fast_rate=rate)
        optimiser.step()
    likelihood = float((-rbm.free_energy(data) - log_partition(rbm)).mean().detach())
    assert -2.6 < likelihood < -1.386  # from -4.9
    posterior = rbm.label_posterior(patterns).detach()
    assert float(posterior[torch.arange(4), labels].min()) > 0.9


def test_what_cannot_be_learned_is_refused():
    rbm = DenseRBM(3, 2)
    chain = PersistentChain(rbm)
    with pytest.raises(InvalidInputError, match=r"samples: expected at least one, got 0"):
        PersistentChain(rbm, 0)
    with pytest.raises(InvalidInputError, match=r"visible: expected at least one sample, got none"):
        fast_persistent_gradients(rbm, torch.zeros(0, 3), chain, fast_rate=0.1)
