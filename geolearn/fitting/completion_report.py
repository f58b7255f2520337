"""Everything that is written about a completion: meshes, grids, a picture before and after, a record, and one page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from geolearn.fitting.completion import Completion
from geolearn.io import save_voxels
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.io.upright import save_upright
from geolearn.ops.isosurface import voxel_surface
from geolearn.render import camera_rig, render_views
from geolearn.render.sheets import contact_sheet
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json
from geolearn.reports.mesh_viewer import mesh_viewer_html
from geolearn.reports.page import Report
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Tensor

FORMATS = ("glb", "obj", "ply")
VIEWS = 4  # around the shape, in the picture before and after


def write_completion(
    completion: Completion, classes: Sequence[str], folder: Path, settings: dict[str, Any], *, title: str = "Completion"
) -> dict[str, Any]:
    """Write mesh.glb, .obj, .ply (where there is a surface), observed.npz, probabilities.npz, before_after.png,
    result.json and report.html.

    Args:
        classes: names, in the order of the posterior.
        settings: for the record.

    Returns:
        The record that is in result.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if len(completion.mesh.faces):
        for name in FORMATS:
            save_upright(completion.mesh, folder / f"mesh.{name}")
    save_voxels(completion.observed, folder / "observed.npz")
    save_voxels(completion.probabilities, folder / "probabilities.npz")
    sheet = before_after_sheet(completion)
    write_whole(folder / "before_after.png", png_bytes(sheet.movedim(0, -1).numpy()))
    observed = completion.observed.values
    record = {
        "cells": {
            "surface": int((observed == 1).sum()),
            "free": int((observed == 0).sum()),
            "unknown": int((observed == 0.5).sum()),
            "occupied": int((completion.probabilities.values > completion.level).sum()),
        },
        "level": completion.level,
        "posterior": None
        if completion.posterior is None
        else dict(zip(classes, completion.posterior.tolist(), strict=True)),
        "faces": len(completion.mesh.faces),
        "settings": settings,
        "environment": describe_environment(),
    }
    write_json(folder / "result.json", record)
    _write_page(completion, record, folder, title)
    return record


def before_after_sheet(completion: Completion, size: int = 192) -> Float[Tensor, "1 H W"]:
    """Above, the surface that was seen; below, the completed shape; from four sides."""
    observed = completion.observed
    seen = VoxelGrid(observed.values == 1, observed.origin, observed.voxel_size)
    rows = [_pictures(voxel_surface(seen), observed, size), _pictures(completion.mesh, observed, size)]
    return contact_sheet(torch.cat(rows), columns=VIEWS)


def rank_classes(record: dict[str, Any], count: int = 3) -> list[tuple[str, float]]:
    """The likeliest classes of a record and their probabilities; none where the network knows no classes."""
    posterior = record["posterior"] or {}
    return sorted(posterior.items(), key=lambda pair: -pair[1])[:count]


def _pictures(mesh: Mesh, frame: VoxelGrid, size: int) -> Float[Tensor, "V 1 H W"]:
    """From around the frame, moved to the unit cube; a plain picture where there is no surface."""
    cameras = camera_rig("ring", size=size, count=VIEWS)
    if not len(mesh.faces):
        return torch.ones(VIEWS, 1, size, size)
    side = frame.resolution * frame.voxel_size
    verts = (mesh.verts - frame.origin) / side - 0.5
    return render_views(Mesh(verts, mesh.faces), cameras, shading="flat", ambient=0.2, diffuse=0.7, background=1.0)


def _write_page(completion: Completion, record: dict[str, Any], folder: Path, title: str) -> None:
    page = Report(title)
    if not len(completion.mesh.faces):
        page.warning("Nothing is occupied: the observation shows free space alone, or the network adds nothing to it.")
    else:
        page.raw(mesh_viewer_html(completion.mesh, up=torch.tensor([0.0, 0.0, 1.0])))
    page.picture(folder / "before_after.png", "Above: the surface that was seen. Below: the completed shape")
    likeliest = [{"class": name, "probability %": round(100 * share, 1)} for name, share in rank_classes(record, 10)]
    if likeliest:
        page.heading("What it is")
        page.table(likeliest)
    page.heading("Cells")
    page.table([{"cells": name, "number": number} for name, number in record["cells"].items()])
    page.heading("Settings")
    page.code(json.dumps({name: record[name] for name in ("level", "settings", "environment")}, indent=2))
    page.write(folder / "report.html")
