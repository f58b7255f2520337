"""A tree of boxes over triangles, made to look at eight boxes or eight triangles at once.

What belongs together lies in rows of eight numbers of a kind. Loops over eight give one bit each, so that the compiler
makes vector instructions of them, which it does not where a loop writes to an array; the few bits that are set are then
worked out one by one.
"""

from typing import NamedTuple

import numpy as np

from geolearn.kernels.threads import kernel

LOWEST = np.array([0] + [(n & -n).bit_length() - 1 for n in range(1, 256)], np.uint8)  # of the bits of a byte
DEPTH = 128  # of the stack; at most seven children of a node on each level wait


class WideBoxes(NamedTuple):
    """N nodes from the root down, level by level, then L leaves, numbered on (see `first_child`).

    Attributes:
        place: int64 (F,), 8 leaf + lane of each triangle.
        triangles: (L, 9 * 8): a corner and the two sides from it. Empty lanes are inf, which nothing meets.
        normals: (L, 3 * 8): of the triangles. Empty lanes are 0.
        bounds: (N, 6 * 8): least and greatest corners of the children of each node, inf where there is no child.
        cones: (N, 4 * 8): the mean direction of all normals below each child, and the largest angle between that and
            one of them; pi where a triangle has no normal.
    """

    place: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    bounds: np.ndarray
    cones: np.ndarray


def build_boxes(corners: np.ndarray, normals: np.ndarray) -> WideBoxes:
    """A tree over triangles with `corners` (F, 3, 3) and unit `normals` (F, 3), or 0.

    A binary tree, in which every node is split at the median of the centres along the axis in which they spread most,
    of which two levels of three are then left out.
    """
    leaves = 1
    while 8 * leaves < len(corners):
        leaves *= 2
    first = np.arange(leaves + 1) * len(corners) // leaves
    sizes = np.diff(first)
    order = _split_at_medians(corners.min(1) + corners.max(1), leaves, first)
    lane = np.arange(len(order)) - np.repeat(first[:-1], sizes)
    place = np.empty(len(order), np.int64)
    place[order] = 8 * np.repeat(np.arange(leaves), sizes) + lane

    def in_lanes(values: np.ndarray, empty: float) -> np.ndarray:
        filled = np.full((8 * leaves, values.shape[1]), empty)
        filled[place] = values
        return filled

    sides = corners[:, 1:] - corners[:, :1]
    triangles = np.concatenate([corners[:, :1], sides], 1).reshape(-1, 9)
    low, high, facing = in_lanes(corners.min(1), np.inf), in_lanes(corners.max(1), -np.inf), in_lanes(normals, 0.0)
    there = np.zeros(8 * leaves, bool)
    there[place] = True
    bounds, cones, count = [], [], leaves
    while True:
        bounds.append(_in_eights(_extents(low, high, count)))
        cones.append(_in_eights(_cones(facing, there, count)))
        if count <= 8:
            break
        count //= 8
    return WideBoxes(
        place,
        _in_eights(in_lanes(triangles, np.inf)),
        _in_eights(facing),
        np.concatenate(bounds[::-1]),
        np.concatenate(cones[::-1]),
    )


def _split_at_medians(centres: np.ndarray, leaves: int, first: np.ndarray) -> np.ndarray:
    """Triangles in the order of the leaves, of which leaf k holds those from `first[k]` to `first[k + 1]`."""
    order = np.arange(len(centres))
    parts = leaves
    while parts > 1:  # all nodes of a level at once: sort within each of them
        node = np.repeat(np.arange(leaves // parts), np.diff(first[::parts]))
        where = first[:-1:parts]
        some = np.diff(first[::parts]) > 0
        spread = np.zeros((leaves // parts, 3))
        spread[some] = np.maximum.reduceat(centres[order], where[some]) - np.minimum.reduceat(
            centres[order], where[some]
        )
        along = centres[order, spread.argmax(1)[node]]
        order = order[np.lexsort((along, node))]
        parts //= 2
    return order


def _extents(low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    least, most = low.reshape(count, -1, 3).min(1), high.reshape(count, -1, 3).max(1)
    most[least > most] = np.inf  # nothing there
    return np.concatenate([least, most], 1)


def _cones(facing: np.ndarray, there: np.ndarray, count: int) -> np.ndarray:
    normals, there = facing.reshape(count, -1, 3), there.reshape(count, -1)
    axis = normals.sum(1)
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = axis / np.where(length > 0, length, 1)
    alike = np.where(there, np.einsum("nkc,nc->nk", normals, axis), 1.0).min(1)
    flat = (there & ~normals.any(2)).any(1)
    return np.concatenate([axis, np.where(flat, np.pi, np.arccos(np.clip(alike, -1, 1)))[:, None]], 1)


def _in_eights(values: np.ndarray) -> np.ndarray:
    """(8 n, C) as (n, C * 8); fewer than eight rows are filled up by inf."""
    if len(values) < 8:
        values = np.concatenate([values, np.full((8 - len(values), values.shape[1]), np.inf)])
    return np.ascontiguousarray(values.reshape(-1, 8, values.shape[1]).transpose(0, 2, 1)).reshape(len(values) // 8, -1)


@kernel
def first_child(node, nodes, leaves):
    """The first child of a node, the others follow; from `nodes` on they are leaves. The root may have less than 8."""
    return 1 if node == 0 else 8 * (node - nodes) + nodes + leaves


@kernel
def wait_in_order(child, distance, bottom, waiting, stack, entry):
    """Put a child among those from `bottom` on that wait on the stack, of which the nearest has to be the last."""
    at = waiting
    while at > bottom and entry[at - 1] < distance:
        stack[at], entry[at] = stack[at - 1], entry[at - 1]
        at -= 1
    stack[at], entry[at] = child, distance
