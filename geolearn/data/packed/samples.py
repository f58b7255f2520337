"""Splits of anything that has no closer packing: a tensor or record for each shape, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from geolearn.data.packed.split import Packed, Targets, check_targets, select_targets
from geolearn.data.sample import join
from geolearn.errors import InvalidInputError
from geolearn.typing import Int, Tensor


@dataclass(frozen=True, eq=False)
class PackedSamples(Packed):
    """One split as a list of what a representation made of each shape.

    Attributes:
        items: tensors or records, one per shape; their sizes may differ.
        targets, keys, classes: see `Packed`.
        ragged: batches are tuples of items instead of one tensor or record.

    >>> split = PackedSamples((torch.zeros(2), torch.ones(5)), torch.tensor([0, 1]), ("a", "b"), ragged=True)
    >>> [item.shape for item in split.take(torch.tensor([0, 1]))]
    [torch.Size([2]), torch.Size([5])]
    """

    items: tuple[Any, ...]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()
    ragged: bool = False

    def __post_init__(self) -> None:
        check_targets(self.targets, self.keys, len(self.items))
        for name in ("items", "keys", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"PackedSamples({len(self)} shapes, {len(self.classes)} classes)"

    def select(self, index: Int[Tensor, " M"] | Sequence[int]) -> "PackedSamples":
        """The shapes at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        numbers = chosen.tolist()
        return replace(
            self,
            items=tuple(self.items[number] for number in numbers),
            targets=select_targets(self.targets, chosen),
            keys=tuple(self.keys[number] for number in numbers),
        )

    def draw(self, augment: Any, generator: torch.Generator) -> Any:
        """`augment.draw(count, generator)`, whose choices are applied by their own `apply(data)`."""
        return augment.draw(len(self), generator)

    def take(self, index: Int[Tensor, " B"], drawn: Any = None, *, device: Any = None, dtype: Any = None) -> Any:
        """The items at `index`, joined (see `geolearn.data.sample.join`) or, where they are ragged, as a tuple."""
        numbers = index.tolist()
        items = [self.items[number] for number in numbers]
        data: Any = tuple(items) if self.ragged else join(items, [self.keys[number] for number in numbers])
        if drawn is not None:
            data = drawn.apply(data)
        if device is None and dtype is None:
            return data
        if not isinstance(data, Tensor):
            raise InvalidInputError("device, dtype: only batches that are one tensor can be sent somewhere")
        return data.to(device=device, dtype=dtype if data.is_floating_point() else None)
