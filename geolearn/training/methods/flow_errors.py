"""How far a network's deformations are from the true ones, on procedural shapes."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from geolearn.data.packed.deformations import PackedDeformations, spread_intentions
from geolearn.models import DeformationFlowNet
from geolearn.ops import deform_by_lattice, measure_foldover
from geolearn.progress import track
from geolearn.structures import VoxelGrid
from geolearn.typing import Bool, Float, Int, Tensor

INTENTIONS = 4  # of each shape
CHUNK = 8


@dataclass(frozen=True)
class FlowErrors:
    """Of N shapes, T random intentions each, at P surface points; lengths in cells.

    Attributes:
        points: (N, P, 3), where they were.
        intentions: (N, T, M), the same for every network.
        moved: (N, T, P, 3), where the network takes the points.
        errors, motions: (N, T), mean distance from where they should be, and mean true motion.
        attribute_errors, attribute_motions: (N, M), the same for an amount of 1 of one attribute; 0 where it is none.
        folded: (N, T), share of lattice cells at the shape that are folded over.
    """

    points: Float[Tensor, "N P 3"]
    intentions: Float[Tensor, "N T M"]
    moved: Float[Tensor, "N T P 3"]
    errors: Float[Tensor, "N T"]
    motions: Float[Tensor, "N T"]
    attribute_errors: Float[Tensor, "N M"]
    attribute_motions: Float[Tensor, "N M"]
    folded: Float[Tensor, "N T"]

    def percent(self, chosen: Bool[Tensor, " N"] | slice = slice(None)) -> float:
        """The end-point error of the chosen shapes as a share of their mean true motion."""
        return 100 * float(self.errors[chosen].sum() / self.motions[chosen].sum().clamp(min=1e-9))


@torch.no_grad()
def flow_errors(
    net: DeformationFlowNet, split: PackedDeformations, *, view: int | None = None, progress: bool = False
) -> FlowErrors:
    """Deform surface points of every shape by random intentions, and by each of its attributes alone.

    Args:
        view: show the network what this depth camera saw in place of the whole shape.
    """
    generator = torch.Generator().manual_seed(0)
    count, most = split.known.shape
    scores, amounts = torch.rand(2, count, INTENTIONS, most, generator=generator)
    wanted = torch.randint(1, 4, (count, INTENTIONS), generator=generator)
    known = split.known[:, None].expand(-1, INTENTIONS, -1)
    limits = split.limits[:, None].expand(-1, INTENTIONS, -1, -1)
    intentions = spread_intentions(known, limits, scores, amounts, wanted)
    size = split.columns.shape[-1]
    cells = VoxelGrid(torch.zeros(size, size, size), torch.zeros(3), 1.0)
    found = []
    chunks = torch.arange(count).split(CHUNK)
    for index in track(chunks, "measuring flows", show=progress):
        some = split.select(index)
        grids = some.grids() if view is None else some.partial_grids(view)
        asked = torch.cat([intentions[index], torch.eye(most).expand(len(index), -1, -1)], 1)  # (B, T + M, M)
        occupied = some.grids()[:, 0] > 0
        for n, flows in enumerate(_flows(net, grids, asked, some.rows)):
            moved = torch.stack([deform_by_lattice(some.points[n], flow, cells) for flow in flows])
            motion = torch.einsum("tm,mpc->tpc", asked[n], some.velocities[n])
            off = (moved - some.points[n] - motion).norm(dim=2).mean(1)
            folded = [measure_foldover(flow, cells, near=occupied[n]).share for flow in flows[:INTENTIONS]]
            found.append((moved[:INTENTIONS], off, motion.norm(dim=2).mean(1), torch.tensor(folded)))
    moved, off, motions, folded = (torch.stack(each) for each in zip(*found, strict=True))
    has = split.known
    return FlowErrors(
        split.points,
        intentions,
        moved,
        off[:, :INTENTIONS],
        motions[:, :INTENTIONS],
        off[:, INTENTIONS:] * has,
        motions[:, INTENTIONS:] * has,
        folded,
    )


def all_amounts(intentions: Float[Tensor, "B M"], rows: Int[Tensor, "B M"], count: int) -> Float[Tensor, "B K"]:
    """Amounts of a shape's own attributes as amounts of all K."""
    everything = intentions.new_zeros(len(intentions), count)
    return everything.scatter_add(1, rows.clamp(min=0), intentions * (rows >= 0))


def _flows(net: DeformationFlowNet, grids: Tensor, asked: Tensor, rows: Tensor) -> Iterator[Float[Tensor, "Q 3 R R R"]]:
    """The flows of all Q intentions of one shape after the other, in cells."""
    if net.mixing == "linear":
        for fields, wanted, row in zip(net.velocities(grids), asked, rows, strict=True):
            yield torch.einsum("qm,mcxyz->qcxyz", wanted, fields[row.clamp(min=0)])
        return
    for grid, wanted, row in zip(grids, asked, rows, strict=True):
        amounts = all_amounts(wanted, row.expand(len(wanted), -1), net.num_attributes)
        yield net(grid.expand(len(wanted), -1, -1, -1, -1), amounts)
