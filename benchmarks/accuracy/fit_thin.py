"""Fit shapes with thin parts from 20 silhouettes of 256 px, with edges that follow the thickness and without.

    python benchmarks/accuracy/fit_thin.py [--shapes cage,ring] [--output out/fit_thin] [--write]

A cage of 27 struts, about 10 px wide, a ring of wire of 2 px, and a bicycle with spokes of about 1 px; and of the
procedural shapes a lamp, a shelf, and a chair whose back has spindles. Views and masks are those of fit_meshes.py.
`even` is the same fit with even triangles alone, as if nothing were thin; `start` is the visual hull. IoU is that of
covered areas over all views, F-score that of 100,000 points of each surface at 0.5 % of the diagonal of the reference's
box.

What is finished in --output is not done again.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from fit_meshes import ROOT, SIZE, VIEWS, show, views_of

from geolearn.data import procedural
from geolearn.fitting import Phase, fit_mesh, mesh_start, surface_agreement
from geolearn.fitting.run import FitSettings, run_fit
from geolearn.io import load_mesh
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh

SHAPES = ("cage", "ring", "bicycle", "lamp", "shelf", "chair")
HOOP, SPINDLES = 5, 4  # of a procedural chair's back


def shape_of(name: str) -> Mesh:
    if name == "cage":
        return united([bar(axis, i, j) for axis in range(3) for i in (-0.5, 0, 0.5) for j in (-0.5, 0, 0.5)])
    if name == "ring":
        return Mesh.from_trimesh(trimesh.creation.torus(0.5, 0.008, major_sections=96, minor_sections=12)).normalised()
    if name == "bicycle":
        return bicycle().normalised()
    seeds = range(1000)
    shapes = (procedural.make_shape(name, seed=seed) for seed in seeds)
    if name == "chair":
        shapes = (s for s in shapes if s.parameters["back"] == HOOP and s.parameters["spindles"] >= SPINDLES)
    return next(shapes).mesh.normalised()


def bar(axis: int, i: float, j: float) -> trimesh.Trimesh:
    sides, centre = [0.05] * 3, [i, j]
    sides[axis] = 1.05
    centre.insert(axis, 0.0)
    return trimesh.creation.box(sides, trimesh.transformations.translation_matrix(centre))


def bicycle() -> Mesh:
    """Two wheels of wire with six spokes each, and a frame of tubes between their hubs."""
    hubs = [np.array([x, 0.0, 0.0]) for x in (-0.55, 0.55)]
    parts = []
    for hub in hubs:
        rim = trimesh.creation.torus(0.34, 0.012, major_sections=64, minor_sections=10)
        rim.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
        parts.append(rim.apply_translation(hub))
        angles = np.pi / 3 * np.arange(6) + 0.2
        parts += [tube(hub, hub + 0.34 * np.array([np.cos(a), 0, np.sin(a)]), 0.008) for a in angles]
    crank, saddle, head = np.array([-0.1, 0, -0.05]), np.array([-0.2, 0, 0.38]), np.array([0.35, 0, 0.4])
    for a, b in ((hubs[0], crank), (hubs[0], saddle), (crank, saddle), (crank, head), (saddle, head), (head, hubs[1])):
        parts.append(tube(a, b, 0.016))
    grip = np.array([0, 0.2, 0])
    parts.append(tube(head - grip, head + grip, 0.014))
    parts.append(trimesh.creation.box((0.2, 0.1, 0.04), trimesh.transformations.translation_matrix(saddle)))
    return united(parts)


def tube(a: np.ndarray, b: np.ndarray, radius: float) -> trimesh.Trimesh:
    return trimesh.creation.cylinder(radius, segment=np.stack([a, b]), sections=10)


def united(parts: list[trimesh.Trimesh]) -> Mesh:
    return Mesh.from_trimesh(trimesh.boolean.union(parts, engine="manifold"))


def fitted(shape: Mesh, folder: Path, *, even: bool) -> dict[str, Any]:
    """The record of a fit; taken from the folder if it is finished there."""
    result = folder / "result.json"
    record = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else None
    if record is None or record["steps"] < record["planned_steps"]:
        kept = mesh_start.LOST, mesh_start.NARROW
        if even:
            mesh_start.LOST = mesh_start.NARROW = float("inf")
        try:
            record = run_fit(views_of(shape), folder, FitSettings(images="none", colours=False), progress=show)
        finally:
            mesh_start.LOST, mesh_start.NARROW = kept
    return record


def row_of(name: str, folder: Path, *, ablate: bool) -> dict[str, Any]:
    shape = shape_of(name)
    record = fitted(shape, folder / name, even=False)
    mesh = load_mesh(folder / name / "mesh.ply")
    agreement = surface_agreement(mesh, shape, threshold=0.005, generator=torch.Generator().manual_seed(0))
    figures, start = record["metrics"], record["start_metrics"]
    row = {"shape": name}
    if ablate:
        even = fitted(shape, folder / f"{name}-even", even=True)
        row |= {"even: start %": percent(even["start_metrics"]), "even: end %": percent(even["metrics"])}
    return row | {
        "start %": percent(start),
        "IoU %": percent(figures),
        "worst view %": f"{100 * figures['worst_coverage_iou']:.1f}",
        "F-score": f"{agreement['f_score']:.4f}",
        "folded or degenerate %": f"{100 * (figures['folded'] + figures['degenerate']):.3f}",
        "watertight": "yes" if figures["watertight"] else "no",
        "faces": int(figures["faces"]),
        "seconds": round(figures["seconds"]),
        "converged": "yes" if record["converged"] else "no",
    }


def percent(figures: dict[str, float]) -> str:
    return f"{100 * figures['coverage_iou']:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES), help="comma-separated")
    parser.add_argument("--output", type=Path, default=Path("out/fit_thin"))
    parser.add_argument("--no-even", action="store_true", help="leave the fits by even triangles out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/fit_thin.json and .md")
    parser.add_argument("--note", default="", help="a sentence on the machine, such as what else it did")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    fit_mesh(views_of(shape_of("ring"))[:4], schedule=[Phase((32, 32), 2, 400, 1, 0.01)])  # kernels are compiled, once
    rows = []
    for name in arguments.shapes.split(","):
        print(name, file=sys.stderr, flush=True)
        rows.append(row_of(name, arguments.output, ablate=not arguments.no_even))
        print(markdown_table([rows[-1]]), flush=True)
    environment = describe_environment()
    text = f"# Shapes with thin parts, from {VIEWS} silhouettes of {SIZE} px\n\n{markdown_table(rows)}"
    print(text)
    if arguments.write:
        results = ROOT / "benchmarks" / "results"
        write_json(results / "fit_thin.json", {"rows": rows, "environment": environment})
        machine = f"\n{environment['processor']}, {arguments.threads} threads, {environment['packages']}\n"
        machine += f"\n{arguments.note}\n" if arguments.note else ""
        write_text(results / "fit_thin.md", text + machine)


if __name__ == "__main__":
    main()
