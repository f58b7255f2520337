"""Squared distances between sets of points, through nearest neighbours found once and differentiated as fixed."""

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Int, Tensor

BLOCK = 1 << 24  # distances in memory at a time, off the CPU


def chamfer_squared_distance(source: Float[Tensor, "P D"], target: Float[Tensor, "Q D"]) -> Float[Tensor, ""]:
    """Mean squared distance to the nearest point of the other set, both ways added.

        1/P sum_p min_q |p - q|^2  +  1/Q sum_q min_p |p - q|^2

    Source: Fan et al., "A point set generation network", CVPR 2017, section 3.3 (there sums). A squared length.
    Differentiable in both sets wherever the nearest point is unique.

    Args:
        source, target: points of the same dimension, at least one each, finite.

    Raises:
        InvalidInputError: an empty set, or different dimensions or devices.

    >>> chamfer_squared_distance(torch.zeros(1, 3), torch.tensor([[0.0, 0, 2], [0.0, 0, 4]]))  # 4 + (4 + 16) / 2
    tensor(14.)
    """
    there = nearest_squared_distances(source, target)[0]
    back = nearest_squared_distances(target, source)[0]
    return there.mean() + back.mean()


def nearest_squared_distances(
    source: Float[Tensor, "P D"], target: Float[Tensor, "Q D"]
) -> tuple[Float[Tensor, " P"], Int[Tensor, " P"]]:
    """Squared distance of every source point to the nearest target, with gradients into both, and which one it is.

    On the CPU by a KD-tree in O((P + Q) log Q), elsewhere by all distances in blocks. Ties go to any of the nearest.

    Raises:
        InvalidInputError: an empty target, different dimensions or devices, or values that are not finite.

    >>> nearest_squared_distances(torch.tensor([[0.0, 0.0], [5.0, 0.0]]), torch.tensor([[1.0, 0.0], [4.0, 0.0]]))
    (tensor([1., 1.]), tensor([0, 1]))
    """
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1] or len(target) == 0:
        raise InvalidInputError(
            "source, target: expected points (P, D) and (Q, D) with Q >= 1, got "
            f"{tuple(source.shape)} and {tuple(target.shape)}"
        )
    if source.device != target.device:
        raise InvalidInputError(f"source, target: expected one device, got {source.device} and {target.device}")
    if not bool(source.isfinite().all() and target.isfinite().all()):
        raise InvalidInputError("source, target: expected finite coordinates, got NaN or infinity")
    with torch.no_grad():
        index = _by_tree(source, target) if source.device.type == "cpu" else _by_blocks(source, target)
    return (source - target[index]).square().sum(1), index


def _by_tree(source: Tensor, target: Tensor) -> Tensor:
    from scipy.spatial import KDTree  # late: it takes a while to import

    _, index = KDTree(target.double().numpy()).query(source.double().numpy())
    return torch.as_tensor(index, dtype=torch.int64)


def _by_blocks(source: Tensor, target: Tensor) -> Tensor:
    rows = max(1, BLOCK // len(target))
    nearest = [
        torch.cdist(block, target, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
        for block in source.split(rows)
    ]
    return torch.cat(nearest) if nearest else torch.zeros(0, dtype=torch.int64, device=source.device)
