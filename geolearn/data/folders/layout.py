"""Which shapes files make, of which class and split each is, by the names of the folders they lie in.

    <class>/<split>/...     <split>/<class>/...     <class>/...

A split is a folder named train, val or test (or training, valid, validation, testing), in any case. Below that, shapes
may lie in folders of their own, as deep as one likes: all names count as part of the shape's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geolearn.data.folders.files_by_kind import Kind, Shape, find_shapes
from geolearn.data.folders.scan import Scan
from geolearn.errors import DatasetError, printable

SPLITS = ("train", "val", "test")
_SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """A shape with its class, and its split where that is told."""

    shape: Shape
    label: str
    split: str | None = None


@dataclass(frozen=True)
class Layout:
    """What a folder or a list holds.

    Attributes:
        form: how it is laid out, in words.
        kind: "mesh", "points", "voxels" or "views".
        placed: the shapes, sorted by name.
        unused: files that are no shapes, by suffix.
        hidden: names that were left alone.
    """

    form: str
    kind: Kind
    placed: tuple[Placed, ...]
    unused: dict[str, int] = field(default_factory=dict)
    hidden: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """In label order: sorted by name."""
        return tuple(sorted({each.label for each in self.placed}))

    @property
    def has_splits(self) -> bool:
        return all(each.split for each in self.placed)


def split_named(name: str) -> str | None:
    """The split that a folder or a word of a list means: "train", "val" or "test"; None for other names."""
    return _SPLIT_NAMES.get(name.lower())


def lay_out(folder: Path, scan: Scan) -> Layout:
    """The shapes of a folder by class and split.

    Raises:
        DatasetError: no shapes, shapes of several kinds, folders that can be read in two ways, or two files for one
            shape; says how many and names some.
    """
    kind, shapes, unused = find_shapes(folder, scan)
    bare = [shape for shape in shapes if not shape.folders]
    if bare:
        what = "pictures lie" if kind == "views" else "shapes lie"
        wanted = "<class>/<shape>/*" if kind == "views" else "<class>/*"
        raise DatasetError(
            f"{printable(folder)}: {len(bare)} of {len(shapes)} {what} in no folder of a class, first "
            f"{_named(shape.name for shape in bare)}; expected {wanted}, or a CSV file of path,label,split"
        )
    form, placed = _place(folder, shapes)
    _refuse_doubles(folder, placed)
    return Layout(form, kind, tuple(placed), unused, scan.hidden)


def is_labelled_folder(scan: Scan) -> bool:
    """Whether meshes lie right in the folder, or right in its folders train, val and test: they have no classes."""
    from geolearn.data.folders.files_by_kind import MESHES

    depths = {
        file.folders if len(file.folders) > 1 or (file.folders and not split_named(file.folders[0])) else ()
        for file in scan.files
        if file.suffix in MESHES
    }
    return depths == {()}


def _place(folder: Path, shapes: Sequence[Shape]) -> tuple[str, list[Placed]]:
    top = {shape.folders[0] for shape in shapes}
    splits_on_top = {name for name in top if split_named(name)}
    if splits_on_top and splits_on_top == top:
        return "<split>/<class>/*", _by_split(folder, shapes)
    if {split_named(name) for name in splits_on_top} >= {"train", "test"}:
        others = sorted(top - splits_on_top)
        raise DatasetError(
            f"{printable(folder)}: {_named(sorted(splits_on_top))} are splits, {_named(others)} "
            f"({len(others)}) are not; give each class folders train and test, or each split folders of classes"
        )
    inside = defaultdict(set)  # class -> names of the folders right in it, "" for shapes that lie there
    for shape in shapes:
        inside[shape.folders[0]].add(shape.folders[1] if len(shape.folders) > 1 else "")
    split_up = {label for label, names in inside.items() if all(split_named(name) for name in names)}
    if len(split_up) == len(inside):
        return "<class>/<split>/*", [Placed(shape, shape.folders[0], split_named(shape.folders[1])) for shape in shapes]
    half = [label for label, names in inside.items() if {split_named(name) for name in names} & {"train", "test"}]
    if half:
        whole = [label for label in sorted(inside) if label not in split_up]
        raise DatasetError(
            f"{printable(folder)}: {len(half)} of {len(inside)} classes have folders train or test; expected all "
            f"shapes of all classes in such folders, or none. Look at {_named(whole)}"
        )
    return "<class>/*", [Placed(shape, shape.folders[0]) for shape in shapes]


def _by_split(folder: Path, shapes: Sequence[Shape]) -> list[Placed]:
    bare = [shape.name for shape in shapes if len(shape.folders) < 2]
    if bare:
        raise DatasetError(
            f"{printable(folder)}: {len(bare)} of {len(shapes)} shapes lie in a folder of a split, but of no class, "
            f"first {_named(bare)}; expected <split>/<class>/*"
        )
    return [Placed(shape, shape.folders[1], split_named(shape.folders[0])) for shape in shapes]


def _refuse_doubles(folder: Path, placed: Sequence[Placed]) -> None:
    count = Counter(each.shape.key for each in placed)
    doubles = [each.shape.name for each in placed if count[each.shape.key] > 1]
    if doubles:
        raise DatasetError(
            f"{printable(folder)}: {len(doubles)} files differ from another only in their ending, first "
            f"{_named(doubles, 4)}; if they show the same shape, take one out, else rename one"
        )


def _named(names: Iterable[str], most: int = SHOWN) -> str:
    listed = list(names)
    return ", ".join(printable(name) for name in listed[:most]) + (", ..." if len(listed) > most else "")
