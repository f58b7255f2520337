"""Where the errors on ModelNet10's test grids are: by how near the nearest training grid is, and what it is called.

    python benchmarks/accuracy/voxels_among_training.py [WEIGHTS ...]

Weights are run folders, files, or names that ship; by default those of VoxNet and VoxResNet for ModelNet10. An error
among shapes that equal a training grid in nearly all cells is a matter of names more than of shapes. Writes
benchmarks/results/voxels_among_training.md.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import torch

from geolearn.data.packed import resize_columns, unpack
from geolearn.training.experiments import evaluate
from geolearn.training.files import write_text
from geolearn.training.report import markdown_table
from geolearn.training.voxel_data import PADDING, RESOLUTION, load_voxels_split
from geolearn.typing import Float, Int, Tensor

DATA = "modelnet10_voxels"
STEPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.0)  # of the IoU


def cells(columns: Int[Tensor, "N R R"]) -> Float[Tensor, "N D"]:
    """The cells that an object can fill, in a row."""
    return unpack(resize_columns(columns, RESOLUTION - 2 * PADDING)).flatten(1)


def similarity(some: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "N M"]:
    """IoU of every pair; 1 for two empty grids."""
    both = some @ others.T
    union = some.sum(1)[:, None] + others.sum(1) - both
    return torch.where(union > 0, both / union, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", default=["voxnet-modelnet10", "voxresnet-modelnet10"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    train, test = (load_voxels_split(DATA, split) for split in ("trainval", "test"))
    nearest = similarity(cells(test.columns), cells(train.columns)).max(1)
    wrong = {"the nearest has another name %": train.labels[nearest.indices] != test.labels}
    for name in arguments.weights:
        _, predictions = evaluate(name, DATA, progress=True)
        wrong[f"{Path(name).name} is wrong %"] = predictions.scores.argmax(1) != predictions.labels
    rows = []
    for above, low in pairwise((float("inf"), *STEPS)):
        here = (nearest.values >= low) & (nearest.values < above)
        shares = {what: f"{100 * float(which[here].float().mean()):.1f}" for what, which in wrong.items()}
        rows.append({"IoU, from": f"{low:.1f}", "test grids": int(here.sum()), **shares})
    table = markdown_table(rows)
    print(table)
    text = f"The {len(test)} test grids by their IoU with the nearest of {len(train):,} training grids, in place."
    title = "# Errors on ModelNet10's grids, by the distance from training"
    write_text(arguments.output / "voxels_among_training.md", f"{title}\n\n{text}\n\n{table}")


if __name__ == "__main__":
    main()
