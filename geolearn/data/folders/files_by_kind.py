"""Which files are shapes, and of which kind all shapes of a folder are.

A folder holds one kind: meshes, points, grids or pictures. Pictures count only where there is nothing else, since
meshes bring textures and previews along. A file beside a shape that has its name (labels of faces, the same shape as
voxels) belongs to it and is not read.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geolearn.data.folders.scan import File, Scan
from geolearn.errors import DatasetError, printable
from geolearn.io.meshes import MESH_FORMATS
from geolearn.io.points import POINTS_ALONE
from geolearn.io.voxels import VOXEL_FORMATS

MESHES = tuple(f".{name}" for name in MESH_FORMATS)
POINTS = tuple(f".{name}" for name in POINTS_ALONE)
GRIDS = tuple(f".{name}" for name in VOXEL_FORMATS)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
NOUNS = {"mesh": "meshes", "points": "point clouds", "voxels": "voxel grids", "views": "folders of pictures"}
Kind = Literal["mesh", "points", "voxels", "views"]
_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("mesh", MESHES),
    ("points", POINTS),
    ("voxels", GRIDS),
    ("views", PICTURES),
)
KIND_OF: dict[str, Kind] = {suffix: kind for kind, suffixes in _KINDS for suffix in suffixes}
PEEKED = 8  # PLY files that are looked into: some hold points alone
_HAS_FACES = re.compile(rb"element\s+(?:face|tristrips)\s+[1-9]")
_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: a file, or the pictures of a folder in the order of their numbers.

    Attributes:
        parts: the names of the folders above it, then its own (a file's or, for pictures, a folder's).
        key: its name in batches and reports: the path, a file's without its ending.
        files: what is read.
    """

    parts: tuple[str, ...]
    key: str
    files: tuple[File, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        return self.parts[:-1]

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def find_shapes(folder: Path, scan: Scan) -> tuple[Kind, list[Shape], dict[str, int]]:
    """The kind, the shapes sorted by name, and how many files are none, by suffix.

    Raises:
        DatasetError: no shapes, or several kinds of them; says how many of each.
    """
    by_kind: dict[Kind, list[File]] = defaultdict(list)
    for file in scan.files:
        if file.suffix in KIND_OF:
            by_kind[KIND_OF[file.suffix]].append(file)
    if "mesh" in by_kind and _are_points(folder, by_kind["mesh"]):
        by_kind["points"] = sorted(by_kind["points"] + by_kind.pop("mesh"), key=lambda file: file.parts)
    order: list[Kind] = [kind for kind, _ in _KINDS[:3] if by_kind.get(kind)]
    if not order and not by_kind.get("views"):
        raise DatasetError(
            f"{printable(folder)}: no shapes among {len(scan.files)} files; known are {', '.join(KIND_OF)}"
        )
    kind: Kind = order[0] if order else "views"
    beside = {(file.folders, file.stem) for file in by_kind[kind]}
    strangers = {
        other: left
        for other in order[1:]
        if (left := [file for file in by_kind[other] if (file.folders, file.stem) not in beside])
    }
    if strangers:
        counts = {kind: len(by_kind[kind])} | {other: len(left) for other, left in strangers.items()}
        found = " and ".join(f"{count} {NOUNS[each]}" for each, count in counts.items())
        first = printable(next(iter(strangers.values()))[0].path)
        raise DatasetError(
            f"{printable(folder)}: expected shapes of one kind, found {found} (first {first}); move the others out, or "
            "list what you want in a CSV file of path,label,split"
        )
    shapes = _picture_folders(by_kind["views"]) if kind == "views" else shapes_of(by_kind[kind])
    used = {file.parts for shape in shapes for file in shape.files}
    unused = Counter(file.suffix or "(none)" for file in scan.files if file.parts not in used)
    return kind, shapes, dict(sorted(unused.items()))


def shapes_of(files: Sequence[File]) -> list[Shape]:
    """A shape for each file."""
    return [Shape(file.parts, "/".join((*file.folders, file.stem)), (file,)) for file in files]


def _picture_folders(files: Sequence[File]) -> list[Shape]:
    inside: dict[tuple[str, ...], list[File]] = defaultdict(list)
    for file in files:
        inside[file.folders or (".",)].append(file)
    return [
        Shape(parts, "/".join(parts), tuple(sorted(inside[parts], key=lambda file: by_number(file.name))))
        for parts in sorted(inside)
    ]


def by_number(name: str) -> list[tuple[int, int | str]]:
    """A key for sorting that puts view_2 before view_10.

    >>> sorted(["view_10.png", "view_2.png"], key=by_number)
    ['view_2.png', 'view_10.png']
    """
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"([0-9]+)", name)]


def _are_points(folder: Path, meshes: Sequence[File]) -> bool:
    """Whether all mesh files are PLY and those looked into, spread over all of them, have no faces."""
    if any(file.suffix != ".ply" for file in meshes):
        return False
    return not any(has_faces(folder / file.path) for file in meshes[:: max(1, len(meshes) // PEEKED)] if file.size > 0)


def has_faces(path: Path) -> bool:
    """Whether the header of a PLY file promises faces."""
    with path.open("rb") as stream:
        return _HAS_FACES.search(stream.read(_HEADER_BYTES).partition(b"end_header")[0]) is not None
