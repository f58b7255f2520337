"""What a folder of shapes is taken for and what a training would do with it, without reading its shapes."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geolearn.data.folders.files_by_kind import NOUNS
from geolearn.data.folders.folder import Folder, read_folder, slug
from geolearn.data.folders.kept_split import SEED, TEST_SHARE
from geolearn.data.folders.layout import is_labelled_folder
from geolearn.data.folders.reading import Reading
from geolearn.data.folders.scan import scan_folder
from geolearn.data.folders.up_axis import doubt_up
from geolearn.data.places import prepared_folder
from geolearn.errors import DatasetError, printable
from geolearn.typing import PathLike

SHOWN = 3


@dataclass(frozen=True)
class FolderReport:
    """Attributes:
    facts: what was found and what would be done, in words, by subject.
    classes: a row per class: its name, and its shapes in each split.
    warnings: what the owner should look at first.
    broken: file to why it cannot be read, where all were read.
    """

    facts: dict[str, str]
    classes: list[dict[str, Any]]
    warnings: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def check_folder(
    path: PathLike, reading: Reading | None = None, *, read: bool = False, root: PathLike | None = None
) -> FolderReport:
    """Look at a folder or a CSV list as `ShapeDataset` and `geolearn train --data` would take it; nothing is written.

    Args:
        reading: how its files would be read.
        read: also prepare all files, in the data home, as a training would, and name those that cannot be read.
        root: the data home.

    Raises:
        DatasetError: what is there cannot be understood in one way.
    """
    path = Path(path)
    if path.is_dir() and is_labelled_folder(scan_folder(path)):
        raise DatasetError(
            f"{printable(path)}: meshes lie right in it, or in its folders train, val, test, as labelled meshes do "
            "(geolearn train surfacelabelnet); to learn classes, put the shapes of each class into a folder of its own"
        )
    reading = reading or Reading()
    folder = read_folder(path, reading, root=root)
    warnings = [
        *_suspicious(folder),
        *filter(None, [doubt_up(folder.layout.kind, folder.root, list(folder.shapes.values()), reading)]),
    ]
    broken = {}
    if read:
        whole = read_folder(path, Reading(reading.up, reading.front, skip_broken=True), root=root)
        _, index = whole.prepare(root, progress=True)
        broken = {entry["file"]: entry["reason"] for entry in index.facts.get("left_out", ())}
    return FolderReport(_facts(folder, root), _class_rows(folder), warnings, broken)


def _facts(folder: Folder, root: PathLike | None) -> dict[str, str]:
    layout = folder.layout
    files = [file for shape in folder.shapes.values() for file in shape.files]
    suffixes = Counter(file.suffix for file in files)
    megabytes = sum(max(file.size, 0) for file in files) / 1e6
    found = {
        "found": f"{len(folder.shapes):,} {NOUNS[layout.kind]} in {len(layout.classes)} classes, {layout.form}",
        "files": f"{_counted(suffixes)}; {megabytes:,.1f} MB",
    }
    if layout.unused or layout.hidden:
        hidden = f"; {layout.hidden} hidden names" if layout.hidden else ""
        found["left alone"] = f"{_counted(layout.unused) or 'no other files'}{hidden}"
    if layout.kind == "views":
        found["pictures"] = f"{folder.manifest.views} per shape, {folder.manifest.resolution} px a side"
    else:
        ups = sorted({(folder.reading.up_of(suffix), suffix) for suffix in suffixes})
        told = "as asked" if folder.reading.up != "auto" else "--up changes it"
        found["up"] = f"{', '.join(f'{up} in {suffix}' for up, suffix in ups)} ({told}); turned so that z is up"
        if folder.reading.front != "-y":
            found["front"] = f"{folder.reading.front}, turned to -y"
    found["split"] = _split(folder)
    if "val" not in folder.splits:
        found["validation"] = "a tenth of each class of the training shapes (--validation)"
    place = prepared_folder(f"folders/{slug(folder.path)}", root)
    found["prepared in"] = f"{printable(place)}, at the first training; your files stay as they are"
    return found


def _split(folder: Folder) -> str:
    counts = ", ".join(f"{len(entries):,} {split}" for split, entries in folder.splits.items())
    if not folder.split_places:
        return f"its own: {counts}"
    if folder.split_file is None:
        return (
            f"{counts}; drawn by seed {SEED}, {TEST_SHARE:.0%} of each class for the test, and written to "
            f"{printable(folder.split_places[0])} at the first training"
        )
    return f"{counts}; from {printable(folder.split_file)}, to which new shapes are added"


def _class_rows(folder: Folder) -> list[dict[str, Any]]:
    table: dict[int, Counter[str]] = defaultdict(Counter)
    for split, entries in folder.splits.items():
        for _, label in entries:
            table[label][split] += 1
    return [
        {"class": name, **{split: table[label][split] for split in folder.splits}}
        for label, name in enumerate(folder.layout.classes)
    ]


def _suspicious(folder: Folder) -> list[str]:
    rows, files = _class_rows(folder), [file for shape in folder.shapes.values() for file in shape.files]
    found = []
    empty = [file.path for file in files if file.size <= 0]
    if empty:
        found.append(f"{len(empty)} of {len(files)} files are empty, or links that lead nowhere: {_named(empty)}")
    for split in folder.splits:
        lacking = [row["class"] for row in rows if not row[split]]
        if lacking:
            found.append(f"{len(lacking)} of {len(rows)} classes have no shape in {split}: {_named(lacking)}")
    for split in ("train", "test"):
        if split not in folder.splits:
            found.append(f"there are no shapes in {split}")
    if len(rows) == 1:
        found.append(
            f"there is one class only, {printable(rows[0]['class'])}, and a classifier needs two; if the classes are "
            f"the folders inside it, give {printable(folder.root / rows[0]['class'])}"
        )
    by_file: dict[tuple[int, int], list[str]] = defaultdict(list)
    for file in files:
        by_file[file.identity].append(file.path)
    twice = [names for identity, names in by_file.items() if len(names) > 1 and identity != (0, 0)]
    if twice:
        found.append(f"{len(twice)} files have more than one name, by links, first {_named(twice[0])}")
    return found


def _counted(counts: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{count:,} {printable(suffix)}" for suffix, count in sorted(counts.items()))


def _named(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
