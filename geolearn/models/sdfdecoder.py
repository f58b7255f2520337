"""SDFDecoder: a network for the signed distance of a point to the surface of the shape with a given code.

Park et al., "DeepSDF: Learning Continuous Signed Distance Functions for Shape Representation", CVPR 2019, an
auto-decoder: no encoder, a code per training shape that is learned with the weights.

    (code, point) -> width -> width -> [beside code, point] -> width -> width -> distance, negative inside

Trained by clamped differences of distances and a prior on the codes (equations 4 and 9), and decoded to a mesh with
the gradient of MeshSDF (`geolearn.ops.implicit_surface`).

Departures: four layers of 128 instead of eight of 512, for fits in seconds; softplus instead of rectifiers, since the
surface moves along the gradient of the distance, which must not jump; no dropout, weight normalisation or final tanh.
After training, `settle` makes the codes of the training shapes standard normal, as the contract of decoders asks.
"""

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.decoders import check_codes
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.ops.implicit_surface import implicit_surface
from geolearn.structures import MeshBatch
from geolearn.typing import Float, Int, Tensor

FIRST_DEVIATION = 0.1  # of the codes before training
SHARPNESS = 100.0  # of the softplus, which is a rectifier beyond 1/100


@MODELS.register("sdfdecoder")
class SDFDecoder(PretrainedModel):
    """Signed distances from a code. As a decoder (`geolearn.models.decoders`): codes (B, code_size) -> B closed meshes
    inside the unit cube.

    Args:
        code_size: D.
        shapes: how many training shapes have a code.
        width: of the hidden layers.
        resolution: cells per side of the grid on which surfaces are extracted.
        clamp: distance beyond which training does not look, in units of the cube.

    Attributes:
        code_size: D.
        shape_codes: the codes of the training shapes, as they are learned (before `settle` whitens them).

    >>> decoder = SDFDecoder(4, width=8, resolution=4)
    >>> decoder.distance(torch.zeros(2, 4), torch.rand(2, 5, 3)).shape
    torch.Size([2, 5])
    """

    inputs = "codes"
    code_mean: Tensor
    code_factor: Tensor

    def __init__(
        self, code_size: int = 16, *, shapes: int = 1, width: int = 128, resolution: int = 32, clamp: float = 0.1
    ):
        super().__init__(code_size=code_size, shapes=shapes, width=width, resolution=resolution, clamp=clamp)
        if min(code_size, shapes, width) < 1 or resolution < 2 or not clamp > 0:
            raise InvalidInputError(
                "code_size, shapes, width, resolution, clamp: expected at least 1, 1, 1 and 2, and a distance > 0, got "
                f"{code_size}, {shapes}, {width}, {resolution} and {clamp}"
            )
        self.code_size, self.resolution, self.clamp = code_size, resolution, clamp
        inputs = code_size + 3
        self.before = nn.Sequential(*_layer(inputs, width), *_layer(width, width))
        self.after = nn.Sequential(*_layer(width + inputs, width), *_layer(width, width), nn.Linear(width, 1))
        self.shape_codes = nn.Embedding(shapes, code_size)
        nn.init.normal_(self.shape_codes.weight, std=FIRST_DEVIATION)
        self.register_buffer("code_mean", torch.zeros(code_size))
        self.register_buffer("code_factor", torch.eye(code_size))

    def distance(self, codes: Float[Tensor, "B D"], points: Float[Tensor, "B P 3"]) -> Float[Tensor, "B P"]:
        """Signed distance of points to the surfaces of codes, negative inside.

        Raises:
            InvalidInputError: codes of another size.
        """
        check_codes(codes, self.code_size)
        return self._distance(self.code_mean + codes @ self.code_factor.T, points)

    def forward(self, codes: Float[Tensor, "B D"]) -> MeshBatch:
        check_codes(codes, self.code_size)
        return MeshBatch.from_meshes(
            implicit_surface(lambda points, code=code: self.distance(code[None], points[None])[0], self.resolution)
            for code in codes
        )

    def training_loss(
        self,
        shapes: Int[Tensor, " B"],
        points: Float[Tensor, "B P 3"],
        distances: Float[Tensor, "B P"],
        prior: float = 1e-4,
    ) -> Float[Tensor, ""]:
        """mean |f - clamp(distance)| + prior |z|^2 for some of the training shapes.

        Where distance and f are beyond the clamp on one side the difference is 0, as in equation 4. A point that the
        network puts beyond it on the wrong side keeps its gradient, unlike there: otherwise nothing brings it back.

        Args:
            shapes: their numbers.
            points: in the unit cube around the origin, mostly near the surface.
            distances: signed, negative inside.
        """
        codes = self.shape_codes(shapes)
        wanted = distances.clamp(-self.clamp, self.clamp)
        miss = self._distance(codes, points) - wanted
        beyond = (wanted.abs() == self.clamp) & (miss * wanted > 0)
        return torch.where(beyond, 0, miss.abs()).mean() + prior * codes.square().sum(1).mean()

    @torch.no_grad()
    def settle(self) -> None:
        """After training: whiten codes by the training codes' mean and covariance."""
        codes = self.shape_codes.weight
        self.code_mean.copy_(codes.mean(0))
        covariance = (codes - codes.mean(0)).T @ (codes - codes.mean(0)) / max(1, len(codes) - 1)
        jitter = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
        self.code_factor.copy_(torch.linalg.cholesky(covariance + jitter * torch.eye(self.code_size)))

    @torch.no_grad()
    def code_of(self, shape: int) -> Float[Tensor, " D"]:
        """The code of a training shape, as `forward` takes it."""
        centred = self.shape_codes.weight[shape] - self.code_mean
        return torch.linalg.solve_triangular(self.code_factor, centred[:, None], upper=False)[:, 0]

    def _distance(self, codes: Tensor, points: Tensor) -> Tensor:
        inputs = torch.cat([codes[:, None].expand(-1, points.shape[1], -1), points], -1)
        return self.after(torch.cat([self.before(inputs), inputs], -1))[..., 0]


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Linear(inputs, outputs), nn.Softplus(SHARPNESS)
