"""Words of a text against a plain Python reading of the same text, for short texts and for long ones."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geolearn.errors import MeshFormatError
from geolearn.io import words as module
from geolearn.io.words import Words, join_lines, plain_text, to_utf8

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False).map(repr),
    st.floats(-1e6, 1e6).map("{:.6f}".format),
    st.floats(-1e6, 1e6).map("{:.9g}".format),
    st.sampled_from(
        ["1.", ".5", "+3", "-0", "1E5", "1e-400", "inf", "-Infinity", "0.1e+01", "00012.50", "1e22", "1e-22"]
    ),
)
ROWS = st.lists(st.lists(NUMBERS, max_size=5), max_size=8)
BREAKS = st.sampled_from(["\n", "\r\n", "\r", " \t\n\n", "\f\n", " # 1 2 x\n"])
both_ways = pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "kernel"])


@pytest.fixture(autouse=True)
def way_of_reading(request, monkeypatch):
    if "compiled" in request.fixturenames:
        compiled = request.getfixturevalue("compiled")
        monkeypatch.setattr(module, "kernels_pay", lambda size: compiled)


@both_ways
@given(rows=ROWS, line_break=BREAKS, last_break=st.booleans())
@settings(max_examples=60)
def test_words_and_lines_are_those_of_a_plain_reading(compiled, rows, line_break, last_break):
    text = line_break.join("  ".join(row) for row in rows) + (line_break if last_break else "")
    words = Words(plain_text(text.encode()), "file")
    assert [words[i].decode() for i in range(len(words))] == [word for row in rows for word in row]
    assert words.per_line.tolist() == [len(row) for row in rows if row]
    assert words.numbers(slice(None)).tolist() == [float(word) for row in rows for word in row]


def float_of(words: list[str]) -> list[float]:
    return Words(" ".join(words).encode(), "file").numbers(slice(None)).tolist()


@both_ways
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30), st.integers(1, 19))
@example([5334567.8099999995], 17)
@example([9007199254740993.0, 0.1, 1e22, 123456789012345678.0], 17)
def test_every_number_is_the_nearest_float64(compiled, values, digits):
    written = [f"{value:.{digits}g}" for value in values] + [f"{value % 1e7:.{digits}f}" for value in values]
    assert float_of(written) == [float(word) for word in written]


def test_numbers_halfway_between_two_floats(monkeypatch):
    """2^53 + 1 and its like lie in the middle: the even neighbour is right, and one digit more or less decides."""
    monkeypatch.setattr(module, "kernels_pay", lambda size: True)
    written = []
    for exponent in range(54, 63):
        for odd in range(1, 40, 2):
            middle = 2**exponent + odd * 2 ** (exponent - 53)
            written += [str(middle), str(middle - 1), str(middle + 1), f"{middle}e-3", f"{middle}e2"]
    assert float_of(written) == [float(word) for word in written]


@both_ways
@given(rows=st.lists(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=1, max_size=4), min_size=1, max_size=6))
@settings(max_examples=30)
def test_whole_numbers_come_exactly(compiled, rows):
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    numbers = Words(text.encode(), "file").numbers(slice(None), whole=True)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [value for row in rows for value in row]


@both_ways
def test_one_fraction_makes_all_floats(compiled):
    assert Words(b"1 2 3.5", "file").numbers(slice(None), whole=True).tolist() == [1.0, 2.0, 3.5]


@both_ways
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["v", "vt", "f", "vertex", "v\0", "vertices", "vt" * 9]),
            st.integers(0, 9),
            st.integers(0, 9),
        )
    ),
    keyword=st.sampled_from([b"v", b"vt", b"f"]),
)
@settings(max_examples=30)
def test_chosen_words(compiled, rows, keyword):
    words = Words("\n\n".join(f" {word}\t{a} {b}" for word, a, b in rows).encode(), "file")
    chosen = words.first[words.are(keyword, words.first)]
    wanted = [(a, b) for word, a, b in rows if word.encode() == keyword]
    assert words.numbers((chosen[:, None] + [1, 2]).reshape(-1)).tolist() == [x for pair in wanted for x in pair]
    assert words.lines(keyword).tolist() == [word.encode() == keyword for word, _, _ in rows]
    for row, first in enumerate(words.first.tolist()):
        assert words.place(first) == f"line {2 * row + 1}"


@both_ways
@pytest.mark.parametrize(
    "bad",
    ["x", "1.5.3", "1-2", "0x10", "1_0", "1,5", "1d5", "--1", "e5", ".", "\0", "é", "9" * 5000 + "x", "1e", "1e+", "+"],
)
def test_what_is_no_number_is_refused_by_line(compiled, bad):
    words = Words(f"1 2\n\n3 {bad} 4\n5\n".encode(), "file")
    with pytest.raises(MeshFormatError, match=r"^file: line 3: expected numbers, got"):
        words.numbers(slice(None))
    with pytest.raises(MeshFormatError, match=r"^file: line 3: expected numbers, got"):
        words.numbers(slice(None), whole=True)


@both_ways
@pytest.mark.parametrize("word", ["nan", "NaN", "-nan", "1.#QNAN", "-1.#IND00", "nan(ind)"])
def test_what_programs_write_for_nan(compiled, word):
    assert np.isnan(float_of(["1", word, "2"])).tolist() == [False, True, False]


@both_ways
def test_corners(compiled):
    words = Words(b"3 4/5 6//7 8/9/10 -1/-2/-3 11/ 12// +13", "file")
    wanted = [[3, 0, 0], [4, 5, 0], [6, 0, 7], [8, 9, 10], [-1, -2, -3], [11, 0, 0], [12, 0, 0], [13, 0, 0]]
    assert words.corners(slice(None)).tolist() == wanted
    assert words.corners(np.array([1, 3])).tolist() == [wanted[1], wanted[3]]


@both_ways
@pytest.mark.parametrize("bad", ["/2", "1/x", "1.5", "1/2/3/4", "--1", "1/-", "1/+/2", "", "a"])
def test_what_is_no_corner_is_refused_by_line(compiled, bad):
    if bad:
        with pytest.raises(MeshFormatError, match=rf"^file: line 2: expected .*, got '{re.escape(bad)}'"):
            Words(f"1 2\n3 {bad}\n".encode(), "file").corners(slice(None))


@both_ways
def test_an_index_of_twenty_digits_is_kept_too_large(compiled):
    assert abs(Words(b"99999999999999999999", "file").corners(slice(None))).max() >= 10**18


def test_line_numbers_count_joined_lines_comments_and_old_line_breaks():
    text = plain_text(b"f 1 \\\n 2 3\n# x\nv q\n")
    words = Words(join_lines(text, (b"f", b"v")), "file")
    assert words.per_line.tolist() == [4, 2]
    assert words.numbers(slice(1, 4)).tolist() == [1, 2, 3]
    with pytest.raises(MeshFormatError, match="line 4: expected numbers, got 'q'"):
        words.numbers(slice(5, 6))
    assert Words(plain_text(b"\xef\xbb\xbf1\r2\r"), "file").place(1) == "line 2"


@pytest.mark.parametrize(
    "text, joined",
    [
        (b"f 1 \\\n2\n", b"f 1 \v2\n"),
        (b"f 1 \\\n2 \\\n3\n", b"f 1 \v2 \v3\n"),
        (b"g a\\\nf 1\n", b"g a\\\nf 1\n"),  # a name
        (b"usemtl c:\\steel\\\nf 1 \\\n 2", b"usemtl c:\\steel\\\nf 1 \v 2"),
        (b"f 1 \\ \n2\n", b"f 1 \\ \n2\n"),  # not the last character of its line
        (b"\\\nf 1\n", b"\\\nf 1\n"),
    ],
)
def test_only_lines_of_data_go_on(text, joined):
    assert join_lines(text, (b"f",)) == joined


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_marked_text_of_any_unicode(encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert to_utf8(mark + "v 1 2 é".encode(encoding)).decode() == "v 1 2 é"


@pytest.mark.parametrize("data", [b"", b"v 1", b"\xff\xfe\0", bytes(range(256))])
def test_what_is_no_marked_text_stays(data):
    assert to_utf8(data) == data
