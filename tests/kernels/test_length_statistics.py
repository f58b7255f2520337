"""Statistics of lengths, against NumPy and by hand."""

import numpy as np

from geolearn.kernels.length_statistics import cone_statistics


def test_the_mean_near_the_median_leaves_out_what_is_far():
    lengths = np.array([[1.0, 1.0, 1.0, 1.0, 9.0], [2.0, 2.0, 4.0, 4.0, 3.0]], np.float32)
    weights = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    # Row 1: median 1, deviation 3.2, so 9 is out. Row 2: median 3, deviation 0.9, so only the 3 is in.
    np.testing.assert_allclose(cone_statistics(lengths, weights, np.array([5]), 10.0)[:, 0, 0], [1, 3])


def test_statistics_of_the_first_rays_equal_numpy():
    rng = np.random.default_rng(0)
    lengths = rng.exponential(size=(50, 16)).astype(np.float32)
    lengths[rng.random(lengths.shape) < 0.2] = np.inf
    lengths[0], lengths[1] = np.inf, 0.5
    weights, counts = rng.random(16) + 0.1, np.array([3, 8, 16])
    found = cone_statistics(lengths, weights, counts, 2.0)
    for cone, count in enumerate(counts):
        held = np.minimum(lengths[:, :count].astype(np.float64), 2.0)
        middle, deviation = np.median(held, 1), held.std(1)
        near = weights[:count] * (np.abs(held - middle[:, None]) <= deviation[:, None] + 1e-9)
        expected = [
            (near * held).sum(1) / near.sum(1),
            held.mean(1),
            middle,
            held.min(1),
            held.max(1),
            deviation,
            np.isfinite(lengths[:, :count]).mean(1),
        ]
        np.testing.assert_allclose(found[:, cone], np.stack(expected, 1), atol=1e-12)
