"""What a dataset hands out: one `Sample`, and a `Batch` of them. Both carry keys, so every result can be traced."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, MeshBatch, VoxelGrid
from geolearn.typing import Tensor


class Sample(NamedTuple):
    """One shape: a record or tensor, what is to be predicted of it (by default its class index), and its key.

    >>> data, target, key = Sample(torch.zeros(3), 2, "chair/0001")
    >>> target, key
    (2, 'chair/0001')
    """

    data: Any
    target: Any
    key: str


class Batch(NamedTuple):
    """Several shapes: `data` and `target` as `collate` joins them, `keys` one per shape.

    >>> batch = collate([Sample(torch.zeros(3), 2, "chair/0001"), Sample(torch.ones(3), 0, "bed/0007")])
    >>> batch.data.shape, batch.target, batch.keys
    (torch.Size([2, 3]), tensor([2, 0]), ['chair/0001', 'bed/0007'])
    """

    data: Any
    target: Any
    keys: list[str]


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one kind as a batch, its data and its targets each joined by `join`.

    >>> grid = VoxelGrid(torch.zeros(4, 4, 4, dtype=torch.bool), torch.zeros(3), 1.0)
    >>> collate([Sample(grid, 0, "a"), Sample(grid, 1, "b")]).data.shape
    torch.Size([2, 1, 4, 4, 4])
    """
    keys = [sample.key for sample in samples]
    return Batch(join([s.data for s in samples], keys), join_targets([s.target for s in samples]), keys)


def join(items: Sequence[Any], keys: Sequence[str]) -> Any:
    """Meshes as `MeshBatch`, grids as float32 (B, 1, R, R, R), tensors stacked.

    Raises:
        InvalidInputError: of different kinds or shapes; names each by its key.
    """
    kinds = {type(item) for item in items}
    if kinds == {Mesh}:
        return MeshBatch.from_meshes(items)
    if kinds == {VoxelGrid}:
        items = [grid.values.to(torch.float32)[None] for grid in items]
    elif kinds != {Tensor}:
        raise InvalidInputError(
            f"samples: expected all Mesh, VoxelGrid or Tensor, got {sorted(k.__name__ for k in kinds)}"
        )
    if len({item.shape for item in items}) != 1:
        shapes = {key: tuple(item.shape) for key, item in zip(keys, items, strict=True)}
        raise InvalidInputError(f"samples: expected one shape, got {shapes}")
    return torch.stack(list(items))


def join_targets(targets: Sequence[Any]) -> Any:
    """Numbers as a tensor (int64 or float32), tensors of one shape stacked, anything else as a tuple."""
    if targets and all(isinstance(target, int) for target in targets):
        return torch.tensor(targets, dtype=torch.int64)
    if targets and all(isinstance(target, float) for target in targets):
        return torch.tensor(targets, dtype=torch.float32)
    if all(isinstance(target, Tensor) for target in targets) and len({target.shape for target in targets}) == 1:
        return torch.stack(list(targets))
    return tuple(targets)
