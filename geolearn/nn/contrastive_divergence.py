"""Contrastive divergence: the gradient that restricted Boltzmann machines are trained by, which no loss has.

The log-likelihood of data has the gradient <-dE/dtheta>_data - <-dE/dtheta>_model, and the second mean is out of reach.
Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation 2002, takes it after k
rounds of Gibbs sampling from the data (CD-k). What is done with the gradient is the optimiser's business:

    rbm = ConvRBM(1, 48, size=(30, 30, 30), kernel=6, stride=2)
    optimiser = descent(rbm, learning_rate=0.01, momentum=0.9, weight_decay=1e-5)
    for grids in batches:
        cd_gradients(rbm, grids, generator, CDSettings(sparsity_target=0.01, sparsity_cost=0.001))
        optimiser.step()

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

    Example:
        >>> CDSettings(steps=10, mean_field=False)  # near the gradient of the log-likelihood
        CDSettings(steps=10, mean_field=False, average_places=True, skip_empty=False, ...)
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

    Weights of the way down that were untied do not take part.

    Raises:
        InvalidInputError: no samples, or visible units of another shape.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> found = contrastive_divergence(DenseRBM(6, 3), torch.ones(4, 6))
        >>> bool((found.visible_bias > 0).all())  # units that are always on pull their biases up
        True
    """
    if len(visible) == 0:
        raise InvalidInputError("visible: expected at least one sample, got none")
    weight, activity = torch.zeros_like(rbm.weight), torch.zeros_like(rbm.hidden_bias)
    hidden_bias, visible_bias = torch.zeros_like(rbm.hidden_bias), torch.zeros_like(rbm.visible_bias)
    error, counted, places = weight.new_zeros(()), weight.new_zeros(()), 0
    for part in visible.split(rbm.samples_at_once(rbm.product_dtype())):
        part = part.to(rbm.product_dtype())
        windows = rbm.windows(part)
        mean = torch.sigmoid(rbm.row_logits(windows))
        negative, negative_windows, negative_mean = _sampled_from(rbm, mean, generator, settings)
        places += len(mean)
        if settings.skip_empty:
            counts = rbm.nonzero_windows(part).to(mean.dtype)[:, None]
            mean, negative_mean = mean * counts, negative_mean * counts
            counted += counts.sum()
        else:
            counted += len(mean)
        weight += mean.T.to(windows.dtype) @ windows
        weight -= negative_mean.T.to(windows.dtype) @ negative_windows
        positive = mean.sum(0)
        activity += positive
        hidden_bias += positive - negative_mean.sum(0)
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
) -> tuple[Tensor, Tensor, Tensor]:
    """Visible units k rounds from hidden means, their windows, and the means (N, H) of the hidden units they imply."""
    for _ in range(settings.steps):
        hidden = rbm.arrange(sample_bernoulli(hidden_mean, generator, dtype=rbm.product_dtype()))
        logits = rbm.visible_logits(hidden, tied=True)
        visible = rbm.visible_means(logits) if settings.mean_field else rbm.draw_visible(logits, generator)
        windows = rbm.windows(visible)
        hidden_mean = torch.sigmoid(rbm.row_logits(windows))
    return visible, windows, hidden_mean


def cd_gradients(
    rbm: RBM,
    visible: Float[Tensor, "B *V"],
    generator: torch.Generator | None = None,
    settings: CDSettings = CDSettings(),
) -> dict[str, Tensor]:
    """Leave the contrastive divergence of a batch as gradients of the machine's parameters, for an optimiser to step.

    Returns:
        `reconstruction_error` and `activity`, to be logged.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> rbm = DenseRBM(6, 3)
        >>> optimiser = descent(rbm, learning_rate=0.1)
        >>> logged = cd_gradients(rbm, torch.ones(4, 6))
        >>> optimiser.step()
        >>> sorted(logged)
        ['activity', 'reconstruction_error']
    """
    found = contrastive_divergence(rbm, visible, generator, settings)
    write_gradients(rbm, found.weight, found.hidden_bias, found.visible_bias)
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

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> optimiser = descent(DenseRBM(6, 3), learning_rate=0.1, weight_decay=0.01)
        >>> [group["weight_decay"] for group in optimiser.param_groups]
        [0.01, 0.0]
    """
    for name, value in (("learning_rate", learning_rate), ("momentum", momentum), ("weight_decay", weight_decay)):
        if not 0 <= value < math.inf:
            raise InvalidInputError(f"{name}: expected a number >= 0, got {value}")
    weights = [w for machine in machines for w in (machine.weight, machine.down_weight) if w is not None]
    biases = [bias for machine in machines for bias in (machine.hidden_bias, machine.visible_bias)]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, fused=True)
