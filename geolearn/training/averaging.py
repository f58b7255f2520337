"""The running average of weights that is validated and saved."""

import torch
from lightning.pytorch.callbacks import WeightAveraging

from geolearn.typing import Tensor


class RunningAverage(WeightAveraging):
    """Exponential moving average of parameters and buffers, updated after every optimiser step.

    The decay warms up as min(decay, (1 + n) / (10 + n)) over updates n, so that a short training is averaged over a
    short window instead of dragging its first weights along.
    """

    def __init__(self, decay: float):
        def average(running: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
            n = int(updates)
            if running[0].is_floating_point():
                torch._foreach_lerp_(running, current, 1 - min(decay, (1 + n) / (10 + n)))
            else:
                for mine, its in zip(running, current, strict=True):
                    mine.copy_(its)

        super().__init__(use_buffers=True, multi_avg_fn=average)
