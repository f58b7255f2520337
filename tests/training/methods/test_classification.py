"""What classifiers share, by hand."""

import pytest
import torch

from geolearn.training.methods.classification import class_weights


def test_class_weights_by_hand():
    labels = torch.tensor([0, 0, 0, 1])
    assert class_weights(labels, 3, 0.0).tolist() == [1, 1, 1]
    assert class_weights(labels, 2, 1.0).tolist() == pytest.approx([2 / 3, 2])
    assert class_weights(labels, 2, 0.5).tolist() == pytest.approx([(2 / 3) ** 0.5, 2**0.5])
    assert class_weights(labels, 3, 1.0)[2] == 1
