"""Recipes for labels of faces, compared on training meshes that are held out; the test splits are not read.

    python benchmarks/accuracy/labels_recipe.py labeled_psb:airplane/12/0 coseg_aliens:full --models surfacelabelnet
        --set learning_rate=1e-3 --runs runs/recipe

Each training leaves out a quarter of the training meshes and is tested on them, before the graph cut and with every
smoothness of `geolearn.ops.graph_cut.SMOOTHNESS`.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from geolearn.data import NamedCollection
from geolearn.ops.graph_cut import SMOOTHNESS
from geolearn.reports.page import markdown_table
from geolearn.training.methods.face_labeling import FaceLabeling
from geolearn.training.runs import make_run, train
from geolearn.training.testing import load_trained

HELD_OUT = 0.25


def held_out_figures(data: str, protocol: str, model: str, changes: dict[str, str], runs: Path) -> list[dict[str, str]]:
    """Train on three quarters of a training split, test on the rest: a row per smoothness."""
    run = make_run(model, data, "best", changes=changes, validation=HELD_OUT, protocol=protocol)
    told = "".join(f"-{name}={value}" for name, value in changes.items())
    folder = runs / f"{data}-{protocol}-{model}{told}".replace("/", "_")
    if not (folder / "result.json").is_file():
        train(run, folder, resume=True, progress=False)
    trained = load_trained(folder)
    seconds = json.loads((folder / "result.json").read_text())["seconds"]
    collection, rows = NamedCollection(data, protocol, HELD_OUT), []
    for smoothness in SMOOTHNESS:
        method = FaceLabeling(replace(run.recipe, smoothness=smoothness), model)  # type: ignore[arg-type]
        figures = method.test(trained.net, collection, "val").figures
        rows.append(
            {
                "data": f"{data} {protocol}",
                "model": f"{model}{told}",
                "smoothness": f"{smoothness:g}",
                "surface %": f"{figures['area_accuracy']:.2f}",
                "faces %": f"{figures['face_accuracy']:.2f}",
                "training s": f"{seconds:.0f}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="+", help="dataset:protocol")
    parser.add_argument("--models", nargs="+", default=["surfacelabelnet", "meshlabelnet"])
    parser.add_argument("--set", action="append", default=[], help="field=value of the recipe")
    parser.add_argument("--runs", type=Path, default=Path("runs/labels_recipe"))
    options = parser.parse_args()
    changes = dict(each.split("=", 1) for each in options.set)
    for each in options.data:
        data, protocol = each.split(":")
        for model in options.models:
            started = time.perf_counter()
            rows = held_out_figures(data, protocol, model, changes, options.runs)
            print(markdown_table(rows))
            print(f"in all {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
