"""Numbers at the door of records and functions."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops import sample_surface, scatter, segment_csr, voxelize
from geolearn.structures import Mesh
from geolearn.structures._door import to_tensor, whole_number

CORNER = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))


@pytest.mark.parametrize("value", [8, 8.0, np.int64(8), np.float32(8), np.array(8), torch.tensor(8), Fraction(8)])
def test_a_whole_number_of_any_type(value, as_installed):
    number = whole_number(value, "resolution")
    assert (type(number), number) == (int, 8)
    assert torch.equal(voxelize(CORNER, value).values, voxelize(CORNER, 8).values)


@pytest.mark.parametrize(
    "value", [8.5, "8", b"8", True, None, float("nan"), float("inf"), [8], torch.zeros(2), 10**400]
)
def test_anything_else_is_refused_by_name(value, as_installed):
    with pytest.raises(InvalidInputError, match="resolution: expected a whole number, got"):
        voxelize(CORNER, value)
    with pytest.raises(InvalidInputError, match="padding: expected a whole number, got"):
        voxelize(CORNER, 8, padding=value)
    with pytest.raises(InvalidInputError, match="count: expected a whole number, got"):
        sample_surface(CORNER, value)


@pytest.mark.parametrize("index", [torch.tensor([0.0, 1.0]), torch.tensor([True, False]), torch.tensor([0j, 1])])
def test_indices_are_whole_numbers(index, as_installed):
    with pytest.raises(InvalidInputError, match=f"index: expected whole numbers, got {index.dtype}"):
        scatter(torch.ones(2), index)
    with pytest.raises(InvalidInputError, match=f"indptr: expected whole numbers, got {index.dtype}"):
        segment_csr(torch.ones(2), index)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int16])
def test_indices_may_be_of_any_whole_type(dtype, as_installed):
    src = torch.tensor([1.0, 2.0, 4.0])
    assert scatter(src, torch.tensor([1, 0, 1], dtype=dtype)).tolist() == [2, 5]
    assert segment_csr(src, torch.tensor([0, 1, 3], dtype=dtype)).tolist() == [1, 6]


def test_numbers_of_a_list_are_as_exact_as_asked_for():
    assert to_tensor([5334567.81], "x", torch.float64, (1,)).tolist() == [5334567.81]
    assert to_tensor([5334567.81], "x", torch.float32, (1,)).tolist() == [5334568.0]
