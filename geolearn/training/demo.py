"""The demo: every family that is there, on procedural shapes, ending in one table and one page."""

import json
from pathlib import Path
from typing import Any

import torch

from geolearn.data import RenderViews, ShapeDataset
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.render.sheets import contact_sheet
from geolearn.structures import Mesh
from geolearn.training.experiments import evaluate, make_run
from geolearn.training.plots import plot_meshes
from geolearn.training.report import Report, evaluation_report
from geolearn.training.runs import train


def run_demo(folder: Path, *, epochs: int) -> tuple[list[dict[str, Any]], Path]:
    """Train and test VoxNet on the procedural shapes; returns the table and the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    run = make_run("voxnet", "procedural", "turned", epochs=epochs)
    run_folder = folder / "voxnet"
    if not (run_folder / "result.json").is_file():
        train(run, run_folder, resume=(run_folder / "config.json").is_file())
    report, predictions = evaluate(run_folder, "procedural", progress=True)
    evaluation_report(report, run_folder / "evaluation")
    trained = json.loads((run_folder / "result.json").read_text(encoding="utf-8"))

    dataset = ShapeDataset("procedural", "test")
    said = predictions.scores.argmax(1).tolist()
    shown = [
        next(i for i, label in enumerate(dataset.labels.tolist()) if label == k) for k in range(len(dataset.classes))
    ]
    meshes: list[tuple[Mesh, str]] = []
    for i in shown:
        sample = dataset[i]
        truth, guess = dataset.classes[sample.label], dataset.classes[said[i]]
        meshes.append((sample.data, truth if truth == guess else f"{truth}, taken for {guess}"))
    plot_meshes(meshes, folder / "shapes.png")
    look = RenderViews("mvcnn12", 72, fit="sphere")
    sheet = contact_sheet(torch.cat([look(mesh) for mesh, _ in meshes]), len(look.cameras()), background=0.4)
    write_whole(folder / "views.png", png_bytes(sheet.movedim(0, -1).numpy()))

    rows = [
        {
            "family": "voxel network",
            "model": f"voxnet ({trained['parameters']:,} parameters)",
            "figure": "class accuracy %",
            "value": report["class_accuracy"],
            "test shapes": report["num_samples"],
            "seconds": round(trained["seconds"]),
        }
    ]
    page = Report("geolearn demo")
    page.text("Procedural shapes, voxelized at 32^3; every figure is on shapes that training never saw.")
    page.table(rows)
    page.picture(folder / "shapes.png", "One test shape of every class, coloured by part, and what the network said")
    page.picture(folder / "views.png", "The same shapes from the 12 cameras of a multi-view network")
    page.picture(run_folder / "curves.png", "Training")
    page.picture(run_folder / "evaluation" / "confusion.png", "Confusion: rows are true classes, columns predictions")
    page.write(folder / "report.html")
    return rows, folder / "report.html"
