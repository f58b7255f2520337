"""What a family fills: seeded choices in, labelled solids and attributes out."""

import random
from collections.abc import Sequence

import numpy as np

from geolearn.data.procedural.attributes import Attribute
from geolearn.data.procedural.solids import Solid


class Draw:
    """Seeded choices, each recorded by name in `parameters`.

    Python's own generator: its numbers are the same on every machine and in every version.
    """

    def __init__(self, key: str):
        self._random = random.Random(key)
        self.parameters: dict[str, float] = {}

    def uniform(self, name: str, low: float, high: float) -> float:
        return self._record(name, low + (high - low) * self._random.random())

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self._record(name, float(low + int(self._random.random() * (high - low + 1)))))

    def chance(self, name: str, probability: float) -> bool:
        return bool(self._record(name, float(self._random.random() < probability)))

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of the options, recorded by its position; an option listed twice is twice as likely."""
        return options[self.whole(name, 0, len(options) - 1)]

    def _record(self, name: str, value: float) -> float:
        self.parameters[name] = value
        return value


class Assembly:
    """Labelled solids and attributes of one shape in the making."""

    def __init__(self, part_names: tuple[str, ...]):
        self.part_names = part_names
        self.solids: list[Solid] = []
        self.labels: list[int] = []
        self.attributes: list[Attribute] = []

    def add(self, part: str, *solids: Solid) -> None:
        self.solids += solids
        self.labels += [self.part_names.index(part)] * len(solids)

    def describe(self, *attributes: Attribute) -> None:
        self.attributes += attributes


def known_volume(solids: Sequence[Solid]) -> float | None:
    """The exact volume of the union: of axis-aligned boxes, or of one solid that knows its own; else None."""
    if all(solid.is_box for solid in solids):
        return union_of_boxes(solids)
    return solids[0].volume if len(solids) == 1 else None


def union_of_boxes(boxes: Sequence[Solid]) -> float:
    """Volume of a union of axis-aligned boxes: cut space at every side, add the cells that some box covers."""
    corners = np.array([(solid.verts.min(0), solid.verts.max(0)) for solid in boxes])  # (B, 2, 3)
    cuts = [np.unique(corners[:, :, axis]) for axis in range(3)]
    middles = [(cut[1:] + cut[:-1]) / 2 for cut in cuts]
    inside = [(corners[:, :1, i] < middles[i]) & (middles[i] < corners[:, 1:, i]) for i in range(3)]  # (B, cells)
    covered = np.einsum("bx,by,bz->xyz", *[mask.astype(np.int64) for mask in inside]) > 0
    sizes = [cut[1:] - cut[:-1] for cut in cuts]
    return float((covered * sizes[0][:, None, None] * sizes[1][:, None] * sizes[2]).sum())
