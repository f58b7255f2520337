"""Benchmarks: models x seeds by a fixed protocol, and the table beside the published numbers."""

import dataclasses
import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.data import Reading, open_collection
from geolearn.data.folders.folder import is_path, slug
from geolearn.errors import CheckpointError, InvalidInputError
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import Report, markdown_table
from geolearn.reports.plots import plot_lines
from geolearn.training.benchmark_protocols import Benchmark, load_benchmark
from geolearn.training.method import Figure
from geolearn.training.runs import Run, make_run, train
from geolearn.training.testing import evaluate


def run_benchmark(
    name: str,
    *,
    models: Sequence[str] | None,
    seeds: Sequence[int],
    recipe: str | None = None,
    runs: Path,
    output: Path,
    epochs: int | None = None,
    precision: str = "32-true",
    changes: Mapping[str, str] | None = None,
    resolution: int | None = None,
    reading: Reading | None = None,
    command: str | None = None,
) -> list[dict[str, Any]]:
    """Train and test every model with every seed, write `output/name.{json,md,html}`; returns the table's rows.

    A seed whose run folder holds a finished run of the same recipe is not trained again. What the files say of other
    models and recipes stays in them.

    Args:
        name: of a benchmark, or the path of a folder or list of shapes; files are then named after it.
        changes: fields of the recipe by text, see `geolearn.training.recipes.change_fields`.
        resolution: cells or pixels a side instead of the recipe's.
        reading: how the files of a folder are read.
        command: what the results are "made by"; by default this call.
    """
    protocol, data_warnings = load_benchmark(name), []
    if is_path(protocol.dataset):
        data_warnings = open_collection(protocol.dataset, reading=reading).warnings("test")
    title, name = name, result_name(name)
    if command is None:
        command = f"run_benchmark({title!r}, models={models}, seeds={list(seeds)}, recipe={recipe!r}, epochs={epochs})"
    figures: dict[str, Figure] = {}
    if not seeds or len(set(seeds)) != len(seeds):
        raise InvalidInputError(f"seeds: expected different seeds, at least one, got {list(seeds)}")
    entries = []
    for model, chosen in itertools.product(models or protocol.models, [recipe] if recipe else protocol.recipes):
        per_seed, by_class = [], []
        for seed in seeds:
            rows = {}
            for category, split in protocol.protocols(seed).items():
                settings = {"seed": seed, "precision": precision, "validation": 0.0, "protocol": split}
                settings |= {"reading": reading, "resolution": resolution}
                run = make_run(model, protocol.dataset, chosen, epochs=epochs, changes=changes, **settings)
                changed = "".join(f"-{field}={value}" for field, value in (changes or {}).items()).replace("/", "_")
                changed += f"-{resolution}" if resolution else ""
                own = f"-{category}" if category else ""
                folder = runs / f"{name}{own}-{model}-{chosen}{changed}-{run.recipe.epochs}ep-{seed}"
                figures |= {figure.name: figure for figure in run.method.figures}
                rows[category] = _one_seed(run, folder, protocol)
            per_seed.append(_mean_of(seed, list(rows.values())))
            by_class.append(rows)
        entries.append(
            {
                "model": model,
                "recipe": {"name": run.recipe_name, **dataclasses.asdict(run.recipe)},
                "precision": precision,
                "command": command,
                "environment": describe_environment(),
                "metrics": _summary(per_seed),
                "by_views": [
                    _summary(rows) for rows in zip(*(each.get("by_views", []) for each in per_seed), strict=True)
                ],
                "per_seed": per_seed,
                "by_class": [
                    {"class": category, **_summary([rows[category] for rows in by_class])} for category in by_class[0]
                ]
                if len(by_class[0]) > 1
                else [],
            }
        )
    entries = _with_earlier(output / f"{name}.json", entries)
    result = {
        "benchmark": title,
        "dataset": protocol.dataset,
        "protocol": protocol.text,
        "command": command,
        "results": entries,
        "published": [dataclasses.asdict(published) for published in protocol.published],
        "environment": describe_environment(),
        **({"warnings": data_warnings} if data_warnings else {}),
    }
    rows, view_rows = _rows(entries, protocol, figures), _view_rows(entries, figures)
    class_rows = _class_rows(entries, figures)
    write_json(output / f"{name}.json", result)
    tables = markdown_table(rows)
    made_by = ", ".join(f"`{made}`" for made in dict.fromkeys(entry["command"] for entry in entries))
    if view_rows:
        tables += f"\nBy the number of views at test time:\n\n{markdown_table(view_rows)}"
    if class_rows:
        tables += f"\nBy class:\n\n{markdown_table(class_rows)}"
    told = "".join(f"**{warning}.**\n\n" for warning in data_warnings)
    write_text(output / f"{name}.md", f"# {title}\n\n{protocol.text}.\n\n{told}{tables}\nMade by {made_by}.\n")
    page = Report(f"Benchmark {title}")
    page.text(protocol.text)
    for warning in data_warnings:
        page.warning(warning)
    page.table(rows)
    if view_rows:
        _plot_views(entries, output / f"{name}.png")
        page.picture(output / f"{name}.png", "Tested with fewer or more views, mean of all seeds")
        page.table(view_rows)
    if class_rows:
        page.table(class_rows)
    page.code(result["command"])
    page.code(json.dumps(result["environment"], indent=2))
    page.write(output / f"{name}.html")
    return rows


