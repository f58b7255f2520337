"""Images of voxel grids: visual hull, absorption only and emission-absorption, for any pinhole camera.

The three image formation models of Henzler, Mitra and Ritschel, "Escaping Plato's Cave: 3D Shape From Adversarial
Rendering" (ICCV 2019), carried over from a rotated grid and parallel rays to cameras: along the ray of every pixel the
grid is sampled trilinearly every `step` voxels, from the camera on, with 0 outside the grid. With samples v_i, a_i, e_i
from front to back, s = `step` and R the resolution of the grid:

| model | `physical` (the default) | `paper` |
| --- | --- | --- |
| visual hull | 1 - exp(-sum_i v_i s) | 1 - exp(-sum_i v_i) |
| absorption only | 1 - prod_i (1 - a_i)^s | 1 - prod_i (1 - a_i) |
| emission-absorption | sum_i prod_{j<i} (1 - a_j)^s (1 - (1 - a_i)^s) e_i | sum_i prod_{j<=i} (1 - a_j) a_i e_i |

`physical` is the law of Beer and Lambert for a grid that holds the opacity (for the hull: the optical thickness) of one
voxel. It converges as the step shrinks; at a step of one voxel the powers drop out. `paper` is as printed: it adds up
samples whatever their distance, and its transmission includes the voxel itself, so that a fully opaque voxel hides its
own light and is black.

`reference` is what the authors' code computes. The visual hull is as printed. The others take b_i = density a_i s / R,
at most 1 - 1e-5, with density 20 for absorption only, 1 - prod_i (1 - b_i), and density 100 for emission-absorption:
(1 - prod_i (1 - b_i)) (sum_i w_i e_i) / (sum_i w_i + 1e-8) with w_i = prod_{j<=i} (1 - b_j) b_i and s = R/1024.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.render.marching import Samples, composite, pixel_rays, sample_along_rays
from geolearn.structures import Cameras, VoxelGrid
from geolearn.typing import Bool, Float, Tensor

Mode = Literal["physical", "paper", "reference"]
MODES = ("physical", "paper", "reference")
Values = Float[Tensor, "R R R"] | Float[Tensor, "B 1 R R R"] | Bool[Tensor, "R R R"] | Bool[Tensor, "B 1 R R R"]

REFERENCE_SAMPLES = 1024  # that the authors' emission-absorption takes across the grid
LEAST_TRANSMISSION = 1e-5  # of one sample; the authors' clamp, which also keeps the derivative of a power finite


def visual_hull(
    values: VoxelGrid | Values,
    cameras: Cameras,
    *,
    mode: Mode = "physical",
    step: float = 1.0,
    origin: tuple[float, float, float] | None = None,
    voxel_size: float | None = None,
    paired: bool = False,
) -> Float[Tensor, "*images H W"]:
    """Soft silhouettes that saturate with the sum of the values along the ray: 1 - exp(-sum_i v_i).

    Args:
        values: a `VoxelGrid`, or (R, R, R) or (B, 1, R, R, R) values >= 0 at the centres of the cells [x, y, z].
        cameras: N cameras. One inside the grid sees what lies ahead of it, one that looks away sees nothing.
        mode: which formula; see the top of this module.
        step: distance between samples, in voxels.
        origin, voxel_size: where the grid of a plain tensor lies, as in `VoxelGrid`; by default it fills the unit cube
            around the world's origin, which `camera_rig` frames.
        paired: camera n sees grid n only (N = B), instead of every camera seeing every grid.

    Returns:
        (N, H, W) for one grid, (B, N, H, W) for a batch, (B, H, W) where `paired`; in [0, 1], in the dtype of the
        values. Differentiable in the values and in the intrinsics and poses of the cameras.

    Raises:
        InvalidInputError: values that are NaN or out of range, a step or voxel size <= 0, or numbers that do not fit.
        UnknownNameError: no such mode.

    >>> from geolearn.render import camera_rig
    >>> cameras = camera_rig("ring", count=2, size=9, elevation_rad=0.0)
    >>> hull = visual_hull(torch.full((4, 4, 4), 50.0), cameras)
    >>> hull.shape, hull[0, 4, [0, 4]].tolist()
    (torch.Size([2, 9, 9]), [0.0, 1.0])
    """
    grids = _batch(values, "values", highest=math.inf)
    length = step if _check_mode(mode) == "physical" else 1.0

    def form(samples: Samples) -> Tensor:
        return -torch.expm1(-length * samples.sum_per_ray())

    return _images(form, values, grids, cameras, step, origin, voxel_size, paired)[..., 0, :, :]


def absorption_only(
    values: VoxelGrid | Values,
    cameras: Cameras,
    *,
    mode: Mode = "physical",
    step: float = 1.0,
    origin: tuple[float, float, float] | None = None,
    voxel_size: float | None = None,
    paired: bool = False,
    density: float = 20.0,
) -> Float[Tensor, "*images H W"]:
    """X-ray pictures of opacities, and the alpha channel of `emission_absorption`: 1 - prod_i (1 - a_i).

    Arguments, results and errors as for `visual_hull`, with values in [0, 1]; `density` is for `reference` only.

    >>> from geolearn.render import camera_rig
    >>> cameras = camera_rig("ring", count=2, size=9, elevation_rad=0.0)
    >>> absorption_only(torch.full((4, 4, 4), 0.5), cameras)[0, 4, [0, 4]].round(decimals=2)
    tensor([0.0000, 0.9300])
    """
    grids = _batch(values, "values", highest=1.0)
    scale = density * step / grids.shape[-1]
    _check_mode(mode)

    def form(samples: Samples) -> Tensor:
        alphas = _alphas(samples.values[:, 0], mode, step, scale)
        return composite(alphas, samples.values[:, :0], samples.count)[1][:, None]

    return _images(form, values, grids, cameras, step, origin, voxel_size, paired)[..., 0, :, :]


def emission_absorption(
    absorption: VoxelGrid | Values,
    emission: Float[Tensor, "C R R R"] | Float[Tensor, "B C R R R"],
    cameras: Cameras,
    *,
    mode: Mode = "physical",
    step: float | None = None,
    origin: tuple[float, float, float] | None = None,
    voxel_size: float | None = None,
    paired: bool = False,
    density: float = 100.0,
) -> Float[Tensor, "*images C H W"]:
    """Pictures of cells that emit light and hide what is behind them: sum_i prod_{j<i} (1 - a_j) a_i e_i.

    Args:
        absorption: opacities in [0, 1], as the values of `visual_hull`.
        emission: what each cell emits, (C, R, R, R) for one grid or (B, C, R, R, R) for a batch; any finite values.
        step: distance between samples in voxels; by default 1, and R/1024 in `reference`.
        density: for `reference` only.

    The other arguments, results and errors as for `visual_hull`. The background is black and colours are multiplied by
    the opacity, which `absorption_only` gives in the same mode (in `physical`; elsewhere the two use other formulas).

    Returns:
        (N, C, H, W) for one grid, (B, N, C, H, W) for a batch, (B, C, H, W) where `paired`.

    >>> from geolearn.render import camera_rig
    >>> cameras = camera_rig("ring", count=2, size=9, elevation_rad=0.0)
    >>> red = torch.tensor([1.0, 0, 0])[:, None, None, None].expand(3, 4, 4, 4)
    >>> picture = emission_absorption(torch.ones(4, 4, 4), red, cameras)
    >>> picture.shape, [round(value, 2) for value in picture[0, :, 4, 4].tolist()]
    (torch.Size([2, 3, 9, 9]), [0.89, 0.0, 0.0])
    """
    grids = _batch(absorption, "absorption", highest=1.0)
    colours = emission[None] if _single(absorption) else emission
    if colours.ndim != 5 or colours.shape[2:] != grids.shape[2:] or len(colours) != len(grids):
        raise InvalidInputError(
            f"emission: expected (C, R, R, R) for one grid or (B, C, R, R, R) for a batch, with the sizes of the "
            f"absorption {tuple(grids.shape)}, got {tuple(emission.shape)}"
        )
    if not bool(torch.isfinite(emission.detach()).all()):
        raise InvalidInputError("emission: some values are NaN or infinite")
    if _check_mode(mode) == "reference" and step is None:
        step = grids.shape[-1] / REFERENCE_SAMPLES
    step = 1.0 if step is None else step
    scale = density * step / grids.shape[-1]

    def form(samples: Samples) -> Tensor:
        alphas, emitted = _alphas(samples.values[:, 0], mode, step, scale), samples.values[:, 1:]
        images, weights = composite(alphas, emitted, samples.count, inclusive=mode != "physical")
        if mode == "reference":
            opacity = composite(alphas, emitted[:, :0], samples.count)[1]
            images = images * (opacity / (weights + 1e-8))[:, None]
        return images

    grids = torch.cat([grids, colours.to(grids)], dim=1)
    return _images(form, absorption, grids, cameras, step, origin, voxel_size, paired)


def _images(
    form: Callable[[Samples], Tensor],
    values: VoxelGrid | Tensor,
    grids: Float[Tensor, "B C R R R"],
    cameras: Cameras,
    step: float,
    origin: tuple[float, float, float] | None,
    voxel_size: float | None,
    paired: bool,
) -> Float[Tensor, "*images channels H W"]:
    """Images of `grids`, which lie where `values` does; `form` turns the samples of M rays into pixels (M, C')."""
    if not 0 < step < math.inf:
        raise InvalidInputError(f"step: expected a finite number of voxels > 0, got {step}")
    if paired and len(cameras) != len(grids):
        raise InvalidInputError(f"cameras: expected {len(grids)}, one per grid (paired=True), got {len(cameras)}")
    corner, size = _place(values, origin, voxel_size)
    centres, directions = pixel_rays(
        cameras.K.to(grids), cameras.world_to_camera.to(grids), cameras.height, cameras.width
    )
    centres = (centres - corner.to(grids)) / size - 0.5  # to index space
    if not paired:
        centres, directions = centres.repeat(len(grids), 1), directions.repeat(len(grids), 1, 1)
    samples = sample_along_rays(grids, centres, directions, step)
    views = (len(cameras),) if paired or _single(values) else (len(grids), len(cameras))
    pixels = form(samples)
    return pixels.reshape(*views, cameras.height, cameras.width, pixels.shape[1]).movedim(-1, -3)


def _check_mode(mode: str) -> str:
    if mode not in MODES:
        raise unknown_name("volume rendering mode", mode, MODES)
    return mode


def _single(values: VoxelGrid | Tensor) -> bool:
    return isinstance(values, VoxelGrid) or values.ndim == 3


def _batch(values: VoxelGrid | Tensor, name: str, *, highest: float) -> Float[Tensor, "B 1 R R R"]:
    """The values as a checked batch of float32 or float64 grids."""
    grids = values.values if isinstance(values, VoxelGrid) else values
    cube = grids.ndim in (3, 5) and len(set(grids.shape[-3:])) == 1 and grids.shape[-1] > 0
    if not cube or (grids.ndim == 5 and grids.shape[1] != 1):
        raise InvalidInputError(f"{name}: expected (R, R, R) or (B, 1, R, R, R) with R > 0, got {tuple(grids.shape)}")
    grids = grids if grids.dtype == torch.float64 else grids.float()
    if grids.numel():
        low, high = (float(bound) for bound in grids.detach().aminmax())
        if not 0 <= low <= high <= highest or high == math.inf:  # NaN is in no order
            raise InvalidInputError(
                f"{name}: expected {f'values in 0..{highest:g}' if highest < math.inf else 'finite values >= 0'}, "
                f"got {low:g}..{high:g}; pass a network's output through a sigmoid or softplus"
            )
    return grids[None, None] if grids.ndim == 3 else grids


def _place(
    values: VoxelGrid | Tensor, origin: tuple[float, float, float] | None, voxel_size: float | None
) -> tuple[Tensor, float]:
    """The corner of cell (0, 0, 0) and the edge of a cell."""
    if isinstance(values, VoxelGrid):
        if origin is not None or voxel_size is not None:
            raise InvalidInputError("origin, voxel_size: the VoxelGrid has its own; pass its `values` to replace them")
        return values.origin, values.voxel_size
    size = 1 / values.shape[-1] if voxel_size is None else voxel_size
    if not 0 < size < math.inf:
        raise InvalidInputError(f"voxel_size: expected a finite length > 0, got {voxel_size}")
    corner = -size * values.shape[-1] / 2
    return torch.tensor((corner, corner, corner) if origin is None else origin, dtype=torch.float64), size


def _alphas(values: Tensor, mode: str, step: float, scale: float) -> Tensor:
    """The opacities of samples; `scale` is the factor of `reference`."""
    if mode == "reference":
        return (values * scale).clamp(max=1 - LEAST_TRANSMISSION)
    if mode == "physical" and step != 1:
        return 1 - (1 - values).clamp(min=LEAST_TRANSMISSION) ** step
    return values
