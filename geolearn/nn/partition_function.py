"""The normaliser Z of a restricted Boltzmann machine: summed where it is tiny, estimated where it is not."""

import itertools
import math
from typing import NamedTuple

import torch
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.nn.labelled_rbm import LabelledRBM
from geolearn.nn.rbm import RBM
from geolearn.ops.bernoulli import sample_bernoulli
from geolearn.typing import Float, Tensor

MOST_UNITS = 24  # visible units that are summed over
STATES_AT_ONCE = 1 << 14


def visible_states(rbm: RBM) -> Float[Tensor, "S *V"]:
    """Every state of the visible units of a tiny machine, 2^V of them, or K 2^V where they are joined with a label.

    Raises:
        InvalidInputError: more than 24 units.
    """
    labels = rbm.classes if isinstance(rbm, LabelledRBM) else 0
    units = math.prod(rbm.visible_shape) - labels
    if units > MOST_UNITS:
        raise InvalidInputError(
            f"rbm: expected at most {MOST_UNITS} visible units to sum over, got {units}; see annealed_log_partition"
        )
    bits = torch.arange(1 << units, device=rbm.weight.device)[:, None] >> torch.arange(units, device=rbm.weight.device)
    states = (bits & 1).to(rbm.weight.dtype)
    if isinstance(rbm, LabelledRBM):
        chosen = torch.arange(labels, device=states.device).repeat_interleave(len(states))
        return rbm.join(states.repeat(labels, 1), chosen)
    return states.view(-1, *rbm.visible_shape)


def log_partition(rbm: RBM) -> Float[Tensor, ""]:
    """log Z by summing exp(-F(v)) over every v: at most 24 visible units besides labels. Differentiable.

    Raises:
        InvalidInputError: more units, untied weights, or labels that count more on the way up.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> rbm = DenseRBM(2, 3)
        >>> _ = torch.nn.init.zeros_(rbm.weight)
        >>> log_partition(rbm)  # all 2^5 states alike
        tensor(3.4657, grad_fn=<LogsumexpBackward0>)
    """
    parts = [-rbm.free_energy(states) for states in visible_states(rbm).split(STATES_AT_ONCE)]
    return torch.cat(parts).logsumexp(0)


class AnnealedEstimate(NamedTuple):
    """An estimate of log Z.

    Attributes:
        log_partition: the logarithm of the mean of the runs' weights; the mean itself has no bias.
        log_weights: (runs,) log of each run's estimate of Z; where they differ by much, raise the temperatures.
        standard_error: of the mean of the weights, as a share of it: about that of log Z.
    """

    log_partition: Float[Tensor, ""]
    log_weights: Float[Tensor, " R"]
    standard_error: Float[Tensor, ""]


@torch.no_grad()
def annealed_log_partition(
    rbm: RBM,
    *,
    runs: int = 100,
    temperatures: int = 1000,
    base_bias: Float[Tensor, "*V"] | None = None,
    generator: torch.Generator | None = None,
) -> AnnealedEstimate:
    """log Z by annealed importance sampling from a machine without weights.

    Neal, "Annealed importance sampling", 2001; Salakhutdinov and Murray, "On the quantitative analysis of deep belief
    networks", ICML 2008, section 4: with a the biases of the base, whose Z is known, the machines in between have

        log p_t(v) = (1 - t) a . v + t c . v + sum_nj log(1 + exp(t (b_j + W_j w_n(v)))),    t from 0 to 1,

    and the weight of a run is the product of p_t+(v) / p_t(v) at its states, one round of Gibbs sampling at each t.

    Args:
        runs: how many runs.
        temperatures: how many t, in equal steps.
        base_bias: a, log-odds of the visible units of the base; those of the data's mean are best. By default the
            visible biases of the machine.

    Raises:
        InvalidInputError: no runs, no temperatures, biases of another shape, or a machine without energy.

    Example:
        >>> from geolearn.nn import DenseRBM
        >>> rbm = DenseRBM(2, 3)
        >>> _ = torch.nn.init.zeros_(rbm.weight)
        >>> annealed_log_partition(rbm, runs=10, temperatures=10).log_partition  # 5 log 2, without weights exactly
        tensor(3.4657, dtype=torch.float64)
    """
    rbm.check_tied()
    if runs < 1 or temperatures < 1:
        raise InvalidInputError(f"runs, temperatures: expected at least 1, got {runs} and {temperatures}")
    full = rbm.visible_bias.expand(rbm.visible_shape)
    base = full if base_bias is None else base_bias.to(full)
    if base.shape != full.shape:
        raise InvalidInputError(f"base_bias: expected {tuple(full.shape)}, got {tuple(base.shape)}")

    visible = rbm.draw_visible(base.expand(runs, *base.shape), generator)
    log_weights = torch.zeros(runs, dtype=torch.float64, device=base.device)
    inverse = torch.linspace(0, 1, temperatures + 1).tolist()
    for before, after in itertools.pairwise(inverse):
        logits = rbm.hidden_logits(visible)
        moved = (visible * (full - base)).flatten(1).sum(1)
        rises = functional.softplus(after * logits) - functional.softplus(before * logits)
        log_weights += ((after - before) * moved + rises.flatten(1).sum(1)).double()
        hidden = sample_bernoulli(torch.sigmoid(after * logits), generator)
        drive = rbm.visible_logits(hidden) - rbm.visible_bias
        visible = rbm.draw_visible((1 - after) * base + after * (full + drive), generator)
    log_weights += _log_partition_of_base(rbm, base)
    mean = log_weights.logsumexp(0) - math.log(runs)
    spread = (log_weights - mean).exp().std() if runs > 1 else log_weights.new_tensor(math.nan)
    return AnnealedEstimate(mean, log_weights, spread / math.sqrt(runs))


def _log_partition_of_base(rbm: RBM, base: Tensor) -> float:
    """A machine without weights and hidden biases: its hidden units are coins, its visible ones independent."""
    coins = math.log(2) * rbm.hidden_logits(base.new_zeros(1, *base.shape)).numel()
    if isinstance(rbm, LabelledRBM):
        units, labels = rbm.split(base[None].double())
        return coins + float(functional.softplus(units).sum() + labels.logsumexp(1).sum())
    return coins + float(functional.softplus(base.double()).sum())
