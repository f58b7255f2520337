"""Contrastive divergence: the gradient that restricted Boltzmann machines are trained by, which no loss has.

The log-likelihood of data has the gradient <-dE/dtheta>_data - <-dE/dtheta>_model, and the second mean is out of reach.
Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation 2002, takes it after k
rounds of Gibbs sampling from the data (CD-k). What a step does with the gradient is the optimiser's business:

    rbm = ConvRBM(1, 48, size=(30, 30, 30), kernel=6, stride=2)
    optimiser = descent(rbm, learning_rate=0.01, momentum=0.9, weight_decay=1e-5)
    for grids in batches:
        cd_step(rbm, grids, optimiser, generator, CDSettings(sparsity_target=0.01, sparsity_cost=0.001))

Everything that a step depends on is passed to it, so that a training can stop and go on.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.nn.rbm import RBM
from geolearn.ops.bernoulli import sample_bernoulli
from geolearn.typing import Float, Tensor


@dataclass(frozen=True)
class CDSettings:
    """How a contrastive divergence is taken. The defaults are those of 3D ShapeNets.

    Attributes:
        steps: k, rounds of Gibbs sampling from the data.
        mean_field: visible units of the negative phase are their means; False samples them, without which the
            gradient does not tend to that of the log-likelihood as k grows.
        average_places: the gradient of weights and hidden biases is the mean over places of a convolution instead of
            their sum, and that of visible biases is divided by the grid's side. For dense machines nothing changes.
        skip_empty: places whose window holds nothing but zeros do not count: no gradient, and the mean is over the
            others.
        sparsity_target, sparsity_cost: the hidden biases also climb cost * (target - mean activity).
    """

    steps: int = 1
    mean_field: bool = True
    average_places: bool = True
    skip_empty: bool = False
    sparsity_target: float = 0.0
    sparsity_cost: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidInputError(f"steps: expected at least one round of Gibbs sampling, got {self.steps}")


class Divergence(NamedTuple):
    """An estimate of the gradient of the log-likelihood, mean over samples: the direction to climb.

    Attributes:
        weight, hidden_bias, visible_bias: as the parameters.
        reconstruction_error: mean squared difference of a visible unit and its reconstruction.
        activity: mean of the hidden units that count.
    """

    weight: Float[Tensor, "H F"]
    hidden_bias: Float[Tensor, " H"]
    visible_bias: Float[Tensor, "*V"]
    reconstruction_error: Float[Tensor, ""]
    activity: Float[Tensor, ""]


@torch.no_grad()
def contrastive_divergence(
    rbm: RBM,
    visible: Float[Tensor, "B *V"],
    generator: torch.Generator | None = None,
    settings: CDSettings = CDSettings(),
) -> Divergence:
    """CD-k of a batch; see `CDSettings`. A batch is worked on in parts whose windows fit in few megabytes.

    Raises:
        InvalidInputError: no samples, visible units of another shape, or a machine with untied weights.
    """
    if len(visible) == 0:
        raise InvalidInputError("visible: expected at least one sample, got none")
    if rbm.down_weight is not None:
        raise InvalidInputError("rbm: contrastive divergence needs weights that are tied; see wake_sleep")
    weight, activity = torch.zeros_like(rbm.weight), torch.zeros_like(rbm.hidden_bias)
    hidden_bias, visible_bias = torch.zeros_like(rbm.hidden_bias), torch.zeros_like(rbm.visible_bias)
    error, counted, places = weight.new_zeros(()), weight.new_zeros(()), 0
    for part in visible.split(rbm.samples_at_once(rbm.product_dtype())):
        part = part.to(rbm.product_dtype())
        mean = torch.sigmoid(rbm.row_logits(rbm.windows(part)))
        negative, negative_mean = _sampled_from(rbm, mean, generator, settings)
        both = torch.cat([mean, -negative_mean])
        places += len(mean)
        if settings.skip_empty:
            counts = rbm.nonzero_windows(part).to(both.dtype)[:, None]
            both = both * counts.repeat(2, 1)
            counted += counts.sum()
            activity += (mean * counts).sum(0)
        else:
            counted += len(mean)
            activity += mean.sum(0)
        # Both phases in one product: the difference is then rounded once.
        phases = rbm.windows(torch.cat([part, negative.to(part.dtype)]))
        weight += both.T.to(phases.dtype) @ phases
        hidden_bias += both.sum(0)
        difference = part.to(negative.dtype) - negative
        visible_bias += difference.sum(0).sum_to_size(visible_bias.shape)
        error += difference.square().sum()
    counted = counted.clamp(min=1)
    places //= len(visible)
    activity /= counted
    # The mean over the places that count, or their sum per sample, made up for those that do not.
    scale = 1 / counted if settings.average_places else places / counted
    side = visible.shape[-1] if settings.average_places and visible.ndim > 2 else 1
    hidden_bias = hidden_bias * scale + settings.sparsity_cost * (settings.sparsity_target - activity)
    return Divergence(
        weight.mul_(scale), hidden_bias, visible_bias / (len(visible) * side), error / visible.numel(), activity.mean()
    )


def _sampled_from(
    rbm: RBM, hidden_mean: Tensor, generator: torch.Generator | None, settings: CDSettings
) -> tuple[Tensor, Tensor]:
    """Visible units k rounds from hidden means, and the means (N, H) of the hidden units that they imply."""
    for _ in range(settings.steps):
        hidden = rbm.arrange(sample_bernoulli(hidden_mean, generator, dtype=rbm.product_dtype()))
        logits = rbm.visible_logits(hidden)
        visible = rbm.visible_means(logits) if settings.mean_field else rbm.draw_visible(logits, generator)
        hidden_mean = torch.sigmoid(rbm.row_logits(rbm.windows(visible)))
    return visible, hidden_mean


def cd_step(
    rbm: RBM,
    visible: Float[Tensor, "B *V"],
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator | None = None,
    settings: CDSettings = CDSettings(),
) -> dict[str, Tensor]:
    """One step of an optimiser along the contrastive divergence of a batch.

    Args:
        optimiser: over the parameters of the machine, such as `descent` makes it; it keeps the momentum.

    Returns:
        `reconstruction_error` and `activity`, to be logged.
    """
    found = contrastive_divergence(rbm, visible, generator, settings)
    write_gradients(rbm, found.weight, found.hidden_bias, found.visible_bias)
    optimiser.step()
    return {"reconstruction_error": found.reconstruction_error, "activity": found.activity}


def write_gradients(rbm: RBM, weight: Tensor, hidden_bias: Tensor, visible_bias: Tensor) -> None:
    """Leave directions to climb where an optimiser, which descends, looks for gradients; the sign changes in place."""
    rbm.weight.grad = weight.neg_()
    rbm.hidden_bias.grad, rbm.visible_bias.grad = hidden_bias.neg_(), visible_bias.neg_()


def descent(*machines: RBM, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0) -> torch.optim.SGD:
    """Gradient descent with momentum over the parameters of machines; weights decay, biases do not.

    A step adds momentum * (last step) + learning_rate * (direction - weight_decay * weight), as Hinton's guide has it.

    Raises:
        InvalidInputError: a rate, momentum or decay that is negative or not finite.
    """
    for name, value in (("learning_rate", learning_rate), ("momentum", momentum), ("weight_decay", weight_decay)):
        if not 0 <= value < math.inf:
            raise InvalidInputError(f"{name}: expected a number >= 0, got {value}")
    weights = [w for machine in machines for w in (machine.weight, machine.down_weight) if w is not None]
    biases = [bias for machine in machines for bias in (machine.hidden_bias, machine.visible_bias)]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, fused=True)
