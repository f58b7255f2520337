"""Point clouds from files: `load_points`."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from geolearn.errors import InvalidInputError, MeshFormatError, printable
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.float32 import about_origin, fits_float32
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.obj import read_obj
from geolearn.io.pcd import read_pcd
from geolearn.io.ply import read_ply
from geolearn.io.surface import Surface
from geolearn.io.words import to_utf8
from geolearn.io.xyz import Points, read_xyz
from geolearn.structures import PointCloud
from geolearn.typing import Array, PathLike, Tensor

logger = logging.getLogger(__name__)


def _of_surface(surface: Surface) -> Points:
    looks = surface.looks
    if looks is None:
        return Points(surface.verts)
    return Points(surface.verts, looks.normals if looks.normal_corners is None else None, looks.vertex_colours)


_READERS: dict[str, Callable[[bytes, str, Path], Points]] = {
    "ply": lambda data, source, folder: _of_surface(read_ply(data, source)),
    "obj": lambda data, source, folder: _of_surface(read_obj(data, source, folder)),
    "pcd": lambda data, source, folder: read_pcd(data, source),
    **dict.fromkeys(("xyz", "xyzn", "xyzrgb", "pts", "asc"), lambda data, source, folder: read_xyz(data, source)),
}
POINT_FORMATS = tuple(_READERS)
POINTS_ALONE = ("pcd", "xyz", "xyzn", "xyzrgb", "pts", "asc")  # never a mesh


def load_points(path: PathLike, *, file_format: str | None = None) -> PointCloud:
    """Read points with their normals and colours: PLY, OBJ (vertices, with or without faces), PCD, and rows of text.

    Rows of text (.xyz, .xyzn, .xyzrgb, .pts, .asc) hold x, y, z, then perhaps an intensity, a normal and a colour in
    any order; which is which is told by names of columns, or else by the values. Points that are NaN, as organised
    scans hold them where the sensor saw nothing, are left out, and the log says so. Coordinates are treated as by
    `load_mesh`.

    Args:
        path: the file; its extension says the format.
        file_format: one of the extensions above without the dot, to overrule it.

    Raises:
        FileNotFoundError: there is no such file.
        MeshFormatError: damaged, without points, or another format; the message names file, place and remedy.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "scan.xyz").write_text("0 0 0 0 0 1\\n1 0 0.5 0 1 0\\n")
    ...     load_points(f"{folder}/scan.xyz")
    PointCloud('scan', 2 points, normals)
    """
    path = Path(path)
    data = read_regular(path)
    source = printable(path)
    extension = path.suffix.lower().lstrip(".") if file_format is None else file_format
    if file_format is not None and file_format not in POINT_FORMATS:
        raise InvalidInputError(f"file_format: expected one of {', '.join(POINT_FORMATS)}, got {file_format!r}")
    if extension not in POINT_FORMATS:
        if not data:
            raise not_this_format(source, "points", data)
        raise MeshFormatError(
            f"{source}: no format of points has the extension {path.suffix!r} (known: {', '.join(POINT_FORMATS)}); the "
            f"content looks like {looks_like(to_utf8(data))}. Rename the file to the extension of its content."
        )
    return _to_cloud(_READERS[extension](to_utf8(data), source, path.absolute().parent), source, path.stem)


def _to_cloud(points: Points, source: str, name: str) -> PointCloud:
    fits = fits_float32(points.positions)
    if fits is not None:
        logger.warning("%s: %d of %d points are NaN or infinite: left out", source, int((~fits).sum()), len(fits))
        normals, colours = (None if column is None else column[fits] for column in points[1:])
        points = Points(points.positions[fits], normals, colours)
    if len(points.positions) == 0:
        raise damaged(source, "the whole file", "no points", "Leave this file out")
    positions, origin = about_origin(points.positions, slice(None))
    if origin is not None:
        shown = ", ".join(f"{value:.15g}" for value in origin)
        logger.warning("%s: so far from 0 that float32 would bend it; its coordinates count from (%s)", source, shown)
    return PointCloud(
        torch.from_numpy(positions),
        _tensor(points.normals),
        _tensor(points.colours, 1.0),
        name,
        origin=None if origin is None else torch.from_numpy(origin),
    )


def _tensor(values: Array | None, most: float | None = None) -> Tensor | None:
    if values is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.nan_to_num(np.array(values, np.float32, order="C"), nan=0, posinf=0, neginf=0)
    return torch.from_numpy(numbers if most is None else numbers.clip(0, most))
