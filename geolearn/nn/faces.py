"""Layers over the faces of meshes: heat that spreads as far as is learned, and features on one scale."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor

# Times of heat on a surface of area 1, at the start: from the size of a detail to most of the shape.
SHORTEST, LONGEST = 3e-4, 0.3


class FaceDiffusion(nn.Module):
    """Heat flow on every mesh, for a time that is learned per channel.

        y_c = Phi exp(-t_c lambda) Phi^T A x_c

    with the first eigenfunctions Phi and eigenvalues lambda of the face Laplacian and the areas A
    (`geolearn.ops.face_spectrum`): the solution of dy/dt = -L y at the time t_c, within the span of Phi. It averages
    over a neighbourhood whose size is learned, and does not depend on the triangles, nor on signs of eigenfunctions.
    Sharp et al., "DiffusionNet: discretization agnostic learning on surfaces", ACM TOG 2022, section 3.2, there on
    vertices.

    Args:
        channels: C.

    Shape: x (F, C), functions (F, K), eigenvalues (B, K), areas (F,), faces of each of B meshes -> (F, C).

    >>> heat, areas = torch.tensor([[2.0], [0.0]]), torch.tensor([0.5, 0.5])
    >>> waves, values = torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([[0.0, 1000.0]])  # even, to and fro
    >>> FaceDiffusion(1)(heat, waves, values, areas, [2]).tolist()
    [[1.74...], [0.25...]]
    """

    def __init__(self, channels: int):
        super().__init__()
        if channels < 1:
            raise InvalidInputError(f"channels: expected at least 1, got {channels}")
        times = torch.linspace(math.log(SHORTEST), math.log(LONGEST), channels)
        self.log_time = nn.Parameter(times)

    def forward(
        self,
        x: Float[Tensor, "F C"],
        functions: Float[Tensor, "F K"],
        eigenvalues: Float[Tensor, "B K"],
        areas: Float[Tensor, " F"],
        faces_per_mesh: Sequence[int],
    ) -> Float[Tensor, "F C"]:
        decay = torch.exp(-eigenvalues[:, :, None] * self.log_time.exp())
        weighted = areas[:, None] * x
        parts = zip(weighted.split(list(faces_per_mesh)), functions.split(list(faces_per_mesh)), decay, strict=True)
        return torch.cat([phi @ (fade * (phi.T @ heat)) for heat, phi, fade in parts])


class FaceBlock(nn.Module):
    """A residual block: what a face knows beside what its surroundings know, through two dense layers.

        x + W2 gelu(W1 norm([x, diffuse(x)]))

    Args:
        channels: C.
        dropout: of the result, before it is added.

    >>> waves, values, areas = torch.ones(4, 1), torch.zeros(1, 1), torch.full((4,), 0.25)
    >>> FaceBlock(8)(torch.rand(4, 8), waves, values, areas, [4]).shape
    torch.Size([4, 8])
    """

    def __init__(self, channels: int, dropout: float = 0.0):
        super().__init__()
        self.diffusion = FaceDiffusion(channels)
        self.norm = nn.LayerNorm(2 * channels)
        self.widen, self.narrow = nn.Linear(2 * channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "F C"],
        functions: Float[Tensor, "F K"],
        eigenvalues: Float[Tensor, "B K"],
        areas: Float[Tensor, " F"],
        faces_per_mesh: Sequence[int],
    ) -> Float[Tensor, "F C"]:
        around = self.diffusion(x, functions, eigenvalues, areas, faces_per_mesh)
        hidden = F.gelu(self.widen(self.norm(torch.cat([x, around], 1))))
        return x + self.dropout(self.narrow(hidden))


class Standardise(nn.Module):
    """Every feature less its mean, over its standard deviation, within +-limit: y = clamp((x - m) / s, -limit, limit).

    Mean and deviation are buffers that `fit` takes from data, so they travel with the weights. A feature that never
    varies becomes 0.

    Args:
        features: C.
        limit: how far from the mean a value counts.

    >>> layer = Standardise(2)
    >>> layer.fit(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
    >>> layer(torch.tensor([[2.0, 7.0], [99.0, 8.0]])).tolist()
    [[0.0, 0.0], [5.0, 0.0]]
    """

    mean: Tensor
    inverse: Tensor

    def __init__(self, features: int, limit: float = 5.0):
        super().__init__()
        self.limit = limit
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("inverse", torch.ones(features))

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "N C"]) -> None:
        """Take mean and deviation from N >= 2 rows."""
        if len(x) < 2 or x.shape[1:] != self.mean.shape:
            raise InvalidInputError(f"x: expected at least 2 rows of {len(self.mean)} features, got {tuple(x.shape)}")
        deviation, mean = torch.std_mean(x.double(), dim=0)
        self.mean.copy_(mean)
        self.inverse.copy_(torch.where(deviation > 1e-6, 1 / deviation, 0))

    def forward(self, x: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        return ((x - self.mean) * self.inverse).clamp(-self.limit, self.limit)
