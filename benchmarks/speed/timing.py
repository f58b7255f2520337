"""How the speed scripts time: ways in turns, medians and quartiles, and what a copy of memory costs."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.reports.environment import describe_environment

RESULTS = Path(__file__).resolve().parent.parent / "results"
PATIENCE_S = 20.0  # a way that has run for so long in all is not run again
SHORT_MS = 1e3


@dataclass
class Times:
    """Milliseconds of one way, and what it returned last."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    result: Any = None

    def run(self, way: Callable[[], Any]) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        self.result = way()
        self.processor.append(1e3 * (time.process_time() - processor))
        self.wall.append(1e3 * (time.perf_counter() - wall))

    @property
    def median(self) -> float:
        return statistics.median(self.wall)

    def columns(self) -> dict[str, str]:
        low, middle, high = statistics.quantiles(self.wall, n=4) if len(self.wall) > 1 else self.wall * 3
        return {
            "ms (median)": f"{middle:.2f}",
            "quartiles": f"{max(low, 0):.2f} to {high:.2f}",
            "CPU ms": f"{statistics.median(self.processor):.2f}",
        }


def timed(ways: dict[Any, Callable[[], Any]], rounds: int, patience_s: float = PATIENCE_S) -> dict[Any, Times]:
    """Each way, run in turns after one round to compile and warm up.

    In its turn a short way first runs once untimed: caches that the others filled, and memory that the system took back
    while they ran, are no part of it.
    """
    times = {name: Times() for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            if sum(times[name].wall) < 1e3 * patience_s:
                if not times[name].wall or times[name].wall[-1] < SHORT_MS:
                    way()
                times[name].run(way)
    return times


def ratio(slow: Times, fast: Times) -> tuple[float, float]:
    """How many times longer one takes than the other: wall and processor time."""
    return (
        statistics.median(slow.wall) / statistics.median(fast.wall),
        statistics.median(slow.processor) / max(statistics.median(fast.processor), 1e-6),
    )


def bytes_per_ms() -> float:
    """Bytes read and written in a millisecond by a copy of 64 MB."""
    source, target = np.zeros((2, 1 << 26), np.uint8)
    times = timed({"copy": lambda: np.copyto(target, source)}, 7)
    return 2 * source.size / times["copy"].median


def peak_bytes(call: Callable[[], Any]) -> int:
    """Bytes that a call needs at most over what the process holds before it; Linux.

    Memory that was freed before and kept by the allocator counts as held, so measure in a fresh process.
    """
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _memory("VmRSS")
    result = call()  # held until the peak is read
    peak = _memory("VmHWM") - before
    del result
    return peak


def _memory(field: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def report(text: str, bandwidth: float, rounds: int, name: str | None) -> None:
    """Print the text and what it was measured on; with a name, write it to benchmarks/results/`name`_speed.md."""
    environment = {**describe_environment(), "copy": f"{bandwidth / 1e6:.1f} GB/s", "rounds": rounds}
    text += "\n" + "\n".join(f"- {key}: {value}" for key, value in environment.items()) + "\n"
    print(text)
    if name is not None:
        (RESULTS / f"{name}_speed.md").write_text(text)
