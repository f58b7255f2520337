"""The general loader: any dataset, batches with keys, the same for any number of workers."""

import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from geolearn.data.sample import Batch, Sample, collate
from geolearn.errors import InvalidInputError


def make_loader(
    dataset: Dataset[Sample],
    batch_size: int,
    *,
    shuffle: bool = False,
    workers: int = 0,
    seed: int = 0,
    drop_last: bool = False,
) -> DataLoader[Batch]:
    """A torch `DataLoader` of `Batch(data, target, keys)`.

    The order depends on `seed` and the number of passes made before, not on `workers`. Worker processes run one thread
    each, so their kernels are serial.

    >>> from geolearn.data import ShapeDataset, Voxelize
    >>> chairs = ShapeDataset("procedural", "test", count=2, representation=Voxelize(8), cache=False)
    >>> [batch.data.shape for batch in make_loader(chairs, 2)]
    [torch.Size([2, 1, 8, 8, 8])]
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
