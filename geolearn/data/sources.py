"""Where the shapes of a dataset come from, by kind: prepared meshes, voxels or views, or a generator.

Sources are small and can be sent to worker processes; voxels and views, which are not small, are read on first use.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from geolearn.data.index import Entry, Index
from geolearn.data.manifest import Manifest
from geolearn.data.packed import unpack
from geolearn.data.packed_views import decode_pixels
from geolearn.data.pixel_files import read_pixels
from geolearn.data.prepared_arrays import read_arrays
from geolearn.data.prepared_meshes import mesh_path, read_mesh
from geolearn.data.prepared_views import PIXELS
from geolearn.data.prepared_voxels import columns_path
from geolearn.errors import DatasetError
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Float, Int, Shaped, Tensor


@dataclass(frozen=True)
class MeshSource:
    """Prepared meshes, normalised: centred, longest side 1, Z up."""

    root: Path

    def load(self, key: str) -> Mesh:
        with _remedy(self.root):
            return read_mesh(mesh_path(self.root, key), key).normalised()


class VoxelSource:
    """Prepared grids of at most 32 cells a side, packed; they fill the unit cube about the origin, Z up."""

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

    def columns(self, keys: list[str]) -> Int[Tensor, "N R R"]:
        return self._columns[torch.tensor([self._rows[key] for key in keys], dtype=torch.int64)]

    def load(self, key: str) -> VoxelGrid:
        values = unpack(self.columns([key]), torch.bool)[0, 0]
        return VoxelGrid(values, torch.full((3,), -0.5), 1 / len(values))


class ViewSource:
    """Prepared pictures, in one mapped file."""

    def __init__(self, root: Path, index: Index):
        self.root = root
        self._rows = _rows(index)

    @cached_property
    def pixels(self) -> Shaped[Tensor, "N V C H W"]:
        with _remedy(self.root):
            return read_pixels(self.root / PIXELS, len(self._rows))

    def rows(self, keys: list[str]) -> Int[Tensor, " N"]:
        return torch.tensor([self._rows[key] for key in keys], dtype=torch.int64)

    def load(self, key: str) -> Float[Tensor, "V C H W"]:
        return decode_pixels(self.pixels[self._rows[key]])

    def __getstate__(self) -> dict[str, Any]:  # a worker process maps the file itself
        return {name: value for name, value in self.__dict__.items() if name != "pixels"}


@dataclass(frozen=True)
class ProceduralSource:
    """Shapes made as they are asked for, normalised like prepared meshes; at a random azimuth unless `aligned`."""

    seed: int
    aligned: bool = False

    def load(self, key: str) -> Mesh:
        from geolearn.data import procedural

        split, number = key.rsplit("-", 3)[1], int(key.rsplit("-", 1)[1])
        made, _, shape = procedural.sample(split, number, seed=self.seed, aligned=self.aligned)
        if made != key:
            raise DatasetError(f"procedural sample {number} of {split} is {made!r}, expected {key!r}")
        return shape.mesh.normalised()


def _rows(index: Index) -> dict[str, int]:
    """Where each key is in the order of the index, split after split."""
    return {key: row for row, (key, _) in enumerate(e for entries in index.splits.values() for e in entries)}


@contextlib.contextmanager
def _remedy(root: Path) -> Iterator[None]:
    try:
        yield
    except DatasetError as error:
        raise DatasetError(f"{error}; delete {root} and prepare the dataset again") from error


def procedural_entries(split: str, count: int, seed: int) -> list[Entry]:
    """Keys and labels of the first `count` samples, without making them: classes take turns."""
    from geolearn.data import procedural

    classes = procedural.CLASSES
    return [(f"{classes[i % len(classes)]}-{split}-{seed}-{i:06d}", i % len(classes)) for i in range(count)]


def procedural_digest(manifest: Manifest) -> str:
    """Hash of the generator's own source: cached results must not outlive a change to a family."""
    folder = Path(__file__).parent / "procedural"
    digest = hashlib.sha256(manifest.digest.encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
