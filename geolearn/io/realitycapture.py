"""Cameras that RealityCapture (RealityScan) exports as CSV: Registration > Internal/External camera parameters.

Columns are `#name, x, y, alt, heading, pitch, roll, f, px, py, k1, k2, k3, k4, t1, t2`, in any order; from `px` on they
may be missing. Angles are degrees: a camera with 0, 0, 0 looks down with its top to +y, and is turned by the roll about
y, the pitch about x and the heading about -z, in this order. `f` is in millimetres on 36 mm of the longer side; `px`,
`py` are parts of the longer side, from the middle. The lens is Brown's, with `t1, t2` as OpenCV's `p1, p2`.
Source: nerfstudio's and brush's readers of the format agree on the poses; RealityCapture's "XMP camera math" on lenses.
"""

import csv
import io
import math
from pathlib import Path

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import OPENGL_AXES, Scene, SceneFormat, Shot, from_camera_to_world, intrinsics
from geolearn.io.words import to_utf8
from geolearn.ops.lenses import Lens
from geolearn.typing import Array

_NEEDED = ("x", "y", "alt", "heading", "pitch", "roll", "f")
_OPTIONAL = ("px", "py", "k1", "k2", "k3", "k4", "t1", "t2")
_BEND = {"k1": "k1", "k2": "k2", "k3": "k3", "k4": "k4", "t1": "p1", "t2": "p2"}


def read_realitycapture(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the table; pictures are beside it or in the folder `images` there.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not such a table, no rows, or a row with too few or impossible values.
    """
    source = str(path)
    try:
        text = to_utf8(read_regular(path)).decode()
        table = [(f"line {number}", row) for number, row in enumerate(csv.reader(io.StringIO(text)), 1) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise damaged(source, "the whole file", f"not a table in UTF-8 text ({error})") from error
    if table and table[0][1][0].startswith("#cameras"):
        table = table[1:]
    columns = _columns(table[0][1]) if table else {}
    missing = [name for name in ("name", *_NEEDED) if name not in columns]
    if missing or len(table) < 2:
        problem = f"no columns {', '.join(missing)}" if missing else "no rows below the names of the columns"
        raise damaged(source, "the table", problem, "Export Registration > Internal/External camera parameters")
    shots = tuple(_shot(row, columns, source, place) for place, row in table[1:])
    return Scene(source, shots, (path.parent, path.parent / "images"))


def _columns(row: list[str]) -> dict[str, int]:
    return {name.strip().lstrip("#").lower(): column for column, name in enumerate(row)}


def _shot(row: list[str], columns: dict[str, int], source: str, place: str) -> Shot:
    if len(row) <= max(columns.values()):
        raise damaged(source, place, f"expected {max(columns.values()) + 1} values, got {len(row)}")
    values = {}
    for name in (*_NEEDED, *_OPTIONAL):
        if name in columns:
            try:
                values[name] = float(row[columns[name]])
            except ValueError as error:
                raise damaged(source, f"{place}, {name}", f"expected a number ({error})") from error
    if not all(map(math.isfinite, values.values())) or values["f"] <= 0:
        raise damaged(source, place, "expected finite numbers, and a focal length > 0")
    name = row[columns["name"]].strip()
    if not name:
        raise damaged(source, place, "no name of a picture")
    turned = _turn(-values["heading"], 2) @ _turn(values["pitch"], 0) @ _turn(values["roll"], 1)
    centre = [values[key] for key in ("x", "y", "alt")]
    pose = from_camera_to_world(np.c_[turned, centre], OPENGL_AXES, source, place)
    coefficients = {ours: values[theirs] for theirs, ours in _BEND.items() if values.get(theirs)}

    def lens(height: int, width: int) -> Lens:
        longer = max(height, width)
        focal = values["f"] / 36 * longer
        cx, cy = width / 2 + values.get("px", 0.0) * longer, height / 2 + values.get("py", 0.0) * longer
        return Lens(intrinsics(focal, focal, cx, cy), "series", coefficients)

    return Shot(place, name, None, None, pose, lens)


def _turn(degrees: float, axis: int) -> Array:
    """About one axis, counter-clockwise seen from its tip."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.roll([[c, -s, 0], [s, c, 0], [0, 0, 1]], axis + 1, (0, 1))


def _is_realitycapture(path: Path) -> bool:
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as file:
        lines = file.read(4096).decode("utf-8-sig", errors="replace").splitlines()
    return any({"name", *_NEEDED} <= set(_columns(line.split(","))) for line in lines[:2])


FORMAT = SceneFormat(
    "RealityCapture's cameras",
    "a .csv of internal/external camera parameters, with its pictures beside it or in images",
    ("*.csv",),
    _is_realitycapture,
    read_realitycapture,
)
