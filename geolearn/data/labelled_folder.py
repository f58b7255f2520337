"""Meshes with labels of one's own: one folder, a file of labels beside every mesh.

    mine/
        parts.txt           names of the parts, one per line, in label order (may be left out)
        train/a.off         OFF, OBJ, PLY, STL, GLB or glTF
        train/a.txt         a line per face, in the order of the mesh file: a number from 0 on, or the name of a part
        train/b.ply         PLY may bring its labels along: the whole number `label` of its faces, or their colours
        val/, test/         the same, if there are such splits

`a.npy`, whole numbers, does as well. Without folders for splits all meshes in `mine/` are for training. Names are
numbered in alphabetical order, colours by their code (#rrggbb), over all files, where no parts.txt says otherwise.
Without a `val/` a share of the training meshes is held out, at random by a fixed seed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from geolearn.data.collection import Collection, NamedCollection
from geolearn.data.folders.folder import is_path
from geolearn.data.folders.layout import is_labelled_folder
from geolearn.data.folders.reading import Reading
from geolearn.data.folders.scan import scan_folder
from geolearn.data.packed import Packed
from geolearn.data.places import cache_folder
from geolearn.data.prepared.sources import Kind, Source
from geolearn.data.representations import RenderViews, Representation, Voxelize
from geolearn.data.store import Store
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, InvalidInputError
from geolearn.structures import Mesh
from geolearn.typing import Int, Tensor

MESHES = (".off", ".obj", ".ply", ".stl", ".glb", ".gltf")
LABELS = (".txt", ".npy")
SPLITS = ("train", "val", "test")
SHOWN = 3


@dataclass(frozen=True)
class LabelledFolder(Collection):
    """A folder of labelled meshes, laid out as above.

    Attributes:
        folder: its path.
        validation: share of the training meshes that "val" takes where the folder has none; at least one mesh.

    Raises:
        DatasetError: no such folder, no meshes in it, or meshes without labels; says how many and which.
        MeshFormatError: labels that do not fit their mesh.

    >>> import tempfile
    >>> from geolearn.data import FaceFeatures
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.off").write_text("OFF\\n3 1 0\\n0 0 0\\n1 0 0\\n0 1 0\\n3 0 1 2\\n")
    ...     _ = Path(folder, "a.txt").write_text("wing\\n")
    ...     LabelledFolder(Path(folder)).source.parts
    ('wing',)
    """

    folder: Path
    validation: float = 0.1

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.folder)

    @property
    def kind(self) -> str:
        return "mesh"

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """The mesh files of every split, sorted by name."""
        if not self.folder.is_dir():
            raise DatasetError(f"{self.folder}: no such folder")
        by_split = {split: _meshes(self.folder / split) for split in SPLITS if (self.folder / split).is_dir()}
        found = by_split or {"train": _meshes(self.folder)}
        if not any(found.values()):
            raise DatasetError(
                f"{self.folder}: no meshes in it, nor in its folders {', '.join(SPLITS)}; known are files of "
                f"{', '.join(MESHES)}"
            )
        return found

    @cached_property
    def source(self) -> "FolderSource":
        every = [path for files in self.files.values() for path in files]
        return FolderSource.of(self.folder, every)

    def packed(self, split: str, representation: Representation | None, target: Callable[[Any], Any] | None) -> Packed:
        if representation is None or target is not None or isinstance(representation, Voxelize | RenderViews):
            raise InvalidInputError(
                f"representation: {self.folder} holds labelled meshes, for FaceFeatures: they lie right in it or in "
                f"its folders {', '.join(SPLITS)}; for classes, put those of each class into a folder of its own"
            )
        source = self.source
        keys = tuple(source.key(path) for path in self._split(split))
        if not keys:
            raise DatasetError(f"{self.folder}: no meshes for the split {split!r}")
        store = Store(
            source,
            keys,
            keys,
            torch.zeros(len(keys), dtype=torch.int64),
            ("mesh",),
            self.folder.name,
            cache_folder("folders"),
            source.digest,
            Workers(-1),
            {"mesh": source.parts},
        )
        return representation.pack(store)

    def _split(self, split: str) -> list[Path]:
        files = self.files
        if split in ("train", "val", "trainval") and "val" not in files:
            train = files.get("train", [])
            if split == "trainval" or self.validation == 0:
                return [] if split == "val" else train
            count = min(max(1, round(self.validation * len(train))), len(train) - 1)
            chosen = set(np.random.default_rng(0).permutation(len(train))[:count].tolist())
            return [path for number, path in enumerate(train) if (number in chosen) == (split == "val")]
        if split == "trainval":
            return [*files.get("train", []), *files["val"]]
        return files.get(split, [])


@dataclass(frozen=True)
class FolderSource(Source):
    """The meshes of a folder, normalised, with their labels.

    Attributes:
        folder: what keys are relative to.
        paths: key to mesh file.
        labels: key to labels.
        parts: names in label order.
        digest: of all files.
    """

    folder: Path
    paths: Mapping[str, Path]
    labels: Mapping[str, Tensor]
    parts: tuple[str, ...]
    digest: str
    kind: ClassVar[Kind] = "mesh"

    @classmethod
    def of(cls, folder: Path, files: Sequence[Path]) -> "FolderSource":
        """Read the labels of all meshes, and number them alike.

        Raises:
            DatasetError: meshes without labels, or files that number their labels beside files that name them.
        """
        found = {path: _read(path) for path in files}
        bare = [path.name for path, own in found.items() if own is None]
        if bare:
            raise DatasetError(
                f"{folder}: {len(bare)} of {len(files)} meshes have no labels, first {bare[:SHOWN]}; put a file of "
                f"labels ({' or '.join(LABELS)}) with the mesh's name beside each, or take them out"
            )
        labels = {path: own for path, own in found.items() if own is not None}
        named = [path.name for path, (_, names) in labels.items() if names]
        if named and len(named) < len(labels):
            raise DatasetError(
                f"{folder}: {len(named)} of {len(labels)} files name their parts and the others number them, first "
                f"{named[:SHOWN]}; do one or the other in all"
            )
        parts = _parts(folder, {name for _, names in labels.values() for name in names})
        if not named:
            parts = _numbered(folder, labels, parts)
        numbered = {
            path: torch.tensor([parts.index(name) for name in names], dtype=torch.int64)[own] if names else own
            for path, (own, names) in labels.items()
        }
        digest = hashlib.sha256(repr(parts).encode())
        for path in files:
            digest.update(path.read_bytes())
            digest.update(numbered[path].numpy().tobytes())
        keys = {_key(folder, path): path for path in files}
        return cls(folder, keys, {key: numbered[path] for key, path in keys.items()}, parts, digest.hexdigest())

    def key(self, path: Path) -> str:
        return _key(self.folder, path)

    def load(self, key: str) -> Mesh:
        from geolearn.io import load_mesh

        mesh = load_mesh(self.paths[key]).normalised()
        return replace(mesh, face_labels=self.labels[key], name=key)


def _key(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _meshes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in MESHES)


def _read(path: Path) -> tuple[Int[Tensor, " F"], list[str]] | None:
    """Labels of a mesh file, and the names of 0, 1, ... where they have some; None where there are no labels."""
    from geolearn.io import load_mesh
    from geolearn.io.face_labels import read_face_labels
    from geolearn.io.part_files import load_face_colours

    mesh = load_mesh(path)
    for suffix in LABELS:
        beside = path.with_suffix(suffix)
        if beside.is_file():
            return read_face_labels(beside, len(mesh.faces))
    if mesh.face_labels is not None:
        return mesh.face_labels, []
    colours = load_face_colours(path) if path.suffix.lower() == ".ply" else None
    if colours is None or len(colours) != len(mesh.faces):
        return None
    known, labels = colours.unique(dim=0, return_inverse=True)
    return labels, ["#" + bytes(colour).hex() for colour in known.tolist()]


def _parts(folder: Path, found: set[str]) -> tuple[str, ...]:
    """The names of parts.txt, which have to be all that are used; without it those that are used, sorted."""
    path = folder / "parts.txt"
    if not path.is_file():
        return tuple(sorted(found))
    parts = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    unknown = sorted(found - set(parts))
    if unknown or len(set(parts)) != len(parts):
        raise DatasetError(
            f"{path}: expected each part once, got {', '.join(parts)}; {len(unknown)} names of label files are not "
            f"among them: {unknown[:SHOWN]}"
        )
    return parts


def _numbered(folder: Path, labels: Mapping[Path, tuple[Tensor, list[str]]], parts: tuple[str, ...]) -> tuple[str, ...]:
    """Names of numbered labels: those of parts.txt, or part0, part1, ..."""
    most = {path: int(own.max()) for path, (own, _) in labels.items() if len(own)}
    if not parts:
        return tuple(f"part{label}" for label in range(max(most.values(), default=-1) + 1))
    beyond = [path.name for path, label in most.items() if label >= len(parts)]
    if beyond:
        raise DatasetError(
            f"{folder}: {len(beyond)} of {len(labels)} meshes have labels beyond the {len(parts)} parts of parts.txt "
            f"(0..{len(parts) - 1}), first {beyond[:SHOWN]}"
        )
    return parts


def open_collection(
    data: str, protocol: str = "full", validation: float = 0.1, reading: Reading | None = None
) -> Collection:
    """A dataset by name; or a folder by its path: of shapes in folders of classes, else of labelled meshes.

    Raises:
        InvalidInputError: a reading for labelled meshes, which are taken as they stand.

    >>> open_collection("procedural")
    NamedCollection(name='procedural', protocol='full', validation=0.1, reading=None)
    """
    if is_path(data) and Path(data).is_dir() and is_labelled_folder(scan_folder(Path(data))):
        if reading is not None:
            raise InvalidInputError(f"reading: {data} holds labelled meshes, which are taken as they stand")
        return LabelledFolder(Path(data), validation)
    return NamedCollection(data, protocol, validation, reading)
