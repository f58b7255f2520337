"""Everything that is written about a fit: the mesh in three formats, pictures of it, a record, and one page."""

import json
import math
from pathlib import Path
from typing import Any

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import FitResult, silhouette_iou, vertex_colours
from geolearn.fitting.loss_plot import plot_fit
from geolearn.fitting.sheets import before_after_sheet, error_sheet, silhouette_errors, turntable, up_of
from geolearn.fitting.targets import in_sight, masks_of
from geolearn.io import save_mesh
from geolearn.io.files import write_whole
from geolearn.io.images import gif_bytes, png_bytes
from geolearn.io.upright import save_upright
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json
from geolearn.reports.mesh_viewer import mesh_viewer_html
from geolearn.reports.page import Report
from geolearn.structures import Cameras, Mesh, Views
from geolearn.typing import Tensor

UPRIGHT = ("glb", "obj")
TURN_SECONDS = 3.0
COLOURFUL = 0.02  # between the channels of a picture that is not grey


def write_fit(
    result: FitResult,
    views: Views,
    folder: Path,
    settings: dict[str, Any],
    *,
    unseen: Views | None = None,
    title: str = "Fit",
) -> dict[str, Any]:
    """Write a fitted mesh: mesh.glb, .obj, .ply, before_after.png, errors.png, loss.png, turntable.gif, report.html,
    result.json.

    Args:
        views: that it was fitted to, with masks.
        settings: for the record; "colours" is that of `FitSettings`.
        unseen: views that it was not fitted to.

    Returns:
        The record that is in result.json.

    Raises:
        InvalidInputError: no mesh.
    """
    if not isinstance(result.shape, Mesh):
        raise InvalidInputError(f"result: expected a fitted mesh, got a {type(result.shape).__name__}")
    mesh = result.shape
    targets = result.targets
    shown = in_sight(masks_of(views))
    cameras = targets.cameras if result.cameras is None else result.cameras
    fitted = Views(views.images[shown], cameras, targets.masks)
    colours = _choose_colours(mesh, fitted, targets.kind, settings["colours"])
    save_mesh(mesh, folder / "mesh.ply", vertex_colours=colours)  # in the world of the cameras
    for name in UPRIGHT:
        save_upright(mesh, folder / f"mesh.{name}", up=up_of(cameras), vertex_colours=colours)
    errors, agreement = silhouette_errors(targets.masks, cameras, mesh)
    up = up_of(cameras)
    for name, sheet in (
        ("before_after", before_after_sheet(fitted, result.start, mesh)),
        ("errors", error_sheet(errors, agreement)),
    ):
        write_whole(folder / f"{name}.png", png_bytes(sheet.movedim(0, -1).numpy()))
    frames = turntable(mesh, up, colours)
    gif = gif_bytes(frames.movedim(1, -1).contiguous().numpy(), TURN_SECONDS / len(frames))
    write_whole(folder / "turntable.gif", gif)
    plot_fit(result.history, folder / "loss.png")
    record = {
        "converged": result.converged,
        "message": result.message,
        "metrics": result.metrics,
        "start_metrics": result.start_metrics,
        "code": None if result.code is None else result.code.tolist(),
        "held_out": None if unseen is None else _measure_unseen(mesh, unseen),
        "steps": len(result.history),
        "planned_steps": result.history[-1].total if result.history else 0,
        "views": len(views),
        "views_that_show_nothing": len(views) - len(fitted),
        "view_coverage_iou": dict(zip(map(str, shown), agreement, strict=True)),
        "refined_cameras": None if result.cameras is None else _describe_moves(targets.cameras, result.cameras),
        "pictures": targets.kind,
        "coloured": colours is not None,
        "settings": settings,
        "environment": describe_environment(),
        "history": [step._asdict() for step in result.history],
    }
    write_json(folder / "result.json", record)
    _write_page(record, mesh, up, colours, folder, title)
    return record


