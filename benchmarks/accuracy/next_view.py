"""Where to look next: the entropy rule of 3D ShapeNets beside three rivals, by recognition after the second view.

    python benchmarks/accuracy/next_view.py --belief runs/modelnet10 [--trials 200] [--work runs/next_view] [--write]

A trial: a test grid of ModelNet10 (as many of each class, in turn), one random camera, eight random candidates. Every
rule chooses a candidate; what it shows is fused with what was known, and the class of the result by the mean posterior
of the particles is right or wrong. All rules get the same first view and candidates. Beside them: the first view alone,
and the mean over all candidates, which *random* tends to. Shares with their 95 % Wilson intervals, and each rival's
difference from the entropy rule, paired, with its 95 % normal interval. Trials that are done are kept in --work, from
which the same command goes on.
"""

import argparse
import json
from pathlib import Path
from typing import cast

import torch

from geolearn.data import PackedVoxels, ShapeDataset, Voxelize
from geolearn.fitting.next_view import RULES, NextViewSettings, choose_next_view, fuse_observations, random_cameras
from geolearn.models import ShapeNets3D, complete_by_belief, find_weights, load_model
from geolearn.render import observe_shape
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.training.methods.grid_figures import unit_grid
from geolearn.typing import Tensor

RESULTS = Path(__file__).resolve().parents[1] / "results"
CANDIDATES = 8


def trial(
    net: ShapeNets3D, grid: Tensor, label: int, settings: NextViewSettings, number: int
) -> dict[str, bool | float]:
    """Whether the class is right after the first view, and after the second of every rule."""
    generator = torch.Generator().manual_seed(number)
    cameras = random_cameras(1 + CANDIDATES, generator)
    views = [view.values for view in observe_shape(unit_grid(grid), cameras)]
    right = [_right(net, views[0], label, settings, generator)]
    right += [
        _right(net, fuse_observations(views[0], view), label, settings, generator) for view in views[1:]
    ]  # every candidate once: rules that choose the same one get the same answer
    found: dict[str, bool | float] = {"first view": right[0], "mean of candidates": sum(right[1:]) / CANDIDATES}
    for rule in RULES:
        chosen, _ = choose_next_view(
            net, views[0], cameras[0], cameras[1:], rule=rule, settings=settings, generator=generator
        )
        found[rule] = right[1 + chosen]
    return found


def _right(net: ShapeNets3D, seen: Tensor, label: int, settings: NextViewSettings, generator: torch.Generator) -> bool:
    found = complete_by_belief(
        net, seen[None, None], particles=settings.entropy_particles, passes=settings.entropy_passes, generator=generator
    )
    return int(found.posterior.argmax()) == label


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return middle - half, middle + half


def summarise(trials: list[dict[str, bool | float]]) -> list[dict[str, str]]:
    rows = []
    best = torch.tensor([float(each["entropy"]) for each in trials])
    for way in ("first view", "mean of candidates", *RULES):
        right = torch.tensor([float(each[way]) for each in trials])
        low, high = wilson(float(right.mean()), len(right))
        less = best - right
        half = 1.96 * float(less.std()) / len(less) ** 0.5
        gain = f"{100 * float(less.mean()):+.1f} ± {100 * half:.1f}"
        rows.append(
            {
                "way": way,
                "right %": f"{100 * float(right.mean()):.1f}",
                "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}",
                "entropy is better by": "" if way == "entropy" else gain,
            }
        )  # fmt: skip
    return rows


def in_turn(grids: PackedVoxels) -> list[int]:
    """Places of the shapes, one of each class after the other."""
    members = [(cast(Tensor, grids.targets) == label).nonzero()[:, 0].tolist() for label in range(len(grids.classes))]
    return [each[n] for n in range(max(map(len, members))) for each in members if n < len(each)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--belief", required=True, help="weights of a ShapeNets3D of ModelNet10")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--particles", type=int, default=50, help="completions of what was seen; the paper takes 50")
    parser.add_argument("--passes", type=int, default=50)
    parser.add_argument("--entropy-particles", type=int, default=32)
    parser.add_argument("--entropy-passes", type=int, default=20)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the trials that are done")
    parser.add_argument("--write", action="store_true", help=f"write into {RESULTS}")
    arguments = parser.parse_args()
    net, _ = load_model(find_weights(arguments.belief))
    if not isinstance(net, ShapeNets3D):
        parser.error("--belief takes a ShapeNets3D")
    settings = NextViewSettings(
        particles=arguments.particles, passes=arguments.passes, entropy_particles=arguments.entropy_particles,
        entropy_passes=arguments.entropy_passes,
    )  # fmt: skip
    data = ShapeDataset("modelnet10_voxels", "test", representation=Voxelize(30, padding=3))
    grids = cast(PackedVoxels, data.packed())
    places = [place for place in in_turn(grids) if bool(grids.columns[place].any())]
    arguments.work.mkdir(parents=True, exist_ok=True)
    trials = []
    for number in range(arguments.trials):
        kept = arguments.work / f"{number}.json"
        if not kept.is_file():
            chosen = torch.tensor([places[number % len(places)]])
            found = trial(
                net.eval(), grids.take(chosen)[0, 0], int(cast(Tensor, grids.targets)[chosen]), settings, number
            )
            write_json(kept, found)
        trials.append(json.loads(kept.read_text()))
        print(f"{number + 1} of {arguments.trials}", end="\r", flush=True)
    text = (
        f"# Next-best view\n\n{markdown_table(summarise(trials))}\n\n{len(trials)} trials, {CANDIDATES} candidates.\n"
    )
    print(text)
    if arguments.write:
        write_text(RESULTS / "next_view.md", text)
        record = {"trials": trials, "settings": vars(settings), "environment": describe_environment()}
        write_json(RESULTS / "next_view.json", record)


if __name__ == "__main__":
    main()
