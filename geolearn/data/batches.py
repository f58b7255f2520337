"""The order in which the shapes of a split come, epoch by epoch, shared between processes and resumable."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch

from geolearn.data.sample import Batch
from geolearn.errors import InvalidInputError
from geolearn.typing import Int, Tensor


class SplitBatches(ABC):
    """The order of a split's shapes, epoch by epoch; what a batch is made of is left to `VoxelBatches`, `ViewBatches`.

    Order and augmentation of an epoch depend on `seed` and the epoch alone: not on the batch size, not on how many
    processes share the work, not on the device. With `world_size` W every process takes its slice of each group of
    W * batch_size shapes; without `drop_last` the last group is filled up from the start of the epoch's order (as
    torch's DistributedSampler does), so that no process waits for another. `keys` tell repeated shapes apart.

    Each pass is the next epoch; `set_epoch` chooses another. `state_dict` marks the place inside an epoch.

    Args:
        count: shapes in the split.
        batch_size: shapes per batch in this process.
        shuffle: a new order every epoch; otherwise the split's.
        drop_last: leave out the last, incomplete group.
        rank, world_size: this process among those that share each epoch; by default torch.distributed's.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        shuffle: bool,
        drop_last: bool,
        seed: int,
        rank: int | None,
        world_size: int | None,
    ):
        if batch_size < 1:
            raise InvalidInputError(f"batch_size: expected at least 1, got {batch_size}")
        if seed < 0:
            raise InvalidInputError(f"seed: expected at least 0, got {seed}")
        if count == 0:
            raise InvalidInputError("the split is empty; there is nothing to make batches of")
        if (rank is None) != (world_size is None):
            raise InvalidInputError("rank, world_size: give both or neither")
        if rank is not None and world_size is not None and not 0 <= rank < world_size:
            raise InvalidInputError(f"rank: expected 0..{world_size - 1}, got {rank}")
        self.count = count
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self._place = None if rank is None or world_size is None else (rank, world_size)
        self._epoch = 0
        self._done = 0  # batches handed out in this epoch
        self._resume = False

    @abstractmethod
    def _draw(self, generator: torch.Generator) -> Any:
        """The random numbers of an epoch, for each place in its order."""

    @abstractmethod
    def _batch(self, index: Int[Tensor, " B"], place: Int[Tensor, " B"], drawn: Any) -> Batch:
        """The shapes at `index`, which have these places in the epoch's order."""

    def __len__(self) -> int:
        """Batches per epoch, the same in every process."""
        group = self.batch_size * self._rank_and_size()[1]
        return self.count // group if self.drop_last else -(-self.count // group)

    batch_sampler = None  # Lightning asks for it next to `sampler`

    @property
    def sampler(self) -> "SplitBatches":
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
        if self._done >= len(self):  # the last pass was consumed to its end, whether or not it was asked for more
            self._epoch, self._done = self._epoch + 1, 0
        if not self._resume:
            self._done = 0
        self._resume = False
        return self._pass(self._epoch, self._done)

    def _pass(self, epoch: int, first: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(_epoch_seed(self.seed, epoch))
        order = torch.randperm(self.count, generator=generator) if self.shuffle else torch.arange(self.count)
        drawn = self._draw(generator)
        rank, world_size = self._rank_and_size()
        for batch in range(first, len(self)):
            start = batch * self.batch_size * world_size
            size = self.batch_size
            if start + size * world_size > self.count:  # the last group: every process gets the same, smaller share
                size = -(-(self.count - start) // world_size)
            place = (torch.arange(size) + start + rank * size) % self.count
            self._epoch, self._done = epoch, batch + 1
            yield self._batch(order[place], place, drawn)

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
