"""The feed-forward network that 3D ShapeNets unrolls to, for recognition and retrieval.

Wu et al., CVPR 2015, sections 4 and 5.1: the belief network's way up, fine-tuned by the gradient of a classification
loss. Layer 5, its 4000 units, is the descriptor for retrieval.

    30^3 x 1 - C(48, 6, 2) - C(160, 5, 2) - C(512, 4, 1) - 1200 - 4000 - K, sigmoid units throughout

Departures: from a trained belief network (`ShapeNets3D.unroll`) the classifier starts from the weights between labels
and layer 5. Trained from scratch it starts from larger weights than the belief network's. A sigmoid has a slope of at
most 1/4 and a mean near 1/2, so with those each layer would hand on a quarter of a difference on top of a large
constant, and six of them would learn nothing. Weights four times as large and biases that take off the constant
(Glorot and Bengio, AISTATS 2010, for units that are symmetric about 0) hand it on whole.
"""

from itertools import pairwise

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.doors import as_grids
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.window_conv import WindowConv3d
from geolearn.typing import Float, Shaped, Tensor

KERNELS, STRIDES = (6, 5, 4), (2, 2, 1)
SLOPE = 4.0  # one over that of a sigmoid at 0


@MODELS.register("shapenets3d_classifier")
class ShapeNets3DClassifier(PretrainedModel):
    """3D ShapeNets unrolled: classes and descriptors from one occupancy grid.

    Args:
        num_classes: K.
        resolution, channels, hidden, top: as in `ShapeNets3D`.

    Shape: x (B, 1, R, R, R) occupancy in [0, 1] -> logits (B, K).

    Example:
        >>> net = ShapeNets3DClassifier(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> net(torch.zeros(2, 1, 30, 30, 30)).shape
        torch.Size([2, 10])
    """

    classifier = "fc6"

    def __init__(
        self,
        num_classes: int = 10,
        *,
        resolution: int = 30,
        channels: tuple[int, int, int] = (48, 160, 512),
        hidden: int = 1200,
        top: int = 4000,
    ):
        super().__init__(num_classes=num_classes, resolution=resolution, channels=channels, hidden=hidden, top=top)
        self.resolution = resolution
        widths = pairwise((1, *channels))
        self.convolutions = nn.ModuleList(
            WindowConv3d(below, above, kernel, stride)
            for (below, above), kernel, stride in zip(widths, KERNELS, STRIDES, strict=True)
        )
        self.fc4 = nn.Linear(channels[-1] * layer_sizes(resolution)[-1] ** 3, hidden)
        self.fc5 = nn.Linear(hidden, top)
        self.fc6 = nn.Linear(top, num_classes)
        for number, layer in enumerate((*self.convolutions, self.fc4, self.fc5, self.fc6)):
            _start(layer, 0.5 if number else 0.0)  # the grid itself is mostly 0, units above it mostly 1/2

    def new_classifier(self, in_features: int, num_classes: int) -> nn.Linear:
        layer = nn.Linear(in_features, num_classes)
        _start(layer, 0.5)
        return layer

    def features(self, x: Shaped[Tensor, "B 1 R R R"]) -> Float[Tensor, "B D"]:
        """Layer 5, the descriptor for retrieval: 4000 numbers in [0, 1]."""
        x = as_grids(x, 1, self.resolution, self.fc6.weight.dtype)
        for convolution in self.convolutions:
            x = torch.sigmoid(convolution(x))
        return torch.sigmoid(self.fc5(torch.sigmoid(self.fc4(x.flatten(1)))))

    def classify(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.fc6(features)

    def forward(self, x: Shaped[Tensor, "B 1 R R R"]) -> Float[Tensor, "B K"]:
        return self.classify(self.features(x))


def _start(layer: nn.Module, mean: float) -> None:
    """Weights and biases for inputs of this mean."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    nn.init.xavier_uniform_(weight, gain=SLOPE)
    with torch.no_grad():
        bias.copy_(-mean * weight.flatten(1).sum(1))


def layer_sizes(resolution: int) -> tuple[int, int, int, int]:
    """Cells per side of the grid and after each convolution.

    Raises:
        InvalidInputError: a resolution whose last cells no window covers.

    Example:
        >>> layer_sizes(30)
        (30, 13, 5, 2)
    """
    if resolution < 26 or (resolution - 26) % 4:
        raise InvalidInputError(f"resolution: expected 26, 30, 34, ... for 3D ShapeNets, got {resolution}")
    sizes = [resolution]
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        sizes.append((sizes[-1] - kernel) // stride + 1)
    return tuple(sizes)  # type: ignore[return-value]
