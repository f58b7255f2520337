"""The page of one evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.reports.page import Report
from geolearn.training.method import Figure, Outcome, Picture


def evaluation_page(
    record: Mapping[str, Any],
    figures: Sequence[Figure],
    outcome: Outcome,
    pictures: Sequence[Picture],
    warnings: Sequence[str],
    folder: Path,
) -> Path:
    """Write report.html: figures, tables and pictures of a test; returns its path."""
    page = Report(f"{record['model']} on {record['data']}")
    page.text(f"{record['protocol']}; {record['num_samples']} samples")
    for warning in warnings:
        page.warning(warning)
    page.table(figure_rows(figures, outcome.figures))
    for name, rows in outcome.tables.items():
        page.heading(name.replace("_", " "))
        page.table(rows)
    for path, caption in pictures:
        page.picture(path, caption)
    page.write(folder / "report.html")
    return folder / "report.html"


def figure_rows(figures: Sequence[Figure], found: Mapping[str, float]) -> list[dict[str, Any]]:
    """A row for each figure that was found, in the method's order."""
    return [{"figure": figure.title, "value": found[figure.name]} for figure in figures if figure.name in found]
