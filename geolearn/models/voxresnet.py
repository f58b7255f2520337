"""VoxResNet: a small residual voxel network, trained by the same task as VoxNet.

Own design in the spirit of VRN (Brock et al., "Generative and Discriminative Voxel Modeling with Convolutional Neural
Networks", 2016, section 4): residual blocks on grids, strong augmentation, voting over rotations. It is far smaller
than VRN's 18M parameters so that an ordinary processor trains it:

    fold 2^3 cells into channels - C(32, 3) - 1 block - C(64, 3, 2) - 2 blocks - C(160, 3, 2) - 2 blocks - P(2)
    - FC(256) - FC(K)
"""

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.doors import as_grids, check_batch_of_one
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.voxel import SpaceToDepth3d, VoxelResidual
from geolearn.typing import Float, Shaped, Tensor

FEATURES = 256


@MODELS.register("voxresnet")
class VoxResNet(PretrainedModel):
    """Residual voxel network for 32^3 grids (any multiple of 16 works).

    Args:
        num_classes: K.
        resolution: cells per side, a multiple of 16.
        widths: channels of the stages at R/2, R/4 and R/8.
        blocks: residual blocks in each stage.
        dropout: before both dense layers.
        in_channels: C.

    Shape: x (B, C, R, R, R) occupancy in [0, 1] -> logits (B, K).

    >>> VoxResNet(10, resolution=16, widths=(8, 8, 8)).eval()(torch.zeros(2, 1, 16, 16, 16)).shape
    torch.Size([2, 10])
    """

    classifier = "fc2"

    def __init__(
        self,
        num_classes: int = 10,
        *,
        resolution: int = 32,
        widths: tuple[int, int, int] = (32, 64, 160),
        blocks: tuple[int, int, int] = (1, 2, 2),
        dropout: float = 0.3,
        in_channels: int = 1,
    ):
        super().__init__(
            num_classes=num_classes, resolution=resolution, widths=widths, blocks=blocks, dropout=dropout,
            in_channels=in_channels,
        )  # fmt: skip
        if resolution < 16 or resolution % 16:
            raise InvalidInputError(f"resolution: expected a multiple of 16, got {resolution}")
        stages: list[nn.Module] = [SpaceToDepth3d(2), nn.Conv3d(8 * in_channels, widths[0], 3, padding=1, bias=False)]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            if stage:
                before = widths[stage - 1]
                stages += [nn.BatchNorm3d(before), nn.ReLU(), nn.Conv3d(before, width, 3, 2, 1, bias=False)]
            stages += [VoxelResidual(width) for _ in range(count)]
        stages += [nn.BatchNorm3d(widths[-1]), nn.ReLU(), nn.MaxPool3d(2)]
        self.stages = nn.Sequential(*stages)
        self.fc1 = nn.Linear(widths[-1] * (resolution // 16) ** 3, FEATURES)
        self.norm = nn.BatchNorm1d(FEATURES)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = self.new_classifier(FEATURES, num_classes)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def features(self, x: Shaped[Tensor, "B C R R R"]) -> Float[Tensor, "B 256"]:
        """The FC256 descriptor, used for retrieval."""
        x = as_grids(x, self.config["in_channels"], self.config["resolution"], self.fc2.weight.dtype)
        check_batch_of_one(x, self.norm.training)
        return torch.relu(self.norm(self.fc1(self.dropout(self.stages(x).flatten(1)))))

    def classify(self, features: Float[Tensor, "B 256"]) -> Float[Tensor, "B K"]:
        return self.fc2(self.dropout(features))

    def forward(self, x: Shaped[Tensor, "B C R R R"]) -> Float[Tensor, "B K"]:
        return self.classify(self.features(x))
