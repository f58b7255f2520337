"""What each choice in the recipe of a multi-view network brings, measured on training shapes that are held out.

    python benchmarks/accuracy/mvcnn_recipe.py [--data shrec11 --recipe turned] [--variants "the recipe"] [--folds 0,3]

Trains the recipe, and the recipe with one choice changed, on three quarters of the training split, and tests on the
fourth. The quarters are blocks of every class in the order of the split: neighbours there often look alike, and
a random quarter would flatter. The test split is not read. Finished trainings are kept in --runs, so the command can be
interrupted and given again. Writes benchmarks/results/mvcnn_recipe_DATA.{json,md}.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from geolearn.data import PackedViews, ViewAugment
from geolearn.models import MVCNN, load_model
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.evaluation import Predictions, classification_report, predict
from geolearn.training.experiments import make_run
from geolearn.training.recipes import ViewRecipe
from geolearn.training.retrieval import MahalanobisMetric, retrieval_map
from geolearn.training.runs import Run, train
from geolearn.training.view_data import (
    StoredMirror,
    ViewData,
    keep_activations,
    load_views_split,
    voting_activations,
)

FOLDS = 4


def variants(recipe: ViewRecipe) -> dict[str, ViewRecipe]:
    model = recipe.model
    return {
        "the recipe": recipe,
        "blocks 4 to 6 trained": replace(recipe, freeze="blocks.3"),
        "single views, mean of descriptors": replace(
            recipe, single_view_epochs=recipe.epochs, model={**model, "pooling": "mean"}
        ),
        "mean pooling": replace(recipe, model={**model, "pooling": "mean"}),
        "attention pooling": replace(recipe, model={**model, "pooling": "attention"}),
        "pooled after the last convolution": replace(recipe, model={**model, "pool_at": "conv"}),
        "the smaller backbone": replace(
            recipe, model={**model, "backbone": "tf_efficientnet_lite0", "image_size": None}
        ),
        "three times as long": replace(recipe, epochs=3 * recipe.epochs),
        "a third as long": replace(recipe, epochs=recipe.epochs // 3),
        "half the learning rate": replace(recipe, learning_rate=recipe.learning_rate / 2),
        "twice the learning rate": replace(recipe, learning_rate=recipe.learning_rate * 2),
        "three views at once": replace(recipe, augment=replace(recipe.augment, views=3)),
        "all views at once": replace(recipe, augment=replace(recipe.augment, views=None)),
    }


def blocks(labels: torch.Tensor, fold: int) -> torch.Tensor:
    """(N,): True for the samples of a fold, a block of each class."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for k in labels.unique():
        of_class = (labels == k).nonzero()[:, 0]
        held[of_class[torch.arange(len(of_class)) * FOLDS // len(of_class) == fold]] = True
    return held


def measure(run: Run, recipe: ViewRecipe, fold: int, folder: Path) -> dict[str, float]:
    """Figures on the held-out fold."""
    split = load_views_split(run.data, "trainval", rig=recipe.rig, size=recipe.size, fit=recipe.fit, validation=0.0)
    mirror, stage = recipe.augment.mirror, str(recipe.freeze)
    # Frozen stages are the same in every fold, so all folds share what they make of the training split.
    kept = keep_activations(MVCNN(len(split.classes), **recipe.model), split, stage, mirror=mirror)
    held = blocks(kept.labels, fold)
    learned, asked = kept.select((~held).nonzero()[:, 0]), kept.select(held.nonzero()[:, 0])
    if not (folder / "result.json").is_file():
        data = ViewData(learned, None, recipe, seed=run.seed)
        data.kept = True
        data.augment = StoredMirror(views=recipe.augment.views) if mirror else ViewAugment(False, recipe.augment.views)
        train(run, folder, data=data, resume=(folder / "config.json").is_file(), progress=False)
    model, _ = load_model(folder / "model.safetensors")

    def predict_part(part: PackedViews) -> Predictions:
        votes = voting_activations(part, mirror)
        return predict(model, list(votes)[: 1 + recipe.vote_mirror], part.labels, part.keys, start=stage)

    predictions = predict_part(asked)
    trained = predict_part(learned)
    metric = MahalanobisMetric.fit(trained.features, trained.labels)
    return {
        "instance_accuracy": classification_report(predictions, split.classes)["instance_accuracy"],
        "retrieval_map": retrieval_map(predictions.features, predictions.labels),
        "retrieval_map_metric": retrieval_map(metric(predictions.features), predictions.labels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="modelnet10_views")
    parser.add_argument("--recipe", default="best")
    parser.add_argument("--variants", help="comma-separated, such as 'the recipe,mean pooling'; default: all")
    parser.add_argument("--folds", default="0,1,2,3")
    parser.add_argument("--runs", type=Path, default=Path("runs/mvcnn_recipe"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    folds = [int(fold) for fold in arguments.folds.split(",")]
    base = make_run("mvcnn", arguments.data, arguments.recipe).recipe
    chosen = variants(base)  # type: ignore[arg-type]
    if arguments.variants:
        chosen = {name: chosen[name] for name in arguments.variants.split(",")}
    rows: list[dict[str, Any]] = []
    records = []
    for name, recipe in chosen.items():
        figures = []
        for fold in folds:
            run = Run("mvcnn", arguments.data, name, recipe, validation=0.0, accelerator="cpu")
            folder = arguments.runs / f"{arguments.data}-{arguments.recipe}" / f"{name.replace(' ', '-')}-{fold}"
            figures.append(measure(run, recipe, fold, folder))
        records.append({"variant": name, "folds": folds, "figures": figures})
        accuracies = [each["instance_accuracy"] for each in figures]
        rows.append(
            {
                "variant": name,
                "instance acc. %": statistics.fmean(accuracies),
                "by fold": ", ".join(f"{value:.1f}" for value in accuracies),
                "retrieval mAP %": statistics.fmean(each["retrieval_map"] for each in figures),
                "mAP, learned metric %": statistics.fmean(each["retrieval_map_metric"] for each in figures),
            }
        )
        print(markdown_table(rows), flush=True)
    text = (
        f"{arguments.data}, recipe mvcnn/{arguments.recipe}: folds {arguments.folds} of {FOLDS} blocks of the training "
    )
    text += "split held out in turn, seed 0; the test split is not read."
    record = {"protocol": text, "results": records, "environment": describe_environment()}
    name = f"mvcnn_recipe_{arguments.data}"
    write_json(arguments.output / f"{name}.json", record)
    title = f"# MVCNN on {arguments.data}: what each choice brings"
    write_text(arguments.output / f"{name}.md", f"{title}\n\n{text}\n\n{markdown_table(rows)}")


if __name__ == "__main__":
    main()
