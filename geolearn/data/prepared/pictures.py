"""Pictures of prepared datasets: one `views.npy` of 8-bit pixels, and how the prepare.py of a dataset makes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.index import Entry, Index, repeated_samples
from geolearn.data.prepared.pixels import read_pixels, write_pixels
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, GeolearnError, MissingDependencyError
from geolearn.typing import Tensor, UInt8

PIXELS = "views.npy"
CHANNELS = {1: "grey", 3: "RGB"}


class ShapeTask(NamedTuple):
    """The pictures of one shape, in the order of its views."""

    key: str
    files: list[Path]


def convert_views(
    splits: dict[str, list[Entry]],
    files: dict[str, list[Path]],
    destination: Path,
    manifest: Manifest,
    workers: Workers,
    *,
    channels: int = 1,
) -> Index:
    """The pictures of every shape -> one file, rows in the order of the splits.

    Args:
        files: key to the pictures of that shape, in the order of its views.
        channels: 1 (grey) or 3 (RGB).

    Raises:
        DatasetError: a shape without views or with another number of them; pictures that cannot be read, or of another
            size or number of channels. Names each shape.
    """
    tasks = [ShapeTask(key, files[key]) for entries in splits.values() for key, _ in entries]
    read = ReadViews(manifest.views, channels, manifest.resolution)
    path = destination / PIXELS
    write_pixels(path, read.shape, read, tasks, workers, f"converting {manifest.name}")
    pixels = read_pixels(path, len(tasks))
    rows = iter(pixels.numpy())
    parts = {split: [next(rows) for _ in entries] for split, entries in splits.items()}
    return Index(splits, {"duplicates": repeated_samples(parts, splits)})


@dataclass(frozen=True)
class ReadViews:
    """Reads the pictures of one shape; can be sent to a worker process."""

    views: int
    channels: int
    size: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.views, self.channels, self.size, self.size

    def __call__(self, task: ShapeTask) -> UInt8[Tensor, "V C H W"]:
        from geolearn.io.images import read_image  # late: it needs Pillow

        _check_files(task, self.views)
        pixels = torch.empty(self.shape, dtype=torch.uint8)
        wrong = []
        for view, file in enumerate(task.files):
            try:
                image = read_image(file)
            except MissingDependencyError:
                raise
            except (GeolearnError, FileNotFoundError) as error:
                wrong.append(str(error))
                continue
            height, width, channels = image.shape
            if (height, width) != (self.size, self.size):
                wrong.append(f"{file}: expected {self.size} x {self.size} px, got {width} x {height}")
            elif channels != self.channels:
                wrong.append(f"{file}: expected {self.channels} channels ({CHANNELS[self.channels]}), got {channels}")
            else:
                pixels[view] = torch.from_numpy(np.round(image * 255).astype(np.uint8)).movedim(-1, 0)
        if wrong:
            raise DatasetError("\n  ".join(wrong))
        return pixels


def _check_files(task: ShapeTask, views: int) -> None:
    folder = task.files[0].parent if task.files else Path(task.key)
    if len(task.files) != views:
        raise DatasetError(f"{task.key}: expected {views} views in {folder}, found {len(task.files)}")
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing = [path.name for path in task.files if path.name not in present]
    if len(missing) == len(task.files):
        raise DatasetError(f"{task.key}: no views in {folder}, expected {_named([f.name for f in task.files])}")
    if missing:
        raise DatasetError(f"{task.key}: {len(missing)} of {views} views are missing in {folder}: {_named(missing)}")
    pictures = {name for name in present if Path(name).suffix.lower() in (".png", ".jpg", ".jpeg")}
    more = sorted(pictures - {path.name for path in task.files})
    if more:
        raise DatasetError(
            f"{task.key}: expected {views} views in {folder}, found {len(pictures)}, also {_named(more)}"
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
