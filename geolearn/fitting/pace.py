"""What the loops of all fits share: which views a step draws, its rate, and whether the loss has stopped falling."""

import math
from collections.abc import Sequence

import torch

LAST_RATE = 0.05  # as a part of the first
STILL = 0.02  # a fit stands still when the last tenth of its steps gains less than this part of the loss
LEAST_STEPS = 20  # of the last stage; with fewer nobody can tell whether a fit stands still


class Turns:
    """Which views a step draws: nearly all of them before one is drawn again.

    Args:
        views: how many there are.
        views_per_step: how many a step draws, or all where there are fewer.
        generator: draws their order.

    Attributes:
        waiting: numbers of the views that are still to be drawn in this pass.
    """

    def __init__(self, views: int, views_per_step: int, generator: torch.Generator) -> None:
        self._views, self._size, self._generator = views, min(views_per_step, views), generator
        self.waiting: list[int] = []

    def next(self) -> list[int]:
        if len(self.waiting) < self._size:
            self.waiting = torch.randperm(self._views, generator=self._generator).tolist()
        chosen, self.waiting = self.waiting[: self._size], self.waiting[self._size :]
        return sorted(chosen)


def cosine_decay(share: float) -> float:
    """From 1 to 0.05 along half a cosine, as `share` of the steps goes from 0 to 1."""
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def standstill(losses: Sequence[float]) -> tuple[bool, str]:
    """Whether the loss of the last stage of a fit stood still at its end, and a sentence on it."""
    if len(losses) < LEAST_STEPS:
        return False, f"{len(losses)} steps in the last stage are too few to tell"
    tenth = len(losses) // 10
    before, after = (sum(part) / tenth for part in (losses[-2 * tenth : -tenth], losses[-tenth:]))
    gain = (before - after) / before if before > 0 else 0.0
    text = f"the last {tenth} steps lowered the loss by {100 * gain:.1f} %"
    return gain < STILL, text if gain < STILL else text + "; give it more steps"
