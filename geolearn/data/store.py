"""A split as a representation packs it: where its shapes come from, and where what is made of them is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from geolearn.data.cache import cached, entry_path
from geolearn.data.packed.split import Targets
from geolearn.data.prepared.sources import MemorySource, Source
from geolearn.data.workers import Workers
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Int, Tensor


@dataclass(frozen=True)
class Store:
    """The shapes of a split, by key.

    Attributes:
        source: `load(key)` gives a shape; `kind` says of which kind all are: "mesh", "voxels" or "views".
        keys: of the split, in its order.
        whole: keys that are kept in one file together, those of the split among them: training and validation.
        targets: what is to be predicted of each shape.
        classes: class names in label order.
        name: of the dataset, for progress and errors.
        folder: the cache; None keeps nothing.
        digest: of everything besides the key that the shapes depend on.
        workers: who does the work.
        parts: class to the names of its labels of faces.

    >>> pictures = [torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)]
    >>> store = Store.of_shapes(pictures, torch.tensor([0, 1]), keys=("dark", "light"))
    >>> store.map(lambda pictures: float(pictures.mean()), "brightness")
    [0.0, 1.0]
    """

    source: Source
    keys: tuple[str, ...]
    whole: tuple[str, ...]
    targets: Targets
    classes: tuple[str, ...]
    name: str = "shapes"
    folder: Path | None = None
    digest: str = ""
    workers: Workers = field(default_factory=Workers)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of_shapes(
        cls,
        shapes: Sequence[Mesh | VoxelGrid | Tensor],
        targets: Targets | None = None,
        *,
        classes: Sequence[str] = (),
        keys: Sequence[str] | None = None,
        parts: Mapping[str, tuple[str, ...]] | None = None,
    ) -> "Store":
        """Shapes in memory, which are all of one kind; without targets each gets a 0.

        Raises:
            InvalidInputError: shapes of different kinds, or keys that repeat.
        """
        names = tuple(keys) if keys is not None else tuple(f"{number:06d}" for number in range(len(shapes)))
        source = MemorySource.of(names, shapes)
        if targets is None:
            targets = torch.zeros(len(names), dtype=torch.int64)
        return cls(source, names, names, targets, tuple(classes), parts=parts or {})

    def map(self, representation: Callable[[Any], Any], title: str) -> list[Any]:
        """What a representation makes of every shape of the split, each kept in the cache by itself."""
        return self.workers.map(partial(self.compute, representation), self.keys, f"{title} {self.name}")

    def compute(self, representation: Callable[[Any], Any], key: str) -> Any:
        """What a representation makes of one shape, from the cache where it is there."""
        if self.folder is None or not self.source.worth_keeping:
            return representation(self.source.load(key))
        path = entry_path(self.folder, self.digest, key, repr(representation))
        return cached(path, partial(_represent, self.source, representation, key))

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the labels of faces: those of the one class that all shapes are of; empty where nobody named them.

        Raises:
            InvalidInputError: shapes of several classes, whose labels mean different parts; names them.
        """
        if not self.parts or not isinstance(self.targets, Tensor):
            return ()
        found = [self.classes[label] for label in self.targets.unique().tolist()]
        if len(found) != 1:
            raise InvalidInputError(
                f"{self.name}: labels of faces mean the parts of one class, this split has {len(found)}: "
                f"{', '.join(found)}; choose a protocol of one class"
            )
        return self.parts.get(found[0], ())

    def rows(self) -> Int[Tensor, " N"]:
        """Where the split's keys are in `whole`."""
        place = {key: row for row, key in enumerate(self.whole)}
        return torch.tensor([place[key] for key in self.keys], dtype=torch.int64)


def _represent(source: Source, representation: Callable[[Any], Any], key: str) -> Any:
    return representation(source.load(key))
