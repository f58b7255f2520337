"""Samples of every class from 3D ShapeNets: which of them VoxResNet recognises, and how far they are from training.

    python benchmarks/accuracy/sample_classes.py --belief runs/modelnet10 [--count 20] [--steps 2000] [--write]

--count samples of each class of ModelNet10, with the label held in the top (`ShapeNets3D.sample`), cut at 1/2. The
judge is `voxresnet-modelnet10`, which learned from ModelNet10's grids, never from samples; its plain answer, one vote.
Samples are not copies if the nearest training grid of their class is about as far from them as from a test grid: the
volume IoU with it, of samples and of test grids, side by side.
"""

import argparse
from pathlib import Path
from typing import cast

import torch

from geolearn.data import PackedVoxels, ShapeDataset, Voxelize
from geolearn.models import ShapeNets3D, VoxResNet, find_weights, load_model
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.methods.grid_figures import draw_grids
from geolearn.typing import Float, Int, Tensor

RESULTS = Path(__file__).resolve().parents[1] / "results"
PER_ROW = 6  # samples of a class in the picture


def load(split: str) -> PackedVoxels:
    whole = ShapeDataset("modelnet10_voxels", split, representation=Voxelize(30, padding=3)).packed()
    return cast(PackedVoxels, whole)


def nearest_iou(grids: Float[Tensor, "N 1 R R R"], others: Float[Tensor, "M 1 R R R"]) -> Float[Tensor, " N"]:
    """Volume IoU of each grid with the nearest of the others."""
    a, b = (cells.flatten(1).float() for cells in (grids, others))
    common = a @ b.T
    union = a.sum(1, keepdim=True) + b.sum(1) - common
    return (common / union.clamp(min=1)).amax(1)


def recognise(net: VoxResNet, grids: Float[Tensor, "N 1 R R R"]) -> Int[Tensor, " N"]:
    padded = torch.nn.functional.pad(grids.float(), (1,) * 6)
    with torch.no_grad():
        return torch.cat([net(part).argmax(1) for part in padded.split(50)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--belief", required=True, help="weights of a ShapeNets3D of ModelNet10")
    parser.add_argument("--count", type=int, default=20, help="samples of each class")
    parser.add_argument("--steps", type=int, default=2000, help="rounds of Gibbs sampling")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"write into {RESULTS}")
    arguments = parser.parse_args()
    belief, record = load_model(find_weights(arguments.belief))
    judge, judged = load_model("voxresnet-modelnet10")
    if not isinstance(belief, ShapeNets3D) or not isinstance(judge, VoxResNet):
        parser.error("--belief takes a ShapeNets3D")
    if list(record["classes"]) != list(judged["classes"]):
        parser.error(f"--belief: expected a network of {judged['classes']}, got {record['classes']}")

    train, test = load("train"), load("test")
    labels = torch.arange(len(train.classes)).repeat_interleave(arguments.count)
    generator = torch.Generator().manual_seed(arguments.seed)
    with torch.autocast("cpu", torch.bfloat16):
        samples = belief.eval().sample(labels, steps=arguments.steps, generator=generator).float() > 0.5
    said = recognise(judge.eval(), samples)
    rows = []
    for number, name in enumerate(train.classes):
        own = samples[labels == number]
        known, held = (split.occupancy()[cast(Tensor, split.targets) == number] for split in (train, test))
        rows.append(
            {
                "class": name,
                "recognised %": f"{100 * float((said[labels == number] == number).float().mean()):.0f}",
                "IoU with the nearest training grid": f"{float(nearest_iou(own, known).mean()):.3f}",
                "the same of test grids": f"{float(nearest_iou(held, known).mean()):.3f}",
                "different samples": len({grid.numpy().tobytes() for grid in own}),
            }
        )  # fmt: skip
    share = 100 * float((said == labels).float().mean())
    text = f"# Samples of 3D ShapeNets\n\n{share:.1f} % of {len(samples)} samples are recognised as the asked class by "
    text += (
        f"VoxResNet.\n\n{markdown_table(rows)}\n\n{arguments.count} samples a class, {arguments.steps} rounds each.\n"
    )
    print(text)
    if not arguments.write:
        return
    write_text(RESULTS / "sample_classes.md", text)
    record = {
        "recognised_percent": share,
        "rows": rows,
        "settings": vars(arguments),
        "environment": describe_environment(),
    }
    write_json(RESULTS / "sample_classes.json", record)
    shown = [n * arguments.count + k for n in range(len(train.classes)) for k in range(min(PER_ROW, arguments.count))]
    names = [train.classes[int(labels[n])] for n in shown]
    columns = min(PER_ROW, arguments.count)
    draw_grids([samples[n] for n in shown], names, RESULTS / "sample_classes.png", columns, "")


if __name__ == "__main__":
    main()
