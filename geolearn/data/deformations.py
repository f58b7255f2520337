"""Procedural shapes with the exact velocity of space for each of their attributes: what deformation learns from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.data import procedural
from geolearn.data.cache import cached, entry_path
from geolearn.data.motions import draw_intentions, scan_grids, voxelize_pose
from geolearn.data.packed import pack, unpack
from geolearn.data.procedural.shape import VERSION, Shape
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.ops import sample_surface, voxelize
from geolearn.typing import Bool, Float, Int, Tensor, UInt8

# The attributes of a family in the order of a network's intention; a shape may lack some.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "airplane": ("wing span", "wing sweep", "nose length", "tail height", "fuselage diameter"),
    "car": ("wheelbase", "width", "front overhang", "rear overhang", "cabin height", "roof width"),
    "chair": (
        "seat height",
        "seat width",
        "seat depth",
        "leg spread",
        "back height",
        "back recline",
        "arm height",
        "arm width",
    ),
    "lamp": ("pole height", "shade height", "shade diameter", "base diameter", "arm height", "reach"),
    "mug": ("body height", "body diameter", "handle reach", "rim diameter"),
    "table": ("height", "top thickness", "top length", "top depth", "leg spread", "top diameter"),
}


@dataclass(frozen=True)
class ProceduralDeformations:
    """A split of one procedural family, facing -Y, in the frame of a voxel grid, with the motion of every attribute.

    An attribute k moves a point p by amount * v_k(p), exactly and for any point of space (`procedural.flow`). Several
    at once move it by the sum: each acts on the shape as it came, so their order does not matter. Lengths here are in
    cells, measured from the corner of the grid, so cell i has its centre at i + 0.5.

    Calling it with a place gives the shape; `pack` makes the whole split, once, and keeps it in a cache.

    Attributes:
        family: one of `ATTRIBUTES`.
        split: "train", "val" or "test"; they share no shape.
        count: shapes.
        resolution: R, cells a side.
        padding: empty cells on every side, room for a volume to grow into.
        points: P, on the surface of each shape, uniform by area.
        scans: V, depth views of each shape from random directions, as grids of free, unknown and surface.
        poses: M, random intentions with the volume of the truly deformed shape, for networks that predict volumes.
        seed: another seed, other shapes.

    >>> source = ProceduralDeformations("chair", "test", count=2, points=100, scans=1)
    >>> source.attributes[:2]
    ('seat height', 'seat width')
    """

    family: str
    split: str = "train"
    count: int = 1000
    resolution: int = 32
    padding: int = 4
    points: int = 512
    scans: int = 2
    poses: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.family not in ATTRIBUTES:
            raise unknown_name("family of deformations", self.family, ATTRIBUTES)
        if self.split not in procedural.SPLITS:
            raise unknown_name("split", self.split, procedural.SPLITS)
        if min(self.count, self.points) < 1 or min(self.scans, self.poses, self.padding) < 0:
            raise InvalidInputError(f"expected count, points >= 1 and scans, poses, padding >= 0, got {self}")
        if not 2 * self.padding < self.resolution <= 32:
            raise InvalidInputError(f"resolution: expected more than twice the padding and at most 32, got {self}")

    @property
    def attributes(self) -> tuple[str, ...]:
        return ATTRIBUTES[self.family]

    def __call__(self, place: int) -> tuple[str, Shape]:
        """Key and shape number `place`, facing -Y."""
        if not 0 <= place < self.count:
            raise InvalidInputError(f"place: expected 0..{self.count - 1}, got {place}")
        label, classes = procedural.CLASSES.index(self.family), len(procedural.CLASSES)
        key, _, shape = procedural.sample(self.split, place * classes + label, seed=self.seed, aligned=True)
        return key, shape

    def pack(self, cache: Path | None = None) -> "PackedDeformations":
        """All shapes, in memory; read from the folder `cache` where an earlier call left them, else left there."""

        def compute() -> dict[str, Any]:
            columns = [self._columns(*self(place)) for place in range(self.count)]
            return {name: np.stack([one[name] for one in columns]) for name in columns[0]}

        arrays = compute() if cache is None else cached(entry_path(cache, repr(self), VERSION), compute)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "key"}
        return PackedDeformations(tuple(arrays["key"].tolist()), self.attributes, **tensors)

    def _columns(self, key: str, shape: Shape) -> dict[str, Any]:
        grid = voxelize(shape.mesh, self.resolution, padding=self.padding)
        origin, size = grid.origin.double().numpy(), grid.voxel_size
        generator = torch.Generator().manual_seed(int.from_bytes(key.encode()[-8:], "big"))
        points = sample_surface(shape.mesh, self.points, generator=generator).points
        centres = [origin[axis] + (np.arange(self.resolution) + 0.5) * size for axis in range(3)]
        number = len(self.attributes)
        factors = np.zeros((number, 3, 3, self.resolution), np.float32)
        velocities, limits = np.zeros((number, self.points, 3), np.float32), np.zeros((number, 2), np.float32)
        handles = {handle.name: handle for handle in shape.handles}
        for k, name in enumerate(self.attributes):
            if name in handles:
                factors[k] = np.array(handles[name].factors(*centres))
                factors[k, :, 0] /= size
                velocities[k] = handles[name].velocity(points.double().numpy()) / size
                limits[k] = handles[name].limits()
        known = np.array([name in handles for name in self.attributes])
        poses = draw_intentions(torch.from_numpy(known)[None], torch.from_numpy(limits)[None], self.poses, generator)[0]
        volumes = [voxelize_pose(shape, self.attributes, pose, grid).values for pose in poses]
        empty = torch.zeros(0, self.resolution, self.resolution, self.resolution)
        scans = torch.stack(list(scan_grids(shape.mesh, grid, self.scans, generator))) if self.scans else empty
        return {
            "key": key,
            "columns": pack(grid.values[None])[0].numpy(),
            "frames": np.array([*origin, size], np.float32),
            "factors": factors,
            "known": known,
            "limits": limits,
            "points": ((points.double().numpy() - origin) / size).astype(np.float32),
            "velocities": velocities,
            "scans": (2 * scans).to(torch.uint8).numpy(),
            "poses": poses.numpy(),
            "volumes": pack(torch.stack(volumes) if volumes else empty.bool()).numpy(),
        }


@dataclass(frozen=True, eq=False)
class PackedDeformations:
    """What `ProceduralDeformations` holds, with K attributes; N shapes.

    Attributes:
        keys: one per shape.
        attributes: names, in the order of the intention.
        columns: int32 (N, R, R), solid occupancy, 32 cells in one integer (`geolearn.data.unpack`).
        frames: (N, 4), the origin of the grid and its cell size in the world of the shape.
        factors: (N, K, 3, 3, R): component a of v_k in cell (x, y, z) is the product of factors[:, k, a, 0, x],
            [..., 1, y] and [..., 2, z].
        known: bool (N, K), which attributes a shape has; the others' numbers are 0.
        limits: (N, K, 2), the lowest and highest amount.
        points: (N, P, 3), and velocities: (N, K, P, 3) at them.
        scans: uint8 (N, V, R, R, R): 0 free, 1 unknown, 2 surface.
        poses: (N, M, K) intentions, and volumes: int32 (N, M, R, R), the deformed shape in the same grid.
    """

    keys: tuple[str, ...]
    attributes: tuple[str, ...]
    columns: Int[Tensor, "N R R"]
    frames: Float[Tensor, "N 4"]
    factors: Float[Tensor, "N K 3 3 R"]
    known: Bool[Tensor, "N K"]
    limits: Float[Tensor, "N K 2"]
    points: Float[Tensor, "N P 3"]
    velocities: Float[Tensor, "N K P 3"]
    scans: UInt8[Tensor, "N V R R R"]
    poses: Float[Tensor, "N M K"]
    volumes: Int[Tensor, "N M R R"]

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"PackedDeformations({len(self)} x {self.columns.shape[-1]}^3, {len(self.attributes)} attributes)"

    def select(self, index: Int[Tensor, " M"] | Sequence[int]) -> "PackedDeformations":
        """The shapes at `index`, in that order."""
        where = torch.as_tensor(index, dtype=torch.int64)
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {name: value[where] for name, value in tensors.items() if isinstance(value, Tensor)}
        return replace(self, keys=tuple(self.keys[i] for i in where.tolist()), **chosen)

    def grids(self) -> Float[Tensor, "N 1 R R R"]:
        """Whole shapes, as a network takes them: 1 where occupied."""
        return unpack(self.columns)

    def partial_grids(self, view: int) -> Float[Tensor, "N 1 R R R"]:
        """What one depth camera saw: 0 free, 0.5 unknown, 1 surface."""
        return self.scans[:, view, None].float() / 2

    def mean_motion(self) -> Float[Tensor, " K"]:
        """Of surface points per unit of amount, in cells, over the shapes that have the attribute; 0 if none has."""
        motion = self.velocities.norm(dim=-1).mean(2)
        return motion.sum(0) / self.known.sum(0).clamp(min=1)

    def intentions(self, generator: torch.Generator) -> Float[Tensor, "N K"]:
        """One random intention for each shape: one to three of its attributes, uniform within its limits and +-0.5."""
        return draw_intentions(self.known, self.limits, 1, generator)[:, 0]
