"""Facets of an ascii STL file in one pass over its bytes, as long as they are spelled as nearly all programs do."""

import numpy as np

from geolearn.kernels.threads import kernel
from geolearn.kernels.words import KIND, read_number

_BEFORE = np.frombuffer(b"outer\0loop\0", np.uint8)
_BEHIND = np.frombuffer(b"endloop\0endfacet\0", np.uint8)
_VERTEX = np.frombuffer(b"vertex\0", np.uint8)
_NORMAL = np.frombuffer(b"normal\0", np.uint8)
_FACET = np.frombuffer(b"facet\0", np.uint8)
LEAST = 86  # bytes of a facet: its words and a blank behind each


@kernel
def _next_word(text, at):
    """Where the next word from `at` on begins."""
    while at < len(text) and KIND[text[at]] != 0:
        at += 1
    return at


@kernel
def _word_end(text, at):
    while at < len(text) and KIND[text[at]] == 0:
        at += 1
    return at


@kernel
def _pass_words(text, at, words):
    """Where the word behind `words` begins, if they stand at `at` in letters of either case; else -1."""
    for i in range(len(words)):
        if words[i] == 0:
            if at < len(text) and KIND[text[at]] == 0:
                return -1
            at = _next_word(text, at)
        else:
            if at >= len(text) or text[at] | 32 != words[i]:
                return -1
            at += 1
    return at


@kernel
def _starts_number(byte):
    """Can a number, NaN and infinity too, begin so?"""
    letter = byte | 32
    return (
        ord("0") <= byte <= ord("9")
        or byte == ord("-")
        or byte == ord("+")
        or byte == ord(".")
        or letter == ord("n")
        or letter == ord("i")
    )


@kernel
def read_facets(text, at, facets, first, odd, num_odd):
    """Put the corners of the facets from byte `at` on, where a word begins, into the rows of `facets` from `first` on.

    Args:
        text: uint8, the file.
        facets: float64 (F, 9), at least a row for every `LEAST` bytes of text.
        odd: int64 (n, 3): gets flat number, first and last byte of what Python has to read, from row `num_odd` on.

    Returns the row behind the last facet, the number of odd ones, and where the first word stands that begins no such
    facet; -1 there if a facet is spelled otherwise, or there are too many odd numbers.
    """
    row = first
    while True:
        begin = at
        at = _pass_words(text, at, _FACET)
        if at < 0:
            return row, num_odd, begin
        at = _pass_words(text, at, _NORMAL)
        for _ in range(3):
            if at < 0 or at >= len(text) or not _starts_number(text[at]):
                return row, num_odd, -1
            at = _next_word(text, _word_end(text, at))
        at = _pass_words(text, at, _BEFORE)
        for corner in range(3):
            if at < 0:
                return row, num_odd, -1
            at = _pass_words(text, at, _VERTEX)
            if at < 0:
                return row, num_odd, -1
            for axis in range(3):
                stop = _word_end(text, at)
                if stop == at:
                    return row, num_odd, -1
                value, good = read_number(text, at, stop)
                facets[row, 3 * corner + axis] = value
                if not good:
                    if num_odd == len(odd):
                        return row, num_odd, -1
                    odd[num_odd, 0] = 9 * row + 3 * corner + axis
                    odd[num_odd, 1], odd[num_odd, 2] = at, stop
                    num_odd += 1
                at = _next_word(text, stop)
        at = _pass_words(text, at, _BEHIND)
        if at < 0:
            return row, num_odd, -1
        row += 1
