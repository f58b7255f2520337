"""Samples that occur in training and test, by hand."""

import numpy as np

from geolearn.data.prepared.index import repeated_samples

A, B, C = (np.full(3, value) for value in (1, 2, 3))


def test_every_equal_training_sample_must_have_the_label():
    splits = {"train": [("t0", 0), ("t1", 1), ("t2", 2)], "test": [("a", 0), ("b", 2), ("c", 0)]}
    found = repeated_samples({"train": [A, A, B], "test": [A, B, C]}, splits)
    assert found == [
        {"key": "a", "equals": ["t0", "t1"], "same_label": False},  # one of the two has another label
        {"key": "b", "equals": ["t2"], "same_label": True},
    ]
