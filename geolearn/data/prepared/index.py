"""`index.json` of a prepared dataset: which samples there are, in order, and what was found while preparing them."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geolearn.data.manifest import Manifest
from geolearn.errors import DatasetError
from geolearn.typing import Array

Entry = tuple[str, int]


@dataclass(frozen=True)
class Index:
    """Attributes:
    splits: split name to its (key, label) pairs, in the order of the split file.
    facts: what the dataset's prepare.py recorded, e.g. `empty` or `duplicates`.
    """

    splits: dict[str, list[Entry]]
    facts: dict[str, Any] = field(default_factory=dict)

    def counts(self, split: str, classes: int) -> list[int]:
        """Samples per class."""
        result = [0] * classes
        for _, label in self.splits[split]:
            result[label] += 1
        return result

    def write(self, root: Path, manifest: Manifest) -> None:
        text = json.dumps({"name": manifest.name, "manifest_digest": manifest.digest, **asdict(self)}, indent=0)
        (root / "index.json").write_text(text + "\n", encoding="utf-8")


def read_index(root: Path, manifest: Manifest) -> Index:
    """The index of a prepared root.

    Raises:
        DatasetError: damaged, of another dataset, or prepared under another version of the manifest.
    """
    path = root / "index.json"
    again = f"prepare it again: geolearn data prepare {manifest.name} --from PATH"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        index = Index(
            {split: [(str(key), int(label)) for key, label in entries] for split, entries in table["splits"].items()},
            table["facts"],
        )
        name, digest = table["name"], table["manifest_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read ({type(error).__name__}: {error}); {again}") from error
    if (name, digest) != (manifest.name, manifest.digest):
        raise DatasetError(f"{path} holds {name!r} as prepared for another manifest; {again}")
    return index


def check_counts(index: Index, manifest: Manifest) -> None:
    """Compare an index with the manifest, split by split and class by class.

    Raises:
        DatasetError: naming every difference.
    """
    wrong = []
    if set(index.splits) != set(manifest.splits):
        wrong.append(f"splits are {sorted(index.splits)}, expected {sorted(manifest.splits)}")
    for split in sorted(set(index.splits) & set(manifest.splits)):
        expected, found = manifest.splits[split], index.counts(split, len(manifest.classes))
        if sum(found) != expected.count:
            wrong.append(f"{split} has {sum(found)} samples, expected {expected.count}")
        for label, want in enumerate(expected.per_class):
            if found[label] != want:
                wrong.append(f"{split}/{manifest.classes[label]} has {found[label]}, expected {want}")
    keys = [key for entries in index.splits.values() for key, _ in entries]
    if len(set(keys)) != len(keys):
        wrong.append("a key occurs twice")
    if wrong:
        raise DatasetError(f"{manifest.name}: the raw data differs from the manifest: {'; '.join(wrong)}")


def repeated_samples(arrays: Mapping[str, Iterable[Array]], splits: dict[str, list[Entry]]) -> list[dict[str, object]]:
    """Which test samples equal training samples: `{"key", "equals": [...], "same_label": bool}` per test sample.

    `same_label` is whether every training sample that is equal has the label of the test sample. A data
    set without one of the two splits has none.

    Args:
        arrays: split name to the array of each of its samples, in the order of `splits`.
    """
    seen: dict[bytes, list[Entry]] = defaultdict(list)
    for entry, array in zip(splits.get("train", ()), arrays.get("train", ()), strict=True):
        seen[hashlib.sha256(array.tobytes()).digest()].append(entry)
    repeats = []
    for (key, label), array in zip(splits.get("test", ()), arrays.get("test", ()), strict=True):
        equal = seen.get(hashlib.sha256(array.tobytes()).digest(), [])
        if equal:
            same = all(other == label for _, other in equal)
            repeats.append({"key": key, "equals": [other for other, _ in equal], "same_label": same})
    return repeats
