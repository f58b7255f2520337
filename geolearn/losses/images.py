"""How far predicted pictures are from given ones, where both show the object."""

import torch

from geolearn.errors import InvalidInputError
from geolearn.losses.silhouettes import check_same_shape
from geolearn.typing import Float, Tensor


def image_l1_loss(
    predicted: Float[Tensor, "*N C H W"],
    target: Float[Tensor, "*N C H W"],
    weights: Float[Tensor, "*N H W"] | None = None,
) -> Float[Tensor, ""]:
    """Weighted mean over the pixels of the mean over channels of |p - t|.

        sum_x w(x) mean_c |p_c(x) - t_c(x)| / sum_x w(x)

    Args:
        predicted, target: pictures of the same shape.
        weights: of the pixels, >= 0, such as a mask; by default all 1. Where all are 0 the loss is 0.

    Raises:
        InvalidInputError: different shapes, or no pixels.

    >>> target, mask = torch.zeros(1, 2, 2), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    >>> image_l1_loss(torch.tensor([[[0.25, 0.75], [1.0, 1.0]]]), target, mask)  # the lower row does not count
    tensor(0.5000)
    """
    check_same_shape(predicted, target)
    return _weighted_mean((predicted - target).abs().mean(-3), weights)


def normal_loss(
    predicted: Float[Tensor, "*N 3 H W"],
    target: Float[Tensor, "*N 3 H W"],
    weights: Float[Tensor, "*N H W"] | None = None,
) -> Float[Tensor, ""]:
    """Weighted mean over the pixels of 1 - cos of the angle between two fields of vectors: 0 if parallel, 2 if opposed.

        sum_x w(x) (1 - <p(x), t(x)> / (|p(x)| |t(x)|)) / sum_x w(x)

    Args:
        predicted, target: vectors, not colours, of any length; a zero vector counts as orthogonal to all (loss 1).
        weights: of the pixels, >= 0; by default all 1. Where all are 0 the loss is 0.

    Raises:
        InvalidInputError: different shapes, or no pixels.

    >>> forward = torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1)
    >>> [float(normal_loss(vector.view(3, 1, 1), forward)) for vector in (2 * forward, -forward)]
    [0.0, 2.0]
    """
    check_same_shape(predicted, target)
    return _weighted_mean(1 - torch.cosine_similarity(predicted, target, dim=-3), weights)


def _weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return values.mean()
    if weights.shape != values.shape:
        raise InvalidInputError(f"weights: expected {tuple(values.shape)}, one per pixel, got {tuple(weights.shape)}")
    total = weights.sum()
    return (values * weights).sum() / total.where(total > 0, 1)
