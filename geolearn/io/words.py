"""Text files as words, and words as numbers, without a Python loop over either.

A text of n bytes costs a few n bytes, and 24 bytes per word; counts in a header never decide an allocation. Long texts
are read by compiled kernels, short ones by NumPy, with the same result: to load the compiler takes longer than to read
them.
"""

import re
from functools import cached_property

import numpy as np

from geolearn.io.compiler import kernels_pay
from geolearn.io.damage import damaged, excerpt
from geolearn.typing import Array

_BLANK = np.zeros(256, dtype=bool)
_BLANK[list(b" \t\r\v\f\n")] = True
_BREAK = b"\n"
_JOINT = b"\v"  # white space where two lines were joined
_COMMENT = re.compile(rb"#[^\n]*")
_NUMBER = re.compile(rb"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE)
_NOT_A_NUMBER = re.compile(rb"[-+]?(?:nan\(\w*\)|1\.#(?:qnan|snan|ind|nan)\w*)", re.IGNORECASE)  # as Windows wrote it
_CORNER = re.compile(rb"([-+]?\d+)(?:/([-+]?\d+)?)?(?:/([-+]?\d+)?)?")
_MOST_LETTERS = 7  # of a first word that is compared as one number
_MOST_DIGITS = 18  # of an index that fits int64


def plain_text(data: bytes, *, comments: bool = True) -> bytes:
    """`data` as UTF-8 without byte order mark and `#` comments, every line ended by a line feed alone."""
    data = to_utf8(data).replace(_JOINT, b" ")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if comments and b"#" in data:
        data = _COMMENT.sub(b"", data)
    return data


def to_utf8(data: bytes) -> bytes:
    """Text that starts with the mark of UTF-16, UTF-32 or UTF-8 as UTF-8 without it; all else as it is."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            if encoding == "utf-8":
                return data[len(mark) :]
            try:
                return data.decode(encoding).encode()
            except UnicodeDecodeError:
                return data
    return data


def join_lines(text: bytes, keywords: tuple[bytes, ...]) -> bytes:
    """`text` with the lines joined that end in a backslash and whose first word is one of `keywords`.

    In other lines, names above all, a backslash is a letter like any other. `Words` still knows the line numbers.
    """
    if b"\\" not in text:
        return text
    joined, copied = [], 0
    begin, joins = -1, False  # of the line that goes on, and whether it joins
    for match in re.finditer(rb"\\\n", text):
        line = text.rfind(b"\n", 0, match.start()) + 1
        if line != begin:
            joins = (text[line : match.start()].split(maxsplit=1) or [b""])[0] in keywords
        begin = match.end()
        if joins:
            joined += [text[copied : match.start()], _JOINT]
            copied = match.end()
        else:
            begin = -1
    return b"".join([*joined, text[copied:]])


class Words:
    """The words of a text: what white space separates.

    Attributes:
        begin, end: int64 (words,), the bytes of each word.
        first: int64 (lines,), the first word of each line that has one.
    """

    def __init__(self, text: bytes, source: str):
        self.text, self.source = text, source
        self._bytes = np.frombuffer(text, dtype=np.uint8)
        self._compiled = kernels_pay(len(text))
        if self._compiled:
            from geolearn.kernels.words import find_words

            self.begin, self.end, self.first = find_words(self._bytes)
        else:
            self.begin, self.end, self.first = _find_words(self._bytes)

    def __len__(self) -> int:
        return len(self.begin)

    def __getitem__(self, word: int) -> bytes:
        return self.text[self.begin[word] : self.end[word]]

    @cached_property
    def per_line(self) -> Array:
        """int64 (lines,), the number of words in each line that has one."""
        count = np.empty_like(self.first)
        count[:-1] = self.first[1:]
        count[-1:] = len(self)
        return count - self.first

    def place(self, word: int) -> str:
        """Where a word stands in the file, e.g. "line 12"; the last line for a word behind the end."""
        at = int(self.begin[word]) if word < len(self) else len(self.text.rstrip())
        return f"line {self.text.count(_BREAK, 0, at) + self.text.count(_JOINT, 0, at) + 1}"

    def line(self, word: int) -> str:
        """What the line of a word says, shortened and printable."""
        if word >= len(self):
            return "the end"
        begin = self.text.rfind(b"\n", 0, int(self.begin[word])) + 1
        end = self.text.find(b"\n", begin)
        return excerpt(self.text[begin : None if end < 0 else end].strip())

    def are(self, word: bytes, chosen: slice | Array) -> Array:
        """bool: which of the chosen words are `word`."""
        begin, end = self.begin[chosen], self.end[chosen]
        same = end - begin == len(word)
        for i, letter in enumerate(word):
            found = np.flatnonzero(same)
            same[found] = self._bytes[begin[found] + i] == letter
        return same

    def lines(self, word: bytes) -> Array:
        """bool (lines,): which lines start with `word`, of at most 7 letters."""
        return self._heads == int.from_bytes(word, "little") | len(word) << 56

    @cached_property
    def _heads(self) -> Array:
        """uint64 (lines,): first words as one number each, with the length in its highest byte; 0 for longer ones."""
        begin = self.begin[self.first]
        length = self.end[self.first] - begin
        heads = length.astype(np.uint64) << np.uint64(56)
        for i in range(_MOST_LETTERS):
            longer = np.flatnonzero(length > i)
            heads[longer] |= self._bytes[begin[longer] + i].astype(np.uint64) << np.uint64(8 * i)
        heads[length > _MOST_LETTERS] = 0
        return heads

    def numbers(self, chosen: slice | Array, *, whole: bool = False) -> Array:
        """The chosen words as float64; with `whole` as int64 if all are whole numbers.

        Raises:
            MeshFormatError: a word that is no number; names its line.
        """
        begin, end = self.begin[chosen], self.end[chosen]
        if whole:
            numbers = self._read_whole(begin, end)
            if numbers is not None:
                return numbers
        numbers, odd = self._read_numbers(begin, end)
        for i in odd.tolist():
            word = self.text[begin[i] : end[i]]
            number = parse_number(word)
            if number is None:
                place = self.place(int(np.arange(len(self))[chosen][i]))
                raise damaged(self.source, place, f"expected numbers, got {excerpt(word)}")
            numbers[i] = number
        return numbers

    def is_number(self, word: int) -> bool:
        """Can a word be read as a number?"""
        return parse_number(self[word]) is not None

    def corners(self, chosen: slice | Array) -> Array:
        """The chosen words, such as 3, 3/1, 3//2 and 3/1/2, as rows of int64 (n, 3), 0 where nothing stands.

        Raises:
            MeshFormatError: another word; names its line.
        """
        begin, end = self.begin[chosen], self.end[chosen]
        corners = np.empty((len(begin), 3), np.int64)
        if self._compiled:
            from geolearn.kernels.words import read_corners

            odd = np.empty(len(begin), np.int64)
            odd = odd[: read_corners(self._bytes, begin, end, corners, odd)]
        else:
            odd = np.arange(len(begin))
        for i in odd.tolist():
            word = self.text[begin[i] : end[i]]
            match = _CORNER.fullmatch(word)
            if match is None:
                place = self.place(int(np.arange(len(self))[chosen][i]))
                raise damaged(
                    self.source, place, f"expected numbers such as 3, 3/1, 3//2 or 3/1/2, got {excerpt(word)}"
                )
            corners[i] = [_index(field) for field in match.groups()]
        return corners

    def _read_numbers(self, begin: Array, end: Array) -> tuple[Array, Array]:
        """The words as float64, and the indices of those that have to be read one by one."""
        if not self._compiled:
            return _from_string(self._bytes, begin, end, np.float64)
        from geolearn.kernels.words import read_numbers

        numbers, odd = np.empty(len(begin)), np.empty(len(begin), np.int64)
        return numbers, odd[: read_numbers(self._bytes, begin, end, numbers, odd)]

    def _read_whole(self, begin: Array, end: Array) -> Array | None:
        """The words as int64, or None where one is anything else."""
        if not self._compiled:
            numbers, odd = _from_string(self._bytes, begin, end, np.int64)
            return None if len(odd) else numbers
        from geolearn.kernels.words import read_whole

        numbers = np.empty(len(begin), np.int64)
        return numbers if read_whole(self._bytes, begin, end, numbers) == len(begin) else None


def parse_number(word: bytes) -> float | None:
    """A word as a number, NaN where a program wrote it in its own way; None if it is none."""
    if _NUMBER.fullmatch(word):
        return float(word)
    return np.nan if _NOT_A_NUMBER.fullmatch(word) else None


def _index(field: bytes | None) -> int:
    """An index as int64; one of too many digits as one that is too large for any file."""
    if field is None:
        return 0
    return int(field) if len(field) <= _MOST_DIGITS else (-1 if field.startswith(b"-") else 1) * 10**_MOST_DIGITS


def _find_words(text: Array) -> tuple[Array, Array, Array]:
    """`find_words` for short texts."""
    blank = np.ones(len(text) + 2, dtype=bool)
    blank[1:-1] = _BLANK[text]
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    begin, end = edges[::2], edges[1::2]
    line = np.searchsorted(np.flatnonzero(text == ord("\n")), begin)
    return begin, end, np.flatnonzero(np.diff(line, prepend=-1))


def _from_string(text: Array, begin: Array, end: Array, dtype: type) -> tuple[Array, Array]:
    """The words as NumPy reads them; all are to be read one by one where it cannot read one."""
    if len(begin) == 0:
        return np.empty(0, dtype), np.empty(0, np.int64)
    edges = np.zeros(int(end[-1] - begin[0]) + 2, dtype=np.int8)
    np.add.at(edges, begin - begin[0], 1)
    np.add.at(edges, end - begin[0] + 1, -1)  # with the white space behind the word
    chosen = np.cumsum(edges)[:-1] > 0
    part = text[begin[0] : end[-1] + 1]
    string = part[chosen[: len(part)]].tobytes()
    try:
        numbers = np.fromstring(string, dtype=dtype, sep=" ")
    except ValueError:
        numbers = np.empty(0, dtype)
    if len(numbers) == len(begin):
        return numbers, np.empty(0, np.int64)
    return np.zeros(len(begin), dtype), np.arange(len(begin))
