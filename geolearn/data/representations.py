"""What a shape is turned into for a network. A representation is a frozen dataclass that is called on a record.

Calling it twice gives the same result, and its repr says everything the result depends on besides the shape: both are
what the cache relies on. How a whole split is packed is its own affair as well.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import torch
from torch.nn import functional as F

from geolearn.data.cache import cached, entry_path
from geolearn.data.packed import Packed, PackedSamples, PackedViews, PackedVoxels, pack
from geolearn.data.packed.columns import MAX_RESOLUTION
from geolearn.data.packed.fine_grids import MAX_FINE_RESOLUTION, PackedFineVoxels, pack_fine
from geolearn.data.packed.pictures import decode_pixels
from geolearn.data.prepared.pixels import cached_pixels
from geolearn.data.prepared.sources import MemorySource, Source, VoxelSource
from geolearn.data.store import Store
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.ops.isosurface import smooth_surface
from geolearn.ops.occupancy import occupancy_from_scan
from geolearn.render import camera_rig, render_views
from geolearn.render.pictures import SHADINGS, Shading
from geolearn.render.rigs import FITS, Fit, Rig, frame_mesh
from geolearn.structures import Cameras, Mesh, PointCloud, VoxelGrid
from geolearn.typing import Float, Shaped, Tensor

POINT_CELLS = 32  # in which points are drawn


class Representation(ABC):
    """Base of frozen dataclasses that turn a shape into what a network takes.

    Attributes:
        ragged: what becomes of two shapes may differ in size, so that a batch is a tuple and not one tensor.

    >>> @dataclass(frozen=True)
    ... class Extent(Representation):
    ...     def __call__(self, mesh):
    ...         return mesh.verts.amax(0) - mesh.verts.amin(0)
    >>> import trimesh
    >>> box = Mesh.from_trimesh(trimesh.creation.box((1, 2, 4)))
    >>> Extent().pack(Store.of_shapes([box])).take(torch.tensor([0]))  # shapes of a store are normalised
    tensor([[0.2500, 0.5000, 1.0000]])
    """

    ragged: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, shape: Any, /) -> Any:
        """What becomes of one shape: a `VoxelGrid`, or a tensor."""

    def pack(self, store: Store) -> Packed:
        """A whole split, ready for `Batches`; here one item after the other, in memory."""
        items = store.map(self, type(self).__name__)
        return PackedSamples(tuple(items), store.targets, store.keys, store.classes, self.ragged)


@dataclass(frozen=True)
class Voxelize(Representation):
    """Occupancy of `resolution` cells a side; batches are float32 (B, 1, R, R, R).

    A mesh is voxelized by `geolearn.ops.voxelize`: its longest side fills `resolution - 2 * padding` cells. Of
    points the cells that hold one are occupied, in the same frame. A grid is padded with empty cells about its centre
    or cropped where no occupied ones are lost; `mode` and `padding` do not apply to it.

    >>> import trimesh
    >>> Voxelize(8, padding=1)(Mesh.from_trimesh(trimesh.creation.box()))
    VoxelGrid(8^3 torch.bool, voxel_size 0.166667)
    """

    resolution: int
    mode: Literal["solid", "surface"] = "solid"
    padding: int = 0

    def __post_init__(self) -> None:
        if self.resolution < 1 or not 0 <= 2 * self.padding < self.resolution:
            raise InvalidInputError(f"resolution, padding: expected room for at least one cell, got {self}")

    def __call__(self, shape: Mesh | PointCloud | VoxelGrid, /) -> VoxelGrid:
        if isinstance(shape, VoxelGrid):
            resized = resize_grid(shape, self.resolution)
            if self.resolution < shape.resolution and int(resized.occupancy.sum()) < int(shape.occupancy.sum()):
                raise _too_fine(shape.resolution, self.resolution)
            return resized
        if isinstance(shape, PointCloud):
            points = shape.points
            hit = occupancy_from_scan(points, points, self.resolution, model="hit", padding=self.padding)
            return replace(hit, values=hit.occupancy)
        from geolearn.ops import voxelize  # late: it compiles kernels

        return voxelize(shape, self.resolution, mode=self.mode, padding=self.padding)

    def pack(self, store: Store) -> PackedVoxels | PackedFineVoxels:
        """Grids of a dataset at once; other shapes are voxelized once for all splits that come out of training, and
        kept as one file. More than 32 cells a side take the slower form, `PackedFineVoxels`.

        Raises:
            InvalidInputError: pictures, more than 128 cells a side, or grids of which a part would be cut off.
        """
        if store.source.kind == "views":
            raise InvalidInputError(f"representation: {store.name} holds pictures, which cannot be voxelized")
        if self.resolution > MAX_FINE_RESOLUTION:
            raise InvalidInputError(f"packed() holds up to {MAX_FINE_RESOLUTION} cells a side, got {self}")
        fine = self.resolution > MAX_RESOLUTION
        if store.source.kind == "voxels" and isinstance(store.source, VoxelSource | MemorySource) and not fine:
            ready = cast(PackedVoxels, store.source.pack(store.keys, store.targets, store.classes))
            resized = ready.resized(self.resolution)
            if not torch.equal(resized.resized(ready.resolution).columns, ready.columns):
                raise _too_fine(ready.resolution, self.resolution)
            return resized
        keys = store.keys if store.folder is None else store.whole

        def compute() -> dict[str, Any]:
            rows = store.workers.map(_PackOne(store.source, self), keys, f"voxelizing {store.name}")
            if fine:
                blank = torch.zeros(0, self.resolution, self.resolution, -(-self.resolution // 8), dtype=torch.uint8)
                return {"bits": (torch.stack(rows) if rows else blank).numpy()}
            return {"columns": (torch.stack(rows) if rows else torch.zeros(0, *(self.resolution,) * 2)).int().numpy()}

        if store.folder is None:
            (packed,) = map(torch.from_numpy, compute().values())
        else:
            path = entry_path(store.folder, store.digest, keys, repr(self))
            packed = torch.from_numpy(cached(path, compute)["bits" if fine else "columns"])[store.rows()]
        return (PackedFineVoxels if fine else PackedVoxels)(packed, store.targets, store.keys, store.classes)


@dataclass(frozen=True)
class SamplePoints(Representation):
    """`count` points on the surface, uniform by area, the same for the same mesh: float32 (count, 3).

    >>> import trimesh
    >>> points = SamplePoints(100)(Mesh.from_trimesh(trimesh.creation.box()))
    >>> points.shape, bool((points.abs().amax(1) == 0.5).all())
    (torch.Size([100, 3]), True)
    """

    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InvalidInputError(f"count: expected at least 1 point, got {self.count}")

    def __call__(self, shape: Mesh | PointCloud | VoxelGrid, /) -> Float[Tensor, "N 3"]:
        if isinstance(shape, VoxelGrid):
            raise InvalidInputError("SamplePoints: a voxel dataset has no surface to sample; use a mesh dataset")
        generator = torch.Generator().manual_seed(self.seed)
        if isinstance(shape, PointCloud):  # some of them, each again only where there are too few
            chosen = torch.randperm(len(shape), generator=generator)
            return shape.points[chosen.repeat(-(-self.count // len(shape)))[: self.count]]
        from geolearn.ops import sample_surface

        return sample_surface(shape, self.count, generator=generator).points


@dataclass(frozen=True)
class RenderViews(Representation):
    """Pictures from the cameras of a rig: float32 (V, C, H, W), see `geolearn.render.render_views` and `camera_rig`.

    A grid is shown by the surface of its occupied cells, without most of their steps (`smooth_surface`), points by that
    of the cells that hold them, `POINT_CELLS` a side. Pictures that are ready stay as they are.

    One framing rule for all shapes: the mesh is scaled into the unit cube (its box centred, the longest side 1), and
    the cameras know nothing of it. They leave room for a full cube, so most shapes stay in the middle of the picture;
    `fit="sphere"` scales further, until the farthest vertex lies on the sphere around the unit cube: shapes are larger
    and still never cut off. `fit="none"` leaves the mesh where it is, at its own scale. The cameras are the same.

    Values are rounded to 8 bits, as in a PNG file, so that keeping them in 8 bits loses nothing: what comes out of a
    cache is what was rendered. `depth`, which is in units of the longest side and not in [0, 1], stays float32.

    Attributes:
        rig: "mvcnn12", "mvcnn80", "ring" or "sphere".
        size: pixels a side.
        shading: "smooth", "flat", "normals" (C = 3), "silhouette" or "depth".
        count, elevation_rad: of a ring or sphere, see `camera_rig`.
        fov_rad, distance: see `camera_rig`; a smaller distance than its own zooms in and may cut shapes off.
        ambient, diffuse, background: see `render_views`.
        fit: "cube", "sphere" or "none", see above.
        antialias: every pixel is the average of n x n samples; 1 shows what its centre sees.

    >>> import trimesh
    >>> RenderViews("ring", 16, count=3)(Mesh.from_trimesh(trimesh.creation.box())).shape
    torch.Size([3, 1, 16, 16])
    """

    rig: Rig = "mvcnn12"
    size: int = 224
    shading: Shading = "smooth"
    count: int | None = None
    elevation_rad: float | None = None
    fov_rad: float = math.radians(40)
    distance: float | None = None
    ambient: float = 0.3
    diffuse: float = 0.6
    background: float = 0.0
    fit: Fit = "cube"
    antialias: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InvalidInputError(f"size: expected at least 1 pixel, got {self.size}")
        if self.antialias < 1:
            raise InvalidInputError(f"antialias: expected at least 1 sample a side, got {self.antialias}")
        if self.shading not in SHADINGS:
            raise unknown_name("shading", self.shading, SHADINGS)
        if min(self.ambient, self.diffuse) < 0 or self.ambient + self.diffuse > 1 or not 0 <= self.background <= 1:
            raise InvalidInputError(f"expected light >= 0 of at most 1 together, background in [0, 1], got {self}")
        if self.fit not in FITS:
            raise unknown_name("fit", self.fit, FITS)
        self.cameras()

    def cameras(self) -> Cameras:
        """The cameras, the same for every shape."""
        return camera_rig(
            self.rig,
            size=self.size,
            count=self.count,
            elevation_rad=self.elevation_rad,
            fov_rad=self.fov_rad,
            distance=self.distance,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(V, C, H, W)."""
        return len(self.cameras()), 3 if self.shading == "normals" else 1, self.size, self.size

    @property
    def pixel_dtype(self) -> torch.dtype:
        return torch.float32 if self.shading == "depth" else torch.uint8

    def __call__(self, shape: Mesh | PointCloud | VoxelGrid | Tensor, /) -> Float[Tensor, "V C H W"]:
        return shape if isinstance(shape, Tensor) else decode_pixels(self.pixels(shape))

    def pack(self, store: Store) -> PackedViews:
        """Ready pictures as they are; others are rendered once for all splits that come out of training, kept in 8 bits
        in one file, and mapped from there rather than held in memory."""
        if store.source.kind == "views":
            return cast(PackedViews, store.source.pack(store.keys, store.targets, store.classes))
        render, title = _RenderOne(store.source, self), f"rendering {store.name}"
        if store.folder is None:
            made = store.workers.map(render, store.keys, title)
            pixels = torch.stack(made) if made else torch.zeros(0, *self.shape, dtype=self.pixel_dtype)
            return PackedViews(pixels, store.targets, store.keys, store.classes)
        path = entry_path(store.folder, store.digest, store.whole, repr(self), suffix=".npy")
        pixels = cached_pixels(path, self.shape, render, store.whole, store.workers, title, self.pixel_dtype)
        return PackedViews(pixels, store.targets, store.keys, store.classes, store.rows())

    def pixels(self, shape: Mesh | PointCloud | VoxelGrid, /) -> Shaped[Tensor, "V C H W"]:
        """The same as `pixel_dtype`: uint8 in 0..255, or float32 for depth."""
        if isinstance(shape, PointCloud):
            shape = Voxelize(POINT_CELLS, padding=1)(shape)
        mesh = shape if isinstance(shape, Mesh) else smooth_surface(shape)
        images = render_views(
            frame_mesh(mesh, self.fit),
            self.cameras(),
            size=self.size * self.antialias,
            shading=self.shading,
            ambient=self.ambient,
            diffuse=self.diffuse,
            background=self.background,
        )
        images = F.avg_pool2d(images, self.antialias) if self.antialias > 1 else images
        return images if self.shading == "depth" else (images * 255).round_().to(torch.uint8)


