"""Pictures of many shapes in one `.npy` file that is mapped into memory: it may be larger than the memory.

Rows are filled in by workers in any order; what an interrupted run finished is kept, and the bytes do not depend on the
number of workers. The mapping is checked for shape and length, not, as an `.npz` would be, by checksum: that would mean
to read it whole.
"""

import contextlib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap

from geolearn.data.locks import exclusive_lock
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError
from geolearn.typing import Array, Shaped, Tensor


def write_pixels(
    path: Path,
    shape: tuple[int, int, int, int],
    make: Callable[[Any], Shaped[Tensor, "V C H W"]],
    tasks: Sequence[Any],
    workers: Workers,
    title: str,
    dtype: torch.dtype = torch.uint8,
) -> None:
    """One row `make(task)` of `shape` (V, C, H, W) and `dtype` per task; at once where the file is there.

    `make` is sent to the workers. Two processes must not write the same file at once.

    Raises:
        DatasetError: `make` raised a `GeolearnError` or gave another shape or dtype; names each.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels, done = path.with_name(path.name + ".part"), path.with_name(path.name + ".done")
    rows = (len(tasks), *shape)
    if not _is_partial(pixels, done, rows):
        open_memmap(pixels, "w+", str(dtype).removeprefix("torch."), rows)
        open_memmap(done, "w+", "uint8", rows[:1])  # new files are all zeros
    todo = np.flatnonzero(open_memmap(done, "r") == 0).tolist()
    workers.map(_Row(pixels, done, make), [(row, tasks[row]) for row in todo], title)
    pixels.replace(path)
    done.unlink()


def _is_partial(pixels: Path, done: Path, shape: tuple[int, ...]) -> bool:
    """Whether an interrupted run left rows to build on."""
    with contextlib.suppress(OSError, ValueError):
        return open_memmap(pixels, "r").shape == shape and open_memmap(done, "r").shape == shape[:1]
    return False


@dataclass(frozen=True)
class _Row:
    """Make one row and write it to the file; then mark it, so that a kill in between loses only this row."""

    pixels: Path
    done: Path
    make: Callable[[Any], Tensor]

    def __call__(self, row_and_task: tuple[int, Any]) -> None:
        row, task = row_and_task
        made = self.make(task).cpu().numpy()
        rows = open_memmap(self.pixels, "r+")
        if (made.shape, made.dtype) != (rows.shape[1:], rows.dtype):
            expected = f"{rows.dtype} {rows.shape[1:]}"
            raise DatasetError(f"{task}: expected pixels {expected} (V, C, H, W), got {made.dtype} {made.shape}")
        rows[row] = made
        open_memmap(self.done, "r+")[row] = 1


def read_pixels(path: Path, count: int) -> Shaped[Tensor, "N V C H W"]:
    """The rows of a file, mapped: what is not looked at is not read. Writing to them does not reach the file.

    Raises:
        DatasetError: missing, cut off, or not pixels of `count` shapes.
    """
    try:
        rows: Array = open_memmap(path, "c")
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: damaged, incomplete or missing ({type(error).__name__}: {error})") from error
    offset = getattr(rows, "offset", 0)
    if rows.ndim != 5 or len(rows) != count or rows.dtype not in (np.uint8, np.float16, np.float32):
        raise DatasetError(f"{path}: expected pixels of {count} shapes (N, V, C, H, W), got {rows.dtype} {rows.shape}")
    if path.stat().st_size != offset + math.prod(rows.shape) * rows.itemsize:
        raise DatasetError(f"{path}: damaged: {path.stat().st_size:,} bytes do not hold {rows.shape} and nothing else")
    return torch.from_numpy(rows)


def cached_pixels(
    path: Path,
    shape: tuple[int, int, int, int],
    make: Callable[[Any], Shaped[Tensor, "V C H W"]],
    tasks: Sequence[Any],
    workers: Workers,
    title: str,
    dtype: torch.dtype = torch.uint8,
) -> Shaped[Tensor, "N V C H W"]:
    """The file at `path`, mapped; written first where it is not there. A damaged one is reported and written again.

    Arguments as for `write_pixels`. Where several processes want the same file, one writes it and the others wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(path.with_name(f".{path.name}.lock")):
        if path.is_file():
            try:
                return read_pixels(path, len(tasks))
            except DatasetError as error:
                warnings.warn(f"damaged cache entry, computing it again: {error}", stacklevel=2)
                path.unlink()
        write_pixels(path, shape, make, tasks, workers, title, dtype)
        return read_pixels(path, len(tasks))
