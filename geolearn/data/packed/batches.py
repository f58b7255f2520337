"""Batches of a packed split: order and augmentation epoch by epoch, shared between processes and resumable.

Everything happens in the training process: no workers, no copies between processes.
"""

from collections.abc import Iterator
from typing import Any

import torch

from geolearn.data.packed.split import Packed, select_targets
from geolearn.data.sample import Batch
from geolearn.errors import InvalidInputError


class Batches:
    """An iterable of `Batch(data, target, keys)` over a packed split, such as `PackedVoxels` or `PackedViews`.

    Order and augmentation of an epoch depend on `seed` and the epoch alone: not on the batch size, not on how many
    processes share the work, not on the device. With `world_size` W every process takes its slice of each group of
    W * batch_size shapes; without `drop_last` the last group is filled up from the start of the epoch's order (as
    torch's DistributedSampler does), so that no process waits for another. `keys` tell repeated shapes apart.

    Each pass is the next epoch; `set_epoch` chooses another. `state_dict` marks the place inside an epoch.

    Args:
        split: the shapes.
        batch_size: shapes per batch in this process.
        augment: random changes to the shapes of a batch (`VoxelAugment`, `ViewAugment`), or None.
        shuffle: a new order every epoch; otherwise the split's.
        drop_last: leave out the last, incomplete group.
        device, dtype: of the batches' data; by default the split's device and float32. Pictures travel in 8 bits.
        rank, world_size: this process among those that share each epoch; by default torch.distributed's.

    >>> from geolearn.data import PackedSamples
    >>> split = PackedSamples(tuple(torch.arange(5.0).view(5, 1)), torch.arange(5), ("a", "b", "c", "d", "e"))
    >>> [batch.keys for batch in Batches(split, 2, shuffle=False, drop_last=True)]
    [['a', 'b'], ['c', 'd']]
    """

    def __init__(
        self,
        split: Packed,
        batch_size: int,
        *,
        augment: Any = None,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ):
        if batch_size < 1:
            raise InvalidInputError(f"batch_size: expected at least 1, got {batch_size}")
        if seed < 0:
            raise InvalidInputError(f"seed: expected at least 0, got {seed}")
        if len(split) == 0:
            raise InvalidInputError("the split is empty; there is nothing to make batches of")
        if (rank is None) != (world_size is None):
            raise InvalidInputError("rank, world_size: give both or neither")
        if rank is not None and world_size is not None and not 0 <= rank < world_size:
            raise InvalidInputError(f"rank: expected 0..{world_size - 1}, got {rank}")
        self.split = split
        self.count = len(split)
        self.augment = augment
        self.device, self.dtype = device, dtype
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self._place = None if rank is None or world_size is None else (rank, world_size)
        self._epoch = 0
        self._done = 0  # batches handed out in this epoch
        self._resume = False

    def __len__(self) -> int:
        """Batches per epoch, the same in every process."""
        group = self.batch_size * self._rank_and_size()[1]
        return self.count // group if self.drop_last else -(-self.count // group)

    batch_sampler = None  # Lightning asks for it next to `sampler`

    @property
    def sampler(self) -> "Batches":
        """Itself: Lightning calls `loader.sampler.set_epoch` before every epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """The epoch of the next pass. Naming the epoch that `load_state_dict` restored keeps its place."""
        if epoch != self._epoch or not self._resume:
            self._epoch, self._done, self._resume = epoch, 0, False

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self._epoch, "done": self._done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next pass continues after `done` batches of that epoch."""
        self._epoch, self._done, self._resume = state["epoch"], state["done"], True

    def __iter__(self) -> Iterator[Batch]:
        """The next pass; which epoch that is is settled when its first batch is asked for.

        A trainer that resumes makes the iterator before it says `set_epoch`.
        """
        if self._done >= len(self):  # the last pass was consumed to its end, whether or not it was asked for more
            self._epoch, self._done = self._epoch + 1, 0
        if not self._resume:
            self._done = 0
        self._resume = False
        yield from self._pass(self._epoch, self._done)

    def _pass(self, epoch: int, first: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(_epoch_seed(self.seed, epoch))
        order = torch.randperm(self.count, generator=generator) if self.shuffle else torch.arange(self.count)
        drawn = None if self.augment is None else self.split.draw(self.augment, generator)
        rank, world_size = self._rank_and_size()
        for batch in range(first, len(self)):
            start = batch * self.batch_size * world_size
            size = self.batch_size
            if start + size * world_size > self.count:  # the last group: every process gets the same, smaller share
                size = -(-(self.count - start) // world_size)
            place = (torch.arange(size) + start + rank * size) % self.count
            self._epoch, self._done = epoch, batch + 1
            index = order[place]
            chosen = None if drawn is None else drawn.select(place)
            data = self.split.take(index, chosen, device=self.device, dtype=self.dtype)
            target = select_targets(self.split.targets, index)
            if self.device is not None and isinstance(target, torch.Tensor):
                target = target.to(self.device)
            yield Batch(data, target, [self.split.keys[number] for number in index.tolist()])

    def _rank_and_size(self) -> tuple[int, int]:
        if self._place is not None:
            return self._place
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1


def _epoch_seed(seed: int, epoch: int) -> int:
    """One generator seed from two numbers, each epoch of each seed its own."""
    return (seed * 1_000_003 + epoch) % 2**63
