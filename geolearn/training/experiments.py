"""Train by name, and evaluate trained weights by name: what the command line and the benchmarks call."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from geolearn._optional import require
from geolearn.data import ShapeDataset
from geolearn.models import load_model
from geolearn.training.evaluation import Predictions, classification_report, predict
from geolearn.training.recipes import find_recipe
from geolearn.training.retrieval import retrieval_map
from geolearn.training.runs import Run
from geolearn.training.voxel_data import load_voxels_split, voting_inputs
from geolearn.typing import PathLike


def make_run(model: str, data: str, recipe: str, *, epochs: int | None = None, **settings: Any) -> Run:
    """A `Run` from names; `epochs` overrides the recipe's, and the recipe's name then says so."""
    chosen = find_recipe(model, recipe)
    if epochs is not None and epochs != chosen.epochs:
        chosen, recipe = replace(chosen, epochs=epochs), f"{recipe} ({epochs} epochs)"
    return Run(model=model, data=data, recipe_name=recipe, recipe=chosen, **settings)


def find_weights(run_or_weights: PathLike) -> PathLike:
    """The weights of a run folder, or the argument itself (a file, or a name that ships with geolearn)."""
    inside = Path(run_or_weights) / "model.safetensors"
    return inside if inside.is_file() else run_or_weights


def evaluate(
    run_or_weights: PathLike, data: str, *, split: str = "test", progress: bool = False
) -> tuple[dict[str, Any], Predictions]:
    """Vote over rotations as the weights' recipe says; every sample of the split counts.

    Where the dataset knows test shapes that also occur in training, the report adds the figures without them.

    Returns:
        the report (see `classification_report`, plus retrieval mAP and the protocol), and the predictions.
    """
    model, record = load_model(find_weights(run_or_weights))
    voxels = load_voxels_split(data, split)
    votes, mirror = record.get("votes", 1), record.get("vote_mirror", False)
    inputs = list(voting_inputs(voxels, votes, mirror))
    if progress:
        inputs = require("rich.progress", extra="train").track(inputs, f"{votes} rotations", transient=True)
    predictions = predict(model, inputs, voxels.labels, voxels.keys)
    report = {
        "model": record["model"],
        "weights": Path(run_or_weights).name,
        "data": data,
        "split": split,
        "protocol": f"full {split} split, {votes} rotations{' x mirror' if mirror else ''} voted",
        **classification_report(predictions, voxels.classes),
        "retrieval_map": retrieval_map(predictions.features, voxels.labels),
    }
    repeated = {entry["key"] for entry in ShapeDataset(data, split).facts.get("duplicates", ())}
    if split == "test" and repeated:
        keep = [i for i, key in enumerate(voxels.keys) if key not in repeated]
        rest = classification_report(predictions.select(keep), voxels.classes)
        report["without_duplicates"] = {
            name: rest[name] for name in ("class_accuracy", "instance_accuracy", "num_samples")
        }
    return report, predictions
