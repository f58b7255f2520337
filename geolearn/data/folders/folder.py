"""A folder, or a list of files, as a dataset: its manifest, its splits, and its prepared files.

The digest comes from names, sizes and times of change of the files that are used, from classes and splits, and from how
the files are read; not from their content, which would have to be read in full before every training.
"""

import hashlib
import importlib.util
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from geolearn.data.folders.convert import FORMAT, convert_files, convert_pictures
from geolearn.data.folders.files_by_kind import NOUNS, Shape
from geolearn.data.folders.kept_split import SPLIT_FILE, divide, keep_split, kept_split
from geolearn.data.folders.layout import SPLITS, Layout, lay_out
from geolearn.data.folders.lists import lay_out_list
from geolearn.data.folders.reading import Front, Reading, Up
from geolearn.data.folders.scan import scan_folder
from geolearn.data.folders.up_axis import doubt_up
from geolearn.data.locks import exclusive_lock
from geolearn.data.manifest import Manifest, Protocol, SplitCounts, dataset_names, load_manifest
from geolearn.data.places import prepared_folder
from geolearn.data.prepared.index import Entry, Index, check_counts, read_index
from geolearn.data.prepared.orientation import UPS
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, GeolearnError, InvalidInputError, printable
from geolearn.typing import PathLike

MANY_FILES = 64  # from here on it pays to read them in several processes


def is_path(name: PathLike) -> bool:
    """Whether a dataset's name means a folder or a list of one's own; the names of `datasets/` come first."""
    text = os.fspath(name)
    return text not in dataset_names() and (Path(text).exists() or os.sep in text or text.lower().endswith(".csv"))


@dataclass(frozen=True)
class Folder:
    """Shapes of one's own, listed but not read.

    Attributes:
        path: the folder or the list.
        root: what the names of files are relative to.
        layout: what was found.
        reading: how the files are read.
        split_places: where a split that is drawn is kept, the best place first; empty where the folder has its own.
        split_file: the one of these that is there.
        divided: name of every shape to its split.
        named: the manifest, where one describes the folder.
    """

    path: Path
    root: Path
    layout: Layout
    reading: Reading
    split_places: tuple[Path, ...]
    split_file: Path | None
    divided: Mapping[str, str]
    named: Manifest | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """In label order."""
        return self.named.classes if self.named else self.layout.classes

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return {each.shape.key: each.shape for each in self.layout.placed}

    @cached_property
    def splits(self) -> dict[str, list[Entry]]:
        """Split name to its (key, label) pairs, sorted by name."""
        labels = {name: label for label, name in enumerate(self.classes)}
        found: dict[str, list[Entry]] = {name: [] for name in SPLITS if name in set(self.divided.values())}
        for each in self.layout.placed:
            found[self.divided[each.shape.name]].append((each.shape.key, labels[each.label]))
        return found

    @cached_property
    def manifest(self) -> Manifest:
        classes = self.classes
        ups = {self.reading.up_of(shape.files[0].suffix) for shape in self.shapes.values()}
        counts = {}
        for split, entries in self.splits.items():
            per_class = Counter(label for _, label in entries)
            counts[split] = SplitCounts(len(entries), tuple(per_class[label] for label in range(len(classes))))
        views, size, _ = self._pictures
        found = {"splits": counts, "views": views, "resolution": size, "fingerprint": self._fingerprint}
        if self.named:
            return replace(self.named, **found)
        return Manifest(
            name=str(self.path.resolve()),
            title=f"{len(self.shapes)} {NOUNS[self.layout.kind]} in {self.layout.form}",
            kind=self.layout.kind,
            up=ups.pop() if len(ups) == 1 else "none",
            classes=classes,
            licence="",
            citation="",
            protocols={"full": Protocol("all shapes")},
            archives=(),
            defects=(),
            variants=1,
            parts={},
            max_unpacked_bytes=0,
            folder=self.path,
            **found,
        )

    @property
    def _fingerprint(self) -> str:
        files = [
            [key, *([file.path, file.size, file.mtime_ns] for file in shape.files)]
            for key, shape in self.shapes.items()
        ]
        facts = [FORMAT, files, self.splits, asdict(self.reading)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _pictures(self) -> tuple[int, int, int]:
        """Pictures per shape, pixels a side, channels: of most shapes, and of the first that can be read."""
        if self.layout.kind != "views":
            return 0, 0, 0
        from geolearn.io.images import read_header  # late: it needs Pillow

        count = Counter(len(shape.files) for shape in self.shapes.values()).most_common(1)[0][0]
        for shape in self.shapes.values():
            try:
                header = read_header(self.root / shape.files[0].path)
            except (GeolearnError, OSError):
                continue
            return count, header.height, 1 if header.grey else 3
        raise DatasetError(
            f"{printable(self.path)}: the first picture of none of {len(self.shapes)} shapes can be read"
        )

    def settle(self) -> "Folder":
        """The same with its split written down, if it has none of its own."""
        if not self.split_places:
            return self
        self.split_places[-1].parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self.split_places[-1].with_name(".split.lock")):
            _, before = kept_split(self.split_places)  # another process may have written it
            divided = divide(self.layout.placed, before)
            written = keep_split(self.split_places, self.layout.placed, divided)
        return replace(self, split_file=written, divided=divided)

    def prepare(self, root: PathLike | None = None, *, progress: bool | None = None) -> tuple[Path, Index]:
        """The folder of the prepared files, in the data home, and the index; at once where nothing has changed.

        Raises:
            DatasetError: files that cannot be read, and are not to be left out; says how many, and names them.
        """
        turned = "" if self.reading == Reading() else f"-{self.reading.up}{self.reading.front}"
        target = prepared_folder(f"folders/{slug(self.path)}{turned}", root)
        target.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(target.with_name(f".{target.name}.lock")):
            try:
                return target, read_index(target, self.manifest)
            except DatasetError:  # not there, or of another state of the folder
                pass
            index = self._convert(target, _workers(len(self.shapes), progress))
            index.write(target, self.manifest)
        return target, index

    def _convert(self, target: Path, workers: Workers) -> Index:
        if self.layout.kind == "views":
            channels = self._pictures[2]
            return convert_pictures(
                self.root, self.shapes, self.splits, target, self.manifest, channels, self.reading, workers
            )
        index = convert_files(
            self.layout.kind, self.root, self.shapes, self.splits, target, self.reading, workers, str(self.path)
        )
        doubt = doubt_up(self.layout.kind, self.root, list(self.shapes.values()), self.reading)
        return Index(index.splits, {**index.facts, "doubt": doubt}) if doubt else index


