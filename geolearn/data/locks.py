"""Wait for other processes that do the same work."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside with the same `path`. The lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # not on this system: two processes must not do the same work at once there
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
