"""A CSV file of path,label,split as a dataset: one line per shape, paths relative to the file.

    path,label,split
    meshes/a.off,chair,train
    "meshes/b, new.off",table,test

The column `split` may be missing, or empty in all lines; then the shapes are divided as those of a folder are. A path
names a file or, for pictures, the folder that holds those of one shape.
"""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from geolearn.data.folders.files_by_kind import KIND_OF, NOUNS, PICTURES, Kind, Shape, by_number, has_faces
from geolearn.data.folders.layout import Layout, Placed, split_named
from geolearn.data.folders.scan import file_at, scan_folder
from geolearn.errors import DatasetError, printable

COLUMNS = ("path", "label", "split")
SHOWN = 3


class Line(NamedTuple):
    """A line of a list; `split` is "train", "val", "test" or None."""

    path: str
    label: str
    split: str | None


def read_lines(path: Path) -> list[Line]:
    """The lines of a list.

    Raises:
        DatasetError: no CSV file with these columns, or lines that lack something, repeat a path or name another split;
            says how many and which.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = list(csv.DictReader(stream, skipinitialspace=True))
    except (csv.Error, OSError) as error:
        raise DatasetError(f"{printable(path)}: not a CSV file that can be read ({error})") from error
    columns = set(rows[0]) if rows else set()
    if not {"path", "label"} <= columns:
        raise DatasetError(
            f"{printable(path)}: expected a first line path,label,split and a line per shape, got "
            f"{printable(', '.join(str(name) for name in columns) or 'nothing')}"
        )
    lines, wrong = [], []
    for number, row in enumerate(rows, start=2):
        split = (row.get("split") or "").strip()
        if not row["path"] or not (row["label"] or "").strip() or None in row or (split and not split_named(split)):
            wrong.append(number)
            continue
        lines.append(Line(row["path"], row["label"].strip(), split_named(split)))
    if wrong:
        raise DatasetError(
            f"{printable(path)}: {len(wrong)} of {len(rows)} lines are not a path, a label and train, val, test or "
            f"nothing; first lines {wrong[:SHOWN]}"
        )
    repeated = [name for name, count in Counter(line.path for line in lines).items() if count > 1]
    if repeated:
        raise DatasetError(
            f"{printable(path)}: {len(repeated)} paths stand in more than one line, first "
            f"{printable(', '.join(repeated[:SHOWN]))}"
        )
    if len({line.split is None for line in lines}) > 1:
        without = sum(line.split is None for line in lines)
        raise DatasetError(f"{printable(path)}: {without} of {len(lines)} lines have no split; give all or none one")
    return lines


def lay_out_list(path: Path) -> tuple[Path, Layout]:
    """The folder that contains all files of a list, and its shapes.

    Raises:
        DatasetError: a list that cannot be read, or shapes of several kinds or none that is known.
    """
    lines = read_lines(path)
    places = [os.path.normpath(path.absolute().parent / line.path) for line in lines]
    root = Path(os.path.commonpath([os.path.dirname(place) for place in places]))
    shapes = [_shape(Path(place), root) for place in places]
    placed = [Placed(shape, line.label, line.split) for shape, line in zip(shapes, lines, strict=True)]
    kinds: Counter[Kind | None] = Counter(_kind(root, shape) for shape in shapes)
    kind = next(iter(kinds), None)
    if len(kinds) > 1 or kind is None:
        found = " and ".join(f"{count} {NOUNS.get(each or '', 'others')}" for each, count in kinds.items())
        raise DatasetError(
            f"{printable(path)}: expected shapes of one kind, found {found}; known are {', '.join(KIND_OF)}, and "
            "folders of pictures"
        )
    doubles = [key for key, count in Counter(shape.key for shape in shapes).items() if count > 1]
    if doubles:
        raise DatasetError(
            f"{printable(path)}: {len(doubles)} shapes differ from another only in their ending, first "
            f"{printable(', '.join(doubles[:SHOWN]))}; if they are the same shape, take one out, else rename one"
        )
    placed.sort(key=lambda each: each.shape.parts)
    return root, Layout("a list of files", kind, tuple(placed))


def write_lines(path: Path, lines: Sequence[Line]) -> None:
    """Write a list; it appears whole or not at all."""
    import io

    from geolearn.io.files import write_whole

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((line.path, line.label, line.split or "") for line in lines)
    write_whole(path, text.getvalue().encode("utf-8", errors="surrogateescape"))


def _shape(place: Path, root: Path) -> Shape:
    parts = place.relative_to(root).parts
    if place.is_dir():
        inside = [file for file in scan_folder(place).files if file.suffix in PICTURES and not file.folders]
        files = [file_at(place / file.name, (*parts, file.name)) for file in inside]
        return Shape(parts, "/".join(parts), tuple(sorted(files, key=lambda file: by_number(file.name))))
    file = file_at(place, parts)
    return Shape(parts, "/".join((*file.folders, file.stem)), (file,))


def _kind(root: Path, shape: Shape) -> Kind | None:
    if len(shape.files) != 1 or shape.files[0].parts != shape.parts:
        return "views" if shape.files else None
    file = shape.files[0]
    if file.suffix == ".ply" and file.size > 0 and not has_faces(root / file.path):
        return "points"
    return KIND_OF.get(file.suffix) if file.suffix not in PICTURES else None
