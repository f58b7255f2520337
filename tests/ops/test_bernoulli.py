"""Samples of binary units: frequencies, independence, reproducibility."""

import pytest
import torch

from geolearn.ops.bernoulli import sample_bernoulli


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8191, 8193, 100_001])
def test_certain_units_are_certain(count):
    assert torch.equal(sample_bernoulli(torch.zeros(count), generator()), torch.zeros(count))
    assert torch.equal(sample_bernoulli(torch.ones(count), generator()), torch.ones(count))


@pytest.mark.parametrize("probability", [1e-4, 0.01, 0.3, 0.5, 0.999])
def test_frequencies(probability):
    count = 1_000_000
    found = sample_bernoulli(torch.full((count,), probability), generator(1)).double().mean()
    assert abs(float(found) - probability) < 4.5 * (probability * (1 - probability) / count) ** 0.5


def test_neighbours_calls_and_seeds_are_independent():
    """Correlations of units at lags within and across the pairs that one hash serves, of two calls, of two seeds."""
    count = 1_000_000
    half = torch.full((count,), 0.5)
    source = generator(2)
    one, two = (2 * sample_bernoulli(half, source) - 1 for _ in range(2))
    other = 2 * sample_bernoulli(half, generator(3)) - 1
    products = [one[:-lag] * one[lag:] for lag in (1, 2, 3, 8, 64, 8192)] + [one * two, one * other]
    for product in products:
        assert abs(float(product.mean())) < 4.5 / count**0.5


def test_chi_square_of_sixteen_neighbours_in_a_row():
    """Words of 8 bits from neighbours are uniform: mean 255, deviation 22.6 of the statistic."""
    bits = sample_bernoulli(torch.full((800_000,), 0.5), generator(4)).view(-1, 8)
    words = (bits @ torch.tensor([2.0**k for k in range(8)])).long()
    counts = torch.bincount(words, minlength=256).double()
    expected = len(words) / 256
    assert 165 < float(((counts - expected) ** 2 / expected).sum()) < 345


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_same_samples_in_any_precision_and_layout(dtype):
    p = torch.rand(6, 1001, generator=generator(5))
    expected = sample_bernoulli(p, generator())
    assert torch.equal(sample_bernoulli(p, generator(), dtype=dtype), expected.to(dtype))
    turned = p.T.contiguous().T
    assert torch.equal(sample_bernoulli(turned, generator()), expected)


def test_four_threads_give_the_same_bits():
    p = torch.rand(300_001, generator=generator(6))
    expected = sample_bernoulli(p, generator())
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert torch.equal(sample_bernoulli(p, generator()), expected)
    finally:
        torch.set_num_threads(before)


def test_without_a_generator_torch_s_own_seed_decides():
    torch.manual_seed(7)
    one = sample_bernoulli(torch.full((100,), 0.5))
    torch.manual_seed(7)
    assert torch.equal(sample_bernoulli(torch.full((100,), 0.5)), one)
    assert not torch.equal(sample_bernoulli(torch.full((100,), 0.5)), one)
