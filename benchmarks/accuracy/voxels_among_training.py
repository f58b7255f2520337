"""Where the errors on ModelNet10's test grids are: how near the nearest training grid is, and what it is called.

    python benchmarks/accuracy/voxels_among_training.py [WEIGHTS ...]

Weights are run folders, files, or names that ship; by default those of VoxNet and VoxResNet for ModelNet10. Two tables:

- By distance. An error among shapes that equal a training grid in nearly all cells is a matter of names more than of
  shapes.
- By class, what the nearest training grid is called, for test grids and for the training grids among themselves. Where
  the two differ, the splits differ, whatever the network: shapes held out of training then say little about the test.

Writes benchmarks/results/voxels_among_training.md.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import torch

from geolearn.data import ShapeDataset, Voxelize, resize_columns, unpack
from geolearn.reports.files import write_text
from geolearn.reports.page import markdown_table
from geolearn.training.testing import evaluate
from geolearn.typing import Bool, Float, Int, Tensor

DATA = "modelnet10_voxels"
RESOLUTION, PADDING = 32, 4
STEPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.0)  # of the IoU
NEARLY_EQUAL = 0.9


def cells(columns: Int[Tensor, "N R R"]) -> Float[Tensor, "N D"]:
    """The cells that an object can fill, in a row."""
    return unpack(resize_columns(columns, RESOLUTION - 2 * PADDING)).flatten(1)


def similarity(some: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "N M"]:
    """IoU of every pair; 1 for two empty grids."""
    both = some @ others.T
    union = some.sum(1)[:, None] + others.sum(1) - both
    return torch.where(union > 0, both / union, 1.0)


def name_of_nearest(iou: Float[Tensor, "N M"], names: Int[Tensor, " M"]) -> Int[Tensor, " N"]:
    """What the nearest of M grids is called, those that are nearly equal (so the grid itself, too) left out."""
    return names[iou.masked_fill(iou >= NEARLY_EQUAL, -1.0).argmax(1)]


def percent(which: Bool[Tensor, " N"]) -> str:
    return f"{100 * float(which.float().mean()):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", default=["voxnet-modelnet10", "voxresnet-modelnet10"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    train, test = (
        ShapeDataset(DATA, split, representation=Voxelize(RESOLUTION)).packed() for split in ("trainval", "test")
    )
    train_cells = cells(train.columns)
    to_train = similarity(cells(test.columns), train_cells)
    called = {}
    for name in arguments.weights:
        called[Path(name).name] = evaluate(name, DATA, progress=True).outcome.predictions.scores.argmax(1)

    nearest = to_train.max(1)
    wrong = {"the nearest has another name %": train.targets[nearest.indices] != test.targets}
    wrong |= {f"{name} is wrong %": labels != test.targets for name, labels in called.items()}
    by_distance = []
    for above, low in pairwise((float("inf"), *STEPS)):
        here = (nearest.values >= low) & (nearest.values < above)
        shares = {what: percent(which[here]) for what, which in wrong.items()}
        by_distance.append({"IoU, from": f"{low:.1f}", "test grids": int(here.sum()), **shares})

    among_training = name_of_nearest(similarity(train_cells, train_cells), train.targets)
    in_test = name_of_nearest(to_train, train.targets)
    by_class = []
    for label, name in enumerate(test.classes):
        mine, its = train.targets == label, test.targets == label
        others = torch.bincount(in_test[its], minlength=len(test.classes))
        others[label] = 0
        other = int(others.argmax())
        by_class.append(
            {
                "class": name,
                "nearest has its name, training %": percent(among_training[mine] == label),
                "test %": percent(in_test[its] == label),
                "most often instead": test.classes[other],
                "so called, training %": percent(among_training[mine] == other),
                "so called, test %": percent(in_test[its] == other),
                **{f"so called by {net}, test %": percent(labels[its] == other) for net, labels in called.items()},
            }
        )

    text = f"""# Errors on ModelNet10's test grids, and the training grids near them

## By the distance from training

The {len(test)} test grids by their IoU with the nearest of {len(train):,} training grids, in place.

{markdown_table(by_distance)}
## By class: what the nearest training grid is called

For test grids, and for training grids among the others, in both cases without what is nearly equal (IoU of
{NEARLY_EQUAL} or more). Nothing is learned here: where the two differ, the splits do.

{markdown_table(by_class)}"""
    print(text)
    write_text(arguments.output / "voxels_among_training.md", text)


if __name__ == "__main__":
    main()
