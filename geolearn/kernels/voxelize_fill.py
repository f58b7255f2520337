"""Fill what a surface encloses: flood the outside through columns of cells, 64 to a machine word."""

import numpy as np

from geolearn.kernels.threads import kernel

_NONE, _ONE, _TOP = np.uint64(0), np.uint64(1), np.uint64(63)


@kernel
def _spread(seed, free):
    """The runs of `free` bits that hold a bit of `seed` (a part of `free`), by doubling steps both ways."""
    up, room_up, down, room_down = seed, free, seed, free
    for step in (1, 2, 4, 8, 16, 32):
        shift = np.uint64(step)
        up |= room_up & (up << shift)
        room_up &= room_up << shift
        down |= room_down & (down >> shift)
        room_down &= room_down >> shift
    return up | down


@kernel
def _flood_column(outside, free, x, y, top, seeds):
    """Let the outside into column (x, y) from its neighbours and its two ends; returns whether it grew."""
    nx, ny, words = free.shape
    border = x == 0 or y == 0 or x == nx - 1 or y == ny - 1
    for word in range(words):
        seed = free[x, y, word]
        if not border:
            seed &= (
                outside[x, y, word]
                | outside[x - 1, y, word]
                | outside[x + 1, y, word]
                | outside[x, y - 1, word]
                | outside[x, y + 1, word]
            )
        seeds[word] = seed
    seeds[0] |= free[x, y, 0] & _ONE
    seeds[words - 1] |= free[x, y, words - 1] & top
    grew = False
    carry = _NONE
    for word in range(words):
        seeds[word] = _spread(seeds[word] | (carry & free[x, y, word]), free[x, y, word])
        carry = seeds[word] >> _TOP
    carry = _NONE
    for word in range(words - 1, -1, -1):
        if carry & free[x, y, word] & ~seeds[word]:
            seeds[word] = _spread(seeds[word] | (carry & free[x, y, word]), free[x, y, word])
        carry = (seeds[word] & _ONE) << _TOP
        grew = grew or seeds[word] != outside[x, y, word]
        outside[x, y, word] = seeds[word]
    return grew


@kernel
def _lets_in(outside, free, x, y, other_x, other_y):
    """Would the outside of column (x, y) reach new cells of the other column?"""
    for word in range(free.shape[2]):
        if outside[x, y, word] & free[other_x, other_y, word] & ~outside[other_x, other_y, word]:
            return True
    return False


@kernel(allocates=True)
def _flood_outside(free, top, outside):
    """Set in `outside` the free cells that are 6-connected to the space around the grid.

    Every column is visited once in order, and again whenever a neighbour lets more in; the result is the one fixed
    point whatever the order. `top` is the bit of a column's last cell in its last word.
    """
    nx, ny, words = free.shape
    seeds = np.empty(words, np.uint64)
    queue = np.arange(nx * ny)  # a ring: a column waits at most once
    waiting = np.ones(nx * ny, np.bool_)
    head, length = 0, nx * ny
    while length:
        column = queue[head]
        head = (head + 1) % (nx * ny)
        length -= 1
        waiting[column] = False
        x, y = column // ny, column % ny
        if not _flood_column(outside, free, x, y, top, seeds):
            continue
        for other_x, other_y in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            if other_x < 0 or other_y < 0 or other_x >= nx or other_y >= ny:
                continue
            other = other_x * ny + other_y
            if not waiting[other] and _lets_in(outside, free, x, y, other_x, other_y):
                queue[(head + length) % (nx * ny)] = other
                length += 1
                waiting[other] = True


def fill_enclosed(surface: np.ndarray) -> None:
    """Set every cell of `surface` uint8 (nx, ny, nz) that is not 6-connected through empty cells to the outside."""
    nx, ny, nz = surface.shape
    free = np.zeros((nx, ny, 8 * -(-nz // 64)), np.uint8)
    free[:, :, : -(-nz // 8)] = np.packbits(surface == 0, axis=2, bitorder="little")
    outside = np.zeros_like(free)
    _flood_outside(free.view(np.uint64), np.uint64(1 << ((nz - 1) % 64)), outside.view(np.uint64))
    np.bitwise_xor(np.unpackbits(outside, axis=2, count=nz, bitorder="little"), 1, out=surface)
