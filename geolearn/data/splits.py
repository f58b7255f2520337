"""Which samples a split holds: validation carved out of training, and the subsets that protocols use."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from geolearn.data.manifest import Manifest, Protocol
from geolearn.data.prepared.index import Entry
from geolearn.errors import DatasetError, InvalidInputError

Split = Literal["train", "val", "test", "trainval"]
SPLITS: tuple[Split, ...] = get_args(Split)


def select(
    entries: dict[str, list[Entry]], manifest: Manifest, split: str, protocol: str, validation: float, seed: int
) -> list[Entry]:
    """The samples of "train", "val", "test", or "trainval" = the first two, in the order of the split files.

    Validation never comes out of test. Where the dataset has no "val" of its own, `validation` of each training class
    is taken, at random by `seed`; all variants of one shape go to the same side.
    """
    if split not in SPLITS:
        raise InvalidInputError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if not 0 <= validation < 1:
        raise InvalidInputError(f"validation: expected a share in [0, 1), got {validation}")
    rules = manifest.protocol(protocol)
    if rules.keys:
        labels = dict(entry for listed in entries.values() for entry in listed)
        entries = {name: [(key, labels[key]) for key in keys] for name, keys in rules.keys.items()}
    kept = {name: _keep(listed, name, rules) for name, listed in entries.items()}
    for name, expected in rules.splits.items():
        if len(kept[name]) != expected.count:
            raise DatasetError(
                f"{manifest.name}: protocol {protocol!r} gives {len(kept[name])} samples in {name}, "
                f"expected {expected.count}"
            )
    if split not in kept and (split == "test" or "train" not in kept):
        raise DatasetError(f"{manifest.name}: there is no split {split!r}, only {', '.join(kept) or 'nothing'}")
    if split == "test":
        return kept["test"]
    if "val" in kept:
        return kept["train"] + kept["val"] if split == "trainval" else kept[split]
    if split == "trainval":
        return kept["train"]
    chosen = _validation(kept["train"], manifest.variants, validation, seed)
    return [entry for entry in kept["train"] if (shape_of(entry[0], manifest.variants) in chosen) == (split == "val")]


def shape_of(key: str, variants: int) -> str:
    """The shape that a sample shows: its key, less the variant."""
    return key.rpartition("/")[0] if variants > 1 else key


def _keep(entries: list[Entry], split: str, rules: Protocol) -> list[Entry]:
    limit = rules.per_class.get(split)
    taken: dict[int, int] = defaultdict(int)
    kept = []
    for key, label in entries:
        if key.endswith(rules.key_suffix) and (limit is None or taken[label] < limit):
            taken[label] += 1
            kept.append((key, label))
    return kept


def _validation(train: Iterable[Entry], variants: int, share: float, seed: int) -> set[str]:
    """Shapes of the validation split: per class the share, rounded, of a seeded order."""
    by_class: dict[int, dict[str, None]] = defaultdict(dict)
    for key, label in train:
        by_class[label][shape_of(key, variants)] = None
    chosen: set[str] = set()
    for label, shapes in by_class.items():
        order = np.random.default_rng([seed, label]).permutation(len(shapes))
        names = list(shapes)
        chosen.update(names[number] for number in order[: round(share * len(names))])
    return chosen
