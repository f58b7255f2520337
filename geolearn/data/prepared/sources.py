"""Where the shapes of a dataset come from, by kind: prepared meshes, voxels or views, a generator, or memory.

Sources are small and can be sent to worker processes; voxels and views, which are not small, are read on first use.
"""

import contextlib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from geolearn.data.manifest import Manifest
from geolearn.data.packed.columns import pack, unpack
from geolearn.data.packed.grids import PackedVoxels
from geolearn.data.packed.pictures import PackedViews, decode_pixels
from geolearn.data.packed.split import Packed, Targets
from geolearn.data.prepared.arrays import read_arrays
from geolearn.data.prepared.grids import columns_path
from geolearn.data.prepared.index import Entry, Index
from geolearn.data.prepared.meshes import mesh_path, read_edge_labels, read_mesh
from geolearn.data.prepared.pictures import PIXELS
from geolearn.data.prepared.pixels import read_pixels
from geolearn.errors import DatasetError, InvalidInputError
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Int, Shaped, Tensor

Kind = Literal["mesh", "points", "voxels", "views"]


class Source(ABC):
    """Shapes by key.

    Attributes:
        kind: what `load` gives: a `Mesh`, a `PointCloud`, a `VoxelGrid`, or pictures (V, C, H, W).
        worth_keeping: making something of a shape takes long enough to keep the result on disk.
    """

    kind: Kind
    worth_keeping: bool = True

    @abstractmethod
    def load(self, key: str) -> Any:
        """One shape."""

    def pack(self, keys: Sequence[str], targets: Targets, classes: Sequence[str]) -> Packed:
        """The shapes as they are, without any representation.

        Raises:
            InvalidInputError: meshes and points, which no network takes as they are.
        """
        held = "point clouds" if self.kind == "points" else "meshes"
        raise InvalidInputError(
            f"representation: the dataset holds {held}; packed() needs one, such as Voxelize(32) or RenderViews()"
        )


@dataclass(frozen=True)
class MeshSource(Source):
    """Prepared meshes, normalised: centred, longest side 1, Z up."""

    root: Path
    kind: ClassVar[Kind] = "mesh"

    def load(self, key: str) -> Mesh:
        with _remedy(self.root):
            return read_mesh(mesh_path(self.root, key), key).normalised()

    def edge_labels(self, key: str) -> Int[Tensor, " E"] | None:
        """Where a dataset was labelled by edge: the part of every edge, in the order of `edges_in_face_order`."""
        with _remedy(self.root):
            return read_edge_labels(mesh_path(self.root, key))


class VoxelSource(Source):
    """Prepared grids of at most 32 cells a side, packed; they fill the unit cube about the origin, Z up."""

    kind = "voxels"
    worth_keeping = False

    def __init__(self, root: Path, index: Index):
        self.root = root
        self._rows = _rows(index)
        self._splits = {split: len(entries) for split, entries in index.splits.items()}

    @cached_property
    def _columns(self) -> Int[Tensor, "N R R"]:
        parts = []
        for split, count in self._splits.items():
            path = columns_path(self.root, split)
            with _remedy(self.root):
                columns = read_arrays(path).get("columns")
                if columns is None or columns.ndim != 3 or len(columns) != count:
                    raise DatasetError(f"{path}: expected `columns` of {count} grids")
            parts.append(torch.from_numpy(columns))
        return torch.cat(parts)

    def columns(self, keys: Sequence[str]) -> Int[Tensor, "N R R"]:
        return self._columns[torch.tensor([self._rows[key] for key in keys], dtype=torch.int64)]

    def load(self, key: str) -> VoxelGrid:
        values = unpack(self.columns([key]), torch.bool)[0, 0]
        return VoxelGrid(values, torch.full((3,), -0.5), 1 / len(values))

    def pack(self, keys: Sequence[str], targets: Targets, classes: Sequence[str]) -> PackedVoxels:
        return PackedVoxels(self.columns(keys), targets, tuple(keys), tuple(classes))


