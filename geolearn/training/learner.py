"""The Lightning module that drives every method. Methods, models and layers know nothing of Lightning."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn

from geolearn.data import Batch
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.training.method import Descent, Method, Moment, Optimisers, Phase
from geolearn.typing import Tensor


class Learner(pl.LightningModule):
    """Trains a network by a method: phases, optimisers, schedules, clipping, what is logged, and validation.

    All randomness of an epoch follows from (seed, epoch, rank), so a run that is killed and resumed at an epoch
    boundary continues exactly as it would have.

    Args:
        batches: of an epoch.
    """

    def __init__(self, method: Method, net: nn.Module, batches: int, *, seed: int = 0):
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.method = method
        self.seed = seed
        self.meters = nn.ModuleDict(method.meters())
        self.phases: list[Phase] = list(method.phases(net, batches))
        if not self.phases or min(phase.epochs for phase in self.phases) < 1:
            raise InvalidInputError(f"phases: expected at least one, each of at least one epoch, got {self.phases}")
        self._descents = [descent for phase in self.phases for descent in phase.descents.values()]

    @property
    def epochs(self) -> int:
        """Of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def moment(self) -> Moment:
        number, first = self._running()
        phase = self.phases[number]
        return Moment(phase.name, self.current_epoch - first, phase.epochs, self.current_epoch)

    def _running(self) -> tuple[int, int]:
        """The number of the running phase and its first epoch; after the end, of the last phase."""
        number = first = 0
        while number < len(self.phases) - 1 and self.current_epoch >= first + self.phases[number].epochs:
            first += self.phases[number].epochs
            number += 1
        return number, first

    def configure_optimizers(self) -> Any:
        return [
            {"optimizer": each.optimiser}
            if each.schedule is None
            else {"optimizer": each.optimiser, "lr_scheduler": {"scheduler": each.schedule, "interval": "step"}}
            for each in self._descents
        ]

    def on_train_epoch_start(self) -> None:
        torch.manual_seed((self.seed * 100_003 + self.current_epoch) * 1_009 + self.global_rank)
        self.method.start_epoch(self.net, self.moment)

    def training_step(self, batch: Batch, batch_index: int) -> None:
        moment = self.moment
        logged = self.method.step(self.net, batch, self._optimisers(), moment)
        for name, value in logged.items():
            self.log(name, value, on_step=False, on_epoch=True, batch_size=len(batch.keys), sync_dist=True)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self.method.validate(self.net, batch, dict(self.meters.items()))  # type: ignore[arg-type]
        for name, meter in self.meters.items():
            self.log(f"val_{name}", meter, on_epoch=True, batch_size=len(batch.keys))  # type: ignore[arg-type]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        clip = next((each.clip for each in self._descents if each.optimiser is optimizer), 0.0)
        if clip:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, clip)

    def _optimisers(self) -> "_Optimisers":
        """Those of the running phase."""
        wrapped: Any = self.optimizers()
        wrapped = wrapped if isinstance(wrapped, list) else [wrapped]
        number, _ = self._running()
        descents = self.phases[number].descents
        first = sum(len(phase.descents) for phase in self.phases[:number])
        pairs = zip(descents.values(), wrapped[first : first + len(descents)], strict=True)
        return _Optimisers(self, dict(zip(descents, pairs, strict=True)))


class _Optimisers(Optimisers):
    """A phase's optimisers as Lightning wraps them: steps are counted, scaled and shared between processes by it."""

    def __init__(self, learner: Learner, by_name: Mapping[str, tuple[Descent, Any]]):
        self._learner = learner
        self._by_name = by_name

    def descend(self, loss: Tensor, name: str | None = None) -> None:
        descent, wrapped = self._find(name)
        with torch.autocast(self._learner.device.type, enabled=False):  # what was computed keeps its precision
            wrapped.zero_grad()
            self._learner.manual_backward(loss)
            self._step(descent, wrapped)

    def apply(self, name: str | None = None) -> None:
        descent, wrapped = self._find(name)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for group in descent.optimiser.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        torch.distributed.all_reduce(parameter.grad)
                        parameter.grad /= torch.distributed.get_world_size()
        with torch.autocast(self._learner.device.type, enabled=False):
            self._step(descent, wrapped)

    def _step(self, descent: Descent, wrapped: Any) -> None:
        wrapped.step()
        if descent.schedule is not None:
            descent.schedule.step()

    def _find(self, name: str | None) -> tuple[Descent, Any]:
        if name is None and len(self._by_name) == 1:
            return next(iter(self._by_name.values()))
        if name is None:
            raise InvalidInputError(f"name: expected one of the optimisers {', '.join(self._by_name)}, got None")
        if name not in self._by_name:
            raise unknown_name("optimiser", name, self._by_name)
        return self._by_name[name]
