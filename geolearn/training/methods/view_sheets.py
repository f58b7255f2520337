"""Sheets of a multi-view network: what decided, and what retrieval found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from geolearn.data import PackedViews
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN
from geolearn.reports.plots import grid_of_axes, save_figure
from geolearn.training.methods.class_scores import ClassScores
from geolearn.training.methods.retrieval import rank
from geolearn.training.methods.saliency import view_saliency
from geolearn.typing import Tensor

COLUMNS = 6
SHOWN = 1  # of twelve views around a shape the second: the first looks straight at its front or side


def view_sheets(
    model: MVCNN, views: PackedViews, predictions: ClassScores, folder: Path, *, rows: int = 10
) -> list[tuple[Path, str]]:
    """Write saliency.png and retrieval.png, one shape of each of the first `rows` classes per row.

    Returns:
        (path, caption) of each picture.
    """
    labels = predictions.labels.tolist()
    shown = [labels.index(k) for k in range(len(views.classes)) if k in labels][:rows]
    if not shown:
        raise InvalidInputError("predictions: no shape to show")
    folder.mkdir(parents=True, exist_ok=True)
    saliency, retrieval = folder / "saliency.png", folder / "retrieval.png"
    _draw_saliency(model, views, predictions, shown, saliency)
    _draw_retrieval(views, predictions, shown, retrieval)
    return [
        (saliency, "What decided: the views that weigh most, in order, and the pixels (red) that the score follows"),
        (retrieval, "Retrieval: a query (left) and the nearest other shapes; framed green where the class is the same"),
    ]


def _draw_saliency(
    model: MVCNN, views: PackedViews, predictions: ClassScores, shown: Sequence[int], path: Path
) -> None:
    figure, axes = grid_of_axes(len(shown), min(COLUMNS, views.views))
    for row, i in zip(axes, shown, strict=True):
        images = views.select([i]).images()
        found = view_saliency(model, images)
        name, truth = (views.classes[int(k)] for k in (predictions.scores[i].argmax(), predictions.labels[i]))
        label = truth if name == truth else f"{truth},\ntaken for {name}"
        strongest = float(found.pixels.quantile(0.995)) or 1.0
        for column, view in enumerate(found.views[0].argsort(descending=True)[: len(row)].tolist()):
            grey = images[0, view].mean(0)
            heat = (found.pixels[0, view] / strongest).clamp(0, 1)
            # Towards white first, then the heat in red on top: a dark shape stays readable.
            picture = torch.stack([torch.maximum(grey, heat), grey * (1 - heat), grey * (1 - heat)], dim=2)
            row[column].imshow(picture.numpy(), vmin=0, vmax=1)
            row[column].set_title(f"view {view}: {found.views[0, view]:.0%}", fontsize=7)
        row[0].set_ylabel(label, fontsize=8)
    save_figure(figure, path)


def _draw_retrieval(views: PackedViews, predictions: ClassScores, shown: Sequence[int], path: Path) -> None:
    order = rank(predictions.features)
    figure, axes = grid_of_axes(len(shown), min(COLUMNS + 2, len(predictions.labels)))
    for row, i in zip(axes, shown, strict=True):
        for column, j in enumerate([i, *order[i, : len(row) - 1].tolist()]):
            image = views.select([j]).images()[0, min(SHOWN, views.views - 1)].mean(0)
            _frame(row[column], image, column, predictions.labels[j] == predictions.labels[i])
            row[column].set_title(views.classes[int(predictions.labels[j])], fontsize=7)
        row[0].set_ylabel("query", fontsize=8)
    save_figure(figure, path)


def _frame(axes: Any, image: Tensor, column: int, right: Tensor) -> None:
    axes.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    if column:
        for side in axes.spines.values():
            side.set(color="tab:green" if bool(right) else "tab:red", linewidth=2)
