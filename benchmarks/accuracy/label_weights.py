"""Make the weights that ship for `geolearn label`, and a picture of what they say.

    geolearn benchmark labeled_psb --models surfacelabelnet --seeds 0
    python benchmarks/accuracy/label_weights.py

Takes the runs of that benchmark: of every category whose test meshes are at least `--least` % right, the weights in
half precision. The picture has a test mesh of each of six categories, the one whose accuracy is the median.
"""

import argparse
import json
from pathlib import Path

from geolearn.models import load_model, save_model
from geolearn.models.weights import SHIPPED
from geolearn.reports.page import markdown_table
from geolearn.training.methods.face_sheets import draw_labelled
from geolearn.training.testing import evaluate

SHOWN = ("airplane", "human", "chair", "hand", "fourleg", "octopus")
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--picture", type=Path, default=ROOT / "results" / "labeled_psb.png")
    arguments = parser.parse_args()
    runs = {
        path.name.split("-")[1]: path for path in sorted(arguments.runs.glob("labeled_psb-*-surfacelabelnet-best-*-0"))
    }
    rows = []
    for category, folder in runs.items():
        accuracy = json.loads((folder / "evaluation" / "result.json").read_text(encoding="utf-8"))["area_accuracy"]
        path = arguments.output / f"psb-{category}.safetensors"
        if accuracy >= arguments.least:
            net, record = load_model(folder / "model.safetensors")
            notes = {key: value for key, value in record.items() if key not in ("model", "config")}
            save_model(net, path, half=True, **notes)
        size = f"{path.stat().st_size / 1e6:.2f}" if accuracy >= arguments.least else "none"
        rows.append({"category": category, "surface right %": f"{accuracy:.2f}", "MB": size})
    print(markdown_table(rows))
    draw_median_meshes({name: runs[name] for name in SHOWN}, arguments.picture)


def draw_median_meshes(runs: dict[str, Path], path: Path) -> None:
    meshes, predicted, accuracies = [], [], []
    for folder in runs.values():
        tested = evaluate(folder, "labeled_psb")
        rows = tested.outcome.tables["per_shape"]
        number = sorted(range(len(rows)), key=lambda n: rows[n]["area_accuracy"])[len(rows) // 2]
        packed = tested.trained.method.load(tested.data, "test")
        meshes.append(packed.mesh(number))
        predicted.append(tested.outcome.predictions[number])
        accuracies.append(rows[number]["area_accuracy"])
    draw_labelled(meshes, predicted, accuracies, (), path)


if __name__ == "__main__":
    main()
