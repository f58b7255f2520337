"""Words and numbers of a text: where they stand, and what they are worth.

A decimal number of at most 19 digits m times 10^e is exact in the quotient or product of two float64 numbers and what
that leaves (Dekker, "A floating-point technique for extending the available precision", 1971), so rounding it once
gives the float64 that is nearest. Where that is too close to call, and for all other words, the caller asks Python.
"""

import numpy as np

from geolearn.kernels.threads import kernel
from geolearn.kernels.voxelize_predicates import two_product

_BLANK, _LINE = 1, 2
KIND = np.zeros(256, np.uint8)
KIND[np.frombuffer(b" \t\v\f\r", np.uint8)] = _BLANK
KIND[ord("\n")] = _LINE
_POWER = 10.0 ** np.arange(23)  # all exact
_MOST_DIGITS = 19  # of a uint64


@kernel
def _count_words(text):
    """The words of a text (uint8), and the breaks of its lines; without a branch, so that many bytes go at once."""
    words, breaks = int(len(text) > 0 and KIND[text[0]] == 0), 0
    for at in range(1, len(text)):
        before, byte = text[at - 1], text[at]
        starts = ((before == 32) | ((before >= 9) & (before <= 13))) & ~((byte == 32) | ((byte >= 9) & (byte <= 13)))
        words += starts
        breaks += byte == ord("\n")
    return words, breaks


@kernel(allocates=True)
def find_words(text):
    """Where the words of a text (uint8) begin and end, and which of them come first in their line, int64 each."""
    words, breaks = _count_words(text)
    begin, end = np.empty(words, np.int64), np.empty(words, np.int64)
    first = np.empty(min(words, breaks + 2), np.int64)
    line = at = 0
    filled = False
    for word in range(words):
        while KIND[text[at]] != 0:
            filled = filled and KIND[text[at]] != _LINE
            at += 1
        begin[word] = at
        if not filled:
            first[line] = word
            line += 1
            filled = True
        while at < len(text) and KIND[text[at]] == 0:
            at += 1
        end[word] = at
    return begin, end, first[:line].copy()


@kernel
def _scaled(mantissa, exponent):
    """The float64 nearest to mantissa * 10^exponent, |exponent| <= 22, and whether that is sure."""
    high = float(mantissa)
    if mantissa < np.uint64(1 << 53):  # then one operation on exact numbers rounds it right
        return (high / _POWER[-exponent] if exponent < 0 else high * _POWER[exponent]), True
    # What float64 has no place for; below 2^63 the difference fits, as the digits are at most 19.
    low = float(np.int64(mantissa - np.uint64(high)))
    if exponent < 0:
        power = _POWER[-exponent]
        value = high / power
        product, error = two_product(value, power)
        rest = (((high - product) - error) + low) / power
    else:
        value, rest = two_product(high, _POWER[exponent])
        rest += low * _POWER[exponent]
    total = value + rest
    left = rest - (total - value)
    # `total` is nearest unless what is left over is half the gap to a neighbour, give or take its own rounding.
    return total, total + 1.0001 * left == total


@kernel
def read_number(text, at, stop):
    """The word [at, stop) as float64, and whether that is sure; other words, right ones too, are left to Python."""
    negative = text[at] == ord("-")
    if negative or text[at] == ord("+"):
        at += 1
    mantissa = np.uint64(0)
    digits = seen = exponent = 0
    dot = False
    while at < stop:
        byte = text[at]
        if ord("0") <= byte <= ord("9"):
            seen += 1
            if digits or byte != ord("0"):
                digits += 1
                if digits <= _MOST_DIGITS:
                    mantissa = mantissa * np.uint64(10) + np.uint64(byte - ord("0"))
            if dot:
                exponent -= 1
        elif byte == ord(".") and not dot:
            dot = True
        else:
            break
        at += 1
    good = seen > 0 and digits <= _MOST_DIGITS
    if good and at < stop:
        good = text[at] == ord("e") or text[at] == ord("E")
        at += 1
        sign = 1
        if good and at < stop and (text[at] == ord("-") or text[at] == ord("+")):
            sign = -1 if text[at] == ord("-") else 1
            at += 1
        good = good and 0 < stop - at <= 4
        power = 0
        while good and at < stop:
            good = ord("0") <= text[at] <= ord("9")
            power = 10 * power + (text[at] - ord("0"))
            at += 1
        exponent += sign * power
    if good and mantissa == 0:
        exponent = 0
    value = 0.0
    if good and -22 <= exponent <= 22 and mantissa < np.uint64(1 << 63):
        value, good = _scaled(mantissa, exponent)
    else:
        good = False
    return (-value if negative else value), good


@kernel
def read_numbers(text, begin, end, numbers, odd):
    """Put the words [begin[i], end[i]) into `numbers` (float64); returns how many indices of others it put into
    `odd`.
    """
    left = 0
    for i in range(len(begin)):
        numbers[i], good = read_number(text, begin[i], end[i])
        if not good:
            odd[left] = i
            left += 1
    return left


@kernel
def read_whole(text, begin, end, numbers):
    """Put the words into `numbers` (int64); returns how many were read before one that is no plain whole number."""
    for i in range(len(begin)):
        at, stop = begin[i], end[i]
        negative = text[at] == ord("-")
        if negative or text[at] == ord("+"):
            at += 1
        if not 0 < stop - at <= 18:
            return i
        value = 0
        while at < stop:
            if not ord("0") <= text[at] <= ord("9"):
                return i
            value = 10 * value + (text[at] - ord("0"))
            at += 1
        numbers[i] = -value if negative else value
    return len(begin)


@kernel
def read_corners(text, begin, end, corners, odd):
    """Words such as 3, 3/1, 3//2 and 3/1/2 as rows of `corners` (int64, 0 where nothing stands); others go into `odd`.

    Returns how many were put into `odd`.
    """
    left = 0
    for i in range(len(begin)):
        at, stop = begin[i], end[i]
        field = digits = value = sign = 0
        good = True
        corners[i, 0] = corners[i, 1] = corners[i, 2] = 0
        while at <= stop and good:
            byte = text[at] if at < stop else ord("/")
            if ord("0") <= byte <= ord("9"):
                digits += 1
                value = 10 * value + (byte - ord("0"))
                good = digits <= 18
            elif byte == ord("/"):
                good = field < 3 and (digits > 0 or (field > 0 and sign == 0))
                if good:
                    corners[i, field] = -value if sign < 0 else value
                field += 1
                digits = value = sign = 0
            else:
                good = (byte == ord("-") or byte == ord("+")) and digits == 0 and sign == 0
                sign = -1 if byte == ord("-") else 1
            at += 1
        if not good:
            odd[left] = i
            left += 1
    return left
