"""Labelled solids to one watertight mesh: an exact union that remembers the parts, on a grid, in canonical order."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geolearn._optional import require
from geolearn.data.procedural.solids import Solid
from geolearn.typing import Array, Float, Int

# Vertices are whole multiples of this: exact in float32 up to 256, and coarse enough that the last bit of a sine,
# which differs between machines, is rounded away.
GRID = 2.0**-16
TOLERANCE = 5e-5  # edges shorter than this are collapsed
THIN = 2.0  # grid steps: a face less high than this is merged into a neighbour
HOPELESS = 0.25  # grid steps: a face less high than this must not be left


class BadUnionError(Exception):
    """The union left an edge that is not between exactly two faces (a chance meeting of parts): draw again."""


def rounded(verts: Float[Array, "V 3"]) -> Float[Array, "V 3"]:
    """Positions moved to the nearest point of the grid."""
    return np.rint(verts / GRID) * GRID


def on_grid(solid: Solid) -> Solid:
    return replace(solid, verts=rounded(solid.verts))


def unite(
    solids: Sequence[Solid], labels: Sequence[int]
) -> tuple[Float[Array, "V 3"], Int[Array, "F 3"], Int[Array, " F"]]:
    """The union of solids (vertices on the grid) as vertices (float64, on the grid), faces and a label per face.

    Each face keeps the label of the solid whose surface it lies on. Vertices are sorted by coordinates, faces start
    at their lowest vertex and are sorted, so the order does not depend on the union's own.

    Raises:
        BadUnionError: the result is not watertight after rounding to the grid.
    """
    m3 = require("manifold3d", extra="data")
    first, pieces = m3.Manifold.reserve_ids(len(solids)), []
    for i, solid in enumerate(solids):
        piece = m3.Manifold(
            m3.Mesh64(
                vert_properties=solid.verts,
                tri_verts=np.ascontiguousarray(solid.faces, dtype=np.uint64),
                run_index=np.array([0, 3 * len(solid.faces)], dtype=np.uint64),
                run_original_id=np.array([first + i], dtype=np.uint32),
            )
        )
        if piece.is_empty():
            raise BadUnionError(f"part {i} with label {labels[i]} is no solid: {piece.status()}")
        pieces.append(piece)
    united = m3.Manifold.batch_boolean(pieces, m3.OpType.Add).simplify(TOLERANCE).to_mesh64()
    runs = np.diff(np.asarray(united.run_index, dtype=np.int64)) // 3
    labels_of_runs = np.array(labels, dtype=np.int64)[np.asarray(united.run_original_id).astype(np.int64) - first]
    face_labels = np.repeat(labels_of_runs, runs)
    cells = np.rint(np.asarray(united.vert_properties)[:, :3] / GRID).astype(np.int64)
    cells, welded = np.unique(cells, axis=0, return_inverse=True)
    faces = welded.reshape(-1)[np.asarray(united.tri_verts).astype(np.int64)]
    faces, face_labels = _without_slivers(cells, faces, face_labels)
    _check_closed(faces)
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    start = faces.argmin(1)[:, None]
    faces = np.take_along_axis(faces, (start + np.arange(3)) % 3, axis=1)
    order = np.lexsort(faces.T[::-1])
    return cells[used] * GRID, faces[order], face_labels[order]


def _without_slivers(
    cells: Int[Array, "V 3"], faces: Int[Array, "F 3"], labels: Int[Array, " F"]
) -> tuple[Int[Array, "G 3"], Int[Array, " G"]]:
    """Remove faces that rounding made a point, a line or nearly one, keeping the surface closed.

    A face with two equal corners is dropped: its two other edges have become one. A thin face is merged with its
    neighbour across the longest edge and the pair is cut the other way, where that leaves the thinner of the two
    thicker than before; this moves the surface by less than the face was thick.

    Raises:
        BadUnionError: a face with next to no area is left.
    """
    distinct = (faces != np.roll(faces, 1, axis=1)).all(1)
    faces, labels = faces[distinct], labels[distinct]
    stuck: set[tuple[int, ...]] = set()
    while True:
        heights = _heights(cells, faces)
        thin = [i for i in np.nonzero(heights < THIN)[0].tolist() if tuple(faces[i].tolist()) not in stuck]
        if not thin:
            break
        pair, recut = _recut(cells, faces, thin[0])
        if pair and _heights(cells, recut).min() > heights[pair].min():
            faces[pair], labels[pair[0]] = recut, labels[pair[1]]
        else:
            stuck.add(tuple(faces[thin[0]].tolist()))
    if heights.min() < HOPELESS:
        raise BadUnionError("a face without area")
    return faces, labels


def _recut(cells: Int[Array, "V 3"], faces: Int[Array, "F 3"], thin: int) -> tuple[list[int], Int[Array, "2 3"]]:
    """A face and its neighbour across the longest edge, and the two faces that cut the pair the other way."""
    corners = cells[faces[thin]]
    sides = np.roll(corners, -1, axis=0) - corners
    a, b, c = np.roll(faces[thin], -int((sides * sides).sum(1).argmax())).tolist()
    after = np.roll(faces, -1, axis=1)
    across = np.argwhere((faces == b) & (after == a))
    if len(across) != 1:
        return [], faces[:2]
    neighbour, corner = across[0].tolist()
    d = int(faces[neighbour, (corner + 2) % 3])
    if ((faces == c) & (after == d)).any() or ((faces == d) & (after == c)).any():
        return [], faces[:2]
    return [thin, neighbour], np.array([(c, a, d), (b, c, d)])


def _heights(cells: Int[Array, "V 3"], faces: Int[Array, "F 3"]) -> Float[Array, " F"]:
    """The smallest height of each face, in grid steps; exactly 0 for corners on a line."""
    corners = cells[faces]
    sides = (np.roll(corners, -1, axis=1) - corners).astype(np.float64)
    area = np.cross(sides[:, 0], sides[:, 1])
    return np.sqrt((area * area).sum(1) / (sides * sides).sum(2).max(1))


def _check_closed(faces: Int[Array, "F 3"]) -> None:
    """Every directed edge once, and its reverse once."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    size = int(faces.max()) + 1
    edges, twins = np.sort(start * size + end), np.sort(end * size + start)
    if (edges[1:] == edges[:-1]).any() or (edges != twins).any():
        raise BadUnionError("an edge is not between exactly two faces")
