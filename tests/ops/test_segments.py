"""`scatter` and `segment_csr` against loops, by gradcheck, and against torch-scatter where it is installed."""

import importlib
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops import scatter, segment_csr

REDUCTIONS = ["sum", "mean", "max", "min", "mul"]
EMPTY = {"sum": 0.0, "mean": 0.0, "max": 0.0, "min": 0.0, "mul": 1.0}


def reduced(values: list[float], reduce: str) -> float:
    if not values:
        return EMPTY[reduce]
    return {"sum": sum, "mean": lambda v: sum(v) / len(v), "max": max, "min": min, "mul": math.prod}[reduce](values)


def slow_scatter(src, index, dim, size, reduce):
    """A loop over every output element; `index` has the shape of `src`."""
    src, index = src.movedim(dim, 0), index.movedim(dim, 0)
    out = src.new_empty(size, *src.shape[1:])
    for position in torch.cartesian_prod(*[torch.arange(n) for n in src.shape[1:]]).reshape(-1, src.ndim - 1):
        where = (slice(None), *position.tolist())
        for group in range(size):
            out[(group, *where[1:])] = reduced(src[where][index[where] == group].tolist(), reduce)
    return out.movedim(0, dim)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_hand_values(reduce):
    src = torch.tensor([2.0, -1.0, 4.0, 3.0])
    expected = {
        "sum": [5.0, 0, 3],
        "mean": [5 / 3, 0, 3],
        "max": [4.0, 0, 3],
        "min": [-1.0, 0, 3],
        "mul": [-8.0, 1, 3],
    }
    torch.testing.assert_close(scatter(src, torch.tensor([0, 0, 0, 2]), 0, 3, reduce), torch.tensor(expected[reduce]))
    torch.testing.assert_close(segment_csr(src, torch.tensor([0, 3, 3, 4]), reduce), torch.tensor(expected[reduce]))


@given(data=st.data(), reduce=st.sampled_from(REDUCTIONS), dim=st.integers(-3, 2))
@settings(max_examples=60, deadline=None)
def test_scatter_equals_a_loop(data, reduce, dim):
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    src = torch.randn(shape, generator=generator, dtype=torch.float64)
    size = data.draw(st.integers(1, 5))
    kind = data.draw(st.sampled_from(["1-D", "full", "broadcast"]))
    index_shape = {
        "1-D": (shape[dim],),
        "full": shape,
        "broadcast": tuple(n if axis == dim % 3 else 1 for axis, n in enumerate(shape)),
    }[kind]
    index = torch.randint(size, index_shape, generator=generator)
    full = index.reshape([-1 if axis == dim % 3 else 1 for axis in range(3)]) if kind == "1-D" else index
    expected = slow_scatter(src, full.expand(shape), dim, size, reduce)
    torch.testing.assert_close(scatter(src, index, dim, size, reduce), expected)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.sampled_from(REDUCTIONS))
@settings(max_examples=60, deadline=None)
def test_segments_equal_a_loop(pointers, reduce):
    indptr = torch.tensor(sorted(pointers))
    src = torch.randn(9, 2, generator=torch.Generator().manual_seed(len(pointers)), dtype=torch.float64)
    runs = [src[a:b] for a, b in pairwise(indptr)]
    expected = [[reduced(run[:, column].tolist(), reduce) for column in range(2)] for run in runs]
    torch.testing.assert_close(segment_csr(src, indptr, reduce), torch.tensor(expected, dtype=src.dtype).reshape(-1, 2))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_segments_in_a_later_dimension(reduce):
    src = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1))
    own = torch.tensor([[0, 2, 6], [1, 1, 5]])
    expected = torch.stack([segment_csr(row, pointers, reduce) for row, pointers in zip(src, own, strict=True)])
    torch.testing.assert_close(segment_csr(src, own, reduce), expected)
    shared = torch.stack([segment_csr(row, own[0], reduce) for row in src])
    torch.testing.assert_close(segment_csr(src, own[:1], reduce), shared)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_gradients(reduce):
    src = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    index = torch.tensor([4, 0, 0, 2, 4, 4, 1])
    assert torch.autograd.gradcheck(lambda x: scatter(x, index, 0, 6, reduce), src)
    assert torch.autograd.gradcheck(lambda x: segment_csr(x, torch.tensor([0, 2, 2, 5]), reduce), src)
    # A product with a zero in it still passes a gradient to that zero.
    with_zero = src.detach().clone().index_fill_(0, torch.tensor([1]), 0.0).requires_grad_()
    assert reduce != "mul" or torch.autograd.gradcheck(lambda x: scatter(x, index, 0, 6, "mul"), with_zero)


def test_ties_share_the_gradient():
    src = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    scatter(src, torch.zeros(3, dtype=torch.int64), reduce="max").sum().backward()
    assert src.grad.tolist() == [0.5, 0.5, 0.0]


def test_integers_strides_and_other_index_types():
    src = torch.tensor([[7, 2], [-2, 4], [0, 0]])
    index = torch.tensor([1, 1, 0], dtype=torch.int64)
    assert scatter(src, index).tolist() == [[0, 0], [5, 6]]
    assert scatter(src, index, reduce="mean").tolist() == [[0, 0], [2, 3]]  # 5 / 2, rounded down
    assert scatter(src.T, index, dim=1, reduce="max").tolist() == [[0, 7], [0, 4]]
    assert scatter(src, index, reduce="add").tolist() == [[0, 0], [5, 6]]


