"""What each family of face features is worth: trainings without it and with it alone.

    python benchmarks/accuracy/labels_ablation.py labeled_psb:chair/12/0 coseg_aliens:full --write

Columns of a family that is left out are 0. Tested on training meshes that were held out; the test splits are not read.
A training that is done is not done again, and one that was interrupted goes on.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geolearn.data import NamedCollection, Packed, PackedFaces
from geolearn.ops.face_features import FEATURE_COLUMNS
from geolearn.progress import track
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.runs import make_run, train
from geolearn.training.testing import load_trained

HELD_OUT = 0.25
RESULTS = Path(__file__).resolve().parents[1] / "results"
WAYS = {
    "all seven": tuple(FEATURE_COLUMNS),
    **{f"without {name}": tuple(other for other in FEATURE_COLUMNS if other != name) for name in FEATURE_COLUMNS},
    **{f"{name} alone": (name,) for name in FEATURE_COLUMNS},
}


@dataclass(frozen=True)
class SomeFamilies(NamedCollection):
    """A dataset whose other families of features are 0."""

    families: tuple[str, ...] = ()

    def packed(self, split: str, representation: Any, target: Any) -> Packed:
        found = super().packed(split, representation, target)
        assert isinstance(found, PackedFaces)
        items = []
        for item in found.items:
            features = item.features.clone()
            for name, columns in FEATURE_COLUMNS.items():
                if name not in self.families:
                    features[:, columns] = 0
            items.append(item._replace(features=features))
        return replace(found, items=tuple(items))


def measure(data: str, protocol: str, way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Accuracies of one training, in percent of the surface, before the graph cut and after it."""
    run = make_run(arguments.model, data, "best", validation=HELD_OUT, protocol=protocol, accelerator="cpu")
    collection = SomeFamilies(data, protocol, HELD_OUT, WAYS[way])
    folder = arguments.runs / f"{data}-{protocol}-{arguments.model}-{way}".replace("/", "_").replace(" ", "_")
    if not (folder / "result.json").is_file():
        train(run, folder, data=collection, resume=True, progress=False)
    found = folder / "measured.json"
    if not found.is_file():
        trained = load_trained(folder)
        figures = trained.method.test(trained.net, collection, "val").figures
        write_json(found, {name: figures[name] for name in ("area_accuracy", "area_accuracy_before_cut")})
    return {"data": f"{data} {protocol}", "features": way, **json.loads(found.read_text(encoding="utf-8"))}


def tabulate(measured: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A row for each way, a column for each dataset and one for their mean; before the graph cut."""
    rows = []
    for way in dict.fromkeys(each["features"] for each in measured):
        values = {each["data"]: each["area_accuracy_before_cut"] for each in measured if each["features"] == way}
        mean = sum(values.values()) / len(values)
        rows.append(
            {"features": way} | {name: f"{value:.2f}" for name, value in values.items()} | {"mean": f"{mean:.2f}"}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="+", help="dataset:protocol")
    parser.add_argument("--model", default="surfacelabelnet")
    parser.add_argument("--runs", type=Path, default=Path("runs/labels_ablation"))
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/labels_ablation.{json,md}")
    arguments = parser.parse_args()
    tasks = [(*each.split(":"), way) for each in arguments.data for way in WAYS]
    measured = [measure(*task, arguments) for task in track(tasks, "trainings")]
    table = markdown_table(tabulate(measured))
    print(table)
    if arguments.write:
        command = f"python benchmarks/accuracy/labels_ablation.py {' '.join(arguments.data)} --write"
        write_json(
            RESULTS / "labels_ablation.json",
            {"command": command, "results": measured, "environment": describe_environment()},
        )
        text = (
            f"Percent of the surface that `{arguments.model}` labels right before the graph cut, on the quarter of the "
            "training meshes that was held out; one seed."
        )
        write_text(
            RESULTS / "labels_ablation.md",
            f"# Features of faces, left out and alone\n\n{text}\n\n{table}\nMade by `{command}`.\n",
        )


if __name__ == "__main__":
    main()
