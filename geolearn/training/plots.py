"""Pictures of a training and of an evaluation, as PNG files."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from geolearn._optional import require
from geolearn.structures import Mesh


def _figure(width: float, height: float) -> Any:
    """A figure that needs no display and leaves matplotlib's global state alone."""
    figure = require("matplotlib.figure", extra="train").Figure(figsize=(width, height), layout="constrained")
    return figure


def grid_of_axes(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure of square pictures without ticks, and its (rows, columns) axes."""
    figure = _figure(1.3 * columns + 0.5, 1.5 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.flat:
        place.set(xticks=[], yticks=[])
    return figure, axes


def plot_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], path: Path, title: str = "") -> None:
    """Confusion matrix: rows are true classes, columns what was said, shade is the share of the row."""
    size = max(5.0, 0.45 * len(classes) + 2)
    figure = _figure(size, size)
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
    figure.savefig(path, dpi=110)


def plot_curves(history: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Training curves: losses on the left, accuracies in percent on the right.

    Args:
        history: name -> (epoch, value) pairs; names that end in "accuracy" go right, other names left.
    """
    figure = _figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    for name, points in history.items():
        accuracy = name.endswith("accuracy")
        axes = right if accuracy else left
        axes.plot([epoch for epoch, _ in points], [value * (100 if accuracy else 1) for _, value in points], label=name)
    left.set(xlabel="epoch", ylabel="loss")
    right.set(xlabel="epoch", ylabel="validation accuracy, %")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    figure.savefig(path, dpi=110)


def plot_lines(lines: Mapping[str, Sequence[Sequence[int | float]]], path: Path, *, across: str, up: str) -> None:
    """Named lines, each (x values, y values), with a mark at every point."""
    figure = _figure(5.5, 3.8)
    axes = figure.add_subplot()
    for name, (x, y) in lines.items():
        axes.plot(x, y, marker="o", markersize=3, label=name)
    axes.set(xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def plot_meshes(meshes: Sequence[tuple[Mesh, str]], path: Path, columns: int = 5) -> None:
    """A sheet of closed meshes, each with its caption, faces coloured by label and shaded.

    Faces turned away are left out: matplotlib sorts whole faces by depth, and large hidden ones would show through.
    """
    collections = require("mpl_toolkits.mplot3d.art3d", extra="train")
    palette = require("matplotlib", extra="train").colormaps["tab20"]
    rows = -(-len(meshes) // columns)
    figure = _figure(2.4 * columns, 2.5 * rows)
    elevation, azimuth = math.radians(25), math.radians(-60)
    to_eye = torch.tensor(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    light = torch.nn.functional.normalize(to_eye + torch.tensor([0.2, 0.1, 0.5]), dim=0)
    for number, (mesh, caption) in enumerate(meshes):
        axes = figure.add_subplot(rows, columns, number + 1, projection="3d", computed_zorder=False, proj_type="ortho")
        triangles = mesh.normalised().triangles()
        edges = triangles[:, 1:] - triangles[:, :1]
        normals = torch.nn.functional.normalize(torch.linalg.cross(edges[:, 0], edges[:, 1]), dim=1)
        shade = 0.4 + 0.6 * (normals @ light).clamp(0, 1)
        labels = mesh.face_labels if mesh.face_labels is not None else torch.zeros(len(triangles), dtype=torch.int64)
        colours = torch.tensor(palette((labels % 20).tolist()), dtype=torch.float32)[:, :3] * shade[:, None]
        seen = normals @ to_eye > 0
        faces = collections.Poly3DCollection(triangles[seen].numpy(), facecolors=colours[seen].numpy())
        axes.add_collection3d(faces)
        axes.set(xlim=(-0.45, 0.45), ylim=(-0.45, 0.45), zlim=(-0.45, 0.45))
        axes.set_box_aspect((1, 1, 1))
        axes.view_init(elev=25, azim=-60)
        axes.set_axis_off()
        axes.set_title(caption, fontsize=9)
    figure.savefig(path, dpi=110)
