"""Fast persistent contrastive divergence: a chain that goes on from step to step, chased by weights that forget.

Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008;
Tieleman and Hinton, "Using fast weights to improve persistent contrastive divergence", ICML 2009. The negative phase is
a set of samples that are never put back to the data. It moves under theta + theta_fast; fast weights take the same
steps and decay by 19/20 each time, so they push the chain away from where it has just been.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.nn.contrastive_divergence import write_gradients
from geolearn.nn.rbm import RBM
from geolearn.typing import Float, Tensor

DECAY = 19 / 20


class PersistentChain(nn.Module):
    """The samples of the model that a training carries along, and its fast weights; both change in every step.

    A module of buffers, so that what keeps a training's state keeps them. All start at 0.

    Args:
        rbm: whose samples they are.
        samples: M.

    Attributes:
        visible: (M, *V), samples of the visible units.
        weight, hidden_bias, visible_bias: fast weights, as the parameters.

    Raises:
        InvalidInputError: no samples.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> PersistentChain(DenseRBM(6, 3), samples=8).visible.shape
        torch.Size([8, 6])
    """

    visible: Float[Tensor, "M *V"]
    weight: Float[Tensor, "H F"]
    hidden_bias: Float[Tensor, " H"]
    visible_bias: Float[Tensor, "*V"]

    def __init__(self, rbm: RBM, samples: int = 32):
        super().__init__()
        if samples < 1:
            raise InvalidInputError(f"samples: expected at least one, got {samples}")
        self.register_buffer("visible", rbm.visible_bias.detach().new_zeros(samples, *rbm.visible_shape))
        for name in ("weight", "hidden_bias", "visible_bias"):
            self.register_buffer(name, torch.zeros_like(getattr(rbm, name).detach()))


@torch.no_grad()
def fast_persistent_gradients(
    rbm: RBM,
    visible: Float[Tensor, "B *V"],
    chain: PersistentChain,
    generator: torch.Generator | None = None,
    *,
    fast_rate: float,
    steps: int = 1,
    mean_field: bool = False,
) -> dict[str, Tensor]:
    """Leave the gradients of fast persistent CD for an optimiser to step; the chain and its fast weights move on.

    Args:
        visible: data; means in [0, 1] will do.
        steps: rounds of Gibbs sampling of the chain, before its statistics are taken.
        mean_field: the visible units of the chain are means. As a rule they are samples.
        fast_rate: the learning rate of the fast weights, as a rule the optimiser's; 0 is PCD without them.

    Returns:
        `reconstruction_error` of the data by one mean-field round (under the slow weights), and `activity` on the data.

    Raises:
        InvalidInputError: no data.

    Example:
        >>> from geolearn.nn import DenseRBM, descent
        >>> rbm = DenseRBM(6, 3)
        >>> chain, optimiser = PersistentChain(rbm, samples=8), descent(rbm, learning_rate=0.1)
        >>> logged = fast_persistent_gradients(rbm, torch.ones(4, 6), chain, fast_rate=0.1)
        >>> optimiser.step()
    """
    if len(visible) == 0:
        raise InvalidInputError("visible: expected at least one sample, got none")
    hidden = torch.sigmoid(rbm.hidden_logits(visible))
    reconstruction = rbm.visible_means(rbm.visible_logits(hidden, tied=True))
    with _shifted(rbm, chain):
        for _ in range(steps):
            logits = rbm.visible_logits(rbm.sample_hidden(chain.visible, generator), tied=True)
            chain.visible = rbm.visible_means(logits) if mean_field else rbm.draw_visible(logits, generator)
        chain_hidden = torch.sigmoid(rbm.hidden_logits(chain.visible))
    positive = mean_statistics(rbm, visible, hidden)
    negative = mean_statistics(rbm, chain.visible, chain_hidden)
    directions = [p - n for p, n in zip(positive, negative, strict=True)]
    for fast, direction in zip((chain.weight, chain.hidden_bias, chain.visible_bias), directions, strict=True):
        fast.mul_(DECAY).add_(direction, alpha=fast_rate)
    write_gradients(rbm, *directions)
    return {"reconstruction_error": (visible - reconstruction).square().mean(), "activity": hidden.mean()}


def mean_statistics(
    rbm: RBM, visible: Float[Tensor, "B *V"], hidden: Float[Tensor, "B *H"]
) -> tuple[Tensor, Tensor, Tensor]:
    """-dE/dW, -dE/db and -dE/dc, summed over places, mean over samples. Labels count once, whatever their weight."""
    rows = rbm.rows(hidden)
    weight = rows.T @ rbm.windows(visible)
    samples = len(visible)
    return (
        weight.to(rbm.weight.dtype) / samples,
        rows.to(rbm.weight.dtype).sum(0) / samples,
        visible.sum(0).sum_to_size(rbm.visible_bias.shape) / samples,
    )


@contextmanager
def _shifted(rbm: RBM, chain: PersistentChain) -> Iterator[None]:
    """Inside, the machine's parameters are theta + theta_fast."""
    parameters = (rbm.weight, rbm.hidden_bias, rbm.visible_bias)
    slow = [parameter.data for parameter in parameters]
    try:
        for parameter, fast in zip(parameters, (chain.weight, chain.hidden_bias, chain.visible_bias), strict=True):
            parameter.data = parameter.data + fast
        yield
    finally:
        for parameter, before in zip(parameters, slow, strict=True):
            parameter.data = before
