"""`fit_grid`: an occupancy grid from masks and cameras, without anything learned."""

from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch.nn.functional import softplus

from geolearn.errors import InvalidInputError
from geolearn.fitting.descent import Descent, Objective
from geolearn.fitting.hull import object_box
from geolearn.fitting.metrics import coverage_iou
from geolearn.fitting.picture_samples import is_in_picture, sample_pictures
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.silhouette_batch import SilhouetteBatch, batch_of
from geolearn.losses.grids import total_variation_loss
from geolearn.render.ray_sums import RaySums
from geolearn.structures import Cameras, Views, VoxelGrid
from geolearn.typing import Float, Tensor

PIXELS_PER_CELL = 3  # larger masks are averaged down: finer detail than a cell cannot be fitted
MARGIN = 1.06  # of the grid around the box of the object
SURE = 3.0  # log-odds at which a fit starts: 95 % inside the hull, 5 % outside
BLUR = 1.0  # standard deviation in pixels, for the hull that a fit starts from
MOST = 1 - 1e-4  # of the opacity 1, so that solid cells have a finite thickness, 9.2
CARVED = 0.5  # blurred mask below which a cell is taken to be outside


@overload
def fit_grid(views: Views, **options: Any) -> FitResult: ...
@overload
def fit_grid(views: Sequence[Views], **options: Any) -> list[FitResult]: ...
def fit_grid(  # type: ignore[reportInconsistentOverload]  # options of the overloads stand here
    views: Views | Sequence[Views],
    *,
    resolution: int = 32,
    box: Float[Tensor, "2 3"] | None = None,
    start: VoxelGrid | Sequence[VoxelGrid] | None = None,
    steps: int = 100,
    rate: float = 0.1,
    smoothness: float = 0.03,
    views_per_step: int = 8,
    progress: Callable[[Step], None] | None = None,
    generator: torch.Generator | None = None,
) -> FitResult | list[FitResult]:
    """The grid of opacities whose silhouettes are the masks.

        argmin over o in [0, 1]^(R^3) of  mean over views |S(o) - mask|  +  smoothness * TV(o)

    S(o) = 1 - prod (1 - o)^length over the cells along the ray of every pixel, each for the length of the ray inside it
    in voxels (`RaySums`), TV the mean difference of neighbours (`total_variation_loss`). The opacities are sigmoids of
    free log-odds, moved by Adam from the cells that no mask excludes. What no view sees stays as it was: from few
    views, the shape is about their visual hull. Masks larger than three times the grid are averaged down.

    Args:
        views: of one shape, with masks; or of several shapes, all by the same cameras, which are fitted side by side in
            one grid frame, each as if it were alone.
        resolution: R, cells per side; of `start` where that is given.
        box: lowest and highest corner of what the object may fill, made a cube; by default `object_box`, which needs
            views from at least two sides.
        start: opacities to begin with, instead of the hull, and where they lie.
        steps, rate: of Adam, in log-odds; the rate falls to a twentieth.
        smoothness: see above.
        views_per_step: how many views a step draws.
        progress: called after every step, with the mean over the shapes.
        generator: draws the views; by default one with seed 0.

    Returns:
        A `VoxelGrid` of opacities in the world of the cameras, or one result per shape. `metrics`: `iou` (both cut at
        1/2) and `coverage_iou` of the silhouettes over all views, `seconds` of the whole call. A KeyboardInterrupt ends
        the fit early; the result is what there is then, or the beginning if that fits better, and says so.

    Raises:
        InvalidInputError: views that show nothing or everywhere something, cameras that do not fit together or see
            nothing of the grid, a single view without `box` or `start`, or options out of range.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> from geolearn.structures import Mesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")
    >>> views = Views(masks, cameras, masks[:, 0])
    >>> result = fit_grid(views, resolution=6, steps=3)
    >>> result.shape.resolution, len(result.history)
    (6, 3)
    """
    if min(resolution, steps, views_per_step) < 1 or not rate > 0 or not smoothness >= 0:
        raise InvalidInputError(
            "resolution, steps, views_per_step, rate, smoothness: expected at least 1, 1 and 1, a rate > 0 and a "
            f"weight >= 0, got {resolution}, {steps}, {views_per_step}, {rate} and {smoothness}"
        )
    first = None if start is None else start if isinstance(start, VoxelGrid) else start[0]
    resolution = resolution if first is None else first.resolution
    batch = batch_of(views, PIXELS_PER_CELL * resolution)
    if first is None:
        origin, voxel_size = _find_frame(batch, box, resolution)
    else:
        origin, voxel_size = first.origin.detach().cpu(), first.voxel_size
    rays = rays_through(batch.cameras, resolution, origin, voxel_size)
    if start is None:
        inside = least_mask(batch, resolution, origin, voxel_size) > CARVED
        odds = torch.where(inside, SURE, -SURE)
    else:
        grids = [start] if isinstance(start, VoxelGrid) else list(start)
        odds = torch.logit(_stack(grids, batch, origin, voxel_size).clamp(0.05, 0.95))
    generator = generator or torch.Generator().manual_seed(0)
    descent = Descent(len(batch.cameras), views_per_step, steps, generator, progress)
    odds = descend_grid(odds, batch, rays, descent, steps=steps, rate=rate, smoothness=smoothness, phase=0)
    results = []
    for number in range(len(batch)):
        metrics = grid_metrics(softplus(odds[number, None]), batch.masks[number, None], rays)
        metrics["seconds"] = descent.elapsed()
        grid = VoxelGrid(torch.sigmoid(odds[number, 0]), origin, voxel_size)
        targets = batch.targets[number]
        results.append(FitResult(grid, None, descent.history(number), metrics, *descent.verdict(number), targets))
    return results[0] if isinstance(views, Views) else results


