"""A fit from start to report: the mesh in three formats, pictures of it, every figure and setting, and one page."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import FitResult, Step, coarse_to_fine, fit_mesh, silhouette_iou, vertex_colours
from geolearn.fitting.targets import in_sight, masks_of, targets_from
from geolearn.io import save_mesh
from geolearn.io.files import write_whole
from geolearn.io.images import gif_bytes, png_bytes
from geolearn.structures import Mesh, Views
from geolearn.training.environment import describe_environment
from geolearn.training.files import write_json
from geolearn.training.fit_sheets import before_after_sheet, error_sheet, silhouette_errors, turntable, up_of
from geolearn.training.mesh_viewer import mesh_viewer_html
from geolearn.training.plots import plot_fit
from geolearn.training.report import Report
from geolearn.typing import PathLike, Tensor

FORMATS = ("glb", "obj", "ply")
CHECKPOINT = "checkpoint.npz"
TURN_SECONDS = 3.0


@dataclass(frozen=True)
class FitSettings:
    """How a fit is run; the names are those of `fit_mesh`.

    Attributes:
        hold_out: every so many-th view is kept out of the fit and only measured; 0: none.
        colours: whether the vertices get colours from the pictures; None: if the pictures are colours.
    """

    images: str = "auto"
    views_per_step: int = 8
    picture_weight: float = 1.0
    seed: int = 0
    hold_out: int = 0
    colours: bool | None = None


def run_fit(
    views: Views,
    folder: PathLike,
    settings: FitSettings,
    *,
    title: str = "Fit",
    resume: bool = False,
    progress: Callable[[Step], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Fit a mesh to views, and write everything about it.

    Args:
        folder: mesh.glb, .obj and .ply, before_after.png, errors.png, loss.png, turntable.gif, report.html, result.json
            and checkpoint.npz are written there.
        resume: go on from the checkpoint.
        options: more of `fit_mesh`.

    Returns:
        The record that is in result.json.

    Raises:
        InvalidInputError: views that cannot be fitted, or all of them held out.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    views, unseen = _split(Views(views.images, views.cameras, masks_of(views)), settings.hold_out)
    result = fit_mesh(
        views,
        images=settings.images,
        views_per_step=settings.views_per_step,
        picture_weight=settings.picture_weight,
        checkpoint=folder / CHECKPOINT,
        resume=resume,
        progress=progress,
        generator=torch.Generator().manual_seed(settings.seed),
        **options,
    )
    schedule = options.get("schedule") or coarse_to_fine((views.cameras.height, views.cameras.width))
    record = asdict(settings) | {"schedule": [asdict(phase) for phase in schedule]}
    return write_fit(result, views, folder, record, unseen=unseen, title=title)


def write_fit(
    result: FitResult,
    views: Views,
    folder: Path,
    settings: dict[str, Any],
    *,
    unseen: Views | None = None,
    title: str = "Fit",
) -> dict[str, Any]:
    """The files of a fitted mesh; see `run_fit`."""
    if not isinstance(result.shape, Mesh):
        raise InvalidInputError(f"result: expected a fitted mesh, got a {type(result.shape).__name__}")
    mesh = result.shape
    masks = masks_of(views)
    targets = targets_from(Views(views.images, views.cameras, masks), settings.get("images", "none"))
    shown = in_sight(masks)
    cameras = targets.cameras
    fitted = Views(views.images[shown], cameras, targets.masks)
    colours = _colours(mesh, fitted, targets.kind, settings.get("colours"))
    for name in FORMATS:
        save_mesh(mesh, folder / f"mesh.{name}", vertex_colours=colours)
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
        "held_out": None if unseen is None else _measured(mesh, unseen),
        "steps": len(result.history),
        "planned_steps": result.history[-1].total if result.history else 0,
        "views": len(views),
        "views_that_show_nothing": len(views) - len(fitted),
        "view_coverage_iou": dict(zip(map(str, shown), agreement, strict=True)),
        "pictures": targets.kind,
        "coloured": colours is not None,
        "settings": settings,
        "environment": describe_environment(),
        "history": [step._asdict() for step in result.history],
    }
    write_json(folder / "result.json", record)
    _page(record, mesh, up, colours, folder, title)
    return record


def _page(record: dict[str, Any], mesh: Mesh, up: Tensor, colours: Tensor | None, folder: Path, title: str) -> None:
    page = Report(title)
    if not record["converged"]:
        page.warning(f"This fit has not converged: {record['message']}.")
    else:
        page.text(f"Converged: {record['message']}.")
    page.raw(mesh_viewer_html(mesh, up=up, vertex_colours=colours))
    page.table(figures(record))
    page.picture(folder / "before_after.png", "Views; where the fit began; where it ended")
    page.picture(folder / "errors.png", "The worst silhouettes: red is missing, blue is too much")
    page.picture(folder / "loss.png", "Loss and IoU of the views of every step; grey lines: phases")
    page.picture(folder / "turntable.gif", "Once around")
    rest = {name: record[name] for name in ("pictures", "settings", "environment")}
    page.heading("Settings")
    page.code(json.dumps(rest, indent=2))
    page.write(folder / "report.html")


def figures(record: dict[str, Any]) -> list[dict[str, Any]]:
    """What a person wants to know first, as rows of a table."""
    metrics = record["metrics"]
    rows = [
        ("silhouette IoU, %", 100 * metrics["iou"]),
        ("IoU of covered areas, %", 100 * metrics["coverage_iou"]),
    ]
    if record["held_out"]:
        rows.append((f"IoU on {record['held_out']['views']} views held out, %", 100 * record["held_out"]["iou"]))
    worst = min(record["view_coverage_iou"], key=record["view_coverage_iou"].__getitem__)
    rows += [
        (f"worst view ({worst}), %", 100 * record["view_coverage_iou"][worst]),
        ("faces", int(metrics["faces"])),
        ("watertight", "yes" if metrics["watertight"] else "no"),
        ("folded or degenerate faces, %", 100 * (metrics["folded"] + metrics["degenerate"])),
        ("views", record["views"]),
        ("steps", record["steps"]),
        ("seconds", round(metrics["seconds"])),
    ]
    return [{"figure": name, "value": value} for name, value in rows]


def _split(views: Views, hold_out: int) -> tuple[Views, Views | None]:
    if hold_out == 0:
        return views, None
    if hold_out < 2 or len(views) < hold_out:
        raise InvalidInputError(
            f"hold_out: expected 0 or a number from 2 to that of the views, {len(views)}, got {hold_out}"
        )
    held = list(range(hold_out - 1, len(views), hold_out))
    return views[[number for number in range(len(views)) if number not in held]], views[held]


def _measured(mesh: Mesh, unseen: Views) -> dict[str, float]:
    return silhouette_iou(mesh, masks_of(unseen), unseen.cameras) | {"views": len(unseen)}


def _colours(mesh: Mesh, views: Views, kind: str, wanted: bool | None) -> Tensor | None:
    """Colours are taken from pictures that are neither normals nor all grey, unless it is said otherwise."""
    images = views.images
    coloured = images.shape[1] == 3 and bool((images.amax(1) - images.amin(1) > 0.02).any())
    if wanted or (wanted is None and coloured and kind != "normals"):
        return vertex_colours(mesh, views)
    return None
