"""Adam with one second moment for all values, so that it does not undo a preconditioner."""

from collections.abc import Callable
from typing import Any

import torch

from geolearn.typing import Tensor


class UniformAdam(torch.optim.Optimizer):
    """Adam whose steps are divided by one number: the root of the largest second moment of a tensor.

        m <- b1 m + (1 - b1) g,   s <- b2 s + (1 - b2) g^2,   x <- x - rate m^ / (max sqrt(s^) + 1e-12)

    with m^ and s^ corrected for their start. Plain Adam scales every value by its own gradient and so turns a smooth
    direction into a rough one. Source: Nicolet et al., "Large Steps in inverse rendering of geometry", ToG 2021,
    section 3.4.

    Args:
        params: tensors.
        lr: the rate; a value that always has the largest gradient moves so much per step.
        betas: b1, b2 in [0, 1).

    >>> x = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = UniformAdam([x], lr=0.1)
    >>> (4 * x[0] + x[1]).backward()
    >>> optimiser.step()
    >>> x  # moved by the rate, and by a quarter of it
    tensor([0.9000, 0.9750], requires_grad=True)
    """

    def __init__(self, params: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            first_decay, second_decay = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state.update(step=0, first=torch.zeros_like(parameter), second=torch.zeros_like(parameter))
                state["step"] += 1
                state["first"].lerp_(parameter.grad, 1 - first_decay)
                state["second"].lerp_(parameter.grad.square(), 1 - second_decay)
                first = state["first"] / (1 - first_decay ** state["step"])
                largest = (state["second"].max() / (1 - second_decay ** state["step"])).sqrt()
                parameter.sub_(group["lr"] * first / (largest + 1e-12))
        return loss
