"""Flows against volumes, skips against none, whole shapes against one depth view: the comparisons of Yumer & Mitra.

    python benchmarks/accuracy/deform_flows.py [--seeds 0 1 2] [--only flow volume no_skip] [--write]

Trains each network on the training shapes of `procedural_deformations` with every seed, unless its run is finished, and
tests it on the 600 unseen test shapes. An interrupted training goes on where it was. Measured:

- end-point error: mean distance of surface points from where they should be, four random intentions for each shape, as
  a share of the mean true motion; from the whole shape, and from what one depth camera saw of it;
- wrong cells: the shape deformed by one more intention, as 32^3 cells, against the truly deformed one; cells that
  differ, as a share of those that truly change. A flow moves the mesh, which is then voxelized; the other network gives
  the cells;
- folded: lattice cells at the shape that are folded over, nothing done about it.

The last row moves by the true flow at the voxel centres: what a lattice of 32^3 can do at best.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from geolearn.data import NamedCollection, Packed
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.motions import voxelize_in
from geolearn.data.packed import unpack
from geolearn.data.packed.deformations import PackedDeformations
from geolearn.data.packed.velocities import velocity_lattice
from geolearn.models import DeformationFlowNet
from geolearn.ops import deform_by_lattice
from geolearn.progress import track
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.structures import VoxelGrid
from geolearn.training.methods.flow_errors import all_amounts
from geolearn.training.runs import make_run, train
from geolearn.training.testing import Tested, evaluate, load_trained
from geolearn.typing import Float, Tensor

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = {
    "flow": ("deformationflownet", "best"),
    "volume": ("deformedvolumenet", "best"),
    "no_skip": ("deformationflownet", "no_skip"),
}
POSES = 6
TITLES = {
    "error": "end-point error, % of the motion",
    "wrong": "wrong cells, % of those that change",
    "folded": "folded cells, %",
}


@dataclass(frozen=True)
class SharedSplits(NamedCollection):
    """The dataset, prepared once for flows and volumes: poses are made for both."""

    name: str = "procedural_deformations"

    def packed(self, split: str, representation: Any, target: Any) -> Packed:
        found = super().packed(split, replace(representation, poses=POSES), target)
        assert isinstance(found, PackedDeformations)
        if representation.poses:
            return found
        return replace(found, poses=found.poses[:, :0], volumes=found.volumes[:, :0])


def wrong_cells(shapes: PackedDeformations, flow_of: Callable[[int], Float[Tensor, "3 R R R"]]) -> float:
    """Of meshes moved by the flow of each shape's first pose, in cells."""
    wrong = changed = 0
    truth, before = unpack(shapes.volumes[:, 0]) > 0.5, shapes.grids() > 0.5
    size = shapes.columns.shape[-1]
    for n in track(range(len(shapes)), "moving meshes"):
        *origin, cell = shapes.frames[n].tolist()
        grid = VoxelGrid(torch.zeros(size, size, size), torch.tensor(origin), cell)
        moved = deform_by_lattice(shape_of_key(shapes.keys[n]).mesh, flow_of(n) * cell, grid)
        wrong += int((voxelize_in(moved, grid).occupancy != truth[n, 0]).sum())
        changed += int((before[n] != truth[n]).sum())
    return 100 * wrong / max(changed, 1)


@torch.no_grad()
def measure_flows(tested: Tested, shapes: PackedDeformations) -> dict[str, dict[str, float]]:
    """Rows by name."""
    net, figures = tested.trained.net, tested.outcome.figures
    assert isinstance(net, DeformationFlowNet)
    amounts = all_amounts(shapes.poses[:, 0], shapes.rows, net.num_attributes)
    whole = shapes.grids()
    return {
        "whole": {
            "error": figures["endpoint_error"],
            "wrong": wrong_cells(shapes, lambda n: net(whole[n, None], amounts[n, None])[0]),
            "folded": figures["folded"],
        },
        "one view": {"error": figures["endpoint_error_partial"]},
    }


