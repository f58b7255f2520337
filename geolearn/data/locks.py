"""Wait for other processes that do the same work, or refuse to work where they do."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from geolearn.errors import CheckpointError, printable


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Wait until no other process or thread is inside with the same `path`.

    The lock goes with the process, however it ends.
    """
    with FileLock(path):
        yield


@contextlib.contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Work in a folder alone; it is made, and goes again if nothing was put into it.

    Raises:
        CheckpointError: another process or thread is at work in it.
    """
    made = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CheckpointError(
            f"{printable(folder)}: another process is at work in this folder; wait for it, or give another folder"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes it only when it is let go
            path.unlink()
        lock.release()
        if made:
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()
