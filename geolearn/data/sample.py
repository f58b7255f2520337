"""What a dataset hands out: one `Sample`, and a `Batch` of them. Both carry keys, so every result can be traced."""

from typing import Any, NamedTuple

from geolearn.typing import Int, Tensor


class Sample(NamedTuple):
    """One shape: a record or tensor, its class index and its key in the split file."""

    data: Any
    label: int
    key: str


class Batch(NamedTuple):
    """Several shapes: `data` as the loader collates it, `labels` int64 (B,), `keys` one per shape."""

    data: Any
    labels: Int[Tensor, " B"]
    keys: list[str]
