"""The loop that grids and codes share: a few views a step, a rate that falls, a record of every step, an honest end."""

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from geolearn.fitting.result import Step
from geolearn.typing import Float, Tensor

LAST_RATE = 0.05  # as a part of the first
STILL = 0.02  # a fit stands still when the last tenth of its steps gains less than this part of the loss

LEAST_STEPS = 20  # of the last stage, from which a fit can be said to stand still


class Objective(NamedTuple):
    """What a step minimises for each of B shapes, and how well its silhouettes agree with the masks."""

    loss: Float[Tensor, " B"]
    agreement: Float[Tensor, " B"]


class Descent:
    """Adam on the variables of B shapes at once; as their losses are added, each is fitted as if it were alone.

    Args:
        views: how many there are; each step draws some, nearly all of them before any comes again.
        views_per_step: how many.
        total: steps of all stages, for the record.
        generator: draws the views.
        progress: called after every step with the mean over the shapes.

    Attributes:
        losses, agreements: (B,) tensors, one per step; phases, seconds: of the steps.
        interrupted: whether a KeyboardInterrupt ended it.
    """

    def __init__(
        self,
        views: int,
        views_per_step: int,
        total: int,
        generator: torch.Generator,
        progress: Callable[[Step], None] | None,
    ):
        self.total, self.progress = total, progress
        self.losses: list[Tensor] = []
        self.agreements: list[Tensor] = []
        self.phases: list[int] = []
        self.seconds: list[float] = []
        self.interrupted = False
        self._turns = _turns(views, views_per_step, generator)
        self._began = time.perf_counter()

    def stage(
        self,
        variables: Tensor,
        objective: Callable[[Tensor, list[int]], Objective],
        *,
        steps: int,
        rate: float,
        phase: int,
        best_of: int = 1,
    ) -> Tensor:
        """`steps` steps of gradient descent from `variables`, (B * best_of, ...); where they ended.

        Of the `best_of` candidates of a shape the best is recorded.
        """
        variables = variables.detach().clone().requires_grad_()
        optimiser = torch.optim.Adam([variables], rate)
        try:
            for step in range(0 if self.interrupted else steps):
                optimiser.param_groups[0]["lr"] = rate * falling(step / steps)
                optimiser.zero_grad()
                # A leaf's copy in lower precision is kept for the whole of an autocast context; that of a view is not.
                found = objective(variables.view_as(variables), next(self._turns))
                found.loss.sum().backward(inputs=[variables])
                optimiser.step()
                self._record(found, phase, best_of)
        except KeyboardInterrupt:
            self.interrupted = True
        return variables.detach()

    def history(self, shape: int) -> tuple[Step, ...]:
        """The steps of one shape."""
        rows = zip(self.losses, self.agreements, self.phases, self.seconds, strict=True)
        return tuple(
            Step(number, self.total, float(loss[shape]), float(agreement[shape]), phase, seconds)
            for number, (loss, agreement, phase, seconds) in enumerate(rows)
        )

    def verdict(self, shape: int) -> tuple[bool, str]:
        """Whether the loss of a shape stood still in the last stage, and a sentence on it."""
        if self.interrupted:
            return False, f"interrupted after {len(self.losses)} of {self.total} steps"
        last = self.phases[-1]
        losses = [float(loss[shape]) for loss, phase in zip(self.losses, self.phases, strict=True) if phase == last]
        tenth = len(losses) // 10
        if len(losses) < LEAST_STEPS:
            return False, f"{len(losses)} steps in the last stage are too few to tell"
        before, after = (sum(part) / tenth for part in (losses[-2 * tenth : -tenth], losses[-tenth:]))
        gain = (before - after) / before if before > 0 else 0.0
        text = f"the last {tenth} steps lowered the loss by {100 * gain:.1f} %"
        return gain < STILL, text if gain < STILL else text + "; give it more steps"

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def _record(self, found: Objective, phase: int, best_of: int) -> None:
        losses, best = found.loss.detach().reshape(-1, best_of).min(1)
        agreements = found.agreement.detach().reshape(-1, best_of).gather(1, best[:, None])[:, 0]
        self.losses.append(losses.cpu())
        self.agreements.append(agreements.cpu())
        self.phases.append(phase)
        self.seconds.append(self.elapsed())
        if self.progress is not None:
            number = len(self.losses) - 1
            self.progress(
                Step(number, self.total, float(losses.mean()), float(agreements.mean()), phase, self.seconds[-1])
            )


def falling(share: float) -> float:
    """From 1 to 0.05 along half a cosine, as `share` of the steps goes from 0 to 1."""
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def _turns(count: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    size = min(size, count)
    waiting: list[int] = []
    while True:
        if len(waiting) < size:
            waiting = torch.randperm(count, generator=generator).tolist()
        yield sorted(waiting[:size])
        waiting = waiting[size:]
