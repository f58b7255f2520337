"""Wake-sleep against autograd on the states that it drew."""

import pytest
import torch
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.nn import ConvRBM, DenseRBM, LabelledRBM, descent, wake_sleep_gradients


@pytest.fixture
def stack():
    torch.manual_seed(0)
    layers = [ConvRBM(1, 3, size=(5, 4), kernel=(3, 2)), DenseRBM(27, 6)]
    top = LabelledRBM(6, 5, classes=3, label_weight=10.0)
    for layer in (*layers, top):
        layer.double()
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    for layer in layers:
        layer.untie()
        torch.nn.init.normal_(layer.down_weight, std=0.5)
    return layers, top


def log_probability(logits, states):
    return -functional.binary_cross_entropy_with_logits(logits, states, reduction="sum") / len(states)


@pytest.mark.parametrize("average_places", [False, True])
def test_directions_are_gradients_of_what_each_way_says_of_the_other(stack, average_places):
    (conv, dense), top = stack
    v = (torch.rand(4, 1, 5, 4, dtype=torch.float64) < 0.5).double()
    labels, chain = torch.tensor([0, 1, 2, 1]), top.join(torch.rand(3, 6).double().round(), torch.tensor([0, 1, 2]))
    after, logged = wake_sleep_gradients(
        [conv, dense], top, v, labels, chain, torch.Generator().manual_seed(1), average_places=average_places
    )

    generator = torch.Generator().manual_seed(1)  # the same states, drawn in the same order
    with torch.no_grad():
        h1 = conv.sample_hidden(v, generator)
        h2 = dense.sample_hidden(h1.flatten(1), generator)
        expected_chain = top.gibbs(chain, 3, generator)
        s1 = dense.sample_visible(top.split(expected_chain)[0], generator)
        s0 = conv.sample_visible(s1.reshape(3, *conv.hidden_shape), generator)
    assert torch.equal(after, expected_chain)
    awake = log_probability(conv.visible_logits(h1), v) + log_probability(dense.visible_logits(h2), h1.flatten(1))
    asleep = log_probability(conv.hidden_logits(s0), s1.reshape(3, *conv.hidden_shape)) + log_probability(
        dense.hidden_logits(s1), top.split(after)[0]
    )
    places, side = (9, 4) if average_places else (1, 1)  # 3 x 3 places, grids that are 4 long
    for layer, scale, visible_scale in ((conv, places, side), (dense, 1, 1)):
        down, visible = torch.autograd.grad(awake, [layer.down_weight, layer.visible_bias], retain_graph=True)
        torch.testing.assert_close(-layer.down_weight.grad, down / scale)
        torch.testing.assert_close(-layer.visible_bias.grad, visible / visible_scale)
        up, hidden = torch.autograd.grad(asleep, [layer.weight, layer.hidden_bias], retain_graph=True)
        torch.testing.assert_close(-layer.weight.grad, up / scale)
        torch.testing.assert_close(-layer.hidden_bias.grad, hidden / scale)
    with torch.no_grad():
        joined = top.join(h2, labels)
        up = torch.sigmoid(top.hidden_logits(joined)).T @ joined / 4
        down = torch.sigmoid(top.hidden_logits(after)).T @ after / 3
        torch.testing.assert_close(-top.weight.grad, up - down)
        error = (v - torch.sigmoid(conv.visible_logits(h1))).square().mean()
    torch.testing.assert_close(logged["reconstruction_error"], error)


def test_both_ways_learn_to_agree():
    """From random ways up and down, on two patterns: reconstructions of the data improve."""
    torch.manual_seed(2)
    layers, top = [DenseRBM(8, 6), DenseRBM(6, 6)], LabelledRBM(6, 8, classes=2)
    for layer in layers:
        layer.untie()
    data = torch.tensor([[1.0, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]]).repeat(8, 1)
    labels = torch.tensor([0, 1]).repeat(8)
    optimiser, generator = descent(*layers, top, learning_rate=0.1, momentum=0.5), torch.Generator().manual_seed(0)
    chain = torch.zeros(16, 8)
    errors = []
    for _ in range(400):
        chain, logged = wake_sleep_gradients(layers, top, data, labels, chain, generator)
        optimiser.step()
        errors.append(float(logged["reconstruction_error"]))
    assert sum(errors[:10]) / 10 > 0.2
    assert sum(errors[-10:]) / 10 < 0.06


def test_what_cannot_be_learned_is_refused(stack):
    (conv, dense), top = stack
    chain = torch.zeros(2, 9).double()
    v, labels = torch.zeros(1, 1, 5, 4).double(), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(InvalidInputError, match=r"visible, layers: expected at least one sample and one layer"):
        wake_sleep_gradients([conv, dense], top, v[:0], labels[:0], chain)
    with pytest.raises(InvalidInputError, match=r"layers: expected untied weights; call untie\(\)"):
        wake_sleep_gradients([DenseRBM(20, 6).double()], top, v.flatten(1), labels, chain)