def descend_grid(
    odds: Float[Tensor, "B 1 R R R"],
    batch: SilhouetteBatch,
    rays: RaySums,
    descent: Descent,
    *,
    steps: int,
    rate: float,
    smoothness: float,
    phase: int,
) -> Float[Tensor, "B 1 R R R"]:
    """The log-odds of the grids after `steps` steps."""

    def objective(odds: Tensor, chosen: list[int]) -> Objective:
        drawn, masks = rays.silhouettes(softplus(odds), chosen), batch.masks[:, chosen]
        loss = (drawn - masks).abs().mean((1, 2, 3)) + smoothness * total_variation_loss(torch.sigmoid(odds))
        return Objective(loss, coverage_iou(drawn.detach(), masks))

    return descent.stage(odds, objective, steps=steps, rate=rate, phase=phase)


def grid_metrics(
    thickness: Float[Tensor, "B 1 R R R"], masks: Float[Tensor, "B N H W"], rays: RaySums
) -> dict[str, float]:
    """`iou`, both cut at 1/2, and `coverage_iou` of silhouettes with masks, over all views."""
    drawn = rays.silhouettes(thickness, list(range(len(rays))))
    return {
        "iou": float(coverage_iou((drawn >= 0.5).float(), (masks >= 0.5).float()).mean()),
        "coverage_iou": float(coverage_iou(drawn, masks).mean()),
    }


def thickness_of(opacities: Float[Tensor, "B 1 R R R"]) -> Float[Tensor, "B 1 R R R"]:
    """-log(1 - o), made finite at o = 1, where it keeps a gradient."""
    return -torch.log1p(-MOST * opacities)


@torch.autocast("cpu", enabled=False)
def rays_through(cameras: Cameras, resolution: int, origin: Tensor, voxel_size: float) -> RaySums:
    """The rays of the cameras.

    Raises:
        InvalidInputError: no camera sees anything of the grid.
    """
    x, y, z = origin.tolist()
    rays = RaySums(cameras, resolution, origin=(x, y, z), voxel_size=voxel_size)
    if not any(rays.sees()):
        raise InvalidInputError(
            "views: no camera sees anything of the grid, the cube from "
            f"{[round(value, 3) for value in (x, y, z)]} with side {resolution * voxel_size:.3g}: all look past it or "
            "away from it. Check the camera convention (geolearn.render.from_opengl, from_opencv, ...), and where the "
            "shape lies"
        )
    return rays


@torch.autocast("cpu", enabled=False)
def least_mask(
    batch: SilhouetteBatch, resolution: int, origin: Tensor, voxel_size: float, blur: float = BLUR
) -> Float[Tensor, "B 1 R R R"]:
    """The least of the blurred masks at the projections of the centres of the cells; 1 where no picture shows them."""
    cells = torch.cartesian_prod(*[torch.arange(resolution)] * 3)
    pixels, depth = batch.cameras.project(origin + (cells + 0.5) * voxel_size)
    known = is_in_picture(pixels, depth, *batch.size)
    masks = _blur(batch.masks, blur)
    least = torch.ones(len(batch), len(cells))
    for view in range(len(batch.cameras)):
        least = torch.where(known[view], least.minimum(sample_pictures(masks[:, view], pixels[view])), least)
    return least.reshape(len(batch), 1, *(resolution,) * 3)


def _blur(masks: Tensor, deviation: float) -> Tensor:
    """Convolved with a Gaussian, continued at the border by its last pixels."""
    if deviation <= 0:
        return masks
    reach = int(3 * deviation + 0.5)
    weights = torch.exp(-torch.arange(-reach, reach + 1).square() / (2 * deviation**2))
    weights = weights / weights.sum()
    flat = masks.reshape(-1, 1, *masks.shape[-2:])
    flat = torch.nn.functional.pad(flat, (reach,) * 4, mode="replicate")
    flat = torch.nn.functional.conv2d(flat, weights.reshape(1, 1, 1, -1))
    return torch.nn.functional.conv2d(flat, weights.reshape(1, 1, -1, 1)).reshape(masks.shape)


def _find_frame(batch: SilhouetteBatch, box: Tensor | None, resolution: int) -> tuple[Tensor, float]:
    """Corner and cell size of the cube around the box of all shapes."""
    if box is None:
        low, high = object_box(batch.masks.amax(0), batch.cameras)
    else:
        low, high = torch.as_tensor(box, dtype=torch.float32)
        if not bool((low < high).all()):
            raise InvalidInputError(f"box: expected a lowest and a highest corner, got {low.tolist()}, {high.tolist()}")
    side = float((high - low).max()) * MARGIN
    return (low + high) / 2 - side / 2, side / resolution


def _stack(grids: list[VoxelGrid], batch: SilhouetteBatch, origin: Tensor, voxel_size: float) -> Tensor:
    if len(grids) != len(batch):
        raise InvalidInputError(f"start: expected {len(batch)} grids, one per shape, got {len(grids)}")
    for grid in grids:
        place = torch.allclose(grid.origin.cpu(), origin) and grid.voxel_size == voxel_size
        if grid.resolution != grids[0].resolution or not place:
            raise InvalidInputError("start: expected grids of one resolution in one place")
    return torch.stack([grid.values.detach().cpu().float() for grid in grids])[:, None]
