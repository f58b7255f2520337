"""What `geolearn info models`, `recipes`, `benchmarks`, `datasets` and `weights` show, as rows of equal keys."""

import inspect
from collections.abc import Callable
from typing import Any


def list_models() -> list[dict[str, Any]]:
    """Every model, what it looks at, and the recipes that train it."""
    from geolearn.models import MODELS
    from geolearn.training import RECIPES

    return [
        {
            "model": name,
            "what it is": _first_sentence(MODELS[name]),
            "looks at": MODELS[name].inputs,
            "recipes": ", ".join(recipe.partition("/")[2] for recipe in RECIPES if recipe.partition("/")[0] == name),
        }
        for name in MODELS
    ]


def list_recipes() -> list[dict[str, Any]]:
    """Every recipe, its way of learning and its length."""
    from geolearn.training import RECIPES

    return [
        {
            "model": name.partition("/")[0],
            "recipe": name.partition("/")[2],
            "method": RECIPES[name].method,
            "epochs": RECIPES[name].epochs,
            "batch": RECIPES[name].batch_size,
            "source": RECIPES[name].source,
        }
        for name in RECIPES
    ]


def list_benchmarks() -> list[dict[str, Any]]:
    """Every benchmark, its data and its models."""
    from geolearn.training.benchmark_protocols import benchmark_names, load_benchmark

    found = {name: load_benchmark(name) for name in benchmark_names()}
    return [
        {
            "benchmark": name,
            "dataset": benchmark.dataset,
            "protocol": benchmark.protocol,
            "models": ", ".join(benchmark.models),
            "what it fixes": benchmark.text,
        }
        for name, benchmark in found.items()
    ]


def list_weights() -> list[dict[str, Any]]:
    """All weights that ship, and what they know."""
    from geolearn.models import pretrained_names
    from geolearn.models.weights import load_record

    rows = []
    for name in pretrained_names():
        record = load_record(name)
        classes = record.get("classes", ())
        rows.append(
            {
                "weights": name,
                "model": record["model"],
                "trained on": record.get("data", record.get("subject", "-")),
                "input": record.get("input", "-"),
                "classes": ", ".join(classes) if len(classes) <= 10 else f"{len(classes)}",
            }
        )
    return rows


def list_datasets() -> list[dict[str, Any]]:
    """Every dataset, what it is, and whether it is prepared here."""
    from geolearn.data import list_datasets as rows

    return rows()


LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "models": list_models,
    "recipes": list_recipes,
    "benchmarks": list_benchmarks,
    "datasets": list_datasets,
    "weights": list_weights,
}


def _first_sentence(thing: type) -> str:
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".").partition(": ")[0]
