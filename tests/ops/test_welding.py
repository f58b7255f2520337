"""Vertices at one position become one; unused ones go."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.ops.welding import weld_vertices


@given(seed=st.integers(0, 1000))
def test_equals_unique_rows_of_the_corners(seed):
    generator = torch.Generator().manual_seed(seed)
    verts = torch.randint(-1, 2, (25, 3), generator=generator).double() * -0.5  # many equal, some of them -0
    faces = torch.randint(0, 20, (30, 3), generator=generator)
    welded, over = weld_vertices(verts, faces)
    expected, number = torch.unique(verts[faces].reshape(-1, 3) + 0.0, dim=0, return_inverse=True)
    assert torch.equal(welded, expected)
    assert torch.equal(over, number.reshape(-1, 3))


def test_nothing_to_weld():
    welded, faces = weld_vertices(torch.rand(4, 3), torch.zeros(0, 3, dtype=torch.int64))
    assert len(welded) == len(faces) == 0
