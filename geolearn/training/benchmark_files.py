"""What a benchmark writes: NAME.json, NAME.md, NAME.html, and its table as NAME.csv and NAME.tex."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.data.folders.folder import is_path, slug
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import Report, markdown_table
from geolearn.reports.plots import plot_lines
from geolearn.reports.tables import write_table
from geolearn.training.benchmark_protocols import Benchmark
from geolearn.training.method import Figure


def write_benchmark(
    result: dict[str, Any], protocol: Benchmark, figures: Mapping[str, Figure], output: Path
) -> list[dict[str, Any]]:
    """Write all files of a result; returns the rows of its table.

    Args:
        result: the content of NAME.json.
        figures: what is shown, by name.
    """
    title, entries = result["benchmark"], result["results"]
    name, warnings = result_name(title), result.get("warnings", ())
    rows = _rows(entries, protocol, figures)
    more = {
        "By the number of views at test time": _view_rows(entries, figures),
        "By class": _class_rows(entries, figures) or _recall_rows(entries),
        "By seed": _seed_rows(entries, figures),
    }
    more = {title: table for title, table in more.items() if table}
    write_json(output / f"{name}.json", result)
    for ending in (".csv", ".tex"):
        write_table(rows, output / f"{name}{ending}")
    made_by = ", ".join(f"`{made}`" for made in dict.fromkeys(entry["command"] for entry in entries))
    tables = markdown_table(rows) + "".join(f"\n{title}:\n\n{markdown_table(table)}" for title, table in more.items())
    told = "".join(f"**{warning}.**\n\n" for warning in warnings)
    write_text(output / f"{name}.md", f"# {title}\n\n{protocol.text}.\n\n{told}{tables}\nMade by {made_by}.\n")
    page = Report(f"Benchmark {title}")
    page.text(protocol.text)
    for warning in warnings:
        page.warning(warning)
    page.table(rows)
    for title, table in more.items():
        page.heading(title)
        if "views" in table[0]:
            _plot_views(entries, figures, output / f"{name}.png")
            page.picture(output / f"{name}.png", "Mean of all seeds")
        page.table(table)
    page.heading("How it was made")
    page.code(result["command"])
    page.code(json.dumps(result["environment"], indent=2))
    page.write(output / f"{name}.html")
    return rows


def result_name(name: str) -> str:
    """What the files of a benchmark are named: as it is itself, or after a folder of shapes and its place."""
    return slug(Path(name)) if is_path(name) else name


def _rows(
    entries: Sequence[dict[str, Any]], protocol: Benchmark, figures: Mapping[str, Figure]
) -> list[dict[str, Any]]:
    rows = [
        {
            "model": f"{entry['model']} ({entry['recipe']['name']}, {_seeds(entry)})",
            **_figures(entry["metrics"], figures),
            "source": "this library",
        }
        for entry in entries
    ]
    for published in protocol.published:
        numbers = {figure.title: published.figures.get(name) for name, figure in figures.items()}
        rows.append({"model": published.model, **numbers, "source": published.source})
    known = [column for column in rows[0] if any(row[column] is not None for row in rows)]
    return [{column: row[column] for column in known} for row in rows]


def _seeds(entry: Mapping[str, Any]) -> str:
    count = len(entry["per_seed"])
    return "1 seed" if count == 1 else f"{count} seeds"


def _view_rows(entries: Sequence[dict[str, Any]], figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """One row for each number of views that a model was tested with."""
    rows = []
    for entry in entries:
        for tested in entry["by_views"]:
            found = {column: value for column, value in _figures(tested, figures).items() if value is not None}
            rows.append({"model": f"{entry['model']} ({entry['recipe']['name']})", "views": tested["views"], **found})
    return rows


def _seed_rows(entries: Sequence[dict[str, Any]], figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """A row for each training of several seeds."""
    found = [(entry, each) for entry in entries if len(entry["per_seed"]) > 1 for each in entry["per_seed"]]
    names = [name for name in figures if any(name in each for _, each in found)]
    return [
        {
            "model": f"{entry['model']} ({entry['recipe']['name']})",
            "seed": each["seed"],
            **{figures[name].title: each.get(name) for name in names},
            "training, s": round(each["training_seconds"]),
        }
        for entry, each in found
    ]


def _recall_rows(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per class, a column per model: the share of the class that is found, mean over seeds; for classifiers."""
    table: dict[str, dict[str, Any]] = {}
    for entry in entries:
        title = f"{entry['model']} ({entry['recipe']['name']}), found %"
        tables = [each["per_class"] for each in entry["per_seed"] if "per_class" in each]
        for rows in zip(*tables, strict=True):
            found = [row["recall"] for row in rows if row["recall"] is not None]
            row = table.setdefault(rows[0]["class"], {"class": rows[0]["class"], "test shapes": rows[0]["samples"]})
            row[title] = f"{statistics.fmean(found):.2f}" if found else None
    titles = list(dict.fromkeys(name for row in table.values() for name in row))
    return [{title: row.get(title) for title in titles} for row in table.values()]


def _class_rows(entries: Sequence[dict[str, Any]], figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """A row per class, a column per model with the figure that decides."""
    table: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for row in entry.get("by_class", ()):
            found = {title: value for title, value in _figures(row, figures).items() if value is not None}
            title, value = next(iter(found.items()))
            columns = table.setdefault(row["class"], {"class": row["class"]})
            columns[f"{entry['model']} ({entry['recipe']['name']}), {title}"] = value
    return list(table.values())


def _figures(summary: dict[str, Any], figures: Mapping[str, Figure]) -> dict[str, str | None]:
    return {
        figure.title: _with_spread(value) if (value := summary.get(name)) else None for name, figure in figures.items()
    }


def _with_spread(value: Mapping[str, float | None]) -> str:
    spread = value["std"]
    return f"{value['mean']:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def _plot_views(entries: Sequence[dict[str, Any]], figures: Mapping[str, Figure], path: Path) -> None:
    lines = {}
    for entry in entries:
        for name in ("instance_accuracy", "retrieval_map", "retrieval_map_metric"):
            points = [(row["views"], row[name]["mean"]) for row in entry["by_views"] if name in row]
            if points and name in figures:
                title = figures[name].title.removesuffix(" %")
                lines[f"{entry['model']} ({entry['recipe']['name']}): {title}"] = list(zip(*points, strict=True))
    plot_lines(lines, path, across="views at test time", up="%")
