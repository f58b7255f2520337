"""Benchmarks: models x seeds by a fixed protocol, and the table beside the published numbers."""

import dataclasses
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geolearn.errors import CheckpointError, InvalidInputError
from geolearn.registry import Registry
from geolearn.training.environment import describe_environment
from geolearn.training.experiments import evaluate, make_run
from geolearn.training.files import write_json, write_text
from geolearn.training.report import Report, evaluation_report, markdown_table
from geolearn.training.runs import train


@dataclass(frozen=True)
class Published:
    """A number from the literature that a result stands beside."""

    model: str
    source: str
    class_accuracy: float | None = None
    instance_accuracy: float | None = None
    retrieval_map: float | None = None


@dataclass(frozen=True)
class Protocol:
    """What every entry of a benchmark has in common."""

    dataset: str
    text: str
    models: tuple[str, ...]
    published: tuple[Published, ...]
    recipe: str = "best"


BENCHMARKS: Registry[Protocol] = Registry("benchmark")

BENCHMARKS.register("modelnet10_voxels")(
    Protocol(
        dataset="modelnet10_voxels",
        text="official 3991/908 split; validation (10 % of every class) out of training; the test split is read once, "
        "after training; all 908 test items count, the empty one too",
        models=("voxnet", "voxresnet"),
        published=(
            Published("VoxNet", "Maturana & Scherer, IROS 2015, table IV", class_accuracy=92.0),
            Published("3D ShapeNets", "Wu et al., CVPR 2015 (unverified)", class_accuracy=83.5, retrieval_map=68.3),
            Published("VRN, single network", "Brock et al., 2016 (averaging not stated)", class_accuracy=93.61),
            Published("ORION", "Sedaghat et al., BMVC 2017 (averaging not stated)", class_accuracy=93.8),
        ),
    )
)
_MVCNN = "Su et al., ICCV 2015, table 1, ModelNet40 (80 and 20 shapes per class)"
_MULTI_VIEW = (
    Published("MVCNN, 12 views", _MVCNN, class_accuracy=89.9, retrieval_map=70.1),
    Published("MVCNN, 12 views, learned metric", _MVCNN, class_accuracy=89.5, retrieval_map=80.2),
)
BENCHMARKS.register("modelnet10_views")(
    Protocol(
        dataset="modelnet10_views",
        text="the set's own 800/200 split of 12 ready views of 112 px; validation (10 % of every class) out of "
        "training; the test split is read once, after training",
        models=("mvcnn",),
        published=(
            *_MULTI_VIEW,
            Published("baseline of the course the set was made for", "on this split", instance_accuracy=80.0),
        ),
    )
)
BENCHMARKS.register("shrec11_views")(
    Protocol(
        dataset="shrec11",
        text="30 classes, 480/120 shapes, 12 own views; validation (10 % of every class) out of training; the test "
        "split is read once, after training",
        models=("mvcnn",),
        published=_MULTI_VIEW,
    )
)
BENCHMARKS.register("procedural")(
    Protocol(
        dataset="procedural",
        text="built-in procedural shapes, default counts and seed",
        models=("voxnet", "voxresnet"),
        published=(),
        recipe="turned",
    )
)


