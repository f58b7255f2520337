"""VoxelVAE: a variational auto-encoder of occupancy grids; its decoder is a prior on shapes of one kind.

Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014, on 3D grids as Brock et al., "Generative and
Discriminative Voxel Modeling with Convolutional Neural Networks", 2016:

    encoder  R^3 x 1 -> (R/2)^3 x 8 -> (R/4)^3 x c -> (R/8)^3 x b -> (R/16)^3 x a -> mean and log-variance of the code
    decoder  code -> (R/8)^3 x a -> (R/4)^3 x b -> (R/2)^3 x c -> R^3 x 1, the logits of occupancy

with widths (a, b, c). It is trained by the evidence lower bound, `VoxelVAE.losses`: the negative log-likelihood of all
cells and the Kullback-Leibler divergence of the code from the standard normal distribution, both summed, in nats.

Departures from Brock: the bound itself instead of a reweighted cross-entropy, a smaller network, and folding of 2^3
cells into channels (`SpaceToDepth3d`) at the fine end, which costs a quarter of the convolutions that it replaces.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from geolearn.errors import InvalidInputError
from geolearn.losses.codes import code_divergence_loss
from geolearn.models.decoders import check_codes
from geolearn.models.doors import as_grids
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual
from geolearn.typing import Float, Shaped, Tensor

CLAMP = 8.0  # of the log-variance: e^-8..e^8


class EvidenceBound(NamedTuple):
    """The negative evidence lower bound in its two parts, nats per shape, averaged over the batch."""

    reconstruction: Float[Tensor, ""]
    divergence: Float[Tensor, ""]


@MODELS.register("voxelvae")
class VoxelVAE(PretrainedModel):
    """A variational auto-encoder of occupancy grids.

    As a decoder (`geolearn.models.decoders`): codes (B, code_size) -> opacities (B, 1, R, R, R) in [0, 1].

    Weights `voxelvae-chairs`: 789 chairs of 3D ShapeNets, front towards -x, Z up, the longest side 24 of 32 cells,
    centred (`benchmarks/accuracy/train_chair_vae.py`).

    Args:
        code_size: D.
        resolution: R, cells per side, a multiple of 16.
        widths: channels a, b, c at R/8, R/4 and R/2.

    Attributes:
        code_size: D.

    >>> VoxelVAE(4, resolution=16, widths=(8, 8, 8)).eval()(torch.zeros(2, 4)).shape
    torch.Size([2, 1, 16, 16, 16])
    """

    inputs = "codes"

    def __init__(self, code_size: int = 64, *, resolution: int = 32, widths: tuple[int, int, int] = (128, 64, 32)):
        super().__init__(code_size=code_size, resolution=resolution, widths=widths)
        if resolution < 16 or resolution % 16:
            raise InvalidInputError(f"resolution: expected a multiple of 16, got {resolution}")
        if code_size < 1:
            raise InvalidInputError(f"code_size: expected at least 1, got {code_size}")
        self.code_size, self.resolution = code_size, resolution
        a, b, c = widths
        coarsest = resolution // 16
        self.encoder = nn.Sequential(
            SpaceToDepth3d(2),
            *_then(nn.Conv3d(8, c, 3, 2, 1, bias=False), c),
            *_then(nn.Conv3d(c, b, 3, 2, 1, bias=False), b),
            *_then(nn.Conv3d(b, a, 3, 2, 1, bias=False), a),
            nn.Flatten(),
            nn.Linear(a * coarsest**3, 2 * code_size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code_size, a * (2 * coarsest) ** 3, bias=False),
            nn.Unflatten(1, (a, 2 * coarsest, 2 * coarsest, 2 * coarsest)),
            nn.BatchNorm3d(a),
            nn.ReLU(),
            nn.ConvTranspose3d(a, b, 4, 2, 1, bias=False),
            VoxelResidual(b),
            nn.BatchNorm3d(b),
            nn.ReLU(),
            *_then(nn.ConvTranspose3d(b, c, 4, 2, 1, bias=False), c),
            nn.Conv3d(c, 8, 3, padding=1),
            DepthToSpace3d(2),
        )
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def encode(self, grids: Shaped[Tensor, "B 1 R R R"]) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """Mean and log-variance of the codes of occupancy grids in [0, 1].

        Raises:
            InvalidInputError: another resolution, or whole numbers other than 0 and 1.
        """
        grids = as_grids(grids, 1, self.resolution, next(self.parameters()).dtype, "grids")
        mean, log_variance = self.encoder(2 * grids - 1).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-CLAMP, CLAMP)

    def logits(self, codes: Float[Tensor, "B D"]) -> Float[Tensor, "B 1 R R R"]:
        """Log-odds of occupancy, float32.

        Raises:
            InvalidInputError: codes of another size.
        """
        check_codes(codes, self.code_size)
        return self.decoder(codes).float()

    def forward(self, codes: Float[Tensor, "B D"]) -> Float[Tensor, "B 1 R R R"]:
        return torch.sigmoid(self.logits(codes))

    def losses(self, grids: Shaped[Tensor, "B 1 R R R"], generator: torch.Generator | None = None) -> EvidenceBound:
        """The bound on grids, with one sample of the code of each."""
        grids = as_grids(grids, 1, self.resolution, torch.float32, "grids")
        mean, log_variance = self.encode(grids)
        noise = torch.randn(mean.shape, generator=generator, device=None if generator is None else generator.device)
        codes = mean + (log_variance / 2).exp() * noise.to(mean)
        nats = functional.binary_cross_entropy_with_logits(self.logits(codes), grids, reduction="sum")
        return EvidenceBound(nats / len(grids), code_divergence_loss(mean, log_variance))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "B 1 R R R"]:
        """Opacities of `count` shapes, with codes drawn from the prior."""
        weight = next(self.parameters())
        return self(torch.randn(count, self.code_size, generator=generator).to(weight))


def _then(convolution: nn.Module, channels: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return convolution, nn.BatchNorm3d(channels), nn.ReLU()
