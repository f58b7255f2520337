"""Wake-sleep learning of a deep belief network: the way up and the way down with weights of their own.

Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", Neural Computation 2006, section 5 and
appendix B ("up-down"), for stacks of dense and convolutional machines. Awake, data go up by sampling and every layer
learns to predict the one below from the one above; the top machine learns by contrastive divergence that persists;
asleep, a sample of the top goes down and every layer learns to predict the one above from the one below.
"""

from collections.abc import Sequence

import torch

from geolearn.errors import InvalidInputError
from geolearn.nn.labelled_rbm import LabelledRBM
from geolearn.nn.persistent_chain import mean_statistics
from geolearn.nn.rbm import RBM
from geolearn.typing import Float, Int, Tensor


@torch.no_grad()
def wake_sleep_gradients(
    layers: Sequence[RBM],
    top: LabelledRBM,
    visible: Float[Tensor, "B *V"],
    labels: Int[Tensor, " B"],
    chain: Float[Tensor, "M VK"],
    generator: torch.Generator | None = None,
    *,
    steps: int = 3,
    average_places: bool = True,
) -> tuple[Float[Tensor, "M VK"], dict[str, Tensor]]:
    """Leave the gradients of wake and sleep, of all layers and the top, for an optimiser to step.

    Layer l holds, for its units below: the bias `visible_bias` and the weights `down_weight` of the way down; for its
    units above: `hidden_bias` and `weight` of the way up. With s the states of one phase, the directions are

        awake     down_weight: h (v - p(v | h)),   visible_bias: v - p(v | h)     h sampled from v on the way up
        asleep    weight: (h - p(h | v)) v,        hidden_bias: h - p(h | v)      v sampled from h on the way down

    which are the gradients of log p(v | h) and log p(h | v), mean over samples. The units of a layer that is not dense
    are flattened for the dense one above it.

    Args:
        layers: from the data up, each untied (`RBM.untie`).
        top: joined with the labels.
        chain: M states of the top's visible units, as the last step returned them; zeros to start with.
        steps: rounds of Gibbs sampling of the chain.
        average_places: see `CDSettings`.

    Returns:
        the chain's next states, and `reconstruction_error`, that of the data from the first hidden layer.

    Raises:
        InvalidInputError: no data, no layers, or a layer whose weights are tied.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> layer, top = DenseRBM(6, 4), LabelledRBM(4, 3, classes=2)
        >>> layer.untie()
        >>> labels, chain = torch.tensor([0, 1]), torch.zeros(5, 6)
        >>> chain, logged = wake_sleep_gradients([layer], top, torch.ones(2, 6), labels, chain)
        >>> chain.shape
        torch.Size([5, 6])
    """
    if len(visible) == 0 or not layers:
        raise InvalidInputError("visible, layers: expected at least one sample and one layer, got none")
    if any(layer.down_weight is None for layer in layers):
        raise InvalidInputError("layers: expected untied weights; call untie() on each of them")
    states = [visible.to(layers[0].visible_bias.dtype)]
    for layer in layers:
        states.append(layer.sample_hidden(_shaped(states[-1], layer), generator))
    error = visible.new_zeros(())
    for n, (layer, below, above) in enumerate(zip(layers, states[:-1], states[1:], strict=True)):
        below = _shaped(below, layer)
        missed = below - layer.visible_means(layer.visible_logits(above))
        places = _places(layer, above) if average_places else 1
        side = below.shape[-1] if average_places and below.ndim > 2 else 1
        layer.down_weight.grad = -mean_statistics(layer, missed, above)[0] / places  # type: ignore[union-attr]
        layer.visible_bias.grad = -missed.sum(0).sum_to_size(layer.visible_bias.shape) / (len(below) * side)
        if n == 0:
            error = missed.square().mean()

    positive = top.join(states[-1].flatten(1), labels)
    up = mean_statistics(top, positive, torch.sigmoid(top.hidden_logits(positive)))
    chain = top.gibbs(chain, steps, generator)
    down = mean_statistics(top, chain, torch.sigmoid(top.hidden_logits(chain)))
    for parameter, awake, asleep in zip((top.weight, top.hidden_bias, top.visible_bias), up, down, strict=True):
        parameter.grad = asleep - awake

    above = top.split(chain)[0]
    for layer in reversed(layers):
        above = _shaped_above(above, layer)
        below = layer.sample_visible(above, generator)
        missed = above - torch.sigmoid(layer.hidden_logits(below))
        places = _places(layer, above) if average_places else 1
        weight, bias, _ = mean_statistics(layer, below, missed)
        layer.weight.grad, layer.hidden_bias.grad = -weight / places, -bias / places
        above = below
    return chain, {"reconstruction_error": error}


def _places(layer: RBM, hidden: Tensor) -> int:
    return hidden[0].numel() // layer.hidden_units


def _shaped(units: Tensor, layer: RBM) -> Tensor:
    """Units as the visible ones of a layer."""
    return units.reshape(len(units), *layer.visible_shape)


def _shaped_above(units: Tensor, layer: RBM) -> Tensor:
    """Units as the hidden ones of a layer."""
    return units.reshape(len(units), *layer.hidden_shape)
