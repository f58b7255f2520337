"""The splits of a set of shapes as learning sees them: those of a dataset by name, or shapes in memory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from geolearn.data.dataset import ShapeDataset
from geolearn.data.folders.folder import find_folder, left_out
from geolearn.data.folders.reading import Reading
from geolearn.data.manifest import load_manifest
from geolearn.data.packed import Packed
from geolearn.data.representations import Representation
from geolearn.data.sample import join_targets
from geolearn.data.splits import Split
from geolearn.data.store import Store
from geolearn.errors import InvalidInputError


class Collection(ABC):
    """A training split, a validation split, a test split.

    Attributes:
        name: for records and messages.

    >>> from geolearn.data import Voxelize, open_collection
    >>> isinstance(open_collection("procedural"), Collection)
    True
    """

    name: str

    @abstractmethod
    def packed(self, split: str, representation: Representation | None, target: Callable[[Any], Any] | None) -> Packed:
        """A split ("train", "val", "test", or "trainval" for the first two) as a representation packs it.

        Args:
            representation: None: grids and pictures as they are.
            target: what is to be predicted of each shape; None: its class index.
        """

    def facts(self, split: str) -> dict[str, Any]:
        """What is known of the shapes: which test shapes occur in training (`duplicates`), which were `left_out`."""
        return {}

    def warnings(self, split: str) -> list[str]:
        """What every report on these shapes has to say."""
        facts = self.facts(split)
        return [text for text in (left_out(facts), facts.get("doubt")) if text]

    @property
    def kind(self) -> str | None:
        """What the shapes are, "mesh", "points", "voxels" or "views", where that is known before they are packed."""
        return None


@dataclass(frozen=True)
class NamedCollection(Collection):
    """A dataset of `datasets/`, one that is generated, or a folder of shapes; see `ShapeDataset`.

    Attributes:
        validation: share of every training class that "val" takes.
        reading: how the files of a folder are read.

    >>> NamedCollection("procedural", validation=0.2).dataset("test", count=13).classes[:3]
    ('airplane', 'bed', 'bottle')
    """

    name: str
    protocol: str = "full"
    validation: float = 0.1
    reading: Reading | None = None

    def packed(self, split: str, representation: Representation | None, target: Callable[[Any], Any] | None) -> Packed:
        return self.dataset(split, representation=representation, target=target).packed(jobs=-1)

    def dataset(self, split: str, **options: Any) -> ShapeDataset:
        """The split shape by shape."""
        options = {"protocol": self.protocol, "validation": self.validation, "reading": self.reading, **options}
        return ShapeDataset(self.name, cast(Split, split), **options)

    def facts(self, split: str) -> dict[str, Any]:
        return self.dataset(split).facts

    @property
    def kind(self) -> str:
        folder = find_folder(self.name, self.reading)
        kind = folder.layout.kind if folder else load_manifest(self.name).kind
        return "mesh" if kind == "generated" else kind


@dataclass(frozen=True)
class ShapeCollection(Collection):
    """Shapes in memory, by split; see `Store.of_shapes`.

    >>> import torch
    >>> from geolearn.data import ShapeCollection, Store
    >>> pictures = [torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)]
    >>> shapes = ShapeCollection({"train": Store.of_shapes(pictures, torch.tensor([0, 1]), classes=("dark", "light"))})
    >>> shapes.packed("train", None, None).classes
    ('dark', 'light')
    """

    splits: Mapping[str, Store]
    name: str = "shapes"

    def packed(self, split: str, representation: Representation | None, target: Callable[[Any], Any] | None) -> Packed:
        if split == "trainval" and "trainval" not in self.splits:
            split = "train"
        if split not in self.splits:
            raise InvalidInputError(f"split: {self.name} has {', '.join(sorted(self.splits))}, not {split!r}")
        store = self.splits[split]
        if target is not None:
            store = replace(store, targets=join_targets(store.map(target, "targets of")))
        if representation is None:
            return store.source.pack(store.keys, store.targets, store.classes)
        return representation.pack(store)

    @property
    def kind(self) -> str:
        return next(iter(self.splits.values())).source.kind
