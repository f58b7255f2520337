"""Easy shapes that a training tells apart in seconds, as collections."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from geolearn.data import PackedViews, PackedVoxels, ShapeCollection, Store, pack
from geolearn.structures import VoxelGrid


def box_grids(count: int, seed: int) -> tuple[list[VoxelGrid], torch.Tensor]:
    """Two classes anybody can tell apart: flat slabs and tall columns, anywhere in the grid."""
    generator = torch.Generator().manual_seed(seed)
    grids = torch.zeros(count, 32, 32, 32, dtype=torch.bool)
    labels = torch.arange(count) % 2
    for grid, label in zip(grids, labels.tolist(), strict=True):
        x, y, z = torch.randint(4, 10, (3,), generator=generator).tolist()
        size = (16, 16, 4) if label == 0 else (5, 5, 18)
        grid[x : x + size[0], y : y + size[1], z : z + size[2]] = True
    return [VoxelGrid(grid, torch.full((3,), -0.5), 1 / 32) for grid in grids], labels


def box_store(count: int, seed: int, classes: tuple[str, ...] = ("slab", "column")) -> Store:
    grids, labels = box_grids(count, seed)
    return Store.of_shapes(grids, labels, classes=classes, keys=[f"{seed}/{i}" for i in range(count)])


def boxes(count: int, seed: int) -> PackedVoxels:
    grids, labels = box_grids(count, seed)
    columns = pack(torch.stack([grid.occupancy for grid in grids]))
    return PackedVoxels(columns, labels, tuple(f"{seed}/{i}" for i in range(count)), ("slab", "column"))


def bars(count: int, seed: int) -> PackedViews:
    """Two classes: in each of the four views there is a bar, standing or lying."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 40, (count, 4, 1, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    for shape, label in zip(pixels, labels.tolist(), strict=True):
        for view in shape:
            place = int(torch.randint(4, 24, (1,), generator=generator))
            bar = view[0, :, place : place + 4] if label else view[0, place : place + 4]
            bar += 200
    return PackedViews(pixels, labels, tuple(f"{seed}/{i}" for i in range(count)), ("lying", "standing"))


def bar_store(count: int, seed: int) -> Store:
    views = bars(count, seed)
    return Store.of_shapes(list(views.pixels), views.targets, classes=views.classes, keys=views.keys)


@dataclass(frozen=True)
class KnownCollection(ShapeCollection):
    """Shapes of whose test split something is known."""

    known: Mapping[str, Any] | None = None

    def facts(self, split: str) -> dict[str, Any]:
        return dict(self.known or {})


def box_collection(name: str = "boxes", known: Mapping[str, Any] | None = None, **changes: Store) -> KnownCollection:
    splits = {"train": box_store(48, 0), "val": box_store(16, 1), "test": box_store(21, 2)}
    return KnownCollection(splits | {"trainval": box_store(64, 0)} | changes, name, known)


def bar_collection(name: str = "bars", **changes: Store) -> ShapeCollection:
    splits = {"train": bar_store(48, 0), "val": bar_store(16, 1), "test": bar_store(21, 2)}
    return ShapeCollection(splits | {"trainval": bar_store(64, 0)} | changes, name)


def renamed(store: Store, classes: tuple[str, ...]) -> Store:
    """The same shapes, their classes in another order: the labels keep the class by name."""
    order = torch.tensor([classes.index(name) for name in store.classes])
    return replace(store, classes=classes, targets=order[store.targets])
