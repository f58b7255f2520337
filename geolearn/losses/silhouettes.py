"""How far predicted silhouettes are from given ones."""

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor


def silhouette_iou_loss(predicted: Float[Tensor, "*N H W"], target: Float[Tensor, "*N H W"]) -> Float[Tensor, ""]:
    """One minus the soft intersection over union of every image, averaged over the images.

        1 - sum(p t) / sum(p + t - p t)

    Source: Kato et al., "Neural 3D Mesh Renderer", CVPR 2018, equation 6; used by Liu et al., ICCV 2019. Where target
    and prediction are 0 or 1 this is the IoU itself. It does not depend on the size of the images, and an object that
    is small in its picture weighs as much as a large one. An image that is empty in both counts as fitted (loss 0).

    Args:
        predicted, target: opacities in [0, 1] of the same shape, at least one image.

    Raises:
        InvalidInputError: different shapes, or no images.

    >>> import torch
    >>> silhouette_iou_loss(torch.tensor([[[1.0, 1.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 1.0]]]))  # 1 of 3 in common
    tensor(0.6667)
    """
    check_same_shape(predicted, target)
    product = predicted * target
    common = product.sum((-2, -1))
    union = (predicted + target - product).sum((-2, -1))
    return (1 - (common / union.where(union > 0, 1)).where(union > 0, 1)).mean()


def silhouette_l1_loss(predicted: Float[Tensor, "*N H W"], target: Float[Tensor, "*N H W"]) -> Float[Tensor, ""]:
    """Mean of |p - t| over all pixels: the part of the picture that is wrong.

    Args:
        predicted, target: opacities in [0, 1] of the same shape, at least one image.

    Raises:
        InvalidInputError: different shapes, or no images.

    >>> import torch
    >>> silhouette_l1_loss(torch.tensor([[[1.0, 1.0, 0.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 0.0, 0.0]]]))
    tensor(0.2500)
    """
    check_same_shape(predicted, target)
    return (predicted - target).abs().mean()


def check_same_shape(predicted: Tensor, target: Tensor) -> None:
    """Tensors of one shape with at least one value: nothing is broadcast."""
    if predicted.shape != target.shape or predicted.numel() == 0:
        raise InvalidInputError(
            f"predicted, target: expected one shape with at least one value, got {tuple(predicted.shape)} and "
            f"{tuple(target.shape)}"
        )
