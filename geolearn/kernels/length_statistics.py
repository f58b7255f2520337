"""What is known of the lengths of rays from one place."""

import math

import numba
import numpy as np

from geolearn.kernels.threads import parallel_kernel


@parallel_kernel
def cone_statistics(lengths, weights, counts, longest):
    """Float64 (N, cones, 7): of the first `counts` rays of each place, the statistics below.

    0: the mean, by `weights`, of the lengths within one standard deviation of the median; 1: mean; 2: median; 3: least;
    4: most; 5: standard deviation; 6: the share of finite ones. `lengths` float32 (N, R) count as `longest` at most.
    """
    result = np.empty((len(lengths), len(counts), 7))
    for i in numba.prange(len(lengths)):
        ordered = np.empty(lengths.shape[1])
        seen, total, finite = 0, 0.0, 0
        for cone in range(len(counts)):
            count = counts[cone]
            while seen < count:
                length = lengths[i, seen]
                if length < np.inf:
                    finite += 1
                length = min(float(length), longest)
                total += length
                at = seen
                while at > 0 and ordered[at - 1] > length:
                    ordered[at] = ordered[at - 1]
                    at -= 1
                ordered[at] = length
                seen += 1
            mean, square = total / count, 0.0
            for k in range(count):
                square += (ordered[k] - mean) ** 2
            deviation = math.sqrt(square / count)
            median = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
            near, sizes = 0.0, 0.0
            for ray in range(count):
                length = min(float(lengths[i, ray]), longest)
                if abs(length - median) <= deviation * (1 + 1e-9) + 1e-12:
                    near += weights[ray]
                    sizes += weights[ray] * length
            result[i, cone, 0], result[i, cone, 1], result[i, cone, 2] = sizes / near, mean, median
            result[i, cone, 3], result[i, cone, 4] = ordered[0], ordered[count - 1]
            result[i, cone, 5], result[i, cone, 6] = deviation, finite / count
    return result