def resize_grid(grid: VoxelGrid, resolution: int) -> VoxelGrid:
    """Pad with empty cells, or crop, about the centre; cells keep their size and place in the world.

    An odd difference puts the extra layer on the far side of each axis, as `resize_columns` does.
    """
    size = grid.resolution
    low = abs(resolution - size) // 2 * (1 if resolution > size else -1)
    high = resolution - size - low
    values = F.pad(grid.values, (low, high) * 3)
    return VoxelGrid(values, grid.origin - low * grid.voxel_size, grid.voxel_size)


def _too_fine(cells: int, resolution: int) -> InvalidInputError:
    return InvalidInputError(
        f"resolution: a grid of {cells} cells a side has occupied cells outside the middle {resolution}; take grids as "
        f"they are, --resolution {cells}"
    )


@dataclass(frozen=True)
class _PackOne:
    """Voxelize and pack one shape; can be sent to a worker process."""

    source: Source
    representation: Voxelize

    def __call__(self, key: str) -> Shaped[Tensor, "R R *C"]:
        cells = self.representation(self.source.load(key)).occupancy[None]
        return (pack_fine if self.representation.resolution > MAX_RESOLUTION else pack)(cells)[0]


@dataclass(frozen=True)
class _RenderOne:
    """Render one shape; can be sent to a worker process."""

    source: Source
    representation: RenderViews

    def __call__(self, key: str) -> Shaped[Tensor, "V C H W"]:
        return self.representation.pixels(self.source.load(key))
