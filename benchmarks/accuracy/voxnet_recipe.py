"""What each ingredient of VoxNet's "best" recipe brings, measured on validation shapes.

    python benchmarks/accuracy/voxnet_recipe.py [--seeds 0,1] [--epochs 20] [--precision 32-true]

Trains the recipe, and the recipe with one ingredient taken out or changed, on 80 % of the training split; tests on the
other 20 % by voting. The test split is not read. Finished trainings are kept in --runs, so the command can be
interrupted and given again. After every variant writes benchmarks/results/voxnet_recipe.{json,md}.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from geolearn.data import NamedCollection
from geolearn.models import load_model
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.methods.voxel_classification import VoxelClassification, VoxelRecipe
from geolearn.training.runs import Run, make_run, train

VALIDATION = 0.2


def variants(recipe: VoxelRecipe) -> dict[str, VoxelRecipe]:
    augment = recipe.augment
    return {
        "the recipe": recipe,
        "no stretching": replace(recipe, augment=replace(augment, scale=0.0)),
        "no shifts": replace(recipe, augment=replace(augment, shift=0)),
        "no mirroring": replace(recipe, vote_mirror=False, augment=replace(augment, mirror=False)),
        "no jitter of the angle": replace(recipe, augment=replace(augment, jitter_rad=0.0)),
        "any angle, 12 voted": replace(recipe, votes=12, augment=replace(augment, rotations=0)),
        "classes weigh by their samples": replace(recipe, class_balance=0.0),
        "no label smoothing": replace(recipe, label_smoothing=0.0),
        "no running average": replace(recipe, ema_decay=0.0),
        "voting over mirror only": replace(recipe, vote_shift=0, vote_scale=0.0),
        "no voting": replace(recipe, vote_mirror=False, vote_shift=0, vote_scale=0.0),
        "half as long": replace(recipe, epochs=recipe.epochs // 2),
    }


def as_trained(recipe: VoxelRecipe) -> VoxelRecipe:
    """The recipe without what is only done at test time: the same for variants that share a training."""
    return replace(recipe, vote_mirror=False, vote_shift=0, vote_scale=0.0)


def measure(run: Run, folder: Path) -> tuple[float, float]:
    """Class and instance accuracy on the validation shapes."""
    if not (folder / "result.json").is_file():
        train(run, folder, resume=(folder / "config.json").is_file())
    model, _ = load_model(folder / "model.safetensors")
    data = NamedCollection(run.data, validation=VALIDATION)
    figures = VoxelClassification(run.recipe, "voxnet").test(model, data, "val").figures  # type: ignore[arg-type]
    return figures["class_accuracy"], figures["instance_accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="modelnet10_voxels")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--precision", default="32-true", help='"bf16-mixed" is faster where the processor has it')
    parser.add_argument("--runs", type=Path, default=Path("runs/voxnet_recipe"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    rows, records = [], []
    trainings: dict[VoxelRecipe, str] = {}
    for name, recipe in variants(make_run("voxnet", arguments.data, "best", epochs=arguments.epochs).recipe).items():
        figures = []
        training = trainings.setdefault(as_trained(recipe), f"{name.replace(' ', '-')}-{recipe.epochs}ep")
        for seed in seeds:
            settings = {"seed": seed, "validation": VALIDATION, "precision": arguments.precision}
            run = Run("voxnet", arguments.data, name, recipe, **settings)
            figures.append(measure(run, arguments.runs / f"{training}-{seed}"))
        by_class, by_instance = zip(*figures, strict=True)
        records.append({"variant": name, "class_accuracy": by_class, "instance_accuracy": by_instance})
        rows.append(
            {
                "variant": name,
                "class acc. %": statistics.fmean(by_class),
                "min to max": f"{min(by_class):.2f} to {max(by_class):.2f}",
                "instance acc. %": statistics.fmean(by_instance),
            }
        )
        write(arguments, rows, records)


def write(arguments: argparse.Namespace, rows: list[dict[str, Any]], records: list[dict[str, Any]]) -> None:
    """The table of what is finished."""
    print(markdown_table(rows), flush=True)
    text = f"{arguments.epochs} epochs, {arguments.precision}, seeds {arguments.seeds}. "
    text += f"{VALIDATION:.0%} of training held out, test not read."
    record = {"protocol": text, "dataset": arguments.data, "results": records, "environment": describe_environment()}
    write_json(arguments.output / "voxnet_recipe.json", record)
    title = "# VoxNet: what each ingredient brings"
    write_text(arguments.output / "voxnet_recipe.md", f"{title}\n\n{text}\n\n{markdown_table(rows)}")


if __name__ == "__main__":
    main()
