"""Procedural shapes with the exact velocity of space for each of their attributes: what deformation learns from."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from geolearn.data import procedural
from geolearn.data.attribute_names import ATTRIBUTES, MOST, attribute_names
from geolearn.data.cache import cached, entry_path
from geolearn.data.motions import deform_exactly, normalise, scan_grids, voxelize_in
from geolearn.data.packed.columns import MAX_RESOLUTION, pack
from geolearn.data.packed.deformations import PackedDeformations, spread_intentions
from geolearn.data.packed.velocities import BLOCK
from geolearn.data.procedural.shape import VERSION, Shape
from geolearn.data.representations import Representation
from geolearn.data.store import Store
from geolearn.errors import InvalidInputError
from geolearn.ops import sample_surface, voxelize
from geolearn.structures import Mesh, VoxelGrid
from geolearn.typing import Tensor

NEAR = 256  # blocks at the surface that are kept for each shape


@dataclass(frozen=True)
class DeformableShapes(Representation):
    """Procedural shapes, facing -Y, in the frame of a voxel grid, with the motion of every attribute.

    An attribute k moves a point p by amount * v_k(p), exactly and for any point of space (`procedural.flow`). Several
    at once move it by the sum: each acts on the shape as it came, so their order does not matter.

    Called on a shape it gives its grid, solid, the longest side `resolution - 2 * padding` cells. A split is packed by
    the keys of its shapes alone (`chair-train-0-000005`), so it needs a split of procedural shapes; what takes long is
    kept in the cache as one file.

    Attributes:
        resolution: R, cells a side, even.
        padding: empty cells on every side, room for a volume to grow into.
        points: P, on the surface of each shape, uniform by area.
        scans: V, depth views of each shape from random directions, as grids of free, unknown and surface.
        poses: T, random intentions with the volume of the truly deformed shape, for networks that predict volumes.

    >>> DeformableShapes(points=100, scans=1)
    DeformableShapes(resolution=32, padding=4, points=100, scans=1, poses=0)
    """

    resolution: int = 32
    padding: int = 4
    points: int = 128
    scans: int = 2
    poses: int = 0

    def __post_init__(self) -> None:
        if self.points < 1 or min(self.scans, self.poses, self.padding) < 0:
            raise InvalidInputError(f"expected points >= 1 and scans, poses, padding >= 0, got {self}")
        if not 2 * self.padding < self.resolution <= MAX_RESOLUTION or self.resolution % BLOCK:
            raise InvalidInputError(
                f"resolution: expected an even number of cells, more than twice the padding and at most "
                f"{MAX_RESOLUTION}, got {self}"
            )

    def __call__(self, shape: Mesh | VoxelGrid, /) -> VoxelGrid:
        if isinstance(shape, VoxelGrid):
            if shape.resolution != self.resolution:
                raise InvalidInputError(f"shape: expected a grid of {self.resolution} cells a side, got {shape!r}")
            return shape
        return voxelize(shape, self.resolution, padding=self.padding)

    def pack(self, store: Store) -> PackedDeformations:
        """A split of procedural shapes.

        Raises:
            UnknownNameError: a family that has no attributes to learn.
            InvalidInputError: a key that names no procedural shape.
        """
        attribute_names(store.classes)  # refuses others
        keys = store.keys if store.folder is None else store.whole

        def compute() -> dict[str, Any]:
            columns = store.workers.map(partial(_columns, self), keys, f"deformations of {store.name}")
            return {name: np.stack([one[name] for one in columns]) for name in columns[0]}

        if store.folder is None:
            arrays, chosen = compute(), slice(None)
        else:
            path = entry_path(store.folder, store.digest, keys, repr(self), VERSION)
            arrays, chosen = cached(path, compute), store.rows()
        columns = {name: torch.from_numpy(array)[chosen] for name, array in arrays.items()}
        return PackedDeformations(**columns, targets=store.targets, keys=store.keys, classes=store.classes)


def shape_of_key(key: str) -> Shape:
    """The procedural shape of a key such as `chair-train-0-000005`, facing -Y, normalised as its mesh is by loaders.

    Raises:
        InvalidInputError: a key that names none.
    """
    words = key.rsplit("-", 3)
    if len(words) != 4 or not words[2].isdigit() or not words[3].isdigit() or words[1] not in procedural.SPLITS:
        raise InvalidInputError(f"key: expected that of a procedural shape, such as chair-train-0-000005, got {key!r}")
    made, _, shape = procedural.sample(words[1], int(words[3]), seed=int(words[2]), aligned=True)
    if made != key:
        raise InvalidInputError(f"key: {key!r} names no procedural shape; number {int(words[3])} is {made!r}")
    return normalise(shape)


def _columns(settings: DeformableShapes, key: str) -> dict[str, Any]:
    """Everything about one shape; attributes in the order of its family."""
    shape = shape_of_key(key)
    grid = settings(shape.mesh)
    origin, size, resolution = grid.origin.double().numpy(), grid.voxel_size, settings.resolution
    generator = torch.Generator().manual_seed(int.from_bytes(key.encode()[-8:], "big"))
    points = sample_surface(shape.mesh, settings.points, generator=generator).points.double().numpy()
    centres = [origin[axis] + (np.arange(resolution) + 0.5) * size for axis in range(3)]
    factors, limits = np.zeros((MOST, 3, 3, resolution), np.float32), np.zeros((MOST, 2), np.float32)
    velocities, known = np.zeros((MOST, len(points), 3), np.float32), np.zeros(MOST, bool)
    handles = {handle.name: handle for handle in shape.handles}
    for k, name in enumerate(ATTRIBUTES[shape.family]):
        if name in handles:
            factors[k] = np.array(handles[name].factors(*centres))
            factors[k, :, 0] /= size
            velocities[k] = handles[name].velocity(points) / size
            limits[k] = handles[name].limits()
            known[k] = True
    poses = _draw_poses(torch.from_numpy(known), torch.from_numpy(limits), settings.poses, generator)
    moved = [voxelize_in(deform_exactly(shape, ATTRIBUTES[shape.family], pose), grid).values for pose in poses]
    seen = list(scan_grids(shape.mesh, grid, settings.scans, generator))
    empty = torch.zeros(0, resolution, resolution, resolution)
    scans = torch.stack(seen) if seen else empty
    return {
        "columns": pack(grid.values[None])[0].numpy(),
        "frames": np.array([*origin, size], np.float32),
        "known": known,
        "limits": limits,
        "factors": factors,
        "near": _blocks_at_surface(grid.values, generator).numpy().astype(np.int16),
        "points": ((points - origin) / size).astype(np.float32),
        "velocities": velocities,
        "scans": (2 * scans).to(torch.uint8).numpy(),
        "poses": poses.numpy(),
        "volumes": pack(torch.stack(moved) if moved else empty.bool()).numpy(),
    }


def _draw_poses(known: Tensor, limits: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count, M) intentions."""
    scores, amounts = torch.rand(2, count, len(known), generator=generator)
    wanted = torch.randint(1, 4, (count,), generator=generator)
    return spread_intentions(known.expand(count, -1), limits.expand(count, -1, -1), scores, amounts, wanted)


def _blocks_at_surface(values: Tensor, generator: torch.Generator) -> Tensor:
    """NEAR blocks, drawn with repetition from those where full and empty voxels meet, corners of neighbours counted."""
    grid = values[None, None].float()
    wide = torch.nn.functional.max_pool3d(grid, 3, 1, 1)
    narrow = -torch.nn.functional.max_pool3d(-grid, 3, 1, 1)
    edge = torch.nn.functional.max_pool3d(((wide > 0) & (narrow < 1)).float(), BLOCK)[0, 0]
    places = edge.reshape(-1).nonzero()[:, 0]
    return places[torch.randint(0, len(places), (NEAR,), generator=generator)]
