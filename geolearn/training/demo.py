"""The demo: every family that is there, on procedural shapes, ending in one table and one page."""

import json
from pathlib import Path
from typing import Any

import torch

from geolearn.data import RenderViews, ShapeCollection, ShapeDataset, Store, procedural
from geolearn.fitting import surface_agreement
from geolearn.fitting.run import CHECKPOINT, FitSettings, run_fit
from geolearn.io import load_mesh
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.progress import progress_bar
from geolearn.render import camera_rig, render_views
from geolearn.render.sheets import contact_sheet
from geolearn.reports.mesh_viewer import mesh_viewer_html
from geolearn.reports.page import Report
from geolearn.reports.plots import plot_meshes
from geolearn.structures import Mesh, Views
from geolearn.training.deformation_page import write_sheet
from geolearn.training.deformer import load_deformer
from geolearn.training.methods.class_scores import ClassScores
from geolearn.training.runs import make_run, train
from geolearn.training.testing import evaluate

DATA = "procedural"
FITTED = "chair"  # the first test shape of this class
FIT_VIEWS, FIT_SIZE = 16, 96
LABELLED = 16, 6  # chairs to learn the parts of, and to test on
LABEL_STEPS = "160"
DEFORMED = {"back height": 0.4, "seat width": 0.4, "leg spread": 0.4}
FAMILIES = {"voxel network": ("voxnet", "turned"), "multi-view network": ("mvcnn", "frozen")}


