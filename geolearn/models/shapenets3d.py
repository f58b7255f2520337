"""3D ShapeNets: a convolutional deep belief network of shapes and their classes.

Wu, Song, Khosla, Yu, Zhang, Tang and Xiao, "3D ShapeNets: A Deep Representation for Volumetric Shapes", CVPR 2015.

    30^3 x 1 - C(48, 6, 2) - 13^3 x 48 - C(160, 5, 2) - 5^3 x 160 - C(512, 4, 1) - 2^3 x 512 - 1200 - 4000, with labels

All units are binary; every layer is a restricted Boltzmann machine of `geolearn.nn`, without pooling. The last one
joins the 1200 units with a softmax label, which counts ten times on the way up (the authors' code). Learned layer by
layer (contrastive divergence; the top by fast persistent CD), it is a distribution over shapes and classes: it draws
shapes of a class, completes what a depth map shows (`complete_by_belief`), and recognises. Unrolled, it is the start of
an ordinary network (`ShapeNets3D.unroll`), which recognises better and generates no more.

Departures: the label's weight of ten is used wherever labels go up, in free energies as well (the authors' code means
to and does not, for a test on a string).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.doors import as_grids
from geolearn.models.shapenets3d_classifier import KERNELS, STRIDES, ShapeNets3DClassifier, layer_sizes
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.conv_rbm import ConvRBM
from geolearn.nn.labelled_rbm import LabelledRBM
from geolearn.nn.rbm import RBM, DenseRBM
from geolearn.typing import Float, Int, Shaped, Tensor


@MODELS.register("shapenets3d")
class ShapeNets3D(PretrainedModel):
    """The belief network (CVPR 2015), a distribution over occupancy grids and classes.

    Args:
        num_classes: K.
        resolution: R, cells per side; 30 in the paper. R - 26 has to be a multiple of 4, so that no cell is left over.
        channels: of the three convolutional layers.
        hidden, top: units of the dense layer and of the top.
        label_weight: how much labels count on the way up.
        untied: other weights lead down than up, below the top, as after wake-sleep learning.

    Attributes:
        layers: the four machines below the top, from the grid up.
        top: the machine joined with labels.

    Shape: grids (B, 1, R, R, R), occupancy in [0, 1].

    Example:
        >>> net = ShapeNets3D(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> net.label_posterior(torch.zeros(2, 1, 30, 30, 30)).shape
        torch.Size([2, 10])
    """

    inputs = "belief"

    def __init__(
        self,
        num_classes: int = 10,
        *,
        resolution: int = 30,
        channels: tuple[int, int, int] = (48, 160, 512),
        hidden: int = 1200,
        top: int = 4000,
        label_weight: float = 10.0,
        untied: bool = False,
    ):
        super().__init__(
            num_classes=num_classes, resolution=resolution, channels=channels, hidden=hidden, top=top,
            label_weight=label_weight, untied=untied,
        )  # fmt: skip
        self.resolution, self.num_classes = resolution, num_classes
        layers: list[RBM] = []
        sizes = layer_sizes(resolution)
        for n, (below, width) in enumerate(pairwise((1, *channels))):
            layers.append(ConvRBM(below, width, size=(sizes[n],) * 3, kernel=KERNELS[n], stride=STRIDES[n]))
        layers.append(DenseRBM(channels[-1] * sizes[-1] ** 3, hidden))
        self.layers: Sequence[RBM] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.top = LabelledRBM(hidden, top, num_classes, label_weight=label_weight)
        if untied:
            self.untie()

    def untie(self) -> None:
        """Give the way down weights of its own, which start as those of the way up (`wake_sleep_gradients`)."""
        for layer in self.layers:
            layer.untie()
        self.config["untied"] = True

    def up(self, grids: Shaped[Tensor, "B 1 R R R"], layers: int = 4) -> Float[Tensor, "B *H"]:
        """Means of the hidden units of layer 1, 2, 3 or 4, each from the means of the layer below; 0 is the grid.

        Raises:
            InvalidInputError: another resolution, or whole numbers other than 0 and 1.
        """
        units = as_grids(grids, 1, self.resolution, next(self.parameters()).dtype, "grids")
        for layer in self.layers[:layers]:
            units = torch.sigmoid(layer.hidden_logits(units.reshape(len(units), *layer.visible_shape)))
        return units

    def down(self, units: Float[Tensor, "B H"]) -> Float[Tensor, "B 1 R R R"]:
        """Means of the grid's cells from the 1200 units, each layer from the means of the one above."""
        for layer in reversed(self.layers):
            units = torch.sigmoid(layer.visible_logits(units.reshape(len(units), *layer.hidden_shape)))
        return units

    def label_posterior(self, grids: Shaped[Tensor, "B 1 R R R"]) -> Float[Tensor, "B K"]:
        """p(class | grid) by the free energies of the top, for every label (`LabelledRBM.label_posterior`)."""
        return self.top.label_posterior(self.up(grids))

    @torch.no_grad()
    def sample(
        self, labels: Int[Tensor, " B"], *, steps: int = 2000, generator: torch.Generator | None = None
    ) -> Float[Tensor, "B 1 R R R"]:
        """Shapes of the given classes: Gibbs sampling in the top with the label held, then one pass down.

        Args:
            steps: rounds of Gibbs sampling, 2,000 in the paper; they start from coins.

        Returns:
            means of the cells, in [0, 1].

        Raises:
            InvalidInputError: labels outside 0..K - 1, or fewer than one step.
        """
        if steps < 1:
            raise InvalidInputError(f"steps: expected at least one round of Gibbs sampling, got {steps}")
        bias = self.top.visible_bias
        coins = torch.full((len(labels), len(bias) - self.num_classes), 0.5, dtype=bias.dtype, device=bias.device)
        units = torch.bernoulli(coins, generator=generator)
        units = self.top.gibbs_of_class(units, labels, steps - 1, generator)
        hidden = self.top.sample_hidden(self.top.join(units, labels), generator)
        means = self.top.visible_means(self.top.visible_logits(hidden))  # the last step without noise
        return self.down(self.top.split(means)[0])

    def unroll(self) -> ShapeNets3DClassifier:
        """The feed-forward network with the weights of the way up, whose classifier starts from the labels' weights."""
        config = {name: self.config[name] for name in ("num_classes", "resolution", "channels", "hidden", "top")}
        net = ShapeNets3DClassifier(**config)
        with torch.no_grad():
            for convolution, layer in zip(net.convolutions, self.layers, strict=False):
                convolution.weight.copy_(layer.kernel)  # type: ignore[union-attr]
                convolution.bias.copy_(layer.hidden_bias)  # type: ignore[union-attr]
            net.fc4.weight.copy_(self.layers[3].weight)
            net.fc4.bias.copy_(self.layers[3].hidden_bias)
            net.fc5.weight.copy_(self.top.weight[:, : -self.num_classes])
            net.fc5.bias.copy_(self.top.hidden_bias)
            net.fc6.weight.copy_(self.top.label_matrix.T)
            net.fc6.bias.copy_(self.top.label_bias)
        return net.to(self.top.weight.device)
