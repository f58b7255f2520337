"""How our Numba kernels use threads: as many as torch, never in a forked child, never two teams at once."""

import functools
import inspect
import logging
import os
import threading
import types
from collections.abc import Callable
from typing import Any

import numba
import torch
from numba import njit

from geolearn.kernels.disk_cache import KernelCache
from geolearn.waiting import hint

logger = logging.getLogger(__name__)

# OpenMP first: TBB warns and switches off where an old TBB is loaded, and workqueue aborts on concurrent calls.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # type: ignore[attr-defined]

_forked = False
_one_team = threading.Lock()


def _mark_forked() -> None:
    global _forked, _one_team
    _forked = True
    _one_team = threading.Lock()


# GNU OpenMP ends a child process that opens a parallel region after its parent did.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


@functools.cache
def _tell_once() -> None:
    """Say it in the log, at the first team of threads, if waiting threads spin on a busy machine."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    text = hint(load, os.cpu_count() or 1)
    if text is not None:
        logger.warning(text)


def kernel(function: Callable[..., Any] | None = None, *, allocates: bool = False, **options: Any) -> Any:
    """Decorator, with or without options for `numba.njit`: compile `function` serially, cached on disk.

    For the parts that parallel kernels call, in the same file or in another: the cache on disk is renewed when any file
    changes that theirs imports.

    Numba counts the references to every array that a function is given or cuts out of another, in locked instructions
    of some twenty cycles: half the time of the rasterizer, once. A function that makes no array needs no count, so it
    gets none (`_nrt` is Numba's switch for that); one that makes arrays says so by `allocates`, and does not compile
    otherwise.

    The test suite's import hook wraps every function of the package in a type check, which Numba cannot compile, so
    the function is unwrapped first.
    """
    if function is None:
        return functools.partial(kernel, allocates=allocates, **options)
    return _compile(inspect.unwrap(function), _nrt=allocates, **options)


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    compiled: Any = njit(nogil=True, **options)(function)
    compiled._cache = KernelCache(function)  # what `cache=True` does with Numba's own
    return compiled


def parallel_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compile `function` twice, with `prange` parallel and serial, and pick per call.

    The serial build runs when torch is set to one thread, in a forked child, and when another thread of this
    process is already inside a parallel kernel. Both builds must give the same result: a kernel writes every output
    element from one iteration only, or reduces in a fixed order.
    """
    function = inspect.unwrap(function)  # as in `kernel`
    # Numba's on-disk cache is keyed by the function's qualified name and not by `parallel`, hence the two names.
    builds = {}
    for parallel in (False, True):
        copy = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__qualname__ = f"{function.__qualname__}_{'parallel' if parallel else 'serial'}"
        copy.__module__ = function.__module__
        builds[parallel] = _compile(copy, parallel=parallel)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        if threads == 1 or _forked or not _one_team.acquire(blocking=False):
            return builds[False](*arguments)
        try:
            _tell_once()
            numba.set_num_threads(threads)
            return builds[True](*arguments)
        finally:
            _one_team.release()

    call.serial = builds[False]  # type: ignore[attr-defined]  # for kernels that call kernels
    return call
