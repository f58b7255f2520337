"""VoxelCompletionNet: a feed-forward network that completes shapes from what one depth map shows of them.

Own design: a `VoxelUNet` on two channels, which cells are surface and which are free, to the log-odds of occupancy of
every cell. It learns from the same observations that `ShapeNets3D` completes, and stands beside it in every table: this
is what one would take for completion today. It knows no classes and draws no samples; where shapes differ behind what
is seen it gives their average.
"""

import torch
from torch.nn import functional

from geolearn.models.shapenets3d_completion import FREE, SURFACE, check_observed
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.unet import VoxelUNet
from geolearn.typing import Float, Tensor


@MODELS.register("voxelcompletionnet")
class VoxelCompletionNet(PretrainedModel):
    """Occupancy of every cell from an observation.

    Args:
        resolution: R, cells per side; inside, grids are padded to a multiple of 2^(levels - 1).
        widths: channels of the levels, finest first.

    Shape: observed (B, 1, R, R, R) of 0 (free), 0.5 (unknown) and 1 (surface) -> log-odds (B, 1, R, R, R).

    Example:
        >>> net = VoxelCompletionNet(10, widths=(4, 8))
        >>> net.complete(torch.full((1, 1, 10, 10, 10), 0.5)).shape
        torch.Size([1, 1, 10, 10, 10])
    """

    inputs = "observations"

    def __init__(self, resolution: int = 30, *, widths: tuple[int, ...] = (16, 32, 64, 128)):
        super().__init__(resolution=resolution, widths=widths)
        self.resolution = resolution
        self.net = VoxelUNet(2, 1, widths)

    def forward(self, observed: Float[Tensor, "B 1 R R R"]) -> Float[Tensor, "B 1 R R R"]:
        check_observed(observed, self.resolution)
        x = torch.cat([observed == SURFACE, observed == FREE], 1).float()
        missing = -self.resolution % self.net.factor
        low, high = missing // 2, missing - missing // 2
        logits = self.net(functional.pad(x, (low, high) * 3)).float()
        inside = slice(low, low + self.resolution)
        return logits[:, :, inside, inside, inside]

    def complete(self, observed: Float[Tensor, "B 1 R R R"]) -> Float[Tensor, "B 1 R R R"]:
        """Probabilities of occupancy; cells that were seen are what they were seen to be.

        Raises:
            InvalidInputError: cells of other values, or another resolution.
        """
        return torch.where(observed == 0.5, torch.sigmoid(self(observed)), observed)
