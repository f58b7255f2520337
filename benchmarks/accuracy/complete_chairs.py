"""Chairs from single depth maps: 3D ShapeNets, a feed-forward network, the mean chair and the nearest, side by side.

    python benchmarks/accuracy/complete_chairs.py --belief runs/chairs --unet runs/unet [--views 3] [--write]

The 100 chairs of `datasets/shapenets_chairs/splits/test.txt`, which none of the ways has seen; both networks learn by
`geolearn train MODEL --data shapenets_chairs --protocol aligned --validation 0` on the 789 others. Every chair is
seen by --views cameras, 0 to 60 degrees above the horizon, anywhere around it; each depth map is completed by itself.
Cells that were seen are what they were seen to be; the unknown ones are filled by

- *nothing*;
- *mean chair*: the mean of the training chairs, cut at the level that is best on these very test chairs;
- *nearest chair*: the training chair that contradicts the fewest cells that were seen;
- *3D ShapeNets*: particles and passes as given, their mean cut at 0.1 as in the paper, and at 1/2;
- *U-Net*: `VoxelCompletionNet`, cut at 1/2.

Volume IoU with the whole chair, mean over views and the standard error over chairs.
"""

import argparse
import time
from pathlib import Path
from typing import cast

import torch

from geolearn.data import DepthObservations, Observed, PackedObservations, PackedVoxels, ShapeDataset, Voxelize
from geolearn.models import ShapeNets3D, VoxelCompletionNet, complete_by_belief, find_weights, load_model
from geolearn.models.shapenets3d_completion import OCCUPIED
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.methods.grid_figures import draw_grids, volume_iou
from geolearn.typing import Float, Tensor

RESULTS = Path(__file__).resolve().parents[1] / "results"
LEVELS = [n / 20 for n in range(1, 20)]
SHOWN = 6  # chairs in the picture


def load(views: int, limit: int) -> tuple[PackedObservations, Float[Tensor, "N 1 R R R"]]:
    """Observations of the first test chairs, and the training chairs."""
    seen = DepthObservations(views=views)
    test = ShapeDataset("shapenets_chairs", "test", protocol="aligned", representation=seen).packed()
    whole = Voxelize(30, padding=3)
    train = ShapeDataset("shapenets_chairs", "train", protocol="aligned", representation=whole).packed()
    first = torch.arange(min(len(test), limit * views))
    return cast(PackedObservations, test.select(first)), cast(PackedVoxels, train).occupancy()


def nearest_chairs(cells: Tensor, chairs: Tensor) -> Tensor:
    """The chair that contradicts the fewest cells of each observation: surface where it is not, free where it is."""
    flat = chairs.flatten(1)
    surface, free = (cells == 1).flatten(1).float(), (cells == 0).flatten(1).float()
    wrong = surface.sum(1, keepdim=True) - surface @ flat.T + free @ flat.T
    return chairs[wrong.argmin(1)]


def fill(cells: Tensor, inside: Tensor) -> Tensor:
    return torch.where(cells == 0.5, inside.expand_as(cells), cells)


def by_belief(net: ShapeNets3D, cells: Tensor, particles: int, passes: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    with torch.autocast("cpu", torch.bfloat16):
        parts = [
            complete_by_belief(net, part, particles=particles, passes=passes, generator=generator).probabilities
            for part in cells.split(16)
        ]
    return torch.cat(parts).float()


def by_unet(net: VoxelCompletionNet, cells: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([net.complete(part) for part in cells.split(32)])


def row(
    way: str, cells: Tensor, truth: Tensor, views: int, level: float = 0.5, seconds: float = 0.0
) -> dict[str, object]:
    each = volume_iou(cells, truth, level).view(-1, views).mean(1)
    error = float(each.std() / len(each) ** 0.5)
    return {
        "way": way,
        "volume IoU": f"{each.mean():.3f} ± {error:.3f}",
        "ms per map": f"{1e3 * seconds / len(cells):.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--belief", required=True, help="weights of a ShapeNets3D: a run folder, a file or a name")
    parser.add_argument("--unet", required=True, help="weights of a VoxelCompletionNet")
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--limit", type=int, default=100, help="chairs")
    parser.add_argument("--particles", type=int, default=9)
    parser.add_argument("--passes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"write into {RESULTS}")
    arguments = parser.parse_args()
    views = arguments.views
    belief, unet = (load_model(find_weights(weights))[0] for weights in (arguments.belief, arguments.unet))
    if not isinstance(belief, ShapeNets3D) or not isinstance(unet, VoxelCompletionNet):
        parser.error("--belief takes a ShapeNets3D and --unet a VoxelCompletionNet")

    test, chairs = load(views, arguments.limit)
    observed: Observed = test.take(torch.arange(len(test)))
    cells, truth = observed
    mean = chairs.mean(0)
    means = {level: fill(cells, (mean > level).float()) for level in LEVELS}
    best = max(LEVELS, key=lambda level: float(volume_iou(means[level], truth).mean()))
    started = time.perf_counter()
    completed = by_belief(belief, cells, arguments.particles, arguments.passes, arguments.seed)
    belief_seconds = time.perf_counter() - started
    started = time.perf_counter()
    whole = by_unet(unet, cells)
    unet_seconds = time.perf_counter() - started
    near = fill(cells, nearest_chairs(cells, chairs))
    rows = [
        row("nothing", cells, truth, views),
        row(f"mean chair, cut at {best:.2f}", means[best], truth, views),
        row("nearest chair", near, truth, views),
        row(f"3D ShapeNets, cut at {OCCUPIED}", completed, truth, views, OCCUPIED, belief_seconds),
        row("3D ShapeNets, cut at 0.5", completed, truth, views, 0.5, belief_seconds),
        row("U-Net", whole, truth, views, 0.5, unet_seconds),
    ]
    text = (
        f"# Chairs from single depth maps\n\n{markdown_table(rows)}\n\n{len(test)} depth maps of {len(test) // views} "
    )
    text += f"chairs; {arguments.particles} particles, {arguments.passes} passes.\n"
    print(text)
    if not arguments.write:
        return
    write_text(RESULTS / "complete_chairs.md", text)
    write_json(
        RESULTS / "complete_chairs.json",
        {"rows": rows, "settings": vars(arguments), "environment": describe_environment()},
    )
    chosen = torch.linspace(0, len(cells) - 1, SHOWN).round().long()
    sheet = [cells == 1, means[best], near, completed > OCCUPIED, whole, truth]
    names = ["seen", "mean chair", "nearest chair", "3D ShapeNets", "U-Net", "chair"]
    grids = [grids[number] for number in chosen.tolist() for grids in sheet]
    draw_grids(grids, names * SHOWN, RESULTS / "complete_chairs.png", len(names), "")


if __name__ == "__main__":
    main()