def result_name(name: str) -> str:
    """What the files of a benchmark are named: as it is itself, or after a folder of shapes and its place."""
    return slug(Path(name)) if is_path(name) else name


def _with_earlier(path: Path, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries, behind those that the file at `path` has of other models and recipes."""
    if not path.is_file():
        return entries
    made = {(entry["model"], entry["recipe"]["name"]) for entry in entries}
    file = json.loads(path.read_text(encoding="utf-8"))
    earlier = [{"command": file["command"], **entry} for entry in file["results"]]
    return [entry for entry in earlier if (entry["model"], entry["recipe"]["name"]) not in made] + entries


def _one_seed(run: Run, folder: Path, protocol: Benchmark) -> dict[str, Any]:
    """The figures of one run: trained unless finished, tested once after training."""
    tested = folder / "evaluation" / "result.json"
    if not (folder / "result.json").is_file():
        train(run, folder, resume=(folder / "config.json").is_file())
    elif json.loads((folder / "config.json").read_text(encoding="utf-8")) != run.record():
        raise CheckpointError(
            f"{folder} holds a finished run of another configuration; remove it or give another --runs"
        )
    if not tested.is_file():
        evaluate(folder, run.data, protocol=run.protocol, reading=run.reading, **protocol.options).write_report(
            tested.parent
        )
    trained = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    report = json.loads(tested.read_text(encoding="utf-8"))
    names = [figure.name for figure in run.method.figures if figure.name in report]
    figures = {"seed": run.seed, **{name: report[name] for name in names}}
    for name in ("num_samples", "num_samples_without_duplicates", "by_views"):
        if name in report:
            figures[name] = report[name]
    return {**figures, "training_seconds": trained["seconds"], "parameters": trained["parameters"]}


def _mean_of(seed: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a seed from its trainings: means, but for what adds up."""
    if len(rows) == 1:
        return rows[0]
    names = [name for name, value in rows[0].items() if isinstance(value, int | float)]
    found: dict[str, Any] = {name: statistics.fmean(row[name] for row in rows) for name in names}
    totals = {name: sum(row[name] for row in rows) for name in ("num_samples", "training_seconds") if name in names}
    return {**found, **totals, "seed": seed, "parameters": rows[0]["parameters"]}


def _summary(per_seed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and sample standard deviation (of one seed: None) of every figure; the number of views stays as it is."""
    facts = ("seed", "views", "num_samples", "num_samples_without_duplicates", "parameters")
    summary: dict[str, Any] = {name: per_seed[0][name] for name in per_seed[0] if name == "views"}
    for name, first in per_seed[0].items():
        if name in facts or not isinstance(first, int | float):
            continue
        values = [each[name] for each in per_seed]
        spread = statistics.stdev(values) if len(values) > 1 else None
        summary[name] = {"mean": statistics.fmean(values), "std": spread}
    return summary


def _rows(
    entries: Sequence[dict[str, Any]], protocol: Benchmark, figures: Mapping[str, Figure]
) -> list[dict[str, Any]]:
    rows = [
        {
            "model": f"**{entry['model']}** ({entry['recipe']['name']}, {_seeds(entry)})",
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


def _plot_views(entries: Sequence[dict[str, Any]], path: Path) -> None:
    lines = {}
    for entry in entries:
        for name in ("instance_accuracy", "retrieval_map", "retrieval_map_metric"):
            points = [(row["views"], row[name]["mean"]) for row in entry["by_views"] if name in row]
            if points:
                lines[f"{entry['recipe']['name']}: {name.replace('_', ' ')}"] = list(zip(*points, strict=True))
    plot_lines(lines, path, across="views at test time", up="%")
