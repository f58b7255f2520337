"""Windows of a convolution: loops, torch's own convolution, and transposes."""

import math

import pytest
import torch
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.ops import windows
from geolearn.ops.windows import add_windows, fold_cells, gather_windows, unfold_cells, window_places

CASES = {
    1: ((11,), (4,), (3,)),
    2: ((7, 6), (3, 2), (2, 1)),
    3: ((5, 6, 4), (2, 3, 4), (1, 2, 1)),
}


@pytest.mark.parametrize("axes", CASES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_rows_are_the_windows_in_index_order(axes, dtype):
    size, kernel, stride = CASES[axes]
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).to(dtype)
    rows = gather_windows(x, kernel, stride)
    places = window_places(size, kernel, stride)
    assert rows.dtype == dtype
    assert len(rows) == 2 * math.prod(places)
    n = 0
    for sample in x:
        for place in torch.cartesian_prod(*(torch.arange(count) for count in places)).reshape(-1, axes).tolist():
            where = [slice(p * s, p * s + k) for p, s, k in zip(place, stride, kernel, strict=True)]
            assert torch.equal(rows[n], sample[:, *where].movedim(0, -1).reshape(-1))
            n += 1


@pytest.mark.parametrize("axes", CASES)
def test_a_product_with_the_rows_is_torch_s_convolution(axes):
    size, kernel, stride = CASES[axes]
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    weight = torch.randn(5, 3, *kernel, generator=generator, dtype=torch.float64)
    rows = gather_windows(x, kernel, stride) @ weight.movedim(1, -1).flatten(1).T
    conv = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
    expected = conv(x, weight, stride=stride)
    torch.testing.assert_close(rows.view(2, *expected.shape[2:], 5).movedim(-1, 1), expected)


@pytest.mark.parametrize("axes", CASES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_adding_is_the_transpose_of_gathering(axes, dtype):
    """<rows, gather(x)> = <add(rows), x>, with whole numbers, so that every sum is exact."""
    size, kernel, stride = CASES[axes]
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(-3, 4, (2, 3, *size), generator=generator).to(dtype)
    seen = gather_windows(x, kernel, stride)
    rows = torch.randint(-3, 4, seen.shape, generator=generator).to(dtype)
    added = add_windows(rows, size, kernel, stride)
    assert added.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert (rows.double() * seen.double()).sum() == (added.double() * x.double()).sum()


@pytest.mark.parametrize("axes", CASES)
def test_plain_torch_does_the_same(axes):
    size, kernel, stride = CASES[axes]
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
    rows = gather_windows(x, kernel, stride)
    assert torch.equal(windows._unfold(x, kernel, stride), rows)
    torch.testing.assert_close(windows._fold(rows, size, kernel, stride), add_windows(rows, size, kernel, stride))


@pytest.mark.parametrize("axes", CASES)
def test_gradients(axes):
    size, kernel, stride = CASES[axes]
    x = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gather_windows(x, kernel, stride), x)
    rows = torch.randn_like(gather_windows(x, kernel, stride).detach()).requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: add_windows(rows, size, kernel, stride), rows)


def test_any_layout_and_no_samples():
    x = torch.randn(2, 3, 5, 6, 4)
    expected = gather_windows(x, (2, 3, 4), (1, 2, 1))
    assert torch.equal(
        gather_windows(x.contiguous(memory_format=torch.channels_last_3d), (2, 3, 4), (1, 2, 1)), expected
    )
    assert gather_windows(x[:0], (2, 3, 4), (1, 2, 1)).shape == (0, 72)
    assert add_windows(expected[:0], (5, 6, 4), (2, 3, 4), (1, 2, 1)).shape == (0, 3, 5, 6, 4)


def test_four_threads_give_the_same_bits():
    x = torch.randn(9, 3, 8, 8, 8)
    rows = gather_windows(x, (3, 3, 3), (2, 2, 2))
    added = add_windows(rows, (8, 8, 8), (3, 3, 3), (2, 2, 2))
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert torch.equal(gather_windows(x, (3, 3, 3), (2, 2, 2)), rows)
        assert torch.equal(add_windows(rows, (8, 8, 8), (3, 3, 3), (2, 2, 2)), added)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", [(6,), (4, 6), (4, 6, 2)])
def test_folding_cells_keeps_blocks_together(size):
    x = torch.arange(2 * 3 * math.prod(size)).view(2, 3, *size).double()
    folded = fold_cells(x, 2)
    assert folded.shape == (2, 3 * 2 ** len(size), *(n // 2 for n in size))
    assert torch.equal(unfold_cells(folded, 2), x)
    corner = x[0, :, *[slice(0, 2)] * len(size)]  # the first block
    assert torch.equal(folded[0, :, *[0] * len(size)], corner.movedim(0, -1).reshape(-1))


def test_what_does_not_fit_is_refused():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(InvalidInputError, match=r"expected a number for each axis of a grid \(4, 4\)"):
        gather_windows(x, (2,), (1, 1))
    with pytest.raises(InvalidInputError, match=r"a kernel that fits the grid \(4, 4\), got \(5, 2\)"):
        gather_windows(x, (5, 2), (1, 1))
    with pytest.raises(InvalidInputError, match=r"expected numbers >= 1"):
        gather_windows(x, (2, 2), (1, 0))
    with pytest.raises(InvalidInputError, match=r"rows: expected \(B \* 9, C \* 4\) for a grid of \(4, 4\)"):
        add_windows(torch.zeros(8, 4), (4, 4), (2, 2), (1, 1))
    with pytest.raises(InvalidInputError, match=r"x: expected sizes divisible by 3, got \(4, 4\)"):
        fold_cells(x, 3)
    with pytest.raises(InvalidInputError, match=r"x: expected a multiple of 4 channels, got 1"):
        unfold_cells(x, 2)
