"""Wait for other processes that do the same work."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Wait until no other process or thread is inside with the same `path`.

    The lock goes with the process, however it ends.
    """
    with FileLock(path):
        yield
