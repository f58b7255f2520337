"""Restricted Boltzmann machines: binary units in two layers that meet only across.

Hinton, "A Practical Guide to Training Restricted Boltzmann Machines", 2012; the convolutional form is that of Lee et
al., "Convolutional Deep Belief Networks", ICML 2009, without pooling. One description serves all of them. The visible
units v have windows w_n(v), a vector of F of them for each place n; every place has H hidden units h_n, and

    E(v, h) = - c . v - sum_n h_n . (b + W w_n(v)),      p(v, h) = exp(-E(v, h)) / Z.

A dense machine has one window, all of v; a convolutional one has windows that overlap, so its weights are tied. Then

    p(h_nj = 1 | v) = sigmoid(b_j + W_j w_n(v)),         p(v_i = 1 | h) = sigmoid(c_i + [sum_n w_n^T (W^T h_n)]_i),

where w_n^T adds a vector in the place of window n, and the free energy - log sum_h exp(-E(v, h)) is

    F(v) = - c . v - sum_nj log(1 + exp(b_j + W_j w_n(v))).

Learning them: `geolearn.nn.contrastive_divergence`. Under `torch.autocast` products are taken in its precision, and
everything else in that of the parameters.
"""

from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.ops.bernoulli import sample_bernoulli
from geolearn.typing import Bool, Float, Tensor


