"""Text files as lines of numbers, parsed without a Python loop over lines.

A text of n bytes costs a few n bytes of masks and 8 bytes per number; counts in a header never decide an allocation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geolearn.io.damage import damaged, excerpt
from geolearn.typing import Array

_WHITESPACE = np.zeros(256, dtype=bool)
_WHITESPACE[list(b" \t\r\v\f\n")] = True
_BREAK = b"\n"
_JOINT = b"\v"  # white space where two lines were joined
_COMMENT = re.compile(rb"#[^\n]*")
_CONTINUATION = re.compile(rb"\\[ \t\r]*\n")
_NOT_A_NUMBER = re.compile(
    rb"(?<!\S)(?![-+]?(?:(?:\d++(?:\.\d*+)?|\.\d++)(?:e[-+]?\d++)?|nan|inf(?:inity)?)(?!\S))\S++", re.IGNORECASE
)


def plain_text(data: bytes, *, comments: bool = True, continuations: bool = False) -> bytes:
    """`data` without byte order mark and `#` comments, joined lines joined. `Lines` still knows the line numbers."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(_JOINT, b" ")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if comments and b"#" in data:
        data = _COMMENT.sub(b"", data)
    if continuations and b"\\" in data:
        data = _CONTINUATION.sub(_JOINT, data)
    return data


@dataclass(frozen=True)
class Numbers:
    """The numbers of some lines: line i holds `values[start[i] : start[i] + count[i]]`."""

    values: Array  # float64 or int64 (total,)
    start: Array  # int64 (rows,)
    count: Array  # int64 (rows,)
    place: Callable[[int], str]  # row -> "line 12" of the file

    def columns(self, number: int) -> Array:
        """The first `number` values of every line, (rows, number). Each line must hold that many."""
        return self.values[self.start[:, None] + np.arange(number)]


class Lines:
    """The non-blank lines of `text` from byte `begin` on.

    Attributes:
        first: int64 (rows,), byte offset of each line's first token.
        tokens: int64 (rows,), whitespace-separated tokens per line.
    """

    def __init__(self, text: bytes, source: str, begin: int = 0):
        self.text = text = text if text.endswith(b"\n") else text + b"\n"
        self.source = source
        self._bytes = np.frombuffer(text, dtype=np.uint8)
        blank = _WHITESPACE[self._bytes]
        blank[:begin] = True
        starts_token = ~blank
        starts_token[1:] &= blank[:-1]
        token = np.flatnonzero(starts_token)
        line_end = np.flatnonzero(self._bytes == ord("\n"))
        tokens = np.diff(np.searchsorted(token, line_end), prepend=0)
        filled = tokens > 0
        self.tokens = tokens[filled]
        self.first = token[np.cumsum(self.tokens) - self.tokens]
        self._end = line_end[filled]

    def __len__(self) -> int:
        return len(self.first)

    def place(self, row: int) -> str:
        """Where a line stands in the file, e.g. "line 12"."""
        begin = int(self.first[row])
        return f"line {self.text.count(_BREAK, 0, begin) + self.text.count(_JOINT, 0, begin) + 1}"

    def excerpt(self, row: int) -> str:
        """What a line says, shortened and printable."""
        return excerpt(self.text[self.first[row] : self._end[row]].rstrip())

    def starts_with(self, keyword: bytes) -> Array:
        """bool (rows,): the line's first token is `keyword`."""
        found = np.zeros(len(self), dtype=bool)
        rows = np.flatnonzero(self._bytes[self.first] == keyword[0])
        rows = rows[self.first[rows] + len(keyword) <= self._end[rows]]
        for i, letter in enumerate(keyword):
            rows = rows[self._bytes[self.first[rows] + i] == letter]
        found[rows[_WHITESPACE[self._bytes[self.first[rows] + len(keyword)]]]] = True
        return found

    def numbers(
        self,
        rows: slice | Array,
        *,
        keyword: bytes = b"",
        ignore: re.Pattern[bytes] | None = None,
        mostly_whole: bool = False,
    ) -> Numbers:
        """All numbers of the chosen lines, after `keyword` (which they all must start with) and without `ignore`.

        With `mostly_whole`, values are int64 where all are whole numbers: eight times as fast as reading them as float.

        Raises:
            MeshFormatError: a token that is not a number; names its line.
        """
        first, end = self.first[rows] + len(keyword), self._end[rows]
        count = self.tokens[rows] - bool(keyword)
        edges = np.zeros(len(self.text) + 1, dtype=np.int8)
        edges[first] += 1
        edges[end] -= 1
        chosen = np.cumsum(edges, dtype=np.int8)[:-1].view(bool)
        chosen[end] = True  # keep the line breaks
        text = self._bytes[chosen].tobytes()
        if ignore is not None:
            text = ignore.sub(b"", text)

        row_ids = np.arange(len(self))[rows]
        total = int(count.sum())
        values = _parse(text, total, np.int64) if mostly_whole else None
        if values is None:
            values = _parse(text, total, np.float64)
        if values is None:
            bad = _NOT_A_NUMBER.search(text)
            row = int(row_ids[0 if bad is None else text.count(_BREAK, 0, bad.start())])
            token = self.excerpt(row) if bad is None else excerpt(bad.group())
            raise damaged(self.source, self.place(row), f"expected numbers, got {token}")
        return Numbers(values, np.cumsum(count) - count, count, lambda row: self.place(int(row_ids[row])))


def _parse(text: bytes, total: int, dtype: type) -> Array | None:
    """The `total` numbers in a text, or None where it holds anything else."""
    if not total:
        return np.empty(0, dtype)  # NumPy would read one number from nothing
    try:
        values = np.fromstring(text, dtype=dtype, sep=" ")
    except ValueError:
        return None
    return values if len(values) == total else None
