"""Contact sheets, pixel by pixel."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.render.sheets import contact_sheet


def test_by_hand():
    images = torch.arange(3.0)[:, None, None, None].expand(3, 1, 1, 2)
    expected = [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 0, 0, 9, 1, 1, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 2, 2, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
    ]
    assert contact_sheet(images, 2, gap=1, background=9.0)[0].tolist() == expected
    assert contact_sheet(images, 3, gap=0)[0].tolist() == [[0, 0, 1, 1, 2, 2]]


@given(count=st.integers(1, 9), columns=st.integers(1, 4), gap=st.integers(0, 3), channels=st.sampled_from([1, 3]))
def test_every_picture_is_where_it_belongs(count, columns, gap, channels):
    images = torch.rand(count, channels, 3, 5)
    sheet = contact_sheet(images, columns, gap=gap)
    rows = -(-count // columns)
    assert sheet.shape == (channels, rows * (3 + gap) + gap, columns * (5 + gap) + gap)
    for number in range(count):
        top, left = gap + number // columns * (3 + gap), gap + number % columns * (5 + gap)
        assert torch.equal(sheet[:, top : top + 3, left : left + 5], images[number])
    assert float(sheet.sum()) == pytest.approx(
        float(images.sum()) + channels * (sheet[0].numel() - count * 15), rel=1e-4
    )  # white everywhere else


@pytest.mark.parametrize("count, size, expected", [(12, (8, 8), 4), (80, (8, 8), 9), (1, (8, 8), 1), (4, (2, 8), 1)])
def test_about_square_by_default(count, size, expected):
    sheet = contact_sheet(torch.zeros(count, 1, *size), gap=0)
    assert sheet.shape[2] == expected * size[1]


def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="at least one picture"):
        contact_sheet(torch.zeros(0, 1, 4, 4))
    with pytest.raises(InvalidInputError, match="columns, gap: expected at least 1 and 0, got 0 and 2"):
        contact_sheet(torch.zeros(2, 1, 4, 4), 0)