class RBM(nn.Module, ABC):
    """Base of every machine: the formulas above, on the windows that a subclass cuts out.

    Attributes:
        weight: W, (H, F).
        hidden_bias: b, (H,).
        visible_bias: c, in the shape of one sample of v, or with axes of length 1 where it is shared.
        down_weight: another W for the way from h to v, once `untie` was called; then there is no energy any more.

    Example:
        >>> rbm = DenseRBM(6, 3)  # one of the machines that derive from it
        >>> rbm.gibbs(torch.zeros(4, 6), steps=10).shape
        torch.Size([4, 6])
    """

    weight: nn.Parameter
    hidden_bias: nn.Parameter
    visible_bias: nn.Parameter
    down_weight: nn.Parameter | None

    @abstractmethod
    def windows(self, visible: Float[Tensor, "B *V"]) -> Float[Tensor, "N F"]:
        """w_n(v) of a batch, sample by sample, in the precision that products are taken in."""

    @abstractmethod
    def spread(self, rows: Float[Tensor, "N F"]) -> Float[Tensor, "B *V"]:
        """Every row added in the place of its window: the transpose of `windows`."""

    @abstractmethod
    def arrange(self, rows: Float[Tensor, "N H"]) -> Float[Tensor, "B *H"]:
        """Values of hidden units, a row for each place, in the shape that hidden units have."""

    @abstractmethod
    def rows(self, hidden: Float[Tensor, "B *H"]) -> Float[Tensor, "N H"]:
        """The inverse of `arrange`."""

    @abstractmethod
    def nonzero_windows(self, visible: Float[Tensor, "B *V"]) -> Bool[Tensor, " N"]:
        """Which windows hold anything but zeros."""

    @property
    @abstractmethod
    def visible_shape(self) -> tuple[int, ...]:
        """The shape of one sample of v."""

    @property
    @abstractmethod
    def hidden_shape(self) -> tuple[int, ...]:
        """The shape of one sample of h."""

    def samples_at_once(self, dtype: torch.dtype) -> int:
        """How many samples to give `windows` so that its result stays small."""
        return 1 << 30

    @property
    def hidden_units(self) -> int:
        """H, per place."""
        return len(self.hidden_bias)

    def product_dtype(self) -> torch.dtype:
        """The precision that products are taken in: autocast's, or that of the weights."""
        kind = self.weight.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.weight.dtype

    def row_logits(self, windows: Float[Tensor, "N F"]) -> Float[Tensor, "N H"]:
        """b + W w_n for windows that are already cut out."""
        # Autocast would keep its copy of the weights until its context ends, and learning changes them inside.
        return functional.linear(windows, self.weight.to(windows.dtype)).to(self.hidden_bias.dtype) + self.hidden_bias

    def hidden_logits(self, visible: Float[Tensor, "B *V"]) -> Float[Tensor, "B *H"]:
        """Log-odds of the hidden units given the visible ones.

        Raises:
            InvalidInputError: visible units of another shape.
        """
        parts = visible.split(self.samples_at_once(self.product_dtype())) if len(visible) else [visible]
        logits = [self.arrange(self.row_logits(self.windows(part))) for part in parts]
        return logits[0] if len(logits) == 1 else torch.cat(logits)

    def visible_logits(self, hidden: Float[Tensor, "B *H"], *, tied: bool = False) -> Float[Tensor, "B *V"]:
        """Log-odds of the visible units given the hidden ones; `tied` by the weights of the way up in any case."""
        weight = (self.weight if tied or self.down_weight is None else self.down_weight).to(self.product_dtype())
        parts = hidden.split(self.samples_at_once(self.product_dtype())) if len(hidden) else [hidden]
        spread = [self.spread(functional.linear(self.rows(part), weight.T)) for part in parts]
        return (spread[0] if len(spread) == 1 else torch.cat(spread)).to(self.visible_bias.dtype) + self.visible_bias

    def visible_means(self, logits: Float[Tensor, "B *V"]) -> Float[Tensor, "B *V"]:
        """Expectations of the visible units with these log-odds."""
        return torch.sigmoid(logits)

    def draw_visible(
        self, logits: Float[Tensor, "B *V"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "B *V"]:
        """Samples of the visible units with these log-odds."""
        return sample_bernoulli(torch.sigmoid(logits), generator)

    def sample_hidden(
        self, visible: Float[Tensor, "B *V"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "B *H"]:
        """h from p(h | v)."""
        return sample_bernoulli(torch.sigmoid(self.hidden_logits(visible)), generator)

    def sample_visible(
        self, hidden: Float[Tensor, "B *H"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "B *V"]:
        """v from p(v | h)."""
        return self.draw_visible(self.visible_logits(hidden), generator)

    def gibbs(
        self, visible: Float[Tensor, "B *V"], steps: int, generator: torch.Generator | None = None
    ) -> Float[Tensor, "B *V"]:
        """v after `steps` rounds of h from p(h | v) and v from p(v | h)."""
        for _ in range(steps):
            visible = self.sample_visible(self.sample_hidden(visible, generator), generator)
        return visible

    def energy(self, visible: Float[Tensor, "B *V"], hidden: Float[Tensor, "B *H"]) -> Float[Tensor, " B"]:
        """E(v, h).

        Raises:
            InvalidInputError: as `free_energy`.
        """
        self.check_tied()
        across = (hidden * self.hidden_logits(visible)).flatten(1).sum(1)
        return -(visible * self.visible_bias).flatten(1).sum(1) - across

    def free_energy(self, visible: Float[Tensor, "B *V"]) -> Float[Tensor, " B"]:
        """F(v); -F(v) - log Z is the log-probability of v (`geolearn.nn.partition_function`).

        Raises:
            InvalidInputError: visible units of another shape, or untied weights.
        """
        self.check_tied()
        hidden = functional.softplus(self.hidden_logits(visible)).flatten(1).sum(1)
        return -(visible * self.visible_bias).flatten(1).sum(1) - hidden

    def untie(self) -> None:
        """From now on other weights lead down than up; they start as the same (for wake-sleep learning)."""
        if self.down_weight is None:
            self.down_weight = nn.Parameter(self.weight.detach().clone())

    def check_tied(self) -> None:
        if self.down_weight is not None:
            raise InvalidInputError("energy: weights that are untied by wake-sleep learning have none")


class DenseRBM(RBM):
    """Every visible unit meets every hidden one.

    Weights start uniform in +- sqrt(6 / (V + H)), biases at 0.

    Args:
        visible, hidden: V and H, numbers of units.

    Shape: v (B, V), h (B, H).

    Example:
        >>> rbm = DenseRBM(6, 3)
        >>> rbm.free_energy(torch.zeros(2, 6))  # 3 log 2, as b = 0
        tensor([-2.0794, -2.0794], grad_fn=<SubBackward0>)
    """

    def __init__(self, visible: int, hidden: int):
        super().__init__()
        if min(visible, hidden) < 1:
            raise InvalidInputError(f"visible, hidden: expected at least one unit each, got {visible} and {hidden}")
        self.weight = nn.Parameter(uniform_weights(hidden, visible, visible + hidden))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.register_parameter("down_weight", None)

    @property
    def visible_shape(self) -> tuple[int, ...]:
        return (len(self.visible_bias),)

    @property
    def hidden_shape(self) -> tuple[int, ...]:
        return (self.hidden_units,)

    def windows(self, visible: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        if visible.shape[1:] != self.visible_shape:
            raise InvalidInputError(f"visible: expected (B, {len(self.visible_bias)}), got {tuple(visible.shape)}")
        return visible.to(self.product_dtype())

    def spread(self, rows: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        return rows

    def arrange(self, rows: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return rows

    def rows(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return hidden.to(self.product_dtype())

    def nonzero_windows(self, visible: Float[Tensor, "B V"]) -> Bool[Tensor, " B"]:
        return (visible != 0).any(1)

    def extra_repr(self) -> str:
        return f"{len(self.visible_bias)}, {self.hidden_units}"


def uniform_weights(rows: int, columns: int, fans: int) -> Float[Tensor, "H F"]:
    """Uniform in +- sqrt(6 / fans), Glorot and Bengio, AISTATS 2010."""
    return torch.empty(rows, columns).uniform_(-1, 1) * (6 / fans) ** 0.5
