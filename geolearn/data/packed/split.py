"""What every packed split is: shapes by number, their targets and keys, and a way to make a batch of some of them."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Int, Tensor

Targets = Tensor | tuple  # one per shape: a tensor whose first axis counts shapes, or a tuple of anything


class Packed(ABC):
    """One split of a dataset, ready for `Batches`. A frozen dataclass; choosing shapes copies as little as it can.

    Attributes:
        targets: what is to be predicted of each shape.
        keys: one per shape, in the order of the split.
        classes: class names in label order.

    >>> from geolearn.data import PackedSamples
    >>> split = PackedSamples((torch.zeros(2), torch.ones(2)), torch.tensor([0, 1]), ("a", "b"), ("dark", "light"))
    >>> split.select([1]).keys, split.take(torch.tensor([1, 0]))
    (('b',), tensor([[1., 1.],
            [0., 0.]]))
    """

    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def select(self, index: Int[Tensor, " M"] | Sequence[int], /) -> Any:
        """The shapes at `index`, in that order."""

    def with_classes(self, classes: tuple[str, ...]) -> Any:
        """The same with its classes in another order, and class indices that fit."""
        order = torch.tensor([classes.index(name) for name in self.classes])
        targets = self.targets
        if isinstance(targets, Tensor) and targets.dtype == torch.int64:
            targets = order[targets.cpu()]
        return dataclasses.replace(self, classes=classes, targets=targets)  # type: ignore[type-var]

    @abstractmethod
    def draw(self, augment: Any, generator: torch.Generator) -> Any:
        """Random choices of an augmentation, one for each shape; `.select(index)` gives those for some of them."""

    @abstractmethod
    def take(self, index: Int[Tensor, " B"], drawn: Any = None, *, device: Any = None, dtype: Any = None) -> Any:
        """The shapes at `index` as a network takes them.

        Args:
            drawn: what `draw` chose for each of them.
            device, dtype: of what is returned; by default the split's own, and float32.
        """


def check_targets(targets: Targets, keys: Sequence[str], count: int) -> None:
    """Refuse anything but one target and one key for each of `count` shapes."""
    if len(targets) != count or len(keys) != count:
        raise InvalidInputError(
            f"targets, keys: expected {count} of each, one per shape, got {len(targets)} and {len(keys)}"
        )


def select_targets(targets: Targets, index: Int[Tensor, " M"]) -> Targets:
    """The targets at `index`."""
    if isinstance(targets, Tensor):
        return targets[index.to(targets.device)]
    return tuple(targets[number] for number in index.tolist())
