"""What the layers of a belief network learn from: every shape in every pose, and the units of the layers below."""

from dataclasses import replace

import torch

from geolearn.data import Batch, PackedVoxels, VoxelAugment, warp_columns
from geolearn.models import ShapeNets3D
from geolearn.typing import Float, Int, Tensor

KEPT_BYTES = 1 << 30  # of units that are kept while a layer learns from them
AT_ONCE = 64  # shapes that go up together


def turn_to_poses(split: PackedVoxels, augment: VoxelAugment) -> PackedVoxels:
    """The whole split in each pose of an augmentation, one after the other; keys end in the pose's number.

    Raises:
        InvalidInputError: an augmentation that is not a list of poses, see `VoxelAugment.poses`.
    """
    poses = augment.poses()
    count = len(poses.mirror)
    turned = [
        warp_columns(split.columns, *(parameter.expand(len(split), *parameter.shape[1:]) for parameter in pose))
        for pose in (poses.select(slice(n, n + 1)) for n in range(count))
    ]
    whole = split.select(torch.arange(len(split)).repeat(count))
    keys = tuple(f"{key}/{n}" for n in range(count) for key in split.keys)
    return replace(whole, columns=torch.cat(turned), keys=keys)


def balance_classes(labels: Int[Tensor, " N"]) -> Int[Tensor, " M"]:
    """Every shape, and those of small classes again from their first on, until all are as large as the largest.

    Example:
        >>> balance_classes(torch.tensor([0, 1, 0, 0]))
        tensor([0, 2, 3, 1, 1, 1])
    """
    members = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    largest = max(map(len, members))
    return torch.cat([each[torch.arange(largest) % len(each)] for each in members])


class UnitsBelow:
    """Means of the units that a layer learns from: layers below it have ended learning, so they are computed once.

    They are in the precision of products. More than 1 GB are not kept but computed again for every batch.

    Args:
        split: all that batches are made of.
    """

    def __init__(self, split: PackedVoxels):
        self._split = split
        self._places = {key: n for n, key in enumerate(split.keys)}
        self._layer = -1
        self._kept: Tensor | None = None

    def take(self, net: ShapeNets3D, batch: Batch, layer: int) -> Float[Tensor, "B *V"]:
        """Visible units of a layer, 0..3, or of the top without its labels, 4, for a batch of the split."""
        if layer == 0:
            return batch.data
        if layer != self._layer:
            self._layer, self._kept = layer, self._compute(net, layer)
        if self._kept is None:
            units = net.up(batch.data, layer)
        else:
            units = self._kept[[self._places[key] for key in batch.keys]].to(batch.data.dtype)
        return units if layer == 4 else units.reshape(len(units), *net.layers[layer].visible_shape)

    def _compute(self, net: ShapeNets3D, layer: int) -> Tensor | None:
        below = net.layers[layer - 1]
        device, dtype = below.weight.device, below.product_dtype()
        shape = (len(self._split), *below.hidden_shape)
        kept = torch.empty(shape, device="meta", dtype=dtype)
        if kept.numel() * dtype.itemsize > KEPT_BYTES:
            return None
        kept = torch.empty(shape, device=device, dtype=dtype)
        # Always in the same groups: a run that goes on from a checkpoint finds the same numbers.
        for places in torch.arange(len(self._split)).split(AT_ONCE):
            kept[places] = net.up(self._split.take(places, device=device), layer).to(dtype)
        return kept
