"""The general loader: any dataset, batches with keys, the same for any number of workers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from geolearn.data.sample import Batch, Sample
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, MeshBatch, VoxelGrid
from geolearn.typing import Tensor


def make_loader(
    dataset: Dataset[Sample],
    batch_size: int,
    *,
    shuffle: bool = False,
    workers: int = 0,
    seed: int = 0,
    drop_last: bool = False,
) -> DataLoader[Batch]:
    """A torch `DataLoader` of `Batch(data, labels, keys)`.

    The order depends on `seed` and the number of passes made before, not on `workers`. Worker processes run one thread
    each, so their kernels are serial.
    """
    if batch_size < 1 or workers < 0:
        raise InvalidInputError(f"expected batch_size >= 1 and workers >= 0, got {batch_size} and {workers}")
    return DataLoader(
        dataset,
        batch_size,
        sampler=RandomSampler(dataset, generator=torch.Generator().manual_seed(seed)) if shuffle else None,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=collate,
        drop_last=drop_last,
        # Its own generator: what workers draw must not shift the order.
        generator=torch.Generator().manual_seed(seed),
        persistent_workers=workers > 0,
    )


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one kind as a batch: meshes as `MeshBatch`, grids as float32 (B, 1, R, R, R), tensors stacked."""
    data: list[Any] = [sample.data for sample in samples]
    labels = torch.tensor([sample.label for sample in samples], dtype=torch.int64)
    keys = [sample.key for sample in samples]
    kinds = {type(item) for item in data}
    if kinds == {Mesh}:
        return Batch(MeshBatch.from_meshes(data), labels, keys)
    if kinds == {VoxelGrid}:
        data = [grid.values.to(torch.float32)[None] for grid in data]
    elif kinds != {Tensor}:
        raise InvalidInputError(
            f"samples: expected all Mesh, VoxelGrid or Tensor, got {sorted(k.__name__ for k in kinds)}"
        )
    if len({item.shape for item in data}) != 1:
        shapes = {key: tuple(item.shape) for key, item in zip(keys, data, strict=True)}
        raise InvalidInputError(f"samples: expected one shape, got {shapes}")
    return Batch(torch.stack(data), labels, keys)
