"""What every mesh reader returns, and how a `Mesh` is made of it: one set of rules for all formats."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from geolearn.errors import MeshFormatError
from geolearn.io.damage import damaged
from geolearn.io.float32 import about_origin, fits_float32
from geolearn.io.polygons import ragged_positions, triangulate
from geolearn.structures import Mesh
from geolearn.structures.attributes import Material, MeshAttributes
from geolearn.typing import Array, Tensor

logger = logging.getLogger(__name__)


class NoFacesError(MeshFormatError):
    """A sound file whose points belong to no face."""


class Looks(NamedTuple):
    """What a file says of its surface besides its shape, by vertex (V), polygon (P) and corner (C) of the file.

    As in `MeshAttributes`, but the indices of normals and texture coordinates are flat, one for each corner.
    """

    vertex_colours: Array | None = None  # (V, 3 or 4) in [0, 1]
    face_colours: Array | None = None  # (P, 3 or 4)
    normals: Array | None = None  # (N, 3)
    normal_corners: Array | None = None  # int64 (C,)
    uv: Array | None = None  # (T, 2)
    uv_corners: Array | None = None  # int64 (C,)
    materials: tuple[Material, ...] = ()
    material: Array | None = None  # int64 (P,)
    groups: tuple[str, ...] = ()
    group: Array | None = None  # int64 (P,)

    def without_vertices(self, kept: Array) -> "Looks":
        """What remains where only the vertices `kept` (bool) do."""
        changed: dict[str, Array] = {}
        for name, index in (("vertex_colours", None), ("normals", self.normal_corners), ("uv", self.uv_corners)):
            values = getattr(self, name)
            if values is not None and index is None:
                changed[name] = values[kept]
        return self._replace(**changed)

    def of_polygons(self, kept: Array, corners: Array) -> "Looks":
        """What remains of the polygons `kept` (bool), whose corners are at the positions `corners`."""
        names = ("face_colours", "material", "group")
        changed = {name: values[kept] for name in names if (values := getattr(self, name)) is not None}
        names = ("normal_corners", "uv_corners")
        changed |= {name: index[corners] for name in names if (index := getattr(self, name)) is not None}
        return self._replace(**changed)


class Surface(NamedTuple):
    """Polygons over vertices, as a file holds them."""

    verts: Array  # (V, 3) float32 where the file has no more, else float64
    place: Callable[[int], str]  # vertex -> where it stands in the file
    corners: Array  # int64 (C,): vertices of polygon after polygon, all in 0..V-1
    count: Array  # int64 (P,): corners of each polygon
    labels: Array | None = None  # int64 (P,)
    looks: Looks | None = None
    hint: str = ""  # why there may be no faces, for the message


def to_mesh(surface: Surface, source: str, name: str) -> Mesh:
    """The mesh of a surface: polygons as triangles, positions as float32.

    Polygons of fewer than three corners have no area and are left out, as are vertices that are not finite and that no
    face uses; the log says so.

    Raises:
        NoFacesError: no polygon of three corners or more.
        MeshFormatError: a vertex of a face is not finite, or is beyond float32.
    """
    surface = _without_lines(surface, source)
    if len(surface.count) == 0:
        raise _no_faces(surface, source)
    surface = _without_stray_vertices(surface, source)
    used = np.zeros(len(surface.verts), dtype=bool)
    used[surface.corners] = True
    verts, origin = about_origin(surface.verts, used)
    if origin is not None:
        shown = ", ".join(f"{value:.15g}" for value in origin)
        logger.warning(
            "%s: so far from 0 that float32 would bend the shape; its coordinates count from (%s)", source, shown
        )
    positions = triangulate(surface.verts, surface.corners, surface.count)
    per_triangle = None
    if len(positions) != len(surface.count):
        per_triangle = np.repeat(np.arange(len(surface.count)), surface.count - 2)
    labels = surface.labels if per_triangle is None or surface.labels is None else surface.labels[per_triangle]
    return Mesh(
        torch.from_numpy(verts),
        torch.from_numpy(surface.corners[positions.reshape(-1)].reshape(-1, 3)),
        None if labels is None else torch.from_numpy(labels),
        name,
        origin=None if origin is None else torch.from_numpy(origin),
        attributes=None if surface.looks is None else _attributes(surface.looks, positions, per_triangle),
    )


def _without_lines(surface: Surface, source: str) -> Surface:
    kept = surface.count >= 3
    if kept.all():
        return surface
    logger.warning("%s: %d faces of fewer than 3 corners are left out", source, int((~kept).sum()))
    first = np.cumsum(surface.count) - surface.count
    corners = ragged_positions(first[kept], surface.count[kept])
    return surface._replace(
        corners=surface.corners[corners],
        count=surface.count[kept],
        labels=None if surface.labels is None else surface.labels[kept],
        looks=None if surface.looks is None else surface.looks.of_polygons(kept, corners),
    )


def _no_faces(surface: Surface, source: str) -> MeshFormatError:
    if surface.hint:
        return damaged(source, "the whole file", surface.hint, "Export the shape with its surface")
    if len(surface.verts):
        return NoFacesError(
            f"{source}: a point cloud: {len(surface.verts)} points and no faces. A mesh is wanted here: make a "
            "surface of the points first."
        )
    return damaged(source, "the whole file", "an empty mesh: 0 vertices and 0 faces", "Leave this file out")


def _without_stray_vertices(surface: Surface, source: str) -> Surface:
    finite = fits_float32(surface.verts)
    if finite is None:
        return surface
    used = np.zeros(len(finite), dtype=bool)
    used[surface.corners] = True
    bad = used & ~finite
    if bad.any():
        raise damaged(
            source,
            surface.place(int(bad.argmax())),
            f"{int(bad.sum())} of {len(used)} vertices have a coordinate that is NaN, infinite or beyond float32",
        )
    logger.warning("%s: %d vertices of no face that are NaN or infinite are left out", source, int((~finite).sum()))
    number = np.cumsum(finite) - 1
    rows = np.flatnonzero(finite)
    return surface._replace(
        verts=surface.verts[finite],
        place=lambda row: surface.place(int(rows[row])),
        corners=number[surface.corners],
        looks=None if surface.looks is None else surface.looks.without_vertices(finite),
    )


def _attributes(looks: Looks, positions: Array, per_triangle: Array | None) -> MeshAttributes | None:
    """By triangle; `positions` are its corners, `per_triangle` its polygon where that is not its own number."""

    def by_triangle(values: Array | None) -> Tensor | None:
        return _tensor(values if values is None or per_triangle is None else values[per_triangle])

    def by_corner(index: Array | None) -> Tensor | None:
        return None if index is None else _tensor(index[positions])

    attributes = MeshAttributes(
        vertex_colours=_tensor(looks.vertex_colours, 1.0),
        face_colours=None if looks.face_colours is None else by_triangle(np.nan_to_num(looks.face_colours).clip(0, 1)),
        normals=_tensor(looks.normals),
        normal_index=by_corner(looks.normal_corners),
        uv=_tensor(looks.uv),
        uv_index=by_corner(looks.uv_corners),
        materials=looks.materials,
        material_index=by_triangle(looks.material),
        groups=looks.groups,
        group_index=by_triangle(looks.group),
    )
    return attributes if attributes.names() else None


def _tensor(values: Array | None, most: float | None = None) -> Tensor | None:
    """Numbers of a file as a tensor: what is not finite becomes 0, and with `most` all is limited to 0..most."""
    if values is None:
        return None
    if values.dtype.kind != "f":
        return torch.from_numpy(np.ascontiguousarray(values, np.int64))
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.array(values, np.float32, order="C")
    if not np.isfinite(numbers.sum()):
        numbers[~np.isfinite(numbers)] = 0
    return torch.from_numpy(numbers if most is None else numbers.clip(0, most))


def to_indices(
    corners: Array, num_verts: int, source: str, place: Callable[[int], str], *, written: Array | None = None
) -> Array:
    """Corner indices (any shape, 0-based, any number type) as int64; `place(i)` locates the i-th in flat order.

    `written` is what stands in the file, where that differs: the message shows it.

    Raises:
        MeshFormatError: fractional, or outside 0..num_verts-1; says how many and where the first is.
    """
    if corners.dtype.kind != "f" and corners.size:
        low, high = int(corners.min()), int(corners.max())
        if 0 <= low <= high < num_verts:
            return corners.astype(np.int64, copy=False)
    good = (corners >= 0) & (corners < num_verts)
    if corners.dtype.kind == "f":
        good &= corners == np.floor(corners)
    if not good.all():
        first = int(np.argmin(good.reshape(-1)))
        shown = (corners if written is None else written).reshape(-1)[first]
        raise damaged(
            source,
            place(first),
            f"{int((~good).sum())} of {good.size} face corners name none of the {num_verts} vertices; "
            f"the first is {shown:.12g}",
        )
    return corners.astype(np.int64)
