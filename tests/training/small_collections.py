"""Easy shapes that a training tells apart in seconds, as collections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import trimesh

from geolearn.data import PackedViews, PackedVoxels, ShapeCollection, Store, pack
from geolearn.structures import Mesh, VoxelGrid


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


def lollipop(number: int, labelled: bool = True) -> Mesh:
    """A ball (label 0) on a stick (label 1), of a size that depends on the number."""
    ball = trimesh.creation.icosphere(2, radius=0.2 + 0.02 * number)
    stick = trimesh.creation.cylinder(0.04, 1.0 + 0.05 * number, sections=12).subdivide().subdivide()
    stick.apply_translation([0, 0, -0.6])
    both = trimesh.util.concatenate([ball, stick])
    labels = torch.tensor([0] * len(ball.faces) + [1] * len(stick.faces)) if labelled else None
    return Mesh(torch.tensor(both.vertices).float(), torch.tensor(both.faces), labels, f"lollipop-{number}")


def lollipop_store(numbers: Sequence[int], parts: tuple[str, ...] = ("ball", "stick")) -> Store:
    shapes = [lollipop(number) for number in numbers]
    keys = [shape.name for shape in shapes]
    return Store.of_shapes(shapes, classes=("lollipop",), keys=keys, parts={"lollipop": parts})


def lollipop_collection(name: str = "lollipops", **changes: Store) -> ShapeCollection:
    splits = {"train": lollipop_store([0, 2, 4, 6]), "val": lollipop_store([7]), "test": lollipop_store([1, 3, 5])}
    return ShapeCollection(splits | changes, name)
