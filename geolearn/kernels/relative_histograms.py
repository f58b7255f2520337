"""Where the rest of a surface lies as seen from each of its faces: histograms over samples of the surface."""

import math

import numba
import numpy as np

from geolearn.kernels.threads import kernel, parallel_kernel


@kernel
def _share(place, bins):
    """The two bins between whose centres `place` lies, in bins from the lower end, and the share of the second."""
    place = min(max(place - 0.5, 0.0), bins - 1.0)
    low = min(int(place), bins - 2) if bins > 1 else 0
    return low, place - low


@kernel
def _add(histogram, first, rows, columns, row, column, weight):
    """Share a weight among the four bins around a place (bilinear)."""
    i, a = _share(row, rows)
    j, b = _share(column, columns)
    at = first + i * columns + j
    histogram[at] += weight * (1.0 - a) * (1.0 - b)
    histogram[at + 1] += weight * (1.0 - a) * b
    histogram[at + columns] += weight * a * (1.0 - b)
    histogram[at + columns + 1] += weight * a * b


@kernel
def _angle(cosine):
    """Arc cosine, off by less than 7e-5 (Abramowitz and Stegun 1964, 4.4.45), at a tenth of the cost of libm."""
    x = min(abs(cosine), 1.0)
    angle = math.sqrt(1.0 - x) * (1.5707288 + x * (-0.2121144 + x * (0.0742610 - 0.0187293 * x)))
    return angle if cosine >= 0.0 else math.pi - angle


@kernel
def _look_up(table, place):
    """A table's value between its entries."""
    last = len(table) - 1
    place = min(place, float(last))
    low = min(int(place), last - 1)
    return table[low] + (place - low) * (table[low + 1] - table[low])


@parallel_kernel
def shape_context_histograms(
    centres, normals, corners, distance, points, point_normals, weights, ring_of, entries_per_length, rings, sectors
):
    """Float32 (F, 3 rings sectors): shares of the surface by distance and angle, three histograms.

    1. geodesic distance, and the angle between the face's normal and the direction to the sample;
    2. geodesic distance, and the angle between the two normals;
    3. straight distance, and the angle of 1.

    `centres`, `normals` (F, 3) of the faces, `corners` (F, 3) nodes of `distance` float32 (N, S), whose mean over the
    corners is a face's geodesic distance to a sample; `points`, `point_normals` (S, 3), `weights` (S,). `ring_of` is
    the place among the rings at every multiple of a length.
    """
    size = rings * sectors
    result = np.zeros((len(centres), 3 * size), np.float32)
    per_angle = sectors / math.pi
    for f in numba.prange(len(centres)):
        histogram = np.zeros(3 * size)
        a, b, c = distance[corners[f, 0]], distance[corners[f, 1]], distance[corners[f, 2]]
        nx, ny, nz = normals[f, 0], normals[f, 1], normals[f, 2]
        for s in range(len(points)):
            x, y, z = points[s, 0] - centres[f, 0], points[s, 1] - centres[f, 1], points[s, 2] - centres[f, 2]
            straight = math.sqrt(x * x + y * y + z * z)
            up = (x * nx + y * ny + z * nz) / straight if straight > 0.0 else 0.0
            along = point_normals[s, 0] * nx + point_normals[s, 1] * ny + point_normals[s, 2] * nz
            elevation, bend = _angle(up) * per_angle, _angle(along) * per_angle
            ring = _look_up(ring_of, (a[s] + b[s] + c[s]) / 3.0 * entries_per_length)
            straight_ring = _look_up(ring_of, straight * entries_per_length)
            _add(histogram, 0, rings, sectors, ring, elevation, weights[s])
            _add(histogram, size, rings, sectors, ring, bend, weights[s])
            _add(histogram, 2 * size, rings, sectors, straight_ring, elevation, weights[s])
        for k in range(3 * size):
            result[f, k] = histogram[k]
    return result


@parallel_kernel
def spin_image_histograms(centres, normals, points, weights, rows, columns, softness):
    """Float32 (F, rows columns): shares of the surface by distance from the normal's axis and height along it.

    Rows are a / (a + softness) in [0, 1) for the distance a, columns b / (|b| + softness) in (-1, 1) for the height b.
    """
    result = np.zeros((len(centres), rows * columns), np.float32)
    for f in numba.prange(len(centres)):
        histogram = np.zeros(rows * columns)
        nx, ny, nz = normals[f, 0], normals[f, 1], normals[f, 2]
        for s in range(len(points)):
            x, y, z = points[s, 0] - centres[f, 0], points[s, 1] - centres[f, 1], points[s, 2] - centres[f, 2]
            height = x * nx + y * ny + z * nz
            away = math.sqrt(max(x * x + y * y + z * z - height * height, 0.0))
            row = away / (away + softness) * rows
            column = (height / (abs(height) + softness) + 1.0) * 0.5 * columns
            _add(histogram, 0, rows, columns, row, column, weights[s])
        for k in range(rows * columns):
            result[f, k] = histogram[k]
    return result


@parallel_kernel
def distance_statistics(corners, distance, weights, bins, shares):
    """Float64 (F, 3 + shares): mean, root of the mean square and largest of the distances of each face, and quantiles.

    A face's distance to a sample is the mean over its `corners` (F, 3) of float32 `distance` (N, S). Quantiles are read
    from a histogram of `bins` between 0 and the largest, straight lines within a bin. `weights` (S,) sum to 1; `shares`
    rise.
    """
    result = np.zeros((len(corners), 3 + len(shares)))
    for f in numba.prange(len(corners)):
        a, b, c = distance[corners[f, 0]], distance[corners[f, 1]], distance[corners[f, 2]]
        mean, square, largest = 0.0, 0.0, 0.0
        for s in range(len(weights)):
            d = (float(a[s]) + b[s] + c[s]) / 3.0
            mean += weights[s] * d
            square += weights[s] * d * d
            largest = max(largest, d)
        result[f, 0], result[f, 1], result[f, 2] = mean, math.sqrt(square), largest
        if largest == 0.0:
            continue
        histogram = np.zeros(bins)
        per_length = bins / largest
        for s in range(len(weights)):
            d = (float(a[s]) + b[s] + c[s]) / 3.0
            histogram[min(int(d * per_length), bins - 1)] += weights[s]
        below, at = 0.0, 0
        for k in range(len(shares)):
            while at < bins - 1 and below + histogram[at] < shares[k]:
                below += histogram[at]
                at += 1
            part = (shares[k] - below) / histogram[at] if histogram[at] > 0.0 else 1.0
            result[f, 3 + k] = (at + min(max(part, 0.0), 1.0)) / per_length
    return result
