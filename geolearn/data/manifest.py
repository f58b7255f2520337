"""What is known about a dataset before anything is downloaded: `datasets/<name>/manifest.toml` as a record."""

import hashlib
import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geolearn.errors import DatasetError, unknown_name
from geolearn.plugins import plugin_folders

KINDS = ("mesh", "points", "voxels", "views", "generated")
UP_AXES = ("x", "y", "z", "none")
# Raised when prepared roots change their layout, so that old ones are prepared again.
FORMAT = 1


@dataclass(frozen=True)
class Archive:
    """A file that holds the raw data.

    Attributes:
        filename: its name as published.
        url: where to get it; empty where nobody offers it for download.
        sha256: of the whole file, or empty where unknown.
        folder: where inside the archive the data lies.
    """

    filename: str
    url: str = ""
    sha256: str = ""
    folder: str = "."


@dataclass(frozen=True)
class SplitCounts:
    """How many samples a split has, in all and per class in label order (empty where not known)."""

    count: int
    per_class: tuple[int, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """A way to use a dataset that numbers are published under.

    Attributes:
        per_class: split name to the number of samples kept per class, the first in key order.
        key_suffix: keep only keys that end so.
        keys: split name to exactly these keys, whichever split of the dataset lists them; empty = its own splits.
        splits: counts that result, checked when the dataset is opened.
    """

    description: str
    per_class: dict[str, int] = field(default_factory=dict)
    key_suffix: str = ""
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    splits: dict[str, SplitCounts] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """One dataset. `classes` are in label order; `up` is the raw data's axis (prepared data is Z up).

    Attributes:
        variants: samples per shape, e.g. 12 rotations with keys `shape/01`..`shape/12`; never split apart.
        resolution: cells a side of voxels, pixels a side of views.
        views: pictures per shape, for views.
        parts: class to the names of its parts in label order, where every face of a mesh has a part label.
        max_unpacked_bytes: what the archive may unpack to.
        fingerprint: of all files, where a folder of one's own is the dataset.
        data: without an archive: the folder or CSV list of the shapes, seen from the manifest's folder.
        front: without an archive: where its shapes face, once z points up.

    >>> manifest = load_manifest("modelnet10")
    >>> manifest.kind, manifest.up, len(manifest.classes)
    ('mesh', 'z', 10)
    """

    name: str
    title: str
    kind: str
    up: str
    classes: tuple[str, ...]
    licence: str
    citation: str
    splits: dict[str, SplitCounts]
    protocols: dict[str, Protocol]
    archives: tuple[Archive, ...]
    defects: tuple[str, ...]
    variants: int
    resolution: int
    views: int
    parts: dict[str, tuple[str, ...]]
    max_unpacked_bytes: int
    folder: Path
    fingerprint: str = ""
    data: str = "."
    front: str = "-y"

    @property
    def is_folder(self) -> bool:
        """Whether the shapes lie in a folder or a list, in no archive."""
        return self.kind != "generated" and not self.archives

    @property
    def digest(self) -> str:
        """Hash of everything that prepared data depends on; wording, licence and protocols do not count."""
        facts = [FORMAT, self.name, self.kind, self.up, self.classes, self.variants, self.resolution]
        facts.append({name: asdict(split) for name, split in self.splits.items()})
        if self.fingerprint:
            facts.append(self.fingerprint)
        else:
            facts.append({path.name: path.read_text(encoding="utf-8") for path in sorted(self.split_files.values())})
        if self.views:
            facts.append(self.views)
        if self.parts:
            facts.append(self.parts)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def split_files(self) -> dict[str, Path]:
        """Split name to `splits/<split>.txt`, for those that exist."""
        return {path.stem: path for path in (self.folder / "splits").glob("*.txt")}

    def read_split(self, split: str) -> list[tuple[str, int]]:
        """(key, label) pairs of a split file, in its order.

        Raises:
            DatasetError: a line is not `key class`, names an unknown class, or repeats a key.
        """
        path = self.split_files[split]
        entries: dict[str, int] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split()
            if len(words) != 2 or words[1] not in self.classes or words[0] in entries:
                raise DatasetError(
                    f"{path}, line {number}: expected a new key and a class of {self.name}, got {line!r}"
                )
            entries[words[0]] = self.classes.index(words[1])
        return list(entries.items())

    def protocol(self, name: str) -> Protocol:
        if name not in self.protocols:
            raise unknown_name(f"protocol of {self.name}", name, self.protocols)
        return self.protocols[name]


def datasets_folder() -> Path:
    """`geolearn/_datasets` in an installed package, `datasets` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_datasets", package.parent / "datasets"):
        if folder.is_dir():
            return folder
    raise DatasetError(f"no datasets folder beside {package}: the installation is incomplete, install geolearn again")


def dataset_folders() -> list[Path]:
    """Where manifests are looked for: geolearn's own, then those that other packages bring along,
    then the folders that `$GEOLEARN_DATASETS` names."""
    more = [Path(part) for part in os.environ.get("GEOLEARN_DATASETS", "").split(os.pathsep) if part]
    missing = [str(folder) for folder in more if not folder.is_dir()]
    if missing:
        raise DatasetError(f"GEOLEARN_DATASETS: no such folder: {', '.join(missing)}")
    return [datasets_folder(), *plugin_folders(), *more]


def manifest_files() -> dict[str, Path]:
    """Dataset to its manifest, sorted by name.

    Raises:
        DatasetError: two datasets of one name.
    """
    found: dict[str, Path] = {}
    for path in (path for folder in dataset_folders() for path in folder.glob("*/manifest.toml")):
        if path.parent.name in found:
            raise DatasetError(f"two datasets have one name: {found[path.parent.name].parent} and {path.parent}")
        found[path.parent.name] = path
    return dict(sorted(found.items()))


def dataset_names() -> list[str]:
    """All datasets with a manifest, sorted.

    >>> "procedural" in dataset_names()
    True
    """
    return list(manifest_files())


def load_manifest(name: str) -> Manifest:
    """The manifest of a dataset.

    Raises:
        UnknownNameError: no such dataset; suggests the nearest.
        DatasetError: the manifest is damaged.

    >>> load_manifest("modelnet11")
    Traceback (most recent call last):
    geolearn.errors.UnknownNameError: unknown dataset 'modelnet11'. Did you mean 'modelnet10'? Known: ...
    """
    files = manifest_files()
    if name not in files:
        raise unknown_name("dataset", name, files)
    path = files[name]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        manifest = _from_table(table, path.parent)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: {type(error).__name__}: {error}") from error
    _check(manifest, path)
    return manifest


def _from_table(table: dict[str, Any], folder: Path) -> Manifest:
    protocols = {
        name: Protocol(**{**entry, "splits": _counts(entry.get("splits", {}))})
        for name, entry in table.get("protocols", {"full": {"description": "the whole dataset"}}).items()
    }
    protocols |= random_protocols(folder, table.get("random_splits", {}).get("train", ()))
    own = not table.get("archives")  # a folder of shapes
    return Manifest(
        name=table["name"],
        title=table["title"],
        kind=table["kind"],
        up=table["up"],
        classes=tuple(table["classes"]),
        licence=table.get("licence", "") if own else table["licence"],
        citation=table.get("citation", "").strip() if own else table["citation"].strip(),
        splits=_counts(table.get("splits", {}) if own else table["splits"]),
        protocols=protocols,
        archives=tuple(Archive(**entry) for entry in table.get("archives", ())),
        defects=tuple(table.get("defects", ())),
        variants=table.get("variants", 1),
        resolution=table.get("resolution", 0),
        views=table.get("views", 0),
        parts={name: tuple(parts) for name, parts in table.get("parts", {}).items()},
        max_unpacked_bytes=table.get("max_unpacked_bytes", 1 << 30),
        folder=folder,
        data=table.get("data", "."),
        front=table.get("front", "-y"),
    )


def random_protocols(folder: Path, train_counts: Iterable[int]) -> dict[str, Protocol]:
    """`<class>/<n>/<number>`: n training shapes of one class and the rest for the test, for every n and every order.

    An order is a file `splits/orders/<number>.txt` of lines `key class`, each class in a random order: its first n
    keys are the training shapes, so that a smaller n is a part of a larger one.
    """
    protocols = {}
    for path in sorted((folder / "splits" / "orders").glob("*.txt")):
        keys: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            key, category = line.split()
            keys.setdefault(category, []).append(key)
        for category, order in keys.items():
            for n in train_counts:
                train, test = tuple(order[:n]), tuple(order[n:])
                protocols[f"{category}/{n}/{path.stem}"] = Protocol(
                    f"{category}: {len(train)} training and {len(test)} test shapes, order {path.stem}",
                    keys={"train": train, "test": test},
                    splits={"train": SplitCounts(len(train)), "test": SplitCounts(len(test))},
                )
    return protocols


def _counts(table: dict[str, Any]) -> dict[str, SplitCounts]:
    return {name: SplitCounts(entry["count"], tuple(entry.get("per_class", ()))) for name, entry in table.items()}


def _check(manifest: Manifest, path: Path) -> None:
    wrong = []
    if manifest.name != path.parent.name:
        wrong.append(f"name is {manifest.name!r} in the folder {path.parent.name!r}")
    if manifest.kind not in KINDS:
        wrong.append(f"kind is {manifest.kind!r}, expected one of {KINDS}")
    if manifest.up not in UP_AXES:
        wrong.append(f"up is {manifest.up!r}, expected one of {UP_AXES}")
    if not manifest.classes or len(set(manifest.classes)) != len(manifest.classes):
        wrong.append("classes are empty or repeat")
    if manifest.kind == "views" and (manifest.views < 1 or manifest.resolution < 1):
        wrong.append("views and resolution are not both at least 1")
    if manifest.parts and set(manifest.parts) != set(manifest.classes):
        wrong.append("parts are not given for exactly the classes")
    if "full" not in manifest.protocols:
        wrong.append("there is no protocol 'full'")
    for split, counts in manifest.splits.items():
        if counts.per_class and (len(counts.per_class), sum(counts.per_class)) != (len(manifest.classes), counts.count):
            wrong.append(f"splits.{split}.per_class does not have one number per class that sum to {counts.count}")
    if manifest.is_folder and (manifest.folder / "prepare.py").is_file():
        wrong.append("there is a prepare.py, but no archive")
    if wrong:
        raise DatasetError(f"{path}: {'; '.join(wrong)}")
