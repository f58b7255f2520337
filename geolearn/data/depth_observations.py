"""Shapes beside what single depth maps show of them: what networks learn completion from."""

import math
import zlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch

from geolearn.data.cache import cached, entry_path
from geolearn.data.packed import Packed, VoxelAugment, Warp, pack, unpack, warp_columns
from geolearn.data.packed.columns import MAX_RESOLUTION, check_columns
from geolearn.data.packed.split import Targets, check_targets, select_targets
from geolearn.data.prepared.sources import Source
from geolearn.data.representations import Representation, Voxelize
from geolearn.data.store import Store
from geolearn.errors import InvalidInputError
from geolearn.render import cameras_around, observe_shape
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Int, Tensor


class Observed(NamedTuple):
    """A batch of observations and the shapes that were observed.

    Attributes:
        cells: 0 (free), 0.5 (unknown) and 1 (surface).
        truth: occupancy.

    >>> seen = Observed(torch.full((1, 1, 4, 4, 4), 0.5), torch.ones(1, 1, 4, 4, 4))
    >>> float(seen.cells.mean())  # nothing is known yet
    0.5
    """

    cells: Float[Tensor, "B 1 R R R"]
    truth: Float[Tensor, "B 1 R R R"]


@dataclass(frozen=True)
class DepthObservations(Representation):
    """Every shape as seen in a few single depth maps, each of which is a sample; batches are `Observed`.

    Cameras look at the middle from around and above. They depend on `seed` and on the shape alone, so that every shape
    is seen from elsewhere, and the same way each time. Keys get "#0", "#1", ...

    Attributes:
        resolution, padding: as in `Voxelize`.
        views: depth maps of each shape.
        pixels: side of a depth map.
        elevation_deg: between the least and the greatest of these, degrees above the horizon.

    >>> import trimesh
    >>> box = Mesh.from_trimesh(trimesh.creation.box())
    >>> observe = DepthObservations(resolution=8, padding=1, views=2, pixels=16)
    >>> observe.pack(Store.of_shapes([box], keys=("box",))).keys
    ('box#0', 'box#1')
    """

    resolution: int = 30
    padding: int = 3
    views: int = 6
    pixels: int = 192
    elevation_deg: tuple[float, float] = (0.0, 60.0)
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.elevation_deg
        if self.views < 1 or self.pixels < 1 or not -90 <= low <= high <= 90:
            raise InvalidInputError(
                f"views, pixels, elevation_deg: expected numbers >= 1 and a range within -90..90, got {self}"
            )
        if self.resolution > MAX_RESOLUTION:
            raise InvalidInputError(f"resolution: expected at most {MAX_RESOLUTION}, got {self.resolution}")

    def __call__(self, shape: Mesh | VoxelGrid, /) -> Int[Tensor, "C R R"]:
        """Packed columns: the shape, then the surface and the free cells of every view."""
        grid = Voxelize(self.resolution, padding=self.padding)(shape)
        grid = VoxelGrid(grid.occupancy, torch.full((3,), -0.5), 1 / self.resolution)
        shape_seed = zlib.crc32(pack(grid.values[None]).numpy().tobytes()) ^ self.seed
        drawn = torch.rand(2, self.views, generator=torch.Generator().manual_seed(shape_seed), dtype=torch.float64)
        low, high = self.elevation_deg
        elevation = torch.deg2rad(low + (high - low) * drawn[1])
        cameras = cameras_around(2 * math.pi * drawn[0], elevation, size=self.pixels)
        seen = torch.stack([view.values for view in observe_shape(grid, cameras)])
        return pack(torch.cat([grid.values[None], seen == 1, seen == 0]))

    def pack(self, store: Store) -> "PackedObservations":
        """Observed once for all splits that come out of training, and kept as one file.

        Raises:
            InvalidInputError: pictures.
        """
        if store.source.kind == "views":
            raise InvalidInputError(f"representation: {store.name} holds pictures, which are no shapes to observe")
        keys = store.keys if store.folder is None else store.whole

        def compute() -> dict[str, Any]:
            rows = store.workers.map(_ObserveOne(store.source, self), keys, f"observing {store.name}")
            size = 1 + 2 * self.views, self.resolution, self.resolution
            return {"columns": (torch.stack(rows) if rows else torch.zeros(0, *size)).int().numpy()}

        if store.folder is None:
            columns = torch.from_numpy(compute()["columns"])
        else:
            path = entry_path(store.folder, store.digest, keys, repr(self))
            columns = torch.from_numpy(cached(path, compute)["columns"])[store.rows()]
        return PackedObservations.of_columns(columns, store.targets, store.keys, store.classes)


@dataclass(frozen=True)
class _ObserveOne:
    source: Source
    representation: DepthObservations

    def __call__(self, key: str) -> Tensor:
        return self.representation(self.source.load(key))


@dataclass(frozen=True, eq=False)
class PackedObservations(Packed):
    """Observations, in memory: 32 cells in one integer, as in `PackedVoxels`.

    Attributes:
        columns: int32 (N, 3, R, R): the shape, the surface cells and the free cells of each observation.
        targets, keys, classes: see `Packed`.

    >>> cell = torch.tensor([[[1]]], dtype=torch.int32)  # a grid of one cell, which is full, and which was seen
    >>> split = PackedObservations(torch.stack([cell, cell, 0 * cell], 1), torch.tensor([0]), ("a",))
    >>> split.take(torch.tensor([0])).cells.view(-1), split
    (tensor([1.]), PackedObservations(1 x 1^3, 0 classes))
    """

    columns: Int[Tensor, "N 3 R R"]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_columns(self.columns[:, 0])
        check_targets(self.targets, self.keys, len(self.columns))
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "classes", tuple(self.classes))

    @classmethod
    def of_columns(
        cls, columns: Int[Tensor, "S C R R"], targets: Targets, keys: tuple[str, ...], classes: tuple[str, ...]
    ) -> "PackedObservations":
        """A sample for every view of every shape, from what `DepthObservations` makes of shapes."""
        views = columns.shape[1] // 2
        surface, free = columns[:, 1 : 1 + views], columns[:, 1 + views :]
        triples = torch.stack([columns[:, :1].expand_as(surface), surface, free], 2).flatten(0, 1)
        repeated = select_targets(targets, torch.arange(len(keys)).repeat_interleave(views))
        return cls(triples, repeated, tuple(f"{key}#{view}" for key in keys for view in range(views)), classes)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        return f"PackedObservations({len(self)} x {self.columns.shape[-1]}^3, {len(self.classes)} classes)"

    def select(self, index: Int[Tensor, " M"] | list[int]) -> "PackedObservations":
        """The observations at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        return replace(
            self,
            columns=self.columns[chosen],
            targets=select_targets(self.targets, chosen),
            keys=tuple(self.keys[i] for i in chosen.tolist()),
        )

    def draw(self, augment: VoxelAugment, generator: torch.Generator) -> Warp:
        """One random warp for each observation, of the shape and of what was seen alike."""
        return augment.draw(len(self), generator)

    def take(
        self, index: Int[Tensor, " B"], drawn: Warp | None = None, *, device: Any = None, dtype: Any = None
    ) -> Observed:
        """Observations and shapes; what a warp brings in from outside the grid is unknown."""
        parts = [part.contiguous() for part in self.columns[index].to(device).unbind(1)]
        if drawn is not None:
            parts = [warp_columns(part, *drawn) for part in parts]
        truth, surface, free = (unpack(part, cast(torch.dtype, dtype or torch.float32)) for part in parts)
        return Observed((1 + surface - free) / 2, truth)
