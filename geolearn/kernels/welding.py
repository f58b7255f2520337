"""Equal rows as one, by a table of hashes."""

import numpy as np

from geolearn.kernels.threads import kernel


@kernel(allocates=True)
def weld(keys, index):
    """Number the different rows of `keys` (n, k), uint64, in order of first use: `index` (n,) says which each row is.

    Returns the first row of each number.
    """
    size = 2
    while size < 2 * len(keys):
        size *= 2
    table = np.full(size, -1, np.int64)
    first = np.empty(len(keys), np.int64)
    count = 0
    for row in range(len(keys)):
        hashed = np.uint64(0)
        for column in range(keys.shape[1]):  # the mixing step of SplitMix64 (Steele et al., OOPSLA 2014)
            hashed = (hashed ^ keys[row, column]) * np.uint64(0xBF58476D1CE4E5B9)
            hashed ^= hashed >> np.uint64(29)
            hashed *= np.uint64(0x94D049BB133111EB)
            hashed ^= hashed >> np.uint64(32)
        slot = np.int64(hashed & np.uint64(size - 1))
        while True:
            number = table[slot]
            if number < 0:
                table[slot] = count
                first[count] = row
                index[row] = count
                count += 1
                break
            same = True
            for column in range(keys.shape[1]):
                same = same and keys[first[number], column] == keys[row, column]
            if same:
                index[row] = number
                break
            slot = (slot + 1) & (size - 1)
    return first[:count].copy()
