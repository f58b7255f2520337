"""The page of one evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.reports.files import write_json
from geolearn.reports.page import Report
from geolearn.reports.plots import plot_confusion, plot_lines

FIGURES = ("class_accuracy", "instance_accuracy", "retrieval_map", "retrieval_map_metric")


def evaluation_report(result: Mapping[str, Any], folder: Path, pictures: Sequence[tuple[Path, str]] = ()) -> Path:
    """Write one evaluation as result.json, pictures and report.html; returns the path of the page.

    Args:
        pictures: files and captions to show as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "result.json", result)
    classes = [row["class"] for row in result["per_class"]]
    plot_confusion(result["confusion"], classes, folder / "confusion.png", f"{result['model']} on {result['data']}")
    page = Report(f"{result['model']} on {result['data']}")
    page.text(f"{result['protocol']}; {result['num_samples']} samples")
    page.table([{"figure": name.replace("_", " "), "%": result[name]} for name in FIGURES if name in result])
    page.table(result["per_class"])
    page.picture(folder / "confusion.png", "Confusion matrix: rows are true classes, columns predictions")
    if rows := result.get("by_views"):
        counts = [row["views"] for row in rows]
        lines = {name.replace("_", " "): (counts, [row[name] for row in rows]) for name in list(rows[0])[1:]}
        plot_lines(lines, folder / "views.png", across="views at test time", up="%")
        page.table(rows)
        page.picture(folder / "views.png", "Tested with fewer or more views than in training")
    if curves := result.get("precision_recall"):
        plot_lines(curves, folder / "precision_recall.png", across="recall", up="precision")
        page.picture(folder / "precision_recall.png", "Retrieval: interpolated precision, mean over all queries")
    for path, caption in pictures:
        page.picture(path, caption)
    page.write(folder / "report.html")
    return folder / "report.html"
