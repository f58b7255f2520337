"""Lines of numbers against a plain Python reading of the same text."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import MeshFormatError
from geolearn.io.lines import Lines, plain_text

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(["1.", ".5", "+3", "-0", "1E5", "1e-400", "inf", "-Infinity"]),
)
ROWS = st.lists(st.lists(NUMBERS, max_size=5), max_size=8)


@given(ROWS, st.sampled_from(["\n", "\r\n", " \t\n\n", "\f\n", " # 1 2 x\n"]), st.booleans())
def test_numbers_match_a_plain_reading(rows, line_break, last_break):
    text = line_break.join("  ".join(row) for row in rows) + (line_break if last_break else "")
    lines = Lines(plain_text(text.encode()), "file")
    wanted = [[float(word) for word in row] for row in rows if row]
    numbers = lines.numbers(slice(None))
    got = [numbers.values[s : s + c].tolist() for s, c in zip(numbers.start, numbers.count, strict=True)]
    assert got == wanted


@given(st.lists(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=4), min_size=1, max_size=6))
def test_whole_numbers_come_exactly(rows):
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    numbers = Lines(text.encode(), "file").numbers(slice(None), mostly_whole=True)
    assert numbers.values.dtype == np.int64
    assert numbers.values.tolist() == [value for row in rows for value in row]


@given(
    st.lists(st.tuples(st.sampled_from(["v", "vt", "f", "vertex"]), st.integers(0, 9), st.integers(0, 9)), max_size=9),
    st.sampled_from([b"v", b"vt", b"f"]),
)
def test_chosen_lines_without_their_keyword(rows, keyword):
    text = "\n\n".join(f" {word}\t{a} {b}" for word, a, b in rows)
    lines = Lines(text.encode(), "file")
    chosen = lines.starts_with(keyword)
    assert chosen.tolist() == [word.encode() == keyword for word, _, _ in rows]
    numbers = lines.numbers(chosen, keyword=keyword)
    assert numbers.columns(2).tolist() == [[a, b] for word, a, b in rows if word.encode() == keyword]
    for i, row in enumerate(np.flatnonzero(chosen)):
        assert numbers.place(i) == f"line {2 * row + 1}"


@pytest.mark.parametrize(
    "bad", ["x", "1.5.3", "1-2", "0x10", "1_0", "1,5", "1d5", "--1", "e5", ".", "\0", "é", "9" * 5000 + "x"]
)
def test_what_is_no_number_is_refused_by_line(bad):
    text = f"1 2\n\n3 {bad} 4\n5\n".encode()
    with pytest.raises(MeshFormatError, match=r"^file: line 3: expected numbers, got"):
        Lines(text, "file").numbers(slice(None))


def test_line_numbers_count_joined_lines_comments_and_old_line_breaks():
    joined = plain_text(b"f 1 \\\n 2 3\n# x\nv q\n", continuations=True)
    lines = Lines(joined, "file")
    assert len(lines) == 2
    assert lines.numbers(lines.starts_with(b"f"), keyword=b"f").values.tolist() == [1, 2, 3]
    with pytest.raises(MeshFormatError, match="line 4: expected numbers, got 'q'"):
        lines.numbers(lines.starts_with(b"v"), keyword=b"v")
    assert Lines(plain_text(b"\xef\xbb\xbf1\r2\r"), "file").place(1) == "line 2"


def test_lines_begin_after_the_header():
    lines = Lines(b"OFF4 5\n6", "file", begin=3)
    assert lines.numbers(slice(None)).values.tolist() == [4, 5, 6]
    assert re.fullmatch("line 2", lines.place(1))
