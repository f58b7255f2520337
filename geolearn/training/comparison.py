"""Runs beside each other: what differs in how they were made, and what came out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.errors import CheckpointError, InvalidInputError, printable
from geolearn.reports.page import Report
from geolearn.reports.plots import plot_runs
from geolearn.training.history import read_rows
from geolearn.typing import PathLike

# Where a run was made changes nothing about it.
_WHERE = ("devices", "nodes", "accelerator")


def compare_runs(folders: Sequence[PathLike]) -> list[dict[str, Any]]:
    """A row for every setting in which the runs differ, then for every figure; a column for each run.

    Figures are those of validation at the end of the training, and those of the test in the run's `evaluation` folder,
    where there is one.

    Raises:
        InvalidInputError: fewer than two runs, or one given twice.
        CheckpointError: a folder that holds no run.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2 or len({path.resolve() for path in paths}) < len(paths):
        raise InvalidInputError(f"runs: expected at least two different run folders, got {', '.join(map(str, paths))}")
    columns = _short_names(paths)
    settings = [_flat(_read(path / "config.json")) for path in paths]
    results = [_flat(_read(path / "result.json", needed=False)) for path in paths]
    tests = [_flat(_read(path / "evaluation" / "result.json", needed=False), deep=False) for path in paths]
    rows = []
    for what, records, everything in (("", settings, False), ("", results, True), ("test ", tests, True)):
        for name in dict.fromkeys(name for record in records for name in record):
            values = [record.get(name) for record in records]
            if name not in _WHERE and (everything or any(value != values[0] for value in values)):
                rows.append({"": f"{what}{name}", **dict(zip(columns, values, strict=True))})
    return rows


def read_curves(folders: Sequence[PathLike]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """What runs with a metrics.csv logged after every epoch: figure -> run -> (epoch, value) pairs."""
    paths, curves = [Path(folder) for folder in folders], {}
    for run, path in zip(_short_names(paths), paths, strict=True):
        for row in read_rows(path / "metrics.csv"):
            for name, value in row.items():
                if name != "epoch":
                    curves.setdefault(name, {}).setdefault(run, []).append((int(row["epoch"]), value))
    return curves


def write_comparison(folders: Sequence[PathLike], output: Path) -> Path:
    """Write report.html, with the table of `compare_runs` and the curves of the runs; returns the path of the page."""
    rows = compare_runs(folders)
    output.mkdir(parents=True, exist_ok=True)
    page = Report("Runs beside each other")
    page.table(rows)
    if curves := read_curves(folders):
        plot_runs(curves, output / "curves.png")
        page.picture(output / "curves.png", "What the runs logged after every epoch")
    page.write(output / "report.html")
    return output / "report.html"


def _short_names(paths: Sequence[Path]) -> list[str]:
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _read(path: Path, needed: bool = True) -> dict[str, Any]:
    if not path.is_file():
        if needed:
            raise CheckpointError(f"{printable(path.parent)} holds no {path.name}, so it is not a run")
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError, TypeError) as error:
        raise CheckpointError(f"{printable(path)}: damaged, not the JSON of a run ({error})") from error


def _flat(record: Mapping[str, Any], before: str = "", deep: bool = True) -> dict[str, Any]:
    """`recipe.augment.shift` to 3; lists are one value, and lists of lists (tables) are left out."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.") if deep else {}
        elif not isinstance(value, list):
            found[before + name] = value
        elif not any(isinstance(each, list | dict) for each in value):
            found[before + name] = ", ".join(map(str, value))
    return found
