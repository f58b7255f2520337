"""Train by name, and evaluate trained weights by name: what the command line and the benchmarks call."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from geolearn._optional import require
from geolearn.data import ShapeDataset
from geolearn.models import find_weights, load_model
from geolearn.models.weights import PretrainedModel
from geolearn.training.evaluation import Predictions, classification_report, predict
from geolearn.training.families import TestSet, find_family
from geolearn.training.recipes import find_recipe
from geolearn.training.retrieval import MahalanobisMetric, precision_recall, retrieval_map
from geolearn.training.runs import Run
from geolearn.typing import PathLike, Tensor


def make_run(model: str, data: str, recipe: str, *, epochs: int | None = None, **settings: Any) -> Run:
    """A `Run` from names; `epochs` overrides the recipe's, and the recipe's name then says so."""
    chosen = find_recipe(model, recipe)
    if epochs is not None and epochs != chosen.epochs:
        chosen, recipe = replace(chosen, epochs=epochs), f"{recipe} ({epochs} epochs)"
    return Run(model=model, data=data, recipe_name=recipe, recipe=chosen, **settings)


def evaluate(
    run_or_weights: PathLike,
    data: str,
    *,
    split: str = "test",
    view_counts: Sequence[int] = (),
    retrieval: bool = False,
    progress: bool = False,
) -> tuple[dict[str, Any], Predictions]:
    """Test weights, voting as their recipe says; every sample of the split counts.

    Where the dataset knows test shapes that also occur in training, the report adds the figures without them.

    Args:
        view_counts: also test a multi-view network with so many views of every shape (`by_views` in the report).
        retrieval: learn a metric from the training split's descriptors (those of the first vote, with all views) and
            report the retrieval it gives as well.

    Returns:
        the report (see `classification_report`, plus retrieval mAP and the protocol), and the predictions.
    """
    model, record = load_model(find_weights(run_or_weights))
    predictions, tested = _predict(model, record, data, split, None, progress)
    report = {
        "model": record["model"],
        "weights": Path(run_or_weights).name,
        "data": data,
        "split": split,
        "protocol": f"full {split} split, {tested.voting}",
        **classification_report(predictions, tested.split.classes),
        "retrieval_map": retrieval_map(predictions.features, predictions.labels),
    }
    repeated = {entry["key"] for entry in ShapeDataset(data, split).facts.get("duplicates", ())}
    if split == "test" and repeated:
        keep = [i for i, key in enumerate(predictions.keys) if key not in repeated]
        rest = classification_report(predictions.select(keep), tested.split.classes)
        report["without_duplicates"] = {
            name: rest[name] for name in ("class_accuracy", "instance_accuracy", "num_samples")
        }
    metric = None
    if retrieval:
        train, _ = _predict(model, record, data, "trainval", None, progress, votes=1)
        metric = MahalanobisMetric.fit(train.features, train.labels)
        report["retrieval_map_metric"] = retrieval_map(metric(predictions.features), predictions.labels)
        report["precision_recall"] = {
            name: [values.tolist() for values in precision_recall(features, predictions.labels)]
            for name, features in (("descriptor", predictions.features), ("metric", metric(predictions.features)))
        }
    if view_counts:
        report["by_views"] = []
    for count in view_counts:
        some = predictions
        if count != tested.views:
            some, _ = _predict(model, record, data, split, count, progress)
        figures = classification_report(some, tested.split.classes)
        row = {"views": count, **{name: figures[name] for name in ("class_accuracy", "instance_accuracy")}}
        row["retrieval_map"] = retrieval_map(some.features, some.labels)
        if metric:
            row["retrieval_map_metric"] = retrieval_map(metric(some.features), some.labels)
        report["by_views"].append(row)
    return report, predictions


def _predict(
    model: PretrainedModel,
    record: dict[str, Any],
    data: str,
    split: str,
    views: int | None,
    progress: bool,
    votes: int | None = None,
) -> tuple[Predictions, TestSet]:
    """What the model says of a split by its own votes, or by the first `votes` of them."""
    tested: TestSet = find_family(record["model"]).test_set(data, split, record, views, model)
    asked: Iterable[Callable[[slice], Tensor]] = tested.votes[:votes]
    if progress:
        asked = require("rich.progress", extra="train").track(asked, f"{split}: {tested.voting}", transient=True)
    labels, keys = tested.split.labels, tested.split.keys
    return predict(model, asked, labels, keys, batch_size=tested.batch_size, start=tested.start), tested