def run_benchmark(
    name: str,
    *,
    models: Sequence[str] | None,
    seeds: Sequence[int],
    recipe: str | None = None,
    runs: Path,
    output: Path,
    epochs: int | None = None,
    precision: str = "32-true",
) -> list[dict[str, Any]]:
    """Train and test every model with every seed, write `output/name.{json,md,html}`; returns the table's rows.

    A seed whose run folder holds a finished run of the same recipe is not trained again.
    """
    protocol = BENCHMARKS[name]
    recipe = recipe or protocol.recipe
    if not seeds or len(set(seeds)) != len(seeds):
        raise InvalidInputError(f"seeds: expected different seeds, at least one, got {list(seeds)}")
    entries = []
    for model in models or protocol.models:
        per_seed = []
        for seed in seeds:
            run = make_run(model, protocol.dataset, recipe, epochs=epochs, seed=seed, precision=precision)
            folder = runs / f"{name}-{model}-{recipe}-{run.recipe.epochs}ep-{seed}"
            per_seed.append(_one_seed(run, folder))
        entries.append(
            {
                "model": model,
                "recipe": {"name": run.recipe_name, **dataclasses.asdict(run.recipe)},
                "precision": precision,
                "metrics": _summary(per_seed),
                "per_seed": per_seed,
            }
        )
    result = {
        "benchmark": name,
        "dataset": protocol.dataset,
        "protocol": protocol.text,
        "command": "geolearn " + " ".join(sys.argv[1:]),
        "results": entries,
        "published": [dataclasses.asdict(published) for published in protocol.published],
        "environment": describe_environment(),
    }
    rows = _rows(entries, protocol)
    write_json(output / f"{name}.json", result)
    write_text(
        output / f"{name}.md",
        f"# {name}\n\n{protocol.text}.\n\n{markdown_table(rows)}\nMade by `{result['command']}`.\n",
    )
    page = Report(f"Benchmark {name}")
    page.text(protocol.text)
    page.table(rows)
    page.code(result["command"])
    page.code(json.dumps(result["environment"], indent=2))
    page.write(output / f"{name}.html")
    return rows


def _one_seed(run: Any, folder: Path) -> dict[str, Any]:
    """The figures of one run: trained unless finished, tested once after training."""
    tested = folder / "evaluation" / "result.json"
    if not (folder / "result.json").is_file():
        train(run, folder, resume=(folder / "config.json").is_file())
    elif json.loads((folder / "config.json").read_text(encoding="utf-8")) != json.loads(
        json.dumps(dataclasses.asdict(run))
    ):
        raise CheckpointError(
            f"{folder} holds a finished run of another configuration; remove it or give another --runs"
        )
    if not tested.is_file():
        report, _ = evaluate(folder, run.data)
        evaluation_report(report, folder / "evaluation")
    trained = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    report = json.loads(tested.read_text(encoding="utf-8"))
    figures = {
        "seed": run.seed,
        "class_accuracy": report["class_accuracy"],
        "instance_accuracy": report["instance_accuracy"],
        "retrieval_map": report["retrieval_map"],
        "num_samples": report["num_samples"],
        "validation_class_accuracy": 100 * trained["validation"].get("val_class_accuracy", float("nan")),
        "training_seconds": trained["seconds"],
        "parameters": trained["parameters"],
    }
    if rest := report.get("without_duplicates"):
        figures["class_accuracy_without_duplicates"] = rest["class_accuracy"]
        figures["instance_accuracy_without_duplicates"] = rest["instance_accuracy"]
        figures["num_samples_without_duplicates"] = rest["num_samples"]
    return figures


def _summary(per_seed: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation over seeds of every accuracy."""
    names = [name for name in per_seed[0] if "accuracy" in name or name in ("retrieval_map", "training_seconds")]
    return {
        name: {
            "mean": statistics.fmean(figures[name] for figures in per_seed),
            "std": statistics.stdev([figures[name] for figures in per_seed]) if len(per_seed) > 1 else 0.0,
        }
        for name in names
    }


def _rows(entries: Sequence[dict[str, Any]], protocol: Protocol) -> list[dict[str, Any]]:
    columns = {
        "class acc. %": "class_accuracy",
        "without duplicates %": "class_accuracy_without_duplicates",
        "instance acc. %": "instance_accuracy",
        "retrieval mAP %": "retrieval_map",
    }
    rows: list[dict[str, Any]] = []
    for entry in entries:
        metrics = entry["metrics"]
        row: dict[str, Any] = {
            "model": f"**{entry['model']}** ({entry['recipe']['name']}, {len(entry['per_seed'])} seeds)"
        }
        for column, name in columns.items():
            value = metrics.get(name)
            row[column] = f"{value['mean']:.2f} ± {value['std']:.2f}" if value else None
        rows.append({**row, "source": "this command"})
    for published in protocol.published:
        row: dict[str, Any] = {"model": published.model}
        for column, name in columns.items():
            row[column] = getattr(published, name, None)
        rows.append({**row, "source": published.source})
    return rows
