"""Fans, merged corners and checked indices against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geolearn.errors import MeshFormatError
from geolearn.io.triangles import fan, merge_identical, ragged_positions, to_indices, to_positions


@given(st.lists(st.integers(3, 7), max_size=6))
def test_fan_is_hub_and_consecutive_corners(counts):
    wanted, first = [], 0
    for count in counts:
        wanted += [[first, first + k, first + k + 1] for k in range(1, count - 1)]
        first += count
    assert fan(np.array(counts, dtype=np.int64)).tolist() == wanted


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=6))
def test_ragged_positions(spans):
    start, count = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    assert ragged_positions(start, count).tolist() == [i for s, c in spans for i in range(s, s + c)]


@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 30), st.just(3)), elements=st.sampled_from([0, -0.0, 1, 0.1])))
def test_merged_corners_keep_positions_and_order_of_first_use(corners):
    verts, index = merge_identical(corners)
    seen = list(dict.fromkeys(map(tuple, corners.tolist())))  # 0.0 and -0.0 are equal
    assert verts.tolist() == [list(position) for position in seen]
    assert np.array_equal(verts[index], corners)


def test_positions_beyond_float32_are_counted():
    rows = np.array([[0, 0, 0], [0, np.nan, np.inf], [1e39, 0, 0], [3.4e38, 0, 0]])
    with pytest.raises(MeshFormatError, match=r"^file: row 1: 2 of 4 vertices have a coordinate that is NaN, infinite"):
        to_positions(rows, "file", lambda row: f"row {row}")


@pytest.mark.parametrize("bad", [-1.0, 3.0, 1.5, np.nan, np.inf, -1e300])
def test_indices_out_of_range_or_fractional_are_counted(bad):
    with pytest.raises(MeshFormatError, match="corner 4: 1 of 6 face corners name none of the 3 vertices"):
        to_indices(np.array([[0, 1, 2.0], [0, bad, 1]]), 3, "file", lambda corner: f"corner {corner}")