def find_folder(name: PathLike, reading: Reading | None = None, *, root: PathLike | None = None) -> Folder | None:
    """The folder that a dataset's name or path means; None for datasets of another kind.

    Raises:
        UnknownNameError: no such dataset.
        DatasetError: as `read_folder`; or what is there is not what its manifest says.
        InvalidInputError: a reading for a dataset that says itself how it is read.
    """
    if is_path(name):
        return read_folder(name, reading, root=root)
    manifest = load_manifest(os.fspath(name))
    if reading is not None:
        raise InvalidInputError(f"reading: only for folders and lists by path; {name} says itself how it is read")
    if not manifest.is_folder:
        return None
    up = manifest.up if manifest.up in UPS else "z"
    folder = read_folder(manifest.folder / manifest.data, Reading(cast(Up, up), cast(Front, manifest.front)), root=root)
    folder = replace(folder, named=manifest)
    _check(folder, manifest)
    return folder


def _check(folder: Folder, manifest: Manifest) -> None:
    """Compare what is there with a manifest."""
    wrong = []
    if folder.layout.kind != manifest.kind:
        wrong.append(f"expected kind {manifest.kind!r}, found {folder.layout.kind!r}")
    unknown = sorted(set(folder.layout.classes) - set(manifest.classes))
    if unknown:
        wrong.append(f"{len(unknown)} classes are not in the manifest, first {unknown[:3]}")
    if wrong:
        raise DatasetError(f"{manifest.name} ({printable(folder.path)}): {'; '.join(wrong)}")
    if manifest.splits:
        check_counts(Index(folder.splits), manifest)


def read_folder(path: PathLike, reading: Reading | None = None, *, root: PathLike | None = None) -> Folder:
    """List the shapes of a folder or a CSV file, by class and split. Nothing is opened but the list, nothing written.

    Args:
        path: see `geolearn.data.folders.layout` and `geolearn.data.folders.lists`.
        root: the data home.

    Raises:
        DatasetError: nothing there, or what is there cannot be understood in one way; says how many files and which.
    """
    path = Path(path)
    in_home = prepared_folder(f"folders/{slug(path)}", root) / SPLIT_FILE
    if path.is_file():
        base, layout = lay_out_list(path)
        places = (path.with_name(f"{path.stem}-split.csv"), in_home)
    else:
        if not path.is_dir():
            raise DatasetError(
                f"{printable(path)}: no such folder or file, and no dataset of that name; give a folder of shapes, a "
                f"CSV file of path,label,split, or one of {', '.join(dataset_names())}"
            )
        base, layout = path, lay_out(path, scan_folder(path))
        places = (path / SPLIT_FILE, in_home)
    if layout.has_splits:
        divided = {each.shape.name: each.split or "" for each in layout.placed}
        return Folder(path, base, layout, reading or Reading(), (), None, divided)
    split_file, before = kept_split(places)
    return Folder(path, base, layout, reading or Reading(), places, split_file, divide(layout.placed, before))


def slug(path: Path) -> str:
    """A name for a folder's place in the data home: its own, made plain, and a hash of where it lies."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", path.resolve().name)[:40].strip(".")
    return f"{plain}-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:10]}"


def _workers(count: int, progress: bool | None) -> Workers:
    parallel = count >= MANY_FILES and importlib.util.find_spec("joblib") is not None
    return Workers(-1 if parallel else 1, progress=progress)


def left_out(facts: Mapping[str, Any]) -> str | None:
    """A sentence for every report on files that were left out."""
    listed = facts.get("left_out")
    if not listed:
        return None
    first = ", ".join(printable(entry["file"]) for entry in listed[:3])
    more = ", ..." if len(listed) > 3 else ""
    return f"{len(listed)} of {facts['files']} files could not be read and were left out: {first}{more}"
