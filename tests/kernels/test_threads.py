"""A parallel kernel gives the same result on any number of threads, in a forked child and from many threads."""

import functools
import multiprocessing
import operator
import threading

import numpy as np
import pytest
import torch
from numba import prange

from geolearn.kernels.threads import parallel_kernel


@parallel_kernel
def row_sums(values):
    out = np.zeros(len(values))
    for row in prange(len(values)):
        total = 0.0
        for column in range(values.shape[1]):
            total += values[row, column]
        out[row] = total
    return out


@pytest.fixture
def values():
    return np.random.default_rng(0).random((500, 37))


def expected(values):
    """Sums from left to right. `sum` will not do: since Python 3.12 it corrects the rounding of floats."""
    return np.array([functools.reduce(operator.add, row) for row in values.tolist()])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_same_bits_for_any_number_of_threads(values, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert np.array_equal(row_sums(values), expected(values))
    finally:
        torch.set_num_threads(before)


def _in_child(values, queue):
    queue.put(row_sums(values))


def test_runs_in_a_child_forked_after_the_parent_ran_it(values):
    row_sums(values)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(values, queue))
    child.start()
    result = queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert np.array_equal(result, expected(values))


def test_concurrent_calls(values):
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(row_sums(values), want):
                wrong.append(1)

    want = expected(values)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
