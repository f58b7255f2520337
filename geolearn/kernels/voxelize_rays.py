"""Which cells do the beams of a range sensor pass, and where do they end?"""

import numpy as np

from geolearn.kernels.threads import kernel


@kernel
def _part_inside(origin, point, size):
    """The stretch of a beam, between 0 at the origin and 1 at the point, inside the grid; first > last for none."""
    first, last = 0.0, 1.0
    for axis in range(3):
        start, length = origin[axis], point[axis] - origin[axis]
        if length > 0.0:
            first, last = max(first, -start / length), min(last, (size - start) / length)
        elif length < 0.0:
            first, last = max(first, (size - start) / length), min(last, -start / length)
        elif start < 0.0 or start >= size:
            last = -1.0
    return first, last


@kernel(allocates=True)
def count_beams(origins, points, hits, misses):
    """Add to `hits` the cell that each beam ends in, and to `misses` the cells that it passes before.

    Cell by cell along the beam (Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", Eurographics
    1987), with each crossing computed from the cell's index and not accumulated. A cell is [i, i+1) on each axis and
    is passed if the beam has a stretch of some length in it; a beam that ends outside the grid hits no cell.

    `origins`, `points` float64 (N, 3) in cell units; `hits`, `misses` int32 (R, R, R).
    """
    size = hits.shape[0]
    cell, step, left, crossing = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3), np.empty(3)
    for beam in range(len(points)):
        origin, point = origins[beam], points[beam]
        t, last = _part_inside(origin, point, size)
        if t > last:
            continue
        touches_only = False
        for axis in range(3):
            end, start = np.floor(point[axis]), np.floor(origin[axis] + t * (point[axis] - origin[axis]))
            start = min(max(start, 0.0), size - 1.0)  # where it enters through a face of the grid
            step[axis] = 1 if point[axis] > origin[axis] else -1
            start = min(start, end) if step[axis] > 0 else max(start, end)  # not beyond the end by rounding
            cell[axis], left[axis] = int(start), abs(end - start)
            touches_only |= start < 0.0 or start >= size  # it ends on the grid's far face, which is outside
        if touches_only:
            continue
        while True:
            nearest = 0
            for axis in range(3):
                face = cell[axis] + 1 if step[axis] > 0 else cell[axis]
                crossing[axis] = (face - origin[axis]) / (point[axis] - origin[axis]) if left[axis] > 0.0 else np.inf
                if crossing[axis] < crossing[nearest]:
                    nearest = axis
            if left[nearest] == 0.0:
                hits[cell[0], cell[1], cell[2]] += 1
                break
            if crossing[nearest] > t:
                misses[cell[0], cell[1], cell[2]] += 1
                t = crossing[nearest]
            cell[nearest] += step[nearest]
            left[nearest] -= 1.0
            if cell[nearest] < 0 or cell[nearest] >= size:
                break
