"""How long a deformation takes: the network once, the lattice over 100,000 vertices, against grid_sample.

    python benchmarks/speed/deform.py [--threads 2] [--write]

The floor of the lattice: 8 nodes of 12 bytes per point, which lie in the second-level cache at 32^3 (393 KB), and 24
bytes of point in and out. `grid_sample` computes the same trilinear displacement at scattered points, given the flow
and the points as they come: the points have to be scaled to -1..1 and turned to z, y, x, and the result added to them.
It has no other way to be asked, and runs one thread for one volume. Points are uniform in the volume, in no order;
vertices of a real mesh come in an order, which is kinder to both.
"""

import argparse
import functools
from collections.abc import Callable

import numpy as np
import timing
import torch
from torch.nn import functional as F

from geolearn.models import DeformationFlowNet
from geolearn.ops import deform_by_lattice
from geolearn.ops.lattice import interpolate
from geolearn.reports.page import markdown_table
from geolearn.structures import VoxelGrid

POINTS = 100_000
ATTRIBUTES = 8
WHY = """
Why not five times `grid_sample`: a point needs 24 loads, 21 interpolations, and its cell. At about 17 ns on one thread
that is what this processor takes for so many instructions when points come one by one; the lattice is in its cache, so
bytes do not matter. Four numbers a node instead of three, for loads of whole vectors, was 1.3 times slower (the cache
holds less), sums of weighted corners as well. `grid_sample` already does eight points at once, by gathers. The factor
grows where gradients are asked for and where there are several threads, since it uses one.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deform_speed.md")
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(POINTS, 3, generator=generator)
    ordered = points[(points[:, 0] * 32).floor().mul(32).add((points[:, 1] * 32).floor()).argsort()]
    rows = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for resolution in (32, 64):
            flow = 0.1 * torch.randn(3, resolution, resolution, resolution, generator=generator)
            grid = VoxelGrid(torch.zeros((resolution,) * 3), torch.zeros(3), 1 / resolution)
            for name, where in (("scattered", points), ("in order", ordered)):
                rows += lattice_rows(
                    f"{resolution}^3, {threads} thread(s), {name}", where, flow, grid, arguments.rounds
                )
    net, rounds = DeformationFlowNet(ATTRIBUTES).eval(), max(arguments.rounds // 3, 3)
    cells = (torch.rand(1, 1, 32, 32, 32, generator=generator) > 0.9).float()
    taken = timing.timed({"net": functools.partial(all_velocities, net, cells)}, rounds)["net"]
    rows.append({"what": f"DeformationFlowNet, 32^3, {ATTRIBUTES} attributes", "way": "one pass", **taken.columns()})
    text = "# Deformation\n\n" + markdown_table(rows) + f"\n\n{POINTS:,} points; {rounds} rounds of the network\n{WHY}"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, "deform" if arguments.write else None)


def lattice_rows(
    what: str, points: torch.Tensor, flow: torch.Tensor, grid: VoxelGrid, rounds: int
) -> list[dict[str, str]]:
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "deform_by_lattice": lambda: deform_by_lattice(points, flow, grid),
        "grid_sample": lambda: by_grid_sample(points, flow),
        "plain torch": lambda: points + interpolate(points, flow, np.zeros(3), grid.voxel_size, False),
        "deform_by_lattice, cubic": lambda: deform_by_lattice(points, flow, grid, mode="cubic"),
        "deform_by_lattice, with gradients": lambda: with_gradients(deform_by_lattice, points, flow, grid),
        "grid_sample, with gradients": lambda: with_gradients(lambda p, f, _: by_grid_sample(p, f), points, flow, grid),
    }
    times = timing.timed(ways, rounds)
    inside = ((points > grid.voxel_size) & (points < 1 - grid.voxel_size)).all(1)
    torch.testing.assert_close(times["deform_by_lattice"].result[inside], times["grid_sample"].result[inside])
    rows = []
    for way, taken in times.items():
        fast = times["deform_by_lattice, with gradients" if "gradients" in way else "deform_by_lattice"]
        wall, processor = timing.ratio(taken, fast)
        ratio = f"{wall:.1f}x ({processor:.1f}x processor)"
        rows.append({"what": what, "way": way, **taken.columns(), "ours is faster by": ratio})
    return rows


def by_grid_sample(points: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    where = (2 * points.flip(-1) - 1).view(1, 1, 1, -1, 3)
    moved = F.grid_sample(flow[None], where, align_corners=False, padding_mode="border")
    return points + moved.view(3, -1).T


def with_gradients(
    way: Callable[[torch.Tensor, torch.Tensor, VoxelGrid], torch.Tensor],
    points: torch.Tensor,
    flow: torch.Tensor,
    grid: VoxelGrid,
) -> torch.Tensor:
    leaves = points.clone().requires_grad_(), flow.clone().requires_grad_()
    return torch.autograd.grad(way(*leaves, grid).square().sum(), leaves)[0]


def all_velocities(net: DeformationFlowNet, cells: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return net.velocities(cells)


if __name__ == "__main__":
    main()