def run_demo(folder: Path, *, epochs: int) -> tuple[list[dict[str, Any]], Path]:
    """Train and test every family on the procedural shapes; returns the table and the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, found = [], []
    for family, (model, recipe) in FAMILIES.items():
        row, predictions = _learn(family, model, recipe, folder / model, epochs)
        rows.append(row)
        found.append(predictions)
    rows.append(_label(folder / "labels"))
    row, fitted = _fit(folder / "fit")
    rows.append(row)
    chair = _first_test_shape()
    write_sheet(load_deformer(), chair, FITTED, DEFORMED, folder / "deformed.png")
    meshes = _plot_shapes(folder / "shapes.png", found[0])
    look = RenderViews("mvcnn12", 72, fit="sphere")
    sheet = contact_sheet(torch.cat([look(mesh) for mesh in meshes]), len(look.cameras()), background=0.4)
    write_whole(folder / "views.png", png_bytes(sheet.movedim(0, -1).numpy()))

    page = Report("geolearn demo")
    page.text("Procedural shapes; every figure is on shapes that training never saw.")
    page.table(rows)
    page.picture(
        folder / "shapes.png",
        "One test shape of every class, coloured by part; what the voxels say",
    )
    page.picture(folder / "views.png", "The same shapes from the 12 cameras of the multi-view network")
    for family, (model, _) in FAMILIES.items():
        page.heading(family)
        page.picture(folder / model / "curves.png", "Training")
        page.picture(folder / model / "evaluation" / "confusion.png", "Rows are true classes, columns predictions")
    page.picture(folder / "mvcnn" / "evaluation" / "saliency.png", "The views and pixels (red) that decided")
    page.picture(folder / "mvcnn" / "evaluation" / "retrieval.png", "A query (left) and the nearest other shapes")
    page.heading("mesh labeling")
    page.text(f"The parts of {LABELLED[1]} chairs, learned from {LABELLED[0]} others:")
    page.picture(folder / "labels" / "evaluation" / "parts.png", "True labels above, predicted ones below")
    page.heading("deformation")
    page.text("A chair that the shipped network moves by named attributes, from -0.4 to +0.4:")
    page.picture(folder / "deformed.png", f"A row each: {', '.join(DEFORMED)}")
    page.heading("shape fitting")
    page.text(f"A {FITTED} from {FIT_VIEWS} pictures of {FIT_SIZE} px of its normals, by their cameras alone:")
    page.raw(mesh_viewer_html(fitted, up=torch.tensor([0.0, 0.0, 1.0])))
    page.picture(folder / "fit" / "before_after.png", "Pictures; the hull of their outlines, where it began; the fit")
    page.write(folder / "report.html")
    return rows, folder / "report.html"


def _learn(family: str, model: str, recipe: str, folder: Path, epochs: int) -> tuple[dict[str, Any], ClassScores]:
    """Train, unless that is done, and test; a row of the table."""
    run = make_run(model, DATA, recipe, epochs=epochs)
    if not (folder / "result.json").is_file():
        train(run, folder, resume=(folder / "config.json").is_file())
    tested = evaluate(folder, DATA, progress=True)
    tested.write_report(folder / "evaluation")
    trained = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    row = {
        "family": family,
        "model": f"{model} ({trained['parameters']:,} parameters)",
        "figure": "class accuracy %",
        "value": tested.record["class_accuracy"],
        "test shapes": tested.outcome.samples,
        "seconds": round(trained["seconds"]),
    }
    return row, tested.outcome.predictions


def _label(folder: Path) -> dict[str, Any]:
    """Learn the parts of chairs, unless that is done, and test; a row of the table."""
    learned, tested = LABELLED
    shapes = [procedural.make_shape("chair", seed=seed, azimuth_rad=float(seed)) for seed in range(sum(LABELLED))]
    splits = {"train": shapes[:learned], "test": shapes[learned:]}
    chairs = ShapeCollection(
        {
            split: Store.of_shapes(
                [shape.mesh for shape in part], classes=("chair",), parts={"chair": shapes[0].part_names}
            )
            for split, part in splits.items()
        },
        "procedural chairs",
    )
    run = make_run("surfacelabelnet", chairs.name, "best", changes={"steps": LABEL_STEPS}, validation=0.0)
    if not (folder / "result.json").is_file():
        train(run, folder, data=chairs, resume=(folder / "config.json").is_file())
    found = evaluate(folder, chairs, progress=True)
    found.write_report(folder / "evaluation")
    trained = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {
        "family": "mesh labeling",
        "model": f"surfacelabelnet ({trained['parameters']:,} parameters)",
        "figure": "surface labelled right %",
        "value": found.outcome.figures["area_accuracy"],
        "test shapes": tested,
        "seconds": round(trained["seconds"]),
    }


def _first_test_shape() -> Mesh:
    """The first of the class that is fitted and deformed."""
    dataset = ShapeDataset(DATA, "test")
    return dataset[dataset.labels.tolist().index(dataset.classes.index(FITTED))].data.normalised()


def _fit(folder: Path) -> tuple[dict[str, Any], Mesh]:
    """Fit a test shape to pictures of it, unless that is done; a row of the table, and the mesh."""
    shape = _first_test_shape()
    result = folder / "result.json"
    record = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else None
    if record is None or record["steps"] < record["planned_steps"]:
        cameras = camera_rig("sphere", count=FIT_VIEWS, size=FIT_SIZE)
        masks = render_views(shape, cameras, 4 * FIT_SIZE, "silhouette")
        masks = torch.nn.functional.avg_pool2d(masks, 4)[:, 0]
        views = Views(render_views(shape, cameras, shading="normals"), cameras, masks)
        going_on = (folder / CHECKPOINT).is_file()
        with progress_bar(f"fitting a {FITTED}") as bar:
            record = run_fit(
                views, folder, FitSettings(), title=f"Fit of a {FITTED}", resume=going_on,
                progress=lambda step: bar.update(step.number + 1, step.total, f"IoU {step.iou:.3f}"),
            )  # fmt: skip
    mesh = load_mesh(folder / "mesh.ply")
    agreement = surface_agreement(mesh, shape, generator=torch.Generator().manual_seed(0))
    row = {
        "family": "shape fitting",
        "model": f"fit_mesh ({int(record['metrics']['faces']):,} faces)",
        "figure": "F-score at 1 % of the diagonal, %",
        "value": 100 * agreement["f_score"],
        "test shapes": 1,
        "seconds": round(record["metrics"]["seconds"]),
    }
    return row, mesh


def _plot_shapes(path: Path, predictions: ClassScores) -> list[Mesh]:
    """Draw one test shape of every class, captioned by its predicted class; returns the shapes."""
    dataset = ShapeDataset(DATA, "test")
    labels, predicted = dataset.labels.tolist(), predictions.scores.argmax(1).tolist()
    captioned: list[tuple[Mesh, str]] = []
    for i in (labels.index(k) for k in range(len(dataset.classes))):
        sample = dataset[i]
        truth, guess = dataset.classes[sample.target], dataset.classes[predicted[i]]
        captioned.append((sample.data, truth if truth == guess else f"{truth}, taken for {guess}"))
    plot_meshes(captioned, path)
    return [mesh for mesh, _ in captioned]
