"""Fit five known meshes from 20 rendered views of 256 px: with normals, and from silhouettes alone.

    python benchmarks/accuracy/fit_meshes.py [--data ../shared/data] [--output out/fit_meshes] [--write]

Views are spread evenly over the sphere (`camera_rig("sphere", count=20)`); masks are drawn at 4 x 4 samples per pixel
and averaged, as a camera's would be. The first and the last view look straight down and up. `fit_mesh` runs with its
defaults; its seconds hold everything but the compilation of kernels. F-score, precision and recall are those of 100,000
points of each surface at 1 % of the diagonal of the reference's box (seed 0); chamfer is the mean distance both ways,
as a percentage of the diagonal.

What is finished in --output is not done again, and an interrupted fit goes on from its checkpoint.
"""

import argparse
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import torch

from geolearn.fitting import Phase, Step, fit_mesh, surface_agreement
from geolearn.fitting.run import CHECKPOINT, FitSettings, run_fit
from geolearn.io import load_mesh
from geolearn.render import camera_rig, render_views
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh, Views

ROOT = Path(__file__).resolve().parents[2]
MESHES = ("spot", "bunny", "teapot", "fandisk", "armadillo")
FILES = {"bunny": "stanford-bunny"}
KINDS = ("normals", "none")
SIZE, VIEWS, SAMPLES = 256, 20, 4


def views_of(shape: Mesh) -> Views:
    cameras = camera_rig("sphere", count=VIEWS, size=SIZE)
    masks = render_views(shape, cameras, SIZE * SAMPLES, "silhouette")
    masks = torch.nn.functional.avg_pool2d(masks, SAMPLES)[:, 0]
    return Views(render_views(shape, cameras, shading="normals"), cameras, masks)


def fitted(shape: Mesh, name: str, kind: str, folder: Path) -> dict[str, Any]:
    """A row of the table; taken from the folder if it is finished there."""
    result = folder / "result.json"
    record = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else None
    if record is None or record["steps"] < record["planned_steps"]:
        record = run_fit(
            views_of(shape), folder, FitSettings(images=kind, colours=False), title=f"{name}, {kind}",
            resume=(folder / CHECKPOINT).is_file(), progress=show,
        )  # fmt: skip
    mesh = load_mesh(folder / "mesh.ply")
    agreement = surface_agreement(mesh, shape, generator=torch.Generator().manual_seed(0))
    figures = record["metrics"]
    return {
        "mesh": name,
        "from": "normals and silhouettes" if kind == "normals" else "silhouettes",
        "F-score": agreement["f_score"],
        "precision": agreement["precision"],
        "recall": agreement["recall"],
        "chamfer %": 100 * agreement["chamfer"],
        "IoU": figures["iou"],
        "folded or degenerate %": 100 * (figures["folded"] + figures["degenerate"]),
        "watertight": bool(figures["watertight"]),
        "faces": int(figures["faces"]),
        "seconds": figures["seconds"],
        "converged": record["converged"],
    }


def show(step: Step) -> None:
    if step.number % 50 == 0 or step.number + 1 == step.total:
        line = f"step {step.number + 1}/{step.total}  loss {step.loss:.5f}  IoU {step.iou:.3f}  {step.seconds:.0f} s"
        print(line, file=sys.stderr, flush=True)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    fine = {name: f"{row[name]:.4f}" for name in ("F-score", "precision", "recall", "IoU")}
    fine |= {name: f"{row[name]:.3f}" for name in ("chamfer %", "folded or degenerate %")}
    fine |= {name: "yes" if row[name] else "no" for name in ("watertight", "converged")}
    return {name: fine.get(name, value) for name, value in row.items()} | {"seconds": round(row["seconds"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=Path("out/fit_meshes"))
    parser.add_argument("--meshes", default=",".join(MESHES), help="comma-separated")
    parser.add_argument("--kinds", default=",".join(KINDS), help="normals, none, or both, comma-separated")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/fit_meshes.json and .md")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(arguments.data / "meshes_and_softras.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        shapes = {
            name: load_mesh(Path(folder) / "meshes" / f"{FILES.get(name, name)}.obj").normalised()
            for name in arguments.meshes.split(",")
        }
    warm = views_of(shapes[arguments.meshes.split(",")[0]])[:4]
    fit_mesh(warm, schedule=[Phase((32, 32), 2, 400, 1, 0.01)])  # the kernels are compiled, once
    for kind in arguments.kinds.split(","):
        for name, shape in shapes.items():
            print(f"{name}, {kind}", file=sys.stderr, flush=True)
            rows.append(fitted(shape, name, kind, arguments.output / f"{name}-{kind}"))
            print(markdown_table([shown(rows[-1])]), flush=True)
    environment = describe_environment()
    text = f"# Five meshes from {VIEWS} views of {SIZE} px\n\n{markdown_table([shown(row) for row in rows])}"
    print(text)
    if arguments.write:
        results = ROOT / "benchmarks" / "results"
        write_json(results / "fit_meshes.json", {"rows": rows, "environment": environment})
        machine = f"\n{environment['processor']}, {arguments.threads} threads, {environment['packages']}\n"
        write_text(results / "fit_meshes.md", text + machine)


if __name__ == "__main__":
    main()