def figures(record: dict[str, Any]) -> list[dict[str, Any]]:
    """What a person wants to know first, as rows of a table; beside it what the fit began with, where that is known."""
    metrics, start = record["metrics"], record["start_metrics"]
    rows = [_row("silhouette IoU, %", 100.0, "iou", metrics, start)]
    rows.append(_row("IoU of covered areas, %", 100.0, "coverage_iou", metrics, start))
    if record["held_out"]:
        rows.append((f"IoU on {record['held_out']['views']} views held out, %", 100 * record["held_out"]["iou"], ""))
    worst = min(record["view_coverage_iou"], key=record["view_coverage_iou"].__getitem__)
    was = 100 * start["worst_coverage_iou"] if start and "worst_coverage_iou" in start else ""
    rows.append((f"worst view ({worst}), %", 100 * record["view_coverage_iou"][worst], was))
    if "normal_error_deg" in metrics:
        rows.append(_row("normals are off by, degrees, mean", 1.0, "normal_error_deg", metrics, start))
    if record["code"] is not None:
        rows.append(("size of the code (1: as shapes that the decoder knows)", metrics["code_norm"], ""))
    if record["refined_cameras"] is not None:
        turns = record["refined_cameras"]["turned_degrees"]
        rows.append(("cameras were turned by, degrees, mean", sum(turns) / len(turns), ""))
    rows += [
        ("faces", int(metrics["faces"]), int(start["faces"]) if start and "faces" in start else ""),
        ("watertight", "yes" if metrics["watertight"] else "no", ""),
        ("folded or degenerate faces, %", 100 * (metrics["folded"] + metrics["degenerate"]), ""),
        ("views", record["views"], ""),
        ("steps", record["steps"], ""),
        ("seconds", round(metrics["seconds"]), ""),
    ]
    beside = {"at the start"} if start else set()
    return [{"figure": name, "value": value} | dict.fromkeys(beside, was) for name, value, was in rows]


def _row(
    title: str, scale: float, name: str, metrics: dict[str, float], start: dict[str, float] | None
) -> tuple[str, Any, Any]:
    return title, scale * metrics[name], scale * start[name] if start and name in start else ""


def _write_page(
    record: dict[str, Any], mesh: Mesh, up: Tensor, colours: Tensor | None, folder: Path, title: str
) -> None:
    page = Report(title)
    if not record["converged"]:
        page.warning(f"This fit has not converged: {record['message']}.")
    else:
        page.text(f"Converged: {record['message']}.")
    page.raw(mesh_viewer_html(mesh, up=up, vertex_colours=colours))
    page.table(figures(record))
    began = "; where the fit began" if record["code"] is None else ""
    page.picture(folder / "before_after.png", f"Views{began}; where the fit ended")
    page.picture(folder / "errors.png", "The worst silhouettes: red: the mesh is missing, blue: it is in excess")
    page.picture(folder / "loss.png", "Loss and IoU of the views of every step; grey lines: phases")
    page.picture(folder / "turntable.gif", "Once around")
    rest = {name: record[name] for name in ("pictures", "settings", "environment")}
    page.heading("Settings")
    page.code(json.dumps(rest, indent=2))
    page.write(folder / "report.html")


def _measure_unseen(mesh: Mesh, unseen: Views) -> dict[str, float]:
    return silhouette_iou(mesh, masks_of(unseen), unseen.cameras) | {"views": len(unseen)}


def _describe_moves(given: Cameras, refined: Cameras) -> dict[str, Any]:
    """The refined poses, and by how much every camera was turned."""
    turn = refined.world_to_camera[:, :3, :3] @ given.world_to_camera[:, :3, :3].mT
    sine = torch.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], 1)
    angle = torch.atan2(sine.norm(dim=1) / 2, (turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2)
    return {
        "world_to_camera": refined.world_to_camera.tolist(),
        "turned_degrees": [math.degrees(value) for value in angle.tolist()],
    }


def _choose_colours(mesh: Mesh, views: Views, kind: str, wanted: bool | None) -> Tensor | None:
    """Colours are taken from pictures that are neither normals nor all grey, unless `wanted` says otherwise."""
    images = views.images
    coloured = images.shape[1] == 3 and bool((images.amax(1) - images.amin(1) > COLOURFUL).any())
    if wanted or (wanted is None and coloured and kind != "normals"):
        return vertex_colours(mesh, views)
    return None
