"""One way to show how far a long job is: a bar in a terminal, a plain line every ten seconds elsewhere.

Both go to the error stream, so that what a command prints can be piped. A job of less than ten seconds writes nothing
into a log.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from geolearn._optional import require
from geolearn.errors import MissingDependencyError

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """How far one job is; made by `progress_bar`.

    Attributes:
        title: the job in a few words.
        done, total: steps; `total` is None while it is unknown.
        note: shown behind the numbers, such as the loss of the last step.
    """

    def __init__(self, title: str, total: int | None, draw: Callable[["Progress"], None]):
        self.title, self.done, self.total, self.note = title, 0, total, ""
        self._draw = draw

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more are done."""
        self.update(self.done + steps, note=note)

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """`done` steps are done, of `total` where that is known only now."""
        self.done, self.note = done, note
        self.total = self.total if total is None else total
        self._draw(self)


@contextmanager
def progress_bar(title: str, total: int | None = None, *, show: bool | None = True) -> Iterator[Progress]:
    """Show a job while the block runs; the block says how far it is by `advance` or `update`.

    Bars may be opened inside one another. Without the package `rich` a terminal gets lines, too.

    Args:
        title: the job in a few words, such as "rendering".
        total: number of steps; None = unknown until `update` gives it.
        show: True = a bar in a terminal, a line every ten seconds where there is none; None = the bar only;
            False = nothing.

    >>> with progress_bar("counting", total=3, show=False) as bar:
    ...     for number in range(3):
    ...         bar.advance(note=f"at {number}")
    >>> bar.done, bar.note
    (3, 'at 2')
    """
    if show is not False and _is_terminal():
        try:
            rich = require("rich.progress", extra="data")
            console = require("rich.console", extra="data").Console(stderr=True)
        except MissingDependencyError:
            pass
        else:
            columns = (
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(),
                rich.MofNCompleteColumn(),
                rich.TextColumn("{task.fields[note]}", markup=False),
                rich.TimeElapsedColumn(),
                rich.TimeRemainingColumn(),
            )
            with rich.Progress(*columns, console=console, transient=True) as display:
                task = display.add_task(title, total=total, note="")
                yield Progress(
                    title, total, lambda bar: display.update(task, completed=bar.done, total=bar.total, note=bar.note)
                )
            return
    if not show:
        yield Progress(title, total, lambda _: None)
        return
    lines = _Lines()
    bar = Progress(title, total, lines)
    yield bar
    lines.end(bar)


def track(items: Iterable[T], title: str, *, total: int | None = None, show: bool | None = True) -> Iterator[T]:
    """The same items, one by one, with `progress_bar` counting those that the loop has finished.

    Args:
        total: how many there are; None = `len(items)` where they have a length.

    >>> [2 * number for number in track([1, 2, 3], "doubling", show=False)]
    [2, 4, 6]
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(title, total, show=show) as bar:
        for item in items:
            yield item
            bar.advance()


class _Lines:
    """Writes a plain line every ten seconds, and one at the end of a job that took as long."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def __call__(self, bar: Progress) -> None:
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES or bar.done == bar.total:
            return
        self._last = now
        left = ""
        if bar.total is not None and 0 < bar.done < bar.total:
            left = f", {_duration((now - self._began) * (bar.total - bar.done) / bar.done)} left"
        _write_line(bar, left)

    def end(self, bar: Progress) -> None:
        seconds = time.monotonic() - self._began
        if seconds >= SECONDS_BETWEEN_LINES:
            _write_line(bar, f", {_duration(seconds)} in all")


def _write_line(bar: Progress, time_needed: str) -> None:
    total = "" if bar.total is None else f" of {bar.total}"
    note = f", {bar.note}" if bar.note else ""
    sys.stderr.write(f"{bar.title}: {bar.done}{total}{note}{time_needed}\n")
    sys.stderr.flush()


def _is_terminal() -> bool:
    """Whether a bar can be drawn and drawn again on the error stream."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
