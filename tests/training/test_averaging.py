"""The running average by hand, warm-up included, on parameters and on buffers of both kinds."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from geolearn.training.averaging import RunningAverage


def test_running_average_by_hand():
    model = torch.nn.BatchNorm1d(1)
    callback = RunningAverage(0.5)
    average = AveragedModel(model, use_buffers=True, **callback._kwargs)
    expected = None
    for n, value in enumerate([1.0, 2.0, 4.0, 8.0]):
        model.weight.data.fill_(value)
        model.running_mean.fill_(-value)
        model.num_batches_tracked.fill_(n)
        average.update_parameters(model)
        # the first update copies; update n then keeps min(0.5, (1 + n) / (10 + n)) of the old average
        keep = min(0.5, (1 + n) / (10 + n))
        expected = value if expected is None else keep * expected + (1 - keep) * value
    assert float(average.module.weight.detach()) == pytest.approx(expected)
    assert float(average.module.running_mean) == pytest.approx(-expected)
    assert int(average.module.num_batches_tracked) == 3
