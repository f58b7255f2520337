"""Folders of small shapes: every file a box of other sides, so that all differ."""

from pathlib import Path

import numpy as np
import torch

from geolearn.io import save_mesh, save_voxels
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.structures import Mesh, VoxelGrid

CORNERS = torch.tensor([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])
SIDES = torch.tensor(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def box(*sides: float) -> Mesh:
    return Mesh(CORNERS * torch.tensor(sides), SIDES)


def put(folder: Path, *names: str) -> Path:
    """A shape of the kind that its ending says under every name, such as "chair/a.off"; others get a line of text."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sides = (1.0, 1 + 0.1 * number, 2.0)
        cells = torch.zeros(6, 6, 6, dtype=torch.bool)
        cells[1 : 3 + number % 3, 1:3, 1:5] = True
        kind = path.suffix.lower()
        if kind in (".off", ".obj", ".ply", ".stl", ".glb", ".gltf"):
            save_mesh(box(*sides), path.with_suffix(kind))
            if kind != path.suffix:
                path.with_suffix(kind).rename(path)
        elif kind in (".npy", ".npz", ".binvox", ".mat"):
            save_voxels(VoxelGrid(cells), path)
        elif kind == ".xyz":
            np.savetxt(path, np.random.default_rng(number).random((50, 3)) * sides)
        elif kind == ".png":
            pixels = np.full((8, 8, 1), (number % 256) / 255, np.float32)
            write_whole(path, png_bytes(pixels))
        else:
            path.write_text("text\n")
    return folder


def classes_of_boxes(folder: Path, layout: str, suffix: str = ".off", count: int = 6) -> Path:
    """Flat and tall boxes, upright, `count` of each for training and 3 for the test.

    Args:
        layout: with {label}, {split} and {name} in it.
    """
    random = np.random.default_rng(0)
    for label, height in (("flat", 0.4), ("tall", 2.5)):
        for split, of in (("train", count), ("test", 3)):
            for number in range(of):
                path = folder / layout.format(label=label, split=split, name=f"{split}{number}{suffix}")
                path.parent.mkdir(parents=True, exist_ok=True)
                save_mesh(box(*(random.uniform(0.9, 1.1, 2)), height * random.uniform(0.9, 1.1)), path)
    return folder
