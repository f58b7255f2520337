"""metrics.csv: one row per finished epoch, and curves.png beside it, drawn anew every ten seconds and at the end."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning.pytorch as pl

from geolearn.reports.files import write_text
from geolearn.reports.plots import plot_curves

SECONDS_BETWEEN_DRAWINGS = 10.0


class History(pl.Callback):
    """Adds a row of all logged figures after every epoch.

    A resumed run keeps the rows of the epochs before it (Lightning's CSV logger deletes them) and writes those anew
    that a kill cut off from their checkpoint.
    """

    def __init__(self, folder: Path):
        self.path = folder / "metrics.csv"
        self.curves = folder / "curves.png"
        self._drawn = -SECONDS_BETWEEN_DRAWINGS

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = trainer.callback_metrics  # asked for by every process: they are reduced over all
        if not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch
        rows = [row for row in read_rows(self.path) if row["epoch"] < epoch]
        rows.append({"epoch": epoch, **{name: float(value) for name, value in figures.items()}})
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())
        if time.monotonic() - self._drawn >= SECONDS_BETWEEN_DRAWINGS:
            self._draw(rows)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._draw(read_rows(self.path))

    def _draw(self, rows: Sequence[Mapping[str, int | float]]) -> None:
        self._drawn = time.monotonic()
        names = dict.fromkeys(name for row in rows for name in row if name != "epoch")
        plot_curves(
            {name: [(int(row["epoch"]), row[name]) for row in rows if name in row] for name in names}, self.curves
        )


def read_rows(path: Path) -> list[dict[str, int | float]]:
    """The rows of metrics.csv; empty where there is no such file yet."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [{**row, "epoch": int(row["epoch"])} for row in rows]
