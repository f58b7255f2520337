"""A page for each of the weights that ship: from its header, the manifest of its data, and the result files.

What no file says, such as what the weights are not for, is in `METHODS_IN_WORDS`, one entry for each way of learning.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from api_pages import write_if_changed

from geolearn.data import Manifest, load_manifest
from geolearn.models import MODELS, pretrained_names
from geolearn.models.weights import SHIPPED
from geolearn.reports.page import markdown_table
from geolearn.training import METHODS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class InWords:
    """What a way of learning is for, how its weights are used, and where they should not be."""

    family: str  # page of its family
    task: str
    classes: str  # what the names in the header are
    command: str
    not_for: tuple[str, ...]


ANY_NAME = "Shapes of any other kind. It has no answer for them: whatever it gets, it names one of its classes."
METHODS_IN_WORDS = {
    "voxel_classification": InWords(
        "voxels",
        "Names the class of one shape, given as a mesh or a grid.",
        "Classes",
        "geolearn predict chair.off --weights {name}",
        (
            ANY_NAME,
            "Shapes that do not stand upright, or are turned by an odd angle: those it learned from were upright and "
            "aligned.",
            "Scans and other incomplete shapes: it has seen whole models only.",
        ),
    ),
    "view_classification": InWords(
        "views",
        "Names the class of one shape, given as a mesh or as pictures from around it.",
        "Classes",
        "geolearn predict chair.off --weights {name}",
        (
            ANY_NAME,
            "Photographs: it has seen grey pictures of models without colours, before an empty background.",
            "Shapes that lie or hang: the cameras go around an upright shape.",
        ),
    ),
    "face_labeling": InWords(
        "labels",
        "Says of every face of a mesh which part it belongs to.",
        "Parts",
        "geolearn label mesh.off --weights {name} -o labeled.ply",
        (
            "Meshes of another category, and parts that are not in the list: every face gets one of these names.",
            "Telling left from right.",
            "Conclusions from its accuracy about other collections: it learned from few meshes and was tested on few.",
        ),
    ),
    "deformation": InWords(
        "deformation",
        "Moves the vertices of a mesh so that a named attribute changes.",
        "Kinds of shapes",
        'geolearn deform chair.off --attribute "back height" --amount 0.4 -o taller.off',
        (
            "Other kinds of shapes, and attributes that are not in the list of `geolearn deform chair.off --list`.",
            "Shapes that are not upright or do not face -Y; `--up` and `--front` turn them.",
            "Exact measures: how much of what is asked for is reached is in the table.",
        ),
    ),
    "voxel_autoencoding": InWords(
        "fitting",
        "Makes a grid of cells from a code of a few numbers: a prior for fits to few pictures.",
        "Classes",
        "geolearn fit scene/transforms.json -o out/ --decoder {name}",
        (
            "Other kinds of shapes: every code gives something like what it learned from.",
            "Detail that is finer than its cells.",
            "Judging whether a shape is one of its kind.",
        ),
    ),
}


def write_model_cards(folder: Path) -> list[Path]:
    """Write a card for every shipped weights file and a page that lists them; the cards of others are removed."""
    names = pretrained_names()
    pages = {folder / "index.md": _index(names)} | {folder / f"{name}.md": model_card(name) for name in names}
    for path, text in pages.items():
        write_if_changed(path, text)
    for path in set(folder.glob("*.md")) - set(pages):
        path.unlink()
    return sorted(pages)


def read_header(name: str) -> dict[str, Any]:
    """The record in the header of a weights file, and how many numbers the file holds as `parameters`."""
    with safetensors.safe_open(SHIPPED / f"{name}.safetensors", framework="np") as archive:
        record = json.loads(archive.metadata()["geolearn"])
        shapes = [archive.get_slice(key).get_shape() for key in archive.keys()]  # noqa: SIM118 (not a dict)
    return {**record, "parameters": sum(map(math.prod, shapes))}


def figures_of(name: str, record: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the benchmarks in which these weights, or their recipe, were tested; and result files that name them."""
    titles = {figure.name: figure.title for figure in METHODS[record["method"]].figures}
    rows, files = [], []
    for path in sorted(RESULTS.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if name in (found.get("weights"), found.get("decoder")):
            files.append(path.stem)
        if "benchmark" not in found or found["dataset"] != record["data"]:
            continue
        for entry in found["results"]:
            if (entry["model"], entry["recipe"]["name"]) != (record["model"], record["recipe"]):
                continue
            category = record["protocol"].partition("/")[0]
            tested = [row for row in entry.get("by_class", ()) if row["class"] == category]
            if tested:
                seeds = len(entry["per_seed"])
                what = "these weights" if seeds == 1 else f"their recipe, mean of {seeds} seeds"
                values = {key: value["mean"] for key, value in tested[0].items() if key in titles}
            else:
                (run,) = [run for run in entry["per_seed"] if run["seed"] == record["seed"]]
                what, values = "these weights", run
            link = f"[{path.stem}](/benchmarks/results/{path.stem}.md)"
            shown = {title: f"{values[key]:.2f}" for key, title in titles.items() if values.get(key) is not None}
            rows.append({"benchmark": link, "tested": what, **shown})
    return rows, files


def model_card(name: str) -> str:
    record = read_header(name)
    words = METHODS_IN_WORDS[record["method"]]
    manifest = load_manifest(record["data"])
    kind = MODELS[record["model"]]
    rows, files = figures_of(name, record)
    tables = [markdown_table(rows)] if rows else []
    tables += [f"```{{include}} ../../../benchmarks/results/{stem}.md\n:heading-offset: 2\n```\n" for stem in files]
    model = f"[{kind.__name__}](../api/models/{kind.__name__}.rst)"
    settings = [
        {"setting": f"`{key}`", "value": f"`{json.dumps(value)}`"} for key, value in sorted(record["settings"].items())
    ]
    return f"""# {name}

{words.task} {model}, {record["parameters"]:,} numbers; [how it works and compares](../../families/{words.family}.md).

```bash
{words.command.format(name=name)}
```

```python
from geolearn.models import {kind.__name__}

net = {kind.__name__}.from_pretrained("{name}")
```

**{words.classes}**: {", ".join(record["classes"])}.

**What it is fed**: `{record["input"]}`{_upright(record)}.

## Data and protocol

Learned from [{manifest.name}](/datasets/{manifest.name}/README.md), {_samples(record)}, seed {record["seed"]}.
{manifest.title}.

{_defects(manifest)}

## Figures

{chr(10).join(tables) or "No benchmark of these weights has been published here yet."}

## What it is not for

{chr(10).join(f"- {line}" for line in words.not_for)}

## Terms

{_terms(record, manifest)}

**Cite**: {" ".join(manifest.citation.split())}

## Recipe

`{record["model"]}/{record["recipe"]}`, as the header of the file has it (`geolearn info {name}`):

{markdown_table(settings)}"""


def _upright(record: dict[str, Any]) -> str:
    return f", with {record['up'].upper()} up" if record.get("up", "none") != "none" else ""


def _samples(record: dict[str, Any]) -> str:
    held_out = f", {record['validation']:.0%} of the training split held out" if record["validation"] else ""
    return f"protocol `{record['protocol']}`: {record['samples']:,} training shapes{held_out}"


def _defects(manifest: Manifest) -> str:
    if not manifest.defects:
        return ""
    return "Known defects of the data:\n\n" + "\n".join(f"- {' '.join(defect.split())}" for defect in manifest.defects)


def _terms(record: dict[str, Any], manifest: Manifest) -> str:
    ours = "The file comes with geolearn, under its licence (MIT)"
    if manifest.kind == "generated":
        return f"{ours}. The shapes it learned from are made by geolearn itself, so nobody else has a claim."
    lines = [
        f"{ours}, as far as that is ours to give. The data have terms of their own, and are not part of geolearn:",
        f"> {' '.join(manifest.licence.split())}",
        "Whether such terms reach a network that learned from the data is for their owners and the law to say. Take "
        "these weights for research; for anything else ask the owners, or train on data of your own.",
    ]
    if record["settings"].get("model", {}).get("pretrained"):
        lines.append(
            f"The backbone, {record['config']['backbone']}, began with weights learned from ImageNet, whose pictures "
            "are for research that is not commercial."
        )
    return "\n\n".join(lines)


def _index(names: list[str]) -> str:
    rows = []
    for name in names:
        record = read_header(name)
        manifest = load_manifest(record["data"])
        rows.append(
            {
                "weights": f"[{name}]({name}.md)",
                "model": record["model"],
                "learned from": f"[{manifest.name}](/datasets/{manifest.name}/README.md)",
                "terms of the data": " ".join(manifest.licence.split()),
            }
        )
    listed = "\n".join(names)
    return f"""# Weights

These ship inside the package: no download, no account. Every command takes their names, and in Python
`from_pretrained(name)` and `load_predictor(name)`. A card says what they learned from, how they were tested and what
they are not for. `geolearn info NAME` prints the header.

{markdown_table(rows)}
```{{toctree}}
:hidden:

{listed}
```
"""
