"""Whether the shapes of a folder look as if y pointed up where z is taken for it, or the other way round.

Two signs, over some shapes of all classes. Shapes that stand on the ground begin at 0 along the axis that points up.
And shapes differ more above and below than in front and behind.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from geolearn.data.folders.files_by_kind import Shape
from geolearn.data.folders.reading import Reading
from geolearn.errors import GeolearnError
from geolearn.typing import Array, Float

MOST_SHAPES, MOST_BYTES = 24, 6_000_000  # looked at, so that it takes a fraction of a second
FEWEST_SHAPES = 6
MOST = 2 / 3  # of the shapes have to agree
CLEAR = 0.1  # difference of overlaps on average, see `mirror_overlap`
CELLS, POINTS = 13, 3000  # odd, so that the middle of a flat shape lies in a cell of its own
GROUND = 0.01  # of the longest side
_AXES = {"x": 0, "y": 1, "z": 2}


def doubt_up(kind: str, root: Path, shapes: Sequence[Shape], reading: Reading) -> str | None:
    """A warning with its reason; None where nothing speaks against the axis taken, or where it was asked for."""
    if kind not in ("mesh", "points") or reading.up != "auto":
        return None
    found = list(_samples(kind, root, shapes, reading))
    ups = {up for up, _ in found}
    if len(found) < FEWEST_SHAPES or len(ups) != 1:
        return None
    return doubt_axis([points for _, points in found], ups.pop())


def doubt_axis(shapes: Sequence[Float[Array, "N 3"]], taken: str) -> str | None:
    """The same for points of some shapes, as they stand in their files.

    Args:
        taken: the axis that is taken to point up, "y" or "z".
    """
    if taken not in ("y", "z"):
        return None
    other = "y" if taken == "z" else "z"
    told = f"looks as if {other} points up, not {taken}: pass --up {other} (or --up {taken} if it is right)"
    standing = {axis: sum(stands_on(points, axis) for points in shapes) for axis in (taken, other)}
    if standing[other] >= MOST * len(shapes) and standing[taken] <= (1 - MOST) * len(shapes):
        return (
            f"{told}; {standing[other]} of {len(shapes)} shapes begin at {other} = 0, {standing[taken]} at {taken} = 0"
        )
    overlaps = np.array([[mirror_overlap(points, axis) for axis in (other, taken)] for points in shapes])
    uneven = int((overlaps[:, 0] < overlaps[:, 1]).sum())
    if uneven >= MOST * len(shapes) and overlaps[:, 1].mean() - overlaps[:, 0].mean() >= CLEAR:
        return f"{told}; {uneven} of {len(shapes)} shapes differ more between the ends of {other} than of {taken}"
    return None


def stands_on(points: Float[Array, "N 3"], axis: str) -> bool:
    """Whether points begin at 0 along an axis."""
    low, high = points.min(0), points.max(0)
    return bool(abs(low[_AXES[axis]]) <= GROUND * (high - low).max())


def mirror_overlap(points: Float[Array, "N 3"], axis: str) -> float:
    """How much of the cells that hold points stays when the axis is turned round: 1 where a shape is symmetric."""
    low, high = points.min(0), points.max(0)
    size = max(float((high - low).max()), 1e-30)
    cells = ((points - (low + high) / 2) / size * (CELLS - 1e-3) + CELLS / 2).astype(int)
    grid = np.zeros((CELLS,) * 3, bool)
    grid[tuple(cells.T)] = True
    turned = np.flip(grid, _AXES[axis])
    return float((grid & turned).sum() / (grid | turned).sum())


def _samples(
    kind: str, root: Path, shapes: Sequence[Shape], reading: Reading
) -> Iterator[tuple[str, Float[Array, "N 3"]]]:
    """Up axis and points of some shapes, spread over all of them."""
    left = MOST_BYTES
    for number in np.linspace(0, len(shapes) - 1, min(MOST_SHAPES, len(shapes))).round().astype(int).tolist():
        file = shapes[number].files[0]
        if not 0 < file.size <= left:
            continue
        left -= file.size
        try:
            points = _points(root / file.path, kind)
        except (GeolearnError, OSError):
            continue  # what cannot be read is said elsewhere
        yield reading.up_of(file.suffix), points


def _points(path: Path, kind: str) -> Float[Array, "N 3"]:
    from geolearn.io import load_mesh, load_points  # late: they take a while to import

    if kind == "points":
        return load_points(path).points.numpy()
    from geolearn.ops import sample_surface

    mesh = load_mesh(path, attributes=False)
    return sample_surface(mesh, POINTS, generator=torch.Generator().manual_seed(0)).points.numpy()
