"""View pooling against loops, and the promises that make it a pooling: any order, any number, masks."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.nn import ViewPool

POOLINGS = ("max", "mean", "attention")


def pool(pooling: str, channels: int = 3) -> ViewPool:
    torch.manual_seed(0)
    return ViewPool(pooling, channels if pooling == "attention" else None)


def test_maximum_and_mean_by_hand():
    x = torch.tensor([[[1.0, 8.0], [3.0, -4.0], [2.0, 5.0]]])
    assert ViewPool("max")(x).tolist() == [[3.0, 8.0]]
    assert ViewPool("mean")(x).tolist() == [[2.0, 3.0]]


def test_attention_against_a_loop():
    layer, x = pool("attention"), torch.randn(2, 4, 3, 5, 2)
    for b in range(2):
        score = torch.stack([layer.score(layer.hidden(x[b, v].mean((1, 2))).tanh()) for v in range(4)])[:, 0]
        expected = sum(weight * x[b, v] for v, weight in enumerate(score.softmax(0)))
        torch.testing.assert_close(layer(x)[b], expected)


@pytest.mark.parametrize("pooling", POOLINGS)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(0, 2**31 - 1))
def test_the_order_of_the_views_does_not_change_a_bit(pooling, views, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, views, 3, 2, generator=generator) * 10 ** torch.randn(2, views, 1, 1, generator=generator)
    order = torch.randperm(views, generator=generator)
    layer = pool(pooling)
    assert torch.equal(layer(x), layer(x[:, order]))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_masked_view_is_as_good_as_absent(pooling):
    layer, x = pool(pooling), torch.randn(3, 4, 3, 2)
    mask = torch.tensor([[True, False, True, True], [True, True, False, True], [False, True, True, True]])
    x[~mask] = torch.nan
    expected = torch.cat([layer(x[b : b + 1, mask[b]]) for b in range(3)])
    assert torch.equal(layer(x, mask), expected)


def test_the_gradient_of_the_maximum_goes_to_its_view_and_ties_share_it():
    x = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [2.0, 0.0]]], requires_grad=True)
    ViewPool("max")(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.0, 0.5], [1.0, 0.5], [0.0, 0.0]]]


@pytest.mark.parametrize("pooling, masked", itertools.product(POOLINGS, [False, True]))
def test_gradients(pooling, masked):
    layer = pool(pooling).double()
    mask = torch.tensor([[True, True, False], [True, True, True]]) if masked else None
    x = torch.randn(2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, mask), x)


def test_bad_input(as_installed):
    with pytest.raises(InvalidInputError, match=r"at least one view, got \(2, 0, 3\)"):
        ViewPool()(torch.zeros(2, 0, 3))
    with pytest.raises(InvalidInputError, match=r"mask: shapes \[1\] of the batch have no view"):
        ViewPool()(torch.zeros(2, 2, 3), torch.tensor([[True, True], [False, False]]))
    with pytest.raises(InvalidInputError, match=r"mask: expected \(2, 2\), got \(2, 3\)"):
        ViewPool()(torch.zeros(2, 2, 3), torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(UnknownNameError, match="pooling"):
        ViewPool("maximum")
    with pytest.raises(InvalidInputError, match="attention needs the number of channels"):
        ViewPool("attention")
