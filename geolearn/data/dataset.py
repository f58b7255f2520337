"""`ShapeDataset`: any dataset, by name, as samples in a fixed order.

root -> normalise -> representation -> (loader) collate -> batch
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from geolearn.data.cache import cached, entry_path
from geolearn.data.index import Entry, Index, read_index
from geolearn.data.manifest import load_manifest
from geolearn.data.packed import MAX_RESOLUTION, PackedVoxels, pack
from geolearn.data.packed_views import PackedViews
from geolearn.data.pixel_files import cached_pixels
from geolearn.data.places import cache_folder
from geolearn.data.prepare import prepare_dataset
from geolearn.data.representations import RenderViews, Voxelize
from geolearn.data.sample import Sample
from geolearn.data.sources import (
    MeshSource,
    ProceduralSource,
    ViewSource,
    VoxelSource,
    procedural_digest,
    procedural_entries,
)
from geolearn.data.splits import select
from geolearn.data.workers import Workers
from geolearn.errors import InvalidInputError
from geolearn.structures import VoxelGrid
from geolearn.typing import Int, PathLike, Shaped, Tensor


class ShapeDataset(Dataset[Sample]):
    """Samples `(data, label, key)` of a dataset's split.

    Args:
        name: a folder of `datasets/`; `procedural` needs no files.
        split: "train", "val", "test" or "trainval". Validation is carved out of training (stratified, seeded) and
            "train" then lacks it; the order is the split file's.
        representation: a frozen dataclass called on what the dataset holds: a `Mesh`, a `VoxelGrid`, or pictures
            (float32 (V, C, H, W) in [0, 1]); None gives that itself.
        root: the data home; by default `$GEOLEARN_HOME` or `~/.cache/geolearn`. What is not prepared in it is prepared
            first, where the raw file is at hand (see `prepare_dataset`).
        cache: keep representations of meshes on disk, under `cache` in the data home.
        validation: share of each training class that "val" takes.
        seed: of the validation split; for generated data, of the shapes.
        protocol: "full" or another of the manifest's, e.g. "subset80/20".
        count: number of samples, for generated data only.

    Raises:
        UnknownNameError: no such dataset or protocol.
        DatasetError: the raw data is not at hand; says which file to get, from where, and where to put it.
    """

    def __init__(
        self,
        name: str,
        split: str = "train",
        *,
        representation: Callable[[Any], Any] | None = None,
        root: PathLike | None = None,
        cache: bool = True,
        validation: float = 0.1,
        seed: int = 0,
        protocol: str = "full",
        count: int | None = None,
    ):
        self.manifest = load_manifest(name)
        self.name, self.split, self.protocol, self.seed = name, split, protocol, seed
        self.representation = representation
        self.cache = cache
        self._cache_folder = cache_folder(name, root)
        self.facts: dict[str, Any] = {}
        if self.manifest.kind == "generated":
            aligned = protocol == "aligned"
            self.source, splits = ProceduralSource(seed, aligned), self._generated(split, count)
            self._digest = procedural_digest(self.manifest) + (" aligned" if aligned else "")  # their keys are the same
        else:
            if count is not None:
                raise InvalidInputError(
                    f"count: only generated datasets have any number of samples, {name} has its own"
                )
            folder = prepare_dataset(name, root=root)
            index = read_index(folder, self.manifest)
            self.source = self._prepared_source(folder, index)
            self.facts, splits = index.facts, index.splits
            self._digest = self.manifest.digest
        entries = select(splits, self.manifest, split, protocol, validation, seed)
        self.keys = [key for key, _ in entries]
        # What is packed into one file: training and validation together, however they are divided.
        whole = split if split == "test" or "val" in splits else "trainval"
        self._whole = [key for key, _ in select(splits, self.manifest, whole, protocol, validation, seed)]
        self.labels = torch.tensor([label for _, label in entries], dtype=torch.int64)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.manifest.classes

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"ShapeDataset({self.name!r}, {self.split!r}, {len(self)} samples, {self.representation})"

    def __getitem__(self, index: int) -> Sample:
        key = self.keys[index]
        return Sample(self._represent(key), int(self.labels[index]), key)

    def packed(self, *, jobs: int = 1, backend: str = "loky", progress: bool | None = None) -> PackedVoxels:
        """The whole split as bit-packed voxels in memory, for `VoxelBatches`.

        For voxel datasets at once; meshes are voxelized by the dataset's `Voxelize(R)`, R <= 32, and kept in the cache
        as one file. Arguments as for `prepare_dataset`.
        """
        representation = self.representation
        if isinstance(self.source, ViewSource) or isinstance(representation, RenderViews):
            raise InvalidInputError("packed() is for voxels; views are packed by packed_views()")
        if representation is not None and not isinstance(representation, Voxelize):
            raise InvalidInputError(f"representation: packed() needs Voxelize or None, got {representation}")
        if representation is not None and representation.resolution > MAX_RESOLUTION:
            raise InvalidInputError(f"packed() holds up to {MAX_RESOLUTION} cells a side, got {representation}")
        if isinstance(self.source, VoxelSource):
            columns = self.source.columns(self.keys)
            voxels = PackedVoxels(columns, self.labels, tuple(self.keys), self.classes)
            return voxels if representation is None else voxels.resized(representation.resolution)
        if representation is None:
            raise InvalidInputError(f"representation: {self.name} holds meshes, packed() needs Voxelize(resolution)")

        def compute() -> dict[str, Any]:
            task = _PackOne(self.source, representation)
            rows = Workers(jobs, backend, progress).map(task, self.keys, f"voxelizing {self.name} {self.split}")
            size = representation.resolution
            return {"columns": (torch.stack(rows) if rows else torch.zeros(0, size, size, dtype=torch.int32)).numpy()}

        path = entry_path(self._cache_folder, self._digest, self.keys, repr(representation))
        columns = torch.from_numpy((cached(path, compute) if self.cache else compute())["columns"])
        return PackedVoxels(columns, self.labels, tuple(self.keys), self.classes)

    def packed_views(self, *, jobs: int = 1, backend: str = "loky", progress: bool | None = None) -> PackedViews:
        """The whole split as 8-bit pictures, mapped from a file rather than held in memory, for `ViewBatches`.

        For datasets of pictures at once; meshes and grids are rendered by the dataset's `RenderViews`, once for all
        splits that come out of training, and kept in the cache as one file. Arguments as for `prepare_dataset`.
        """
        representation = self.representation
        if isinstance(self.source, ViewSource) and representation is None:
            pixels, rows = self.source.pixels, self.source.rows(self.keys)
            return PackedViews(pixels, self.labels, tuple(self.keys), self.classes, rows)
        if isinstance(self.source, ViewSource) or not isinstance(representation, RenderViews):
            raise InvalidInputError(
                "representation: packed_views() needs RenderViews where a dataset holds meshes or grids and None where "
                f"it holds views; {self.name} is of kind {self.manifest.kind}, got {representation}"
            )
        render = _RenderOne(self.source, representation)
        title, workers = f"rendering {self.name}", Workers(jobs, backend, progress)
        if not self.cache:
            made = workers.map(render, self.keys, title)
            empty = torch.zeros(0, *representation.shape, dtype=representation.pixel_dtype)
            return PackedViews(torch.stack(made) if made else empty, self.labels, tuple(self.keys), self.classes)
        path = entry_path(self._cache_folder, self._digest, self._whole, repr(representation), suffix=".npy")
        shape, dtype = representation.shape, representation.pixel_dtype
        pixels = cached_pixels(path, shape, render, self._whole, workers, title, dtype)
        row = {key: number for number, key in enumerate(self._whole)}
        rows = torch.tensor([row[key] for key in self.keys], dtype=torch.int64)
        return PackedViews(pixels, self.labels, tuple(self.keys), self.classes, rows)

    def _represent(self, key: str) -> Any:
        if self.representation is None:
            return self.source.load(key)
        compute = _Represent(self.source, self.representation, key)
        if not self.cache or isinstance(self.source, VoxelSource | ViewSource):
            return compute()
        return cached(entry_path(self._cache_folder, self._digest, key, repr(self.representation)), compute)

    def _generated(self, split: str, count: int | None) -> dict[str, list[Entry]]:
        if count is not None and (count < 1 or split == "trainval"):
            raise InvalidInputError(f"count: expected at least 1, of train, val or test, got {count} of {split!r}")
        sizes = {name: counts.count for name, counts in self.manifest.splits.items()}
        if count is not None:
            sizes[split] = count
        return {name: procedural_entries(name, size, self.seed) for name, size in sizes.items()}

    def _prepared_source(self, folder: Path, index: Index) -> MeshSource | VoxelSource | ViewSource:
        if self.manifest.kind == "mesh":
            return MeshSource(folder)
        return VoxelSource(folder, index) if self.manifest.kind == "voxels" else ViewSource(folder, index)


@dataclass(frozen=True)
class _Represent:
    source: Any
    representation: Callable[[Any], Any]
    key: str

    def __call__(self) -> Any:
        return self.representation(self.source.load(self.key))


@dataclass(frozen=True)
class _PackOne:
    """Voxelize and pack one shape; can be sent to a worker process."""

    source: Any
    representation: Voxelize

    def __call__(self, key: str) -> Int[Tensor, "R R"]:
        grid: VoxelGrid = self.representation(self.source.load(key))
        return pack(grid.occupancy[None])[0]


@dataclass(frozen=True)
class _RenderOne:
    """Render one shape; can be sent to a worker process."""

    source: Any
    representation: RenderViews

    def __call__(self, key: str) -> Shaped[Tensor, "V C H W"]:
        return self.representation.pixels(self.source.load(key))
