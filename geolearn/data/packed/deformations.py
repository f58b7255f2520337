"""Splits of shapes with the velocity of every attribute, packed in memory, and the batches that come out of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch

from geolearn.data.attribute_names import ATTRIBUTES
from geolearn.data.packed.columns import check_columns, unpack
from geolearn.data.packed.split import Packed, Targets, check_targets, select_targets
from geolearn.data.packed.velocities import BLOCK, block_voxels, velocities_at
from geolearn.errors import InvalidInputError
from geolearn.typing import Bool, Float, Int, Tensor, UInt8

AMOUNT = 0.5  # the largest of an intention that is drawn


class DeformationBatch(NamedTuple):
    """What a network learns from; M attributes of each shape, S blocks of 2^3 voxels.

    Attributes:
        grids: (B, 1, R, R, R): 1 where the shape is; of a depth scan 0 free, 0.5 unknown, 1 surface.
        rows: (B, M), the place of each attribute among all; -1 where the shape has none.
        intentions: (B, M), amounts.
        blocks: (B, S), flat places in the grid of (R/2)^3 blocks, most of them at the surface.
        velocities: (B, M, S, 8, 3), true, in cells per amount of 1, at the voxels of the blocks: z fastest, x slowest.
        volumes: (B, 1, R, R, R), the shape deformed by the intentions; empty where the split has no poses.
    """

    grids: Float[Tensor, "B 1 R R R"]
    rows: Int[Tensor, "B M"]
    intentions: Float[Tensor, "B M"]
    blocks: Int[Tensor, "B S"]
    velocities: Float[Tensor, "B M S 8 3"]
    volumes: Float[Tensor, "B 1 Q Q Q"]


@dataclass(frozen=True)
class DeformationAugment:
    """Random choices for a shape in an epoch.

    Attributes:
        mirror: swap left and right for half of the shapes.
        partial: share of the shapes that are shown as one depth camera sees them.
        blocks, anywhere: S of a batch: so many at the surface, so many anywhere.
    """

    mirror: bool = True
    partial: float = 0.4
    blocks: int = 96
    anywhere: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.partial <= 1 or min(self.blocks, self.anywhere) < 0 or self.blocks + self.anywhere < 1:
            raise InvalidInputError(f"expected a share `partial` and at least one block, got {self}")


class DeformationDraw(NamedTuple):
    """What `DeformationAugment` chose for N shapes; numbers in [0, 1) but for `mirror`."""

    mirror: Bool[Tensor, " N"]
    view: Float[Tensor, " N"]  # negative: the whole shape
    pose: Float[Tensor, " N"]
    surface: Float[Tensor, "N S"]
    anywhere: Float[Tensor, "N A"]
    scores: Float[Tensor, "N M"]
    amounts: Float[Tensor, "N M"]
    wanted: Int[Tensor, " N"]

    def select(self, index: Int[Tensor, " M"] | slice) -> "DeformationDraw":
        return DeformationDraw(*(values[index] for values in self))


@dataclass(frozen=True, eq=False)
class PackedDeformations(Packed):
    """One split; lengths are in cells, measured from the corner of each shape's grid.

    Attributes:
        columns: int32 (N, R, R), solid occupancy, see `geolearn.data.packed.columns`.
        frames: (N, 4), the origin of the grid and its cell size in the world of the normalised mesh.
        known: bool (N, M), which attributes of its family (`ATTRIBUTES`) a shape has.
        limits: (N, M, 2), the lowest and highest amount; 0 where there is no attribute.
        factors: (N, M, 3, 3, R): component a of the velocity in voxel (x, y, z) is the product of
            [:, :, a, 0, x], [:, :, a, 1, y] and [:, :, a, 2, z].
        near: int16 (N, Q), blocks at the surface, drawn with repetition.
        points: (N, P, 3) on the surface, and velocities: (N, M, P, 3) there.
        scans: uint8 (N, V, R, R, R): 0 free, 1 unknown, 2 surface.
        poses: (N, T, M) intentions, and volumes: int32 (N, T, R, R), the truly deformed shape in the same grid.
        targets, keys, classes: labels, keys and names of the families.
    """

    columns: Int[Tensor, "N R R"]
    frames: Float[Tensor, "N 4"]
    known: Bool[Tensor, "N M"]
    limits: Float[Tensor, "N M 2"]
    factors: Float[Tensor, "N M 3 3 R"]
    near: Int[Tensor, "N Q"]
    points: Float[Tensor, "N P 3"]
    velocities: Float[Tensor, "N M P 3"]
    scans: UInt8[Tensor, "N V R R R"]
    poses: Float[Tensor, "N T M"]
    volumes: Int[Tensor, "N T R R"]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_columns(self.columns)
        check_targets(self.targets, self.keys, len(self.columns))

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        return f"PackedDeformations({len(self)} x {self.columns.shape[-1]}^3 of {', '.join(self.classes)})"

    @property
    def rows(self) -> Int[Tensor, "N M"]:
        """See `DeformationBatch`; attributes are counted over the families in the order of `classes`."""
        sizes = [len(ATTRIBUTES[family]) for family in self.classes]
        first = torch.tensor([sum(sizes[:label]) for label in range(len(sizes))])[torch.as_tensor(self.targets)]
        return torch.where(self.known, first[:, None] + torch.arange(self.known.shape[1]), -1)

    def select(self, index: Int[Tensor, " M"] | Sequence[int]) -> "PackedDeformations":
        """The shapes at `index`, in that order."""
        where = torch.as_tensor(index, dtype=torch.int64)
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("targets", "keys")}
        chosen = {name: value[where] for name, value in values.items() if isinstance(value, Tensor)}
        keys = tuple(self.keys[i] for i in where.tolist())
        return replace(self, targets=select_targets(self.targets, where), keys=keys, **chosen)

    def grids(self) -> Float[Tensor, "N 1 R R R"]:
        """Whole shapes, as a network takes them: 1 where occupied."""
        return unpack(self.columns)

    def partial_grids(self, view: int) -> Float[Tensor, "N 1 R R R"]:
        """What one depth camera saw: 0 free, 0.5 unknown, 1 surface."""
        return self.scans[:, view, None].float() / 2

    def mean_motion(self, count: int) -> Float[Tensor, " K"]:
        """Of surface points per amount of 1, over the shapes that have the attribute; 1 for one that none has.

        Args:
            count: K, all attributes.
        """
        motion = self.velocities.norm(dim=-1).mean(2)[self.known]
        rows = self.rows[self.known]
        total = torch.zeros(count).index_add_(0, rows, motion)
        number = torch.zeros(count).index_add_(0, rows, torch.ones_like(motion))
        return torch.where(number > 0, total / number.clamp(min=1), 1.0)

    def draw(self, augment: DeformationAugment, generator: torch.Generator) -> DeformationDraw:
        """Random choices for every shape."""
        count, attributes = self.known.shape

        def uniform(*shape: int) -> Tensor:
            return torch.rand(count, *shape, generator=generator)

        seen = uniform() < augment.partial if self.scans.shape[1] else torch.zeros(count, dtype=torch.bool)
        return DeformationDraw(
            (uniform() < 0.5) & augment.mirror,
            torch.where(seen, uniform(), -1.0),
            uniform(),
            uniform(augment.blocks),
            uniform(augment.anywhere),
            uniform(attributes),
            uniform(attributes),
            torch.randint(1, 4, (count,), generator=generator),
        )

    def take(
        self, index: Int[Tensor, " B"], drawn: DeformationDraw | None = None, *, device: Any = None, dtype: Any = None
    ) -> DeformationBatch:
        """The shapes at `index`; without a draw they are whole, unmirrored, and asked for their first pose."""
        some = self.select(index)
        if drawn is None:
            drawn = some.draw(DeformationAugment(mirror=False, partial=0.0), torch.Generator().manual_seed(0))
            drawn = drawn._replace(pose=torch.zeros(len(some)))
        count, size = len(some), self.columns.shape[-1]
        grids, one = some.grids(), torch.arange(count)
        if self.scans.shape[1]:
            view = (drawn.view.clamp(min=0) * self.scans.shape[1]).long()
            seen = some.scans[one, view][:, None].float() / 2
            grids = torch.where((drawn.view >= 0).view(-1, 1, 1, 1, 1), seen, grids)
        if self.poses.shape[1]:
            pose = (drawn.pose * self.poses.shape[1]).long()
            intentions, volumes = some.poses[one, pose], unpack(some.volumes[one, pose])
        else:
            intentions = spread_intentions(some.known, some.limits, drawn.scores, drawn.amounts, drawn.wanted)
            volumes = grids.new_zeros(count, 1, 0, 0, 0)
        side = size // BLOCK
        blocks = torch.cat(
            [
                some.near.long().gather(1, (drawn.surface * self.near.shape[1]).long()),
                (drawn.anywhere * side**3).long(),
            ],
            1,
        )
        velocities = velocities_at(some.factors, block_voxels(blocks, size)).unflatten(2, (-1, BLOCK**3))
        batch = DeformationBatch(grids, some.rows, intentions, blocks, velocities, volumes)
        batch = mirror(batch, drawn.mirror)
        return DeformationBatch(*(_sent(value, device, dtype) for value in batch))


def spread_intentions(
    known: Bool[Tensor, "*N M"],
    limits: Float[Tensor, "*N M 2"],
    scores: Float[Tensor, "*N M"],
    amounts: Float[Tensor, "*N M"],
    wanted: Int[Tensor, "*N"],
) -> Float[Tensor, "*N M"]:
    """Intentions from uniform numbers: the `wanted` best scored attributes, uniform within their limits and +-0.5."""
    rank = scores.masked_fill(~known, -1).argsort(-1, descending=True).argsort(-1)
    low, high = limits.clamp(-AMOUNT, AMOUNT).unbind(-1)
    return (low + (high - low) * amounts) * ((rank < wanted[..., None]) & known)


def mirror(batch: DeformationBatch, mirrored: Bool[Tensor, " B"]) -> DeformationBatch:
    """Left and right swapped where asked: x -> -x for grids, blocks and velocities."""
    if not bool(mirrored.any()):
        return batch
    here = mirrored.view(-1, 1, 1, 1, 1)
    side = batch.grids.shape[-1] // BLOCK
    x = batch.blocks // side**2
    blocks = torch.where(mirrored[:, None], batch.blocks + (side - 1 - 2 * x) * side**2, batch.blocks)
    # within a block the four voxels with the higher x come last
    flipped = batch.velocities.unflatten(3, (BLOCK, -1)).flip(3).flatten(3, 4) * torch.tensor([-1.0, 1.0, 1.0])
    return batch._replace(
        grids=torch.where(here, batch.grids.flip(2), batch.grids),
        blocks=blocks,
        velocities=torch.where(here, flipped, batch.velocities),
        volumes=torch.where(here, batch.volumes.flip(2), batch.volumes),
    )


def _sent(value: Tensor, device: Any, dtype: Any) -> Tensor:
    return value.to(device=device, dtype=dtype if value.is_floating_point() else None)