def measure_truth(shapes: PackedDeformations) -> dict[str, float]:
    """The true flow at the voxel centres in place of a network's."""
    size = shapes.columns.shape[-1]
    cells = VoxelGrid(torch.zeros(size, size, size), torch.zeros(3), 1.0)

    def flow_of(n: int) -> Tensor:
        return torch.einsum("m,mcxyz->cxyz", shapes.poses[n, 0], velocity_lattice(shapes.factors[n]))

    off = motion = 0.0
    for n in range(len(shapes)):
        true = torch.einsum("m,mpc->pc", shapes.poses[n, 0], shapes.velocities[n])
        moved = deform_by_lattice(shapes.points[n], flow_of(n), cells)
        off += float((moved - shapes.points[n] - true).norm(dim=1).mean())
        motion += float(true.norm(dim=1).mean())
    return {"error": 100 * off / motion, "wrong": wrong_cells(shapes, flow_of)}


def measure_run(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train and test one network, each if it is not done yet."""
    folder, data = arguments.runs / f"{name}-{seed}", SharedSplits()
    model, recipe = NETWORKS[name]
    run = make_run(
        model, data.name, recipe, seed=seed, validation=0.0, precision=arguments.precision, accelerator="cpu"
    )
    if not (folder / "result.json").is_file():
        train(run, folder, data=data, resume=True)
    found = folder / "measured.json"
    if not found.is_file():
        tested = evaluate(folder, data, progress=True)
        if name == "volume":
            rows = {"whole": {"wrong": tested.outcome.figures["volume_error"]}}
        else:
            rows = measure_flows(tested, data.packed("test", DeformableShapes(poses=POSES), None))  # type: ignore[arg-type]
        tested.write_report(folder / "evaluation")
        seconds = json.loads((folder / "result.json").read_text())["seconds"]
        write_json(found, {"rows": rows, "minutes": seconds / 60, "environment": describe_environment()})
    return {"network": name, "seed": seed, "recipe": run.record()["recipe"], **json.loads(found.read_text())}


def tabulate(measured: list[dict[str, Any]], truth: dict[str, float]) -> list[dict[str, Any]]:
    """A row for each network and input, means over seeds with their spread."""
    names = {
        ("flow", "whole"): "flow, skips",
        ("flow", "one view"): "flow, skips; from one depth view",
        ("no_skip", "whole"): "flow, no skips",
        ("no_skip", "one view"): "flow, no skips; from one depth view",
        ("volume", "whole"): "volume, predicted directly",
    }
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for each in measured:
        for row, figures in each["rows"].items():
            groups[each["network"], row].append({**figures, "seed": each["seed"], "minutes": each["minutes"]})
    rows = []
    for key in names:
        if group := groups.get(key):
            row = {"network": names[key], "seeds": " ".join(str(one["seed"]) for one in group)}
            row |= {title: _spread([one[name] for one in group if name in one]) for name, title in TITLES.items()}
            rows.append({**row, "minutes a seed": f"{statistics.fmean(one['minutes'] for one in group):.0f}"})
    last = {title: f"{truth[name]:.1f}" if name in truth else "" for name, title in TITLES.items()}
    return [*rows, {"network": "the true flow at the voxels", "seeds": "", **last, "minutes a seed": ""}]


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    return f"{statistics.fmean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=tuple(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--runs", type=Path, default=Path("runs/deform"))
    parser.add_argument("--precision", default="bf16-mixed", help="32-true is slower on processors that have bfloat16")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deform_flows.*")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        for name in arguments.only:
            measure_run(name, seed, arguments)
    done = sorted(arguments.runs.glob("*/measured.json"))
    measured = [measure_run(*_name_and_seed(path.parent.name), arguments) for path in done]
    kept = arguments.runs / "true_flow.json"
    if not kept.is_file():
        split = SharedSplits().packed("test", DeformableShapes(poses=POSES), None)
        write_json(kept, measure_truth(split))  # type: ignore[arg-type]
    truth = json.loads(kept.read_text())
    table = markdown_table(tabulate(measured, truth))
    print(table)
    if arguments.write:
        families = load_trained(arguments.runs / "flow-0").classes
        text = f"# Deformation: flows and volumes\n\n{table}\n\nOne network for {', '.join(families)}; "
        text += f"{arguments.precision}, one thread. Mean and standard deviation over seeds.\n"
        write_json(ROOT / "benchmarks/results/deform_flows.json", {"measured": measured, "true_flow": truth})
        write_text(ROOT / "benchmarks/results/deform_flows.md", text)


def _name_and_seed(folder: str) -> tuple[str, int]:
    name, _, seed = folder.rpartition("-")
    return name, int(seed)


if __name__ == "__main__":
    main()
