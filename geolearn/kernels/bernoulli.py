"""Coin tosses by counter: element i of a call sees a number that only the call's seed and i decide."""

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

BLOCK = 8192  # elements per work item, even


@kernel
def _uniform_pair(seed, pair):
    """Two numbers in [0, 1), multiples of 2^-24, from the halves of an output of SplitMix64."""
    bits = seed + np.uint64(pair + 1) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    low = np.float32(np.int32(bits & np.uint64(0xFFFFFF))) * np.float32(2.0**-24)
    return low, np.float32(np.int32(bits >> np.uint64(40))) * np.float32(2.0**-24)


@kernel
def _toss_pairs(probabilities, seed, first, one, samples):
    """A loop without branches, which becomes vector instructions."""
    for pair in range(len(samples) // 2):
        low, high = _uniform_pair(seed, first + pair)
        samples[2 * pair] = one if low < probabilities[2 * pair] else one - one
        samples[2 * pair + 1] = one if high < probabilities[2 * pair + 1] else one - one


@parallel_kernel
def toss(probabilities, seed, one, samples):
    """Fill `samples` (N,) with `one` where a uniform number is below `probabilities` (N,), else with 0.

    The numbers are those of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014) from the state `seed`, two from each output.

    Args:
        seed: uint64.
        one: what a success is written as, in the dtype of `samples`.
    """
    count = len(probabilities)
    even = count - count % 2
    for block in prange((even + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, even)
        _toss_pairs(probabilities[first:last], seed, first // 2, one, samples[first:last])
    if count > even:
        last_number, _ = _uniform_pair(seed, even // 2)
        samples[even] = one if last_number < probabilities[even] else one - one
