"""Rows of bytes that differ in length: each begins where the one before it ends."""

from geolearn.kernels.threads import kernel


@kernel
def walk_rows(raw, at, layout, starts, lengths):
    """Fill `starts` (rows + 1,) and `lengths` (rows, lists) of rows that begin at byte `at`; returns the rows that fit.

    `layout` (properties, 4) holds the bytes of a list's length (0 for a plain property), is it signed, is it big
    endian, and the bytes of one value.
    """
    size = len(raw)
    for row in range(len(starts) - 1):
        starts[row] = at
        column = 0
        for prop in range(len(layout)):
            width = layout[prop, 0]
            length = 1
            if width > 0:
                if at + width > size:
                    return row
                length = 0
                for byte in range(width):
                    place = at + byte if layout[prop, 2] else at + width - 1 - byte
                    length = length * 256 + raw[place]
                if layout[prop, 1] and length >= 1 << (8 * width - 1):
                    return row
                lengths[row, column] = length
                column += 1
            at += width + length * layout[prop, 3]
            if at > size:
                return row
    starts[len(starts) - 1] = at
    return len(starts) - 1


@kernel
def gather_bytes(raw, begin, count, out):
    """Copy count[i] bytes from begin[i] on, for every i, into `out`, one after the other."""
    at = 0
    for i in range(len(begin)):
        for byte in range(begin[i], begin[i] + count[i]):
            out[at] = raw[byte]
            at += 1