def test_nothing_to_reduce():
    nothing, no_index = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    assert scatter(nothing, no_index).shape == (0, 3)
    assert scatter(nothing, no_index, dim_size=2).tolist() == [[0.0] * 3] * 2
    assert segment_csr(nothing, torch.tensor([0, 0, 0])).tolist() == [[0.0] * 3] * 2
    assert segment_csr(torch.ones(4, 3), torch.tensor([2])).shape == (0, 3)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda s, i: scatter(s, i, reduce="median"), UnknownNameError, r"unknown reduction 'median'"),
        (lambda s, i: scatter(s, i, reduce="maxx"), UnknownNameError, r"Did you mean 'max'"),
        (lambda s, i: scatter(s, i, dim=2), InvalidInputError, r"dim: expected a dimension of src \(3, 2\), got 2"),
        (lambda s, i: scatter(s, i[:2]), InvalidInputError, r"index: expected 3 values"),
        (lambda s, i: scatter(s, i[None]), InvalidInputError, r"index: expected 3 values.*got shape \(1, 3\)"),
        (lambda s, i: scatter(s, i, dim_size=2), InvalidInputError, r"index: expected values in 0\.\.1, got 0\.\.2"),
        (lambda s, i: scatter(s, i - 1), InvalidInputError, r"index: expected values in 0\.\.1, got -1\.\.1"),
        (lambda s, i: segment_csr(s, i.flip(0)), InvalidInputError, r"indptr: expected non-decreasing"),
        (lambda s, i: segment_csr(s, i * 2), InvalidInputError, r"indptr: expected non-decreasing pointers in 0\.\.3"),
        (lambda s, i: segment_csr(s, i[:0]), InvalidInputError, r"at least one pointer"),
        (
            lambda s, i: segment_csr(s, i.expand(2, 3)),
            InvalidInputError,
            r"leading dimensions that broadcast to \(3,\)",
        ),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_arguments_that_do_not_fit_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(3, 2), torch.tensor([0, 1, 2]))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_equals_torch_scatter(reduce):
    try:
        reference = importlib.import_module("torch_scatter")
    except (ImportError, OSError):
        pytest.skip("torch-scatter is not installed")
    generator = torch.Generator().manual_seed(3)
    src = torch.randn(40, 5, generator=generator)
    index = torch.randint(9, (40,), generator=generator)
    torch.testing.assert_close(
        scatter(src, index, 0, 12, reduce), reference.scatter(src, index, 0, dim_size=12, reduce=reduce)
    )
    indptr = torch.tensor([0, 7, 7, 30, 40])
    if reduce != "mul":  # which it does not offer for runs
        torch.testing.assert_close(segment_csr(src, indptr, reduce), reference.segment_csr(src, indptr, reduce=reduce))


@pytest.mark.parametrize("reduce", ["max", "min"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_the_first_position_that_attains_it(reduce, dim):
    """By a loop; whole numbers, so that ties are common; group 3 is empty."""
    generator = torch.Generator().manual_seed(0)
    src = torch.randint(-2, 3, (7, 5, 6), generator=generator).double()
    index = torch.randint(0, 3, (src.shape[dim],), generator=generator)
    out, position = scatter(src, index, dim, 4, reduce, return_argmax=True)
    assert torch.equal(out, scatter(src, index, dim, 4, reduce))
    for group in range(4):
        where = (index == group).nonzero()[:, 0].tolist()
        found = position.movedim(dim, 0)[group]
        if not where:
            assert (found == src.shape[dim]).all()
            continue
        best = getattr(src.movedim(dim, 0)[where], reduce)(0).values
        wanted = [[next(i for i in where if src.movedim(dim, 0)[i][p, q] == best[p, q]) for q in range(best.shape[1])]
                  for p in range(best.shape[0])]  # fmt: skip
        assert found.tolist() == wanted


def test_positions_of_nothing_of_nan_and_of_sums():
    nan = float("nan")
    out, position = scatter(torch.tensor([1.0, nan, 2.0]), torch.tensor([0, 0, 1]), reduce="max", return_argmax=True)
    assert math.isnan(out[0])
    assert position.tolist() == [1, 2]
    empty = scatter(torch.zeros(0), torch.zeros(0, dtype=torch.int64), dim_size=2, reduce="max", return_argmax=True)
    assert empty[1].tolist() == [0, 0]
    with pytest.raises(InvalidInputError, match="return_argmax: expected the reduction max or min, got 'sum'"):
        scatter(torch.ones(1), torch.zeros(1, dtype=torch.int64), return_argmax=True)


def test_the_gradient_is_that_without_positions():
    src = torch.tensor([1.0, 3.0, 3.0, 2.0], requires_grad=True)
    out, _ = scatter(src, torch.tensor([0, 0, 0, 1]), reduce="max", return_argmax=True)
    out.sum().backward()
    assert src.grad.tolist() == [0, 0.5, 0.5, 1]
