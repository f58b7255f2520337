"""A dense machine whose visible units are joined with a label: a generative model of both, and so a classifier.

Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", Neural Computation 2006, section 6;
Larochelle and Bengio, "Classification using discriminative restricted Boltzmann machines", ICML 2008.
"""

import torch
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.nn.rbm import DenseRBM
from geolearn.ops.bernoulli import sample_bernoulli
from geolearn.typing import Bool, Float, Int, Tensor


class LabelledRBM(DenseRBM):
    """A `DenseRBM` whose last K visible units are a label: exactly one of them is on, a softmax.

    Labels are few and the other units many, so with `label_weight` > 1 they count for more in what the hidden units
    are given: p(h_j = 1 | v, y) = sigmoid(b_j + W_j v + label_weight U_j y), as in the code of 3D ShapeNets. On the way
    down they do not: then, strictly, the machine has no energy, and `label_posterior` is what the way up implies.

    Args:
        visible, hidden: numbers of units besides the labels.
        classes: K.
        label_weight: how much labels count on the way up; 1 is a Boltzmann machine.

    Shape: v (B, V + K), as `join` makes it; h (B, H).

    Example:
        >>> rbm = LabelledRBM(6, 4, classes=3)
        >>> posterior = rbm.label_posterior(torch.ones(2, 6))
        >>> bool(torch.allclose(posterior.sum(1), torch.ones(2)))
        True
    """

    def __init__(self, visible: int, hidden: int, classes: int, *, label_weight: float = 1.0):
        if classes < 1:
            raise InvalidInputError(f"classes: expected at least one, got {classes}")
        if not label_weight > 0:
            raise InvalidInputError(f"label_weight: expected a factor > 0, got {label_weight}")
        super().__init__(visible + classes, hidden)
        self.classes, self.label_weight = classes, label_weight

    @property
    def label_bias(self) -> Float[Tensor, " K"]:
        return self.visible_bias[-self.classes :]

    @property
    def label_matrix(self) -> Float[Tensor, "H K"]:
        """U, the weights between labels and hidden units."""
        return self.weight[:, -self.classes :]

    def join(self, units: Float[Tensor, "B V"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B VK"]:
        """Visible units: the given ones, and the labels one-hot.

        Raises:
            InvalidInputError: labels outside 0..K - 1.
        """
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise InvalidInputError(
                f"labels: expected 0..{self.classes - 1}, got {int(labels.min())}..{int(labels.max())}"
            )
        return torch.cat([units, functional.one_hot(labels, self.classes).to(units.dtype)], 1)

    def split(self, visible: Float[Tensor, "B VK"]) -> tuple[Float[Tensor, "B V"], Float[Tensor, "B K"]]:
        """The units and the labels of `join`."""
        return visible[:, : -self.classes], visible[:, -self.classes :]

    def row_logits(self, windows: Float[Tensor, "B VK"]) -> Float[Tensor, "B H"]:
        if self.label_weight != 1:
            units, labels = self.split(windows)
            windows = torch.cat([units, self.label_weight * labels], 1)
        return super().row_logits(windows)

    def nonzero_windows(self, visible: Float[Tensor, "B VK"]) -> Bool[Tensor, " B"]:
        return super().nonzero_windows(self.split(visible)[0])

    def visible_means(self, logits: Float[Tensor, "B VK"]) -> Float[Tensor, "B VK"]:
        units, labels = self.split(logits)
        return torch.cat([torch.sigmoid(units), labels.softmax(1)], 1)

    def draw_visible(
        self, logits: Float[Tensor, "B VK"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "B VK"]:
        units, labels = self.split(logits)
        chosen = torch.multinomial(labels.double().softmax(1), 1, generator=generator)[:, 0]
        return self.join(sample_bernoulli(torch.sigmoid(units), generator), chosen)

    def gibbs_of_class(
        self,
        units: Float[Tensor, "B V"],
        labels: Int[Tensor, " B"],
        steps: int,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B V"]:
        """`gibbs` with the labels held: units of these classes after `steps` rounds from `units`."""
        for _ in range(steps):
            hidden = self.sample_hidden(self.join(units, labels), generator)
            units = self.split(self.sample_visible(hidden, generator))[0]
        return units

    def label_log_odds(self, units: Float[Tensor, "B V"]) -> Float[Tensor, "B K"]:
        """log p(y | v) up to a number for each sample: - F(v, y) of every label y, less what is the same for all.

        d_y + sum_j log(1 + exp(b_j + W_j v + label_weight U_jy))
        """
        blank = torch.cat([units, units.new_zeros(len(units), self.classes)], 1)
        logits = self.hidden_logits(blank)
        # One label after the other: (B, K, H) at once would be large.
        return torch.stack(
            [
                functional.softplus(logits + self.label_weight * column).sum(1) + bias
                for column, bias in zip(self.label_matrix.T, self.label_bias, strict=True)
            ],
            dim=1,
        )

    def label_posterior(self, units: Float[Tensor, "B V"]) -> Float[Tensor, "B K"]:
        """p(y | v) by free energies, every hidden unit summed out."""
        return self.label_log_odds(units).softmax(1)

    def check_tied(self) -> None:
        if self.label_weight != 1:
            raise InvalidInputError(
                f"label_weight: a machine whose labels count {self.label_weight:g} times on the way up alone has no "
                "energy; ask label_posterior, or build it with label_weight=1"
            )
        super().check_tied()
