"""Vertices through a smooth parametrisation: u = (I + lambda L) v, after Nicolet et al., "Large Steps" (ToG 2021)."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import splu
from torch.autograd.function import once_differentiable

from geolearn.errors import InvalidInputError
from geolearn.ops import mesh_edges
from geolearn.typing import Float, Int, Tensor


class SmoothParametrisation:
    """u = (I + lambda L) v with the combinatorial Laplacian L = D - A of a mesh, for one topology.

    With a lambda at each vertex, an edge has the mean of its ends: u_i = v_i + sum over edges lambda_ij (v_i - v_j).

    A step of descent on u moves v by (I + lambda L)^-2 times its gradient: smoothly, whatever the gradient, so that
    sparse and noisy gradients of silhouettes fold no faces. The matrix is symmetric and positive definite; it is
    factored once, in float32, which is ample for condition numbers of 1 + 24 lambda.

    Args:
        faces: int64 (F, 3).
        vert_count: V.
        smoothness: lambda >= 0, one or one at each vertex; 0 is the identity.

    >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> smooth = SmoothParametrisation(torch.tensor([[0, 1, 2]]), len(verts), smoothness=1.0)
    >>> smooth.encode(verts).tolist()
    [[-1.0, -1.0, 0.0], [3.0, -1.0, 0.0], [-1.0, 3.0, 0.0]]
    >>> torch.allclose(smooth.decode(smooth.encode(verts)), verts, atol=1e-6)
    True
    """

    def __init__(
        self, faces: Int[Tensor, "F 3"], vert_count: int, smoothness: float | Float[Tensor, " V"] = 19.0
    ) -> None:
        at_verts = torch.as_tensor(smoothness).cpu().double().expand(vert_count).numpy()
        if not (np.isfinite(at_verts) & (at_verts >= 0)).all():
            raise InvalidInputError(f"smoothness: expected lambda >= 0, got {at_verts.min()} to {at_verts.max()}")
        first, second = mesh_edges(faces).cpu().numpy().T
        weights = (at_verts[first] + at_verts[second]) / 2
        adjacency = sparse.coo_matrix((weights, (first, second)), (vert_count, vert_count))
        adjacency = adjacency + adjacency.T
        degree = np.asarray(adjacency.sum(1)).reshape(-1)
        matrix = sparse.eye(vert_count) + sparse.diags(degree) - adjacency
        self._matrix = matrix.tocsr().astype(np.float32)
        self._factors = splu(
            self._matrix.tocsc(), permc_spec="COLAMD", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )

    def encode(self, verts: Float[Tensor, "V 3"]) -> Float[Tensor, "V 3"]:
        """u of vertices v; no gradient."""
        return torch.from_numpy(self._matrix @ verts.detach().cpu().float().numpy()).to(verts.device)

    def decode(self, coordinates: Float[Tensor, "V 3"]) -> Float[Tensor, "V 3"]:
        """v of u, with a gradient: that of u is the solution of the same system."""
        return _Solve.apply(coordinates, self._factors)  # type: ignore[return-value]


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, right: Tensor, factors: Any) -> Tensor:
        ctx.factors = factors
        return _solve(factors, right)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _solve(ctx.factors, grads[0]), None


def _solve(factors: Any, right: Tensor) -> Tensor:
    solution = factors.solve(right.detach().cpu().float().contiguous().numpy())
    return torch.from_numpy(solution).to(right)
