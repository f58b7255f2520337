"""The loop that fits of grids and codes share: a few views per step, a falling rate, a record of every step."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from geolearn.fitting.pace import Turns, cosine_decay, standstill
from geolearn.fitting.result import Step
from geolearn.typing import Float, Tensor


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
        self._views = views
        self._turns = Turns(views, views_per_step, generator)
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

        Of the `best_of` candidates of a shape the best is recorded. After an interrupt, every candidate that has less
        loss in all views where the stage began is given back as it was there.
        """
        start = variables.detach()
        variables = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([variables], rate)
        try:
            for step in range(0 if self.interrupted else steps):
                optimiser.param_groups[0]["lr"] = rate * cosine_decay(step / steps)
                optimiser.zero_grad()
                # A leaf's copy in lower precision is kept for the whole of an autocast context; that of a view is not.
                found = objective(variables.view_as(variables), self._turns.next())
                found.loss.sum().backward(inputs=[variables])
                optimiser.step()
                self._record(found, phase, best_of)
        except KeyboardInterrupt:
            self.interrupted = True
            return self._choose_better(start, variables.detach(), objective)
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
        return standstill(losses)

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    @torch.no_grad()
    def _choose_better(
        self, before: Tensor, now: Tensor, objective: Callable[[Tensor, list[int]], Objective]
    ) -> Tensor:
        """Candidate by candidate, the one of the two with less loss in all views."""
        everything = list(range(self._views))
        kept = objective(now, everything).loss <= objective(before, everything).loss
        return torch.where(kept.view(-1, *[1] * (now.ndim - 1)), now, before)

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
