"""VoxNet: a 3D convolutional network on occupancy grids.

Maturana & Scherer, "VoxNet: A 3D Convolutional Neural Network for Real-Time Object Recognition", IROS 2015.

    C(32, 5, 2) - C(32, 3, 1) - P(2) - FC(128) - FC(K)

on a 32^3 grid in which the object fills 24^3; 921,736 parameters for 40 classes, 917,866 for 10.

Departures: none in the network. Grids are given as occupancy in [0, 1] and scaled to 2x - 1 inside (the paper's
section III.B range), so the same grid feeds every voxel model. Which of the paper's three occupancy models filled the
grid is the data's business: see `geolearn.ops.occupancy_from_scan`.
"""

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.doors import as_grids
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.typing import Float, Shaped, Tensor

FEATURES = 128


class _Tower(nn.Module):
    """The part up to FC128: (B, C, R, R, R) occupancy -> (B, 128)."""

    def __init__(self, resolution: int, in_channels: int = 1):
        super().__init__()
        pooled = ((resolution - 5) // 2 + 1 - 2) // 2
        if pooled < 1:
            raise InvalidInputError(f"resolution: expected at least 11 cells for VoxNet, got {resolution}")
        self.resolution = resolution
        self.conv1 = nn.Conv3d(in_channels, 32, 5, stride=2)
        self.conv2 = nn.Conv3d(32, 32, 3)
        self.pool = nn.MaxPool3d(2)
        self.fc1 = nn.Linear(32 * pooled**3, FEATURES)
        self.activation = nn.LeakyReLU(0.1)
        self.dropout1, self.dropout2 = nn.Dropout(0.2), nn.Dropout(0.3)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, a=0.1)
        nn.init.normal_(self.fc1.weight, std=0.01)
        for layer in (self.conv1, self.conv2, self.fc1):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # The fast layout for oneDNN and cuDNN; values are the same.
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B C R R R"]) -> Float[Tensor, "B 128"]:
        x = (2 * x - 1).contiguous(memory_format=torch.channels_last_3d)
        x = self.dropout1(self.activation(self.conv1(x)))
        x = self.dropout2(self.pool(self.activation(self.conv2(x))))
        return torch.relu(self.fc1(x.flatten(1)))


def _classifier(in_features: int, num_classes: int) -> nn.Linear:
    layer = nn.Linear(in_features, num_classes)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


@MODELS.register("voxnet")
class VoxNet(PretrainedModel):
    """VoxNet (IROS 2015), classes from one occupancy grid.

    Args:
        num_classes: K.
        resolution: cells per side, 32 in the paper.
        in_channels: C, 1 in the paper.

    Shape: x (B, C, R, R, R) occupancy in [0, 1], `x[b, c, x, y, z]` with Z up -> logits (B, K).

    >>> net = VoxNet(10).eval()
    >>> net(torch.zeros(2, 1, 32, 32, 32)).shape, sum(weights.numel() for weights in net.parameters())
    (torch.Size([2, 10]), 917866)
    """

    classifier = "fc2"

    def __init__(self, num_classes: int = 10, *, resolution: int = 32, in_channels: int = 1):
        super().__init__(num_classes=num_classes, resolution=resolution, in_channels=in_channels)
        self.tower = _Tower(resolution, in_channels)
        self.dropout = nn.Dropout(0.4)
        self.fc2 = self.new_classifier(FEATURES, num_classes)

    def new_classifier(self, in_features: int, num_classes: int) -> nn.Linear:
        return _classifier(in_features, num_classes)

    def features(self, x: Shaped[Tensor, "B C R R R"]) -> Float[Tensor, "B 128"]:
        """The FC128 descriptor, used for retrieval."""
        return self.tower(as_grids(x, self.config["in_channels"], self.tower.resolution, self.fc2.weight.dtype))

    def classify(self, features: Float[Tensor, "B 128"]) -> Float[Tensor, "B K"]:
        return self.fc2(self.dropout(features))

    def forward(self, x: Shaped[Tensor, "B C R R R"]) -> Float[Tensor, "B K"]:
        return self.classify(self.features(x))


@MODELS.register("voxnet_multires")
class MultiResolutionVoxNet(PretrainedModel):
    """The paper's multi-resolution VoxNet (section III.C.5): one tower on the fine grid, one on a grid of twice the
    cell size around the same centre, their FC128 outputs concatenated before the classifier.

    Shape: x (B, 2, R, R, R), channel 0 the fine grid (0.1 m cells in the paper), channel 1 the coarse one (0.2 m)
        -> logits (B, K).

    >>> MultiResolutionVoxNet(14)(torch.zeros(2, 2, 32, 32, 32)).shape
    torch.Size([2, 14])
    """

    classifier = "fc2"

    def __init__(self, num_classes: int = 14, *, resolution: int = 32):
        super().__init__(num_classes=num_classes, resolution=resolution)
        self.fine, self.coarse = _Tower(resolution), _Tower(resolution)
        self.dropout = nn.Dropout(0.4)
        self.fc2 = self.new_classifier(2 * FEATURES, num_classes)

    def new_classifier(self, in_features: int, num_classes: int) -> nn.Linear:
        return _classifier(in_features, num_classes)

    def features(self, x: Shaped[Tensor, "B 2 R R R"]) -> Float[Tensor, "B 256"]:
        x = as_grids(x, 2, self.fine.resolution, self.fc2.weight.dtype)
        return torch.cat([self.fine(x[:, :1]), self.coarse(x[:, 1:])], dim=1)

    def classify(self, features: Float[Tensor, "B 256"]) -> Float[Tensor, "B K"]:
        return self.fc2(self.dropout(features))

    def forward(self, x: Shaped[Tensor, "B 2 R R R"]) -> Float[Tensor, "B K"]:
        return self.classify(self.features(x))
