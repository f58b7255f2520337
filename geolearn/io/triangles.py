"""From a file's numbers to checked triangles: positions, indices, polygons, merged corners."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged
from geolearn.typing import Array


class Triangles(NamedTuple):
    """What every mesh reader returns."""

    verts: Array  # float32 (V, 3)
    faces: Array  # int64 (F, 3)
    labels: Array | None = None  # int64 (F,)
    colours: Array | None = None  # uint8 (V, 3), sRGB; written, never read


def to_positions(coordinates: Array, source: str, place: Callable[[int], str]) -> Array:
    """(V, 3) numbers as float32; `place(row)` says where a row stands in the file.

    Raises:
        MeshFormatError: NaN, infinite, or beyond float32; says how many and where the first is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        positions = np.ascontiguousarray(coordinates, dtype=np.float32)
    bad = ~np.isfinite(positions).all(axis=1)
    if bad.any():
        raise damaged(
            source,
            place(int(bad.argmax())),
            f"{int(bad.sum())} of {len(positions)} vertices have a coordinate that is NaN, infinite or beyond float32",
        )
    return positions


def to_indices(
    corners: Array, num_verts: int, source: str, place: Callable[[int], str], *, written: Array | None = None
) -> Array:
    """Corner indices (any shape, 0-based, any number type) as int64; `place(i)` locates the i-th in flat order.

    `written` is what stands in the file, where that differs: the message shows it.

    Raises:
        MeshFormatError: fractional, or outside 0..num_verts-1; says how many and where the first is.
    """
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


def ragged_positions(start: Array, count: Array) -> Array:
    """The positions start[i], start[i] + 1, ..., start[i] + count[i] - 1 for every i, in one flat array."""
    before = np.cumsum(count) - count
    return np.repeat(start - before, count) + np.arange(int(count.sum()))


def fan(count: Array) -> Array:
    """Triangles (T, 3) of polygons with `count` corners each (>= 3), as positions into their flat corner list.

    Polygon (c0, c1, ..., cn) becomes (c0, c1, c2), (c0, c2, c3), ...: exact for convex planar polygons.
    """
    before = np.cumsum(count) - count
    hub = np.repeat(before, count - 2)
    step = ragged_positions(np.ones_like(count), count - 2)
    return np.stack([hub, hub + step, hub + step + 1], axis=1)


def merge_identical(corners: Array) -> tuple[Array, Array]:
    """Merge equal positions: float32 (C, 3) -> unique positions in order of first use, int64 (C,) which one each is."""
    order = np.lexsort(corners.T)  # stable: among equals the first use comes first
    ordered = corners[order]
    is_new = np.ones(len(corners), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first_use = order[is_new]
    rank = np.empty(len(first_use), dtype=np.int64)
    by_use = np.argsort(first_use)
    rank[by_use] = np.arange(len(first_use))
    index = np.empty(len(corners), dtype=np.int64)
    index[order] = rank[np.cumsum(is_new) - 1]
    return corners[first_use[by_use]], index


def number_lines(template: str, rows: Array) -> str:
    """`template` (a %-format of one line) filled with every row of `rows`."""
    return (template * len(rows)) % tuple(rows.reshape(-1).tolist())
