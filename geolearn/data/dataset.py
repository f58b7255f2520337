"""`ShapeDataset`: any dataset, by name, as samples in a fixed order.

root -> normalise -> representation -> (loader) collate -> batch
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from geolearn.data.folders.folder import find_folder, left_out, slug
from geolearn.data.folders.reading import Reading
from geolearn.data.manifest import Manifest, load_manifest
from geolearn.data.packed import Packed
from geolearn.data.places import cache_folder
from geolearn.data.prepare import prepare_dataset
from geolearn.data.prepared.index import Entry, Index, read_index
from geolearn.data.prepared.single_files import GridSource, PointSource
from geolearn.data.prepared.sources import (
    MeshSource,
    ProceduralSource,
    Source,
    ViewSource,
    VoxelSource,
    procedural_digest,
    procedural_entries,
)
from geolearn.data.representations import Representation
from geolearn.data.sample import Sample, join_targets
from geolearn.data.splits import Split, select
from geolearn.data.store import Store
from geolearn.data.workers import Workers
from geolearn.errors import InvalidInputError
from geolearn.typing import PathLike

logger = logging.getLogger(__name__)


class ShapeDataset(Dataset[Sample]):
    """Samples `(data, target, key)` of a dataset's split.

    Args:
        name: a dataset of `datasets/` (`procedural` needs no files), or the path of a folder of shapes or of a CSV
            file of path,label,split; see `geolearn.data.folders.layout`.
        split: "train", "val", "test" or "trainval". Validation is carved out of training (stratified, seeded) and
            "train" then lacks it; the order is the split file's.
        representation: a frozen dataclass called on what the dataset holds: a `Mesh`, a `VoxelGrid`, or pictures
            (float32 (V, C, H, W) in [0, 1]); None gives that itself.
        target: what is to be predicted, a frozen dataclass called on what the dataset holds; None: the class index.
        root: the data home; by default `$GEOLEARN_HOME` or `~/.cache/geolearn`. What is not prepared in it is prepared
            first, where the raw file is at hand (see `prepare_dataset`).
        cache: keep representations of meshes on disk, under `cache` in the data home.
        validation: share of each training class that "val" takes.
        seed: of the validation split; for generated data, of the shapes.
        protocol: "full" or another of the manifest's, e.g. "subset80/20".
        count: number of samples, for generated data only.
        reading: how the files of a folder are read, see `Reading`.

    Raises:
        UnknownNameError: no such dataset or protocol.
        DatasetError: the raw data is not at hand; says which file to get, from where, and where to put it.

    >>> shapes = ShapeDataset("procedural", "test", count=13)
    >>> mesh, label, key = shapes[0]
    >>> shapes.classes[label], key
    ('airplane', 'airplane-test-0-000000')
    """

    def __init__(
        self,
        name: PathLike,
        split: Split = "train",
        *,
        representation: Callable[[Any], Any] | None = None,
        target: Callable[[Any], Any] | None = None,
        root: PathLike | None = None,
        cache: bool = True,
        validation: float = 0.1,
        seed: int = 0,
        protocol: str = "full",
        count: int | None = None,
        reading: Reading | None = None,
    ):
        self.split, self.protocol, self.seed = split, protocol, seed
        self.name, self.representation, self.target = str(name), representation, target
        folder = find_folder(name, reading, root=root)
        if folder:
            folder = folder.settle()
        self.manifest: Manifest = folder.manifest if folder else load_manifest(self.name)
        self.facts: dict[str, Any] = {}
        digest = self.manifest.digest
        if count is not None and self.manifest.kind != "generated":
            raise InvalidInputError(f"count: only generated datasets have any number of samples, {name} has its own")
        if self.manifest.kind == "generated":
            aligned = protocol == "aligned" or "aligned" not in self.manifest.protocols  # where there is no choice
            source, splits = ProceduralSource(seed, aligned), self._generated(split, count)
            digest = procedural_digest(self.manifest) + (" aligned" if aligned else "")  # their keys are the same
        else:
            if folder:
                place, index = folder.prepare(root)
                _say_once(left_out(index.facts), index.facts.get("doubt"))
            else:
                place = prepare_dataset(self.name, root=root)
                index = read_index(place, self.manifest)
            source = _prepared_source(self.manifest.kind, place, index, own=folder is not None)
            self.facts, splits = index.facts, index.splits
        entries = select(splits, self.manifest, split, protocol, validation, seed)
        self.keys = [key for key, _ in entries]
        # What is packed into one file: training and validation together, however they are divided.
        whole = split if split == "test" or "val" in splits else "trainval"
        together = select(splits, self.manifest, whole, protocol, validation, seed)
        self.labels = torch.tensor([label for _, label in entries], dtype=torch.int64)
        self._store = Store(
            source,
            tuple(self.keys),
            tuple(key for key, _ in together),
            self.labels,
            self.classes,
            self.name,
            cache_folder(f"folders/{slug(folder.path)}" if folder else self.name, root) if cache else None,
            digest,
            parts=self.manifest.parts,
        )

    @property
    def source(self) -> Source:
        """Where the shapes come from, by key."""
        return self._store.source

    @property
    def classes(self) -> tuple[str, ...]:
        return self.manifest.classes

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the labels of faces, see `Store.part_names`."""
        return self._store.part_names

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"ShapeDataset({self.name!r}, {self.split!r}, {len(self)} samples, {self.representation})"

    def __getitem__(self, index: int) -> Sample:
        key = self.keys[index]
        data = self._store.compute(self.representation, key) if self.representation else self._store.source.load(key)
        target = int(self.labels[index]) if self.target is None else self._store.compute(self.target, key)
        return Sample(data, target, key)

    def packed(self, *, jobs: int = 1, backend: str = "loky", progress: bool | None = None) -> Packed:
        """The whole split ready for `Batches`, as the representation packs it.

        `Voxelize` gives `PackedVoxels`, `RenderViews` gives `PackedViews`, others `PackedSamples`; without one, grids
        and pictures are packed as they are.

        What takes long is kept in the cache. Arguments as for `prepare_dataset`.
        """
        store = replace(self._store, workers=Workers(jobs, backend, progress))
        if self.target is not None:
            store = replace(store, targets=join_targets(store.map(self.target, "targets of")))
        if self.representation is None:
            return store.source.pack(store.keys, store.targets, store.classes)
        if not isinstance(self.representation, Representation):
            raise InvalidInputError(
                f"representation: packed() needs a geolearn.data.Representation, got {self.representation}"
            )
        return self.representation.pack(store)

    def _generated(self, split: str, count: int | None) -> dict[str, list[Entry]]:
        if count is not None and (count < 1 or split == "trainval"):
            raise InvalidInputError(f"count: expected at least 1, of train, val or test, got {count} of {split!r}")
        sizes = {name: counts.count for name, counts in self.manifest.splits.items()}
        if count is not None:
            sizes[split] = count
        return {name: procedural_entries(name, size, self.seed, self.classes) for name, size in sizes.items()}


_said: set[str] = set()


def _say_once(*warnings: str | None) -> None:
    """Log what the owner of a folder has to know, once however often its splits are opened."""
    for warning in warnings:
        if warning and warning not in _said:
            _said.add(warning)
            logger.warning("%s", warning)


def _prepared_source(kind: str, folder: Path, index: Index, *, own: bool) -> Source:
    if kind == "mesh":
        return MeshSource(folder)
    if kind == "points":
        return PointSource(folder)
    if kind == "voxels":
        return GridSource(folder) if own else VoxelSource(folder, index)
    return ViewSource(folder, index)