class ViewSource(Source):
    """Prepared pictures, in one mapped file."""

    kind = "views"
    worth_keeping = False

    def __init__(self, root: Path, index: Index):
        self.root = root
        self._rows = _rows(index)

    @cached_property
    def pixels(self) -> Shaped[Tensor, "N V C H W"]:
        with _remedy(self.root):
            return read_pixels(self.root / PIXELS, len(self._rows))

    def pack(self, keys: Sequence[str], targets: Targets, classes: Sequence[str]) -> PackedViews:
        rows = torch.tensor([self._rows[key] for key in keys], dtype=torch.int64)
        return PackedViews(self.pixels, targets, tuple(keys), tuple(classes), rows)

    def load(self, key: str) -> Float[Tensor, "V C H W"]:
        return decode_pixels(self.pixels[self._rows[key]])

    def __getstate__(self) -> dict[str, Any]:  # a worker process maps the file itself
        return {name: value for name, value in self.__dict__.items() if name != "pixels"}


@dataclass(frozen=True)
class ProceduralSource(Source):
    """Shapes made as they are asked for, normalised like prepared meshes; at a random azimuth unless `aligned`."""

    seed: int
    aligned: bool = False
    kind: ClassVar[Kind] = "mesh"

    def load(self, key: str) -> Mesh:
        from geolearn.data import procedural

        split, number = key.rsplit("-", 3)[1], int(key.rsplit("-", 1)[1])
        made, _, shape = procedural.sample(split, number, seed=self.seed, aligned=self.aligned)
        if made != key:
            raise DatasetError(f"procedural sample {number} of {split} is {made!r}, expected {key!r}")
        return shape.mesh.normalised()


@dataclass(frozen=True)
class MemorySource(Source):
    """Shapes that are there already, meshes normalised as those of datasets are."""

    shapes: dict[str, Any]
    kind: Kind  # type: ignore[misc]
    worth_keeping: ClassVar[bool] = False

    @classmethod
    def of(cls, keys: Sequence[str], shapes: Sequence[Any]) -> "MemorySource":
        """Raises:
        InvalidInputError: nothing, shapes of different kinds, or keys that repeat.
        """
        kinds = {Mesh: "mesh", VoxelGrid: "voxels", Tensor: "views"}
        found = {kinds.get(type(shape), type(shape).__name__) for shape in shapes}
        if len(found) != 1 or not found <= set(kinds.values()):
            raise InvalidInputError(f"shapes: expected all meshes, all grids or all pictures, got {sorted(found)}")
        if len(set(keys)) != len(shapes) or len(keys) != len(shapes):
            raise InvalidInputError(f"keys: expected {len(shapes)} different ones, got {len(set(keys))}")
        return cls(dict(zip(keys, shapes, strict=True)), found.pop())  # type: ignore[arg-type]

    def load(self, key: str) -> Any:
        shape = self.shapes[key]
        return shape.normalised() if isinstance(shape, Mesh) else shape

    def pack(self, keys: Sequence[str], targets: Targets, classes: Sequence[str]) -> Packed:
        shapes = [self.shapes[key] for key in keys]
        if self.kind == "mesh":
            return super().pack(keys, targets, classes)
        if self.kind == "voxels":
            columns = pack(torch.stack([grid.occupancy for grid in shapes]))
            return PackedVoxels(columns, targets, tuple(keys), tuple(classes))
        return PackedViews(torch.stack(shapes), targets, tuple(keys), tuple(classes))


def _rows(index: Index) -> dict[str, int]:
    """Where each key is in the order of the index, split after split."""
    return {key: row for row, (key, _) in enumerate(e for entries in index.splits.values() for e in entries)}


@contextlib.contextmanager
def _remedy(root: Path) -> Iterator[None]:
    try:
        yield
    except DatasetError as error:
        raise DatasetError(f"{error}; delete {root} and prepare the dataset again") from error


def procedural_entries(split: str, count: int, seed: int, classes: Sequence[str] | None = None) -> list[Entry]:
    """Keys and labels of the first `count` samples of some classes, without making them: classes take turns."""
    from geolearn.data import procedural

    own = procedural.CLASSES if classes is None else tuple(classes)
    entries = []
    for i in range(count):
        family, turn = own[i % len(own)], i // len(own)
        number = turn * len(procedural.CLASSES) + procedural.CLASSES.index(family)
        entries.append((f"{family}-{split}-{seed}-{number:06d}", i % len(own)))
    return entries


def procedural_digest(manifest: Manifest) -> str:
    """Hash of the generator's own source: cached results must not outlive a change to a family."""
    folder = Path(__file__).parent.parent / "procedural"
    digest = hashlib.sha256(manifest.digest.encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
