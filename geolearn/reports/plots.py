"""Plots and sheets of shapes, as PNG files."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from geolearn._optional import require
from geolearn.data import RenderViews
from geolearn.io.files import write_whole
from geolearn.render.pictures import visible_faces
from geolearn.render.rigs import frame_mesh
from geolearn.structures import Mesh


def make_figure(width: float, height: float) -> Any:
    """A figure that needs no display and leaves matplotlib's global state alone."""
    figure = require("matplotlib.figure", extra="train").Figure(figsize=(width, height), layout="constrained")
    return figure


def save_figure(figure: Any, path: Path, *, dpi: int = 110) -> None:
    """Write a figure in the format of the extension; the file appears whole or not at all."""
    file = io.BytesIO()
    figure.savefig(file, format=path.suffix.lstrip("."), dpi=dpi)
    write_whole(path, file.getvalue())


def grid_of_axes(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure of square pictures without ticks, and its (rows, columns) axes."""
    figure = make_figure(1.3 * columns + 0.5, 1.5 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.flat:
        place.set(xticks=[], yticks=[])
    return figure, axes


def plot_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], path: Path, title: str = "") -> None:
    """Confusion matrix: rows are true classes, columns predicted ones, shade is the share of the row."""
    size = max(5.0, 0.45 * len(classes) + 2)
    figure = make_figure(size, size)
    axes = figure.add_subplot()
    shares = [[value / max(sum(row), 1) for value in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(confusion):
        for j, value in enumerate(row):
            if value:
                colour = "white" if shares[i][j] > 0.5 else "black"
                axes.text(j, i, str(value), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    save_figure(figure, path)


def plot_curves(history: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Training curves: losses on the left, what validation measures besides on the right.

    Args:
        history: name -> (epoch, value) pairs; names that start with "val_" and do not end in "loss" go right.
    """
    figure = make_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    for name, points in history.items():
        axes = right if name.startswith("val_") and not name.endswith("loss") else left
        label = name.removeprefix("val_") if axes is right else name  # "loss" and "val_loss" are two curves
        axes.plot([epoch for epoch, _ in points], [value for _, value in points], label=label)
    left.set(xlabel="epoch", ylabel="loss")
    right.set(xlabel="epoch", ylabel="validation")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    save_figure(figure, path)


def plot_runs(curves: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], path: Path) -> None:
    """The curves of several runs: a plot for each figure, in it a line for each run.

    Args:
        curves: figure -> run -> (epoch, value) pairs.
    """
    columns = min(2, len(curves))
    rows = -(-len(curves) // columns)
    figure = make_figure(4.8 * columns, 3.2 * rows)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place in places:
        place.set_axis_off()
    runs = list(dict.fromkeys(run for each in curves.values() for run in each))
    for (name, lines), axes in zip(curves.items(), places, strict=False):
        axes.set_axis_on()
        for run, points in lines.items():
            colour = f"C{runs.index(run) % 10}"  # the same in every plot
            axes.plot([epoch for epoch, _ in points], [value for _, value in points], label=run, color=colour)
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def plot_lines(lines: Mapping[str, Sequence[Sequence[int | float]]], path: Path, *, across: str, up: str) -> None:
    """Named lines, each (x values, y values), with a mark at every point."""
    figure = make_figure(5.5, 3.8)
    axes = figure.add_subplot()
    for name, (x, y) in lines.items():
        axes.plot(x, y, marker="o", markersize=3, label=name)
    axes.set(xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def plot_meshes(meshes: Sequence[tuple[Mesh, str]], path: Path, columns: int = 5) -> None:
    """A sheet of meshes, each with its caption, faces coloured by label and shaded."""
    palette = require("matplotlib", extra="train").colormaps["tab20"]
    figure, axes = grid_of_axes(-(-len(meshes) // columns), columns)
    look = RenderViews("ring", 224, "flat", count=1, elevation_rad=math.radians(25), diffuse=0.7, fit="sphere")
    for place in axes.flat:
        place.set_axis_off()
    for (mesh, caption), place in zip(meshes, axes.flat, strict=False):
        face = visible_faces(frame_mesh(mesh, look.fit), look.cameras(), (look.size, look.size))[0, 0].long()
        labels = mesh.face_labels if mesh.face_labels is not None else torch.zeros(len(mesh.faces), dtype=torch.int64)
        colours = torch.tensor(palette((labels % 20).tolist()), dtype=torch.float32)[:, :3]
        pixels = colours[face] * look(mesh)[0, 0, :, :, None]
        place.imshow(torch.where(face[..., None] >= 0, pixels, 1.0).numpy())
        place.set_title(caption, fontsize=7)
    save_figure(figure, path, dpi=160)
