"""Pictures of a deformation over amounts, a turntable, and a page with sliders that move the mesh."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from geolearn.data.packed.deformations import AMOUNT
from geolearn.io.files import write_whole
from geolearn.io.images import gif_bytes
from geolearn.render import camera_rig, render_views
from geolearn.reports.mesh_viewer import Motion, mesh_viewer_html
from geolearn.reports.page import Report
from geolearn.reports.plots import grid_of_axes, save_figure
from geolearn.structures import Mesh
from geolearn.training.deformer import Deformer
from geolearn.typing import Float, Tensor

STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # times the largest amount
PIXELS, FRAMES, SECONDS = 224, 48, 3.0
LARGEST = 20 << 20  # bytes of a page's sliders; a mesh of more has fewer


def amounts_over(amounts: Mapping[str, float], attributes: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Five amounts of each attribute, from less to more: of those that were asked for, else of all."""
    wanted = amounts or dict.fromkeys(attributes, AMOUNT)
    return {name: tuple(step * (abs(most) or AMOUNT) for step in STEPS) for name, most in wanted.items()}


def write_sheet(
    deformer: Deformer, mesh: Mesh, family: str, amounts: Mapping[str, float], path: Path
) -> dict[str, tuple[float, ...]]:
    """One row for each attribute, one column for each of five amounts; returns the amounts of the rows."""
    rows = amounts_over(amounts, deformer.attributes(family))
    motions = deformer.motions(mesh, family, list(rows))
    figure, axes = grid_of_axes(len(rows), len(STEPS))
    for motion, (name, steps), places in zip(motions, rows.items(), axes, strict=True):
        for step, place in zip(steps, places, strict=True):
            place.imshow(picture(replace(mesh, verts=mesh.verts + step * motion), mesh).movedim(0, -1).numpy())
            place.set_axis_off()
            place.set_title(f"{name} {step:+.2g}" if step else "as it came", fontsize=7)
    save_figure(figure, path, dpi=160)
    return rows


def write_turntable(mesh: Mesh, path: Path) -> None:
    """Once around, again and again."""
    cameras = camera_rig("ring", count=FRAMES, size=PIXELS, elevation_rad=math.radians(20))
    frames = render_views(_framed(mesh, mesh), cameras, shading="flat", background=1.0).expand(-1, 3, -1, -1)
    write_whole(path, gif_bytes(frames.movedim(1, -1).contiguous().numpy(), SECONDS / FRAMES))


def picture(mesh: Mesh, framed_as: Mesh) -> Float[Tensor, "C H W"]:
    """The mesh from ahead, to one side and above, at the scale of another."""
    camera = camera_rig("ring", count=16, size=PIXELS, elevation_rad=math.radians(22))[13]
    return render_views(_framed(mesh, framed_as), camera, shading="flat", background=1.0)[0].expand(3, -1, -1)


def write_page(
    deformer: Deformer,
    mesh: Mesh,
    family: str,
    path: Path,
    *,
    rows: Sequence[Mapping[str, object]],
    warnings: Sequence[str] = (),
    pictures: Sequence[tuple[Path, str]] = (),
) -> list[str]:
    """A page with the mesh and a slider for each attribute of its family.

    The flow is linear in the amounts, so a slider shows exactly what `deform` gives.

    Args:
        rows: of the table at its head.
        warnings: shown above the mesh.
        pictures: shown below it, with captions.

    Returns:
        The attributes that have a slider: as many as fit.
    """
    every = deformer.attributes(family)
    names = every[: max(1, LARGEST // (8 * max(len(mesh.verts), 1)))]
    motions = deformer.motions(mesh, family, names)
    moving = [
        (name, motion) for name, motion in zip(names, motions, strict=True) if float(motion.norm(dim=1).max()) > 0
    ]
    report = Report(f"Deformation of {mesh.name or 'a mesh'}")
    for warning in warnings:
        report.warning(warning)
    report.table(list(rows))
    sliders = [Motion(name, motion, -AMOUNT, AMOUNT) for name, motion in moving]
    report.raw(mesh_viewer_html(mesh, up=torch.tensor([0.0, 0.0, 1.0]), motions=sliders))
    report.text(
        "Every slider is an amount: +0.4 makes a length 40 % longer, or adds 0.4 to a slope. The motion is linear in "
        "the amounts, and motions add up, so what the sliders show is what geolearn deform writes."
    )
    if len(names) < len(every):
        report.text(f"{len(names)} of {len(every)} attributes have a slider: the mesh is too large for more.")
    for place, caption in pictures:
        report.picture(place, caption)
    report.write(path)
    return [name for name, _ in moving]


def _framed(mesh: Mesh, as_other: Mesh) -> Mesh:
    """Scaled and moved so that the other mesh would fill the unit cube, with room to grow."""
    low, high = as_other.bounds
    scale = 0.8 / (high - low).max().clamp(min=1e-30)
    return replace(mesh, verts=(mesh.verts - (low + high) / 2) * scale)
