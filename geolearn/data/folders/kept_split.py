"""The test shapes of a folder that does not name any: a seeded share of every class, kept in a file.

The file is a list of path,label,split (`geolearn.data.folders.lists`) in the folder itself or, where that may not be
written to, in the data home. Once it is there it decides: shapes that join later are divided so that each class comes
near its share again, those before them stay where they were.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from geolearn.data.folders.layout import Placed
from geolearn.data.folders.lists import Line, read_lines, write_lines
from geolearn.errors import DatasetError, printable

SPLIT_FILE = "geolearn-split.csv"
TEST_SHARE = 0.2
SEED = 0
logger = logging.getLogger(__name__)


def divide(
    placed: Sequence[Placed], before: Mapping[str, str], *, share: float = TEST_SHARE, seed: int = SEED
) -> dict[str, str]:
    """Name of every shape to "train", "val" or "test": as before, and new ones by class, at random by the seed.

    Of a class of at least two shapes at least one is for the test.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    for each in placed:
        by_class[each.label].append(each.shape.name)
    divided = {each.shape.name: before[each.shape.name] for each in placed if each.shape.name in before}
    for label, names in sorted(by_class.items()):
        new = [name for name in names if name not in before]
        if not new:
            continue
        tested = sum(divided.get(name) == "test" for name in names)
        wanted = max(1, round(share * len(names))) if len(names) > 1 else 0
        number = [seed, *label.encode(errors="surrogateescape")]  # the same whatever other classes there are
        order = np.random.default_rng(number).permutation(len(new)).tolist()
        chosen = {new[place] for place in order[: max(0, wanted - tested)]}
        divided |= {name: "test" if name in chosen else "train" for name in new}
    return divided


def kept_split(places: Sequence[Path]) -> tuple[Path | None, dict[str, str]]:
    """The first of the files that is there, and name to split of its lines.

    Raises:
        DatasetError: a file that is damaged, or that lacks splits.
    """
    for path in places:
        if path.is_file():
            lines = read_lines(path)
            if any(line.split is None for line in lines):
                raise DatasetError(f"{printable(path)}: expected a split in every line; delete the file to divide anew")
            return path, {line.path: line.split or "" for line in lines}
    return None, {}


def keep_split(places: Sequence[Path], placed: Sequence[Placed], divided: Mapping[str, str]) -> Path:
    """Write the file in the first place that may be written to, and return its path.

    Lines of shapes that are not there any more stay: they may come back.
    """
    path, before = kept_split(places)
    known = {each.shape.name for each in placed}
    gone = [line for line in (read_lines(path) if path else []) if line.path not in known]
    lines = [*gone, *(Line(each.shape.name, each.label, divided[each.shape.name]) for each in placed)]
    if path and len(lines) == len(before) and not set(divided) - set(before):
        return path
    for place in [path] if path else places:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_lines(place, lines)
        except OSError as error:
            logger.warning("%s cannot be written (%s)", printable(place), error.strerror)
            continue
        counts = {split: sum(line.split == split for line in lines) for split in ("train", "val", "test")}
        told = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
        logger.warning("%s: wrote the split, %s; edit or delete it for another", printable(place), told)
        return place
    raise DatasetError(f"the split could be written to none of {', '.join(printable(place) for place in places)}")
