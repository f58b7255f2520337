"""Rings and spheres of cameras around the origin, all framing the unit cube in the same way."""

import math
from dataclasses import replace
from typing import Literal, get_args

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor

Rig = Literal["mvcnn12", "mvcnn80", "ring", "sphere"]
RIGS: tuple[Rig, ...] = get_args(Rig)
CUBE_RADIUS = math.sqrt(3) / 2  # of the sphere around the unit cube
Fit = Literal["cube", "sphere", "none"]
FITS: tuple[Fit, ...] = get_args(Fit)


def camera_rig(
    name: Rig,
    *,
    size: int | tuple[int, int] = 224,
    count: int | None = None,
    elevation_rad: float | None = None,
    fov_rad: float = math.radians(40),
    distance: float | None = None,
) -> Cameras:
    """Cameras that look at the origin, with Z up in every picture.

    | name | cameras |
    | --- | --- |
    | `mvcnn12` | 12 on a ring, every 30 degrees, 30 degrees above the horizon (Su et al., ICCV 2015, section 3.1) |
    | `mvcnn80` | the 20 corners of a dodecahedron x 4 quarter turns about the viewing axis (same, second setup) |
    | `ring` | `count` (12) on a ring at `elevation_rad` (30 degrees), the first on the +X side, towards +Y |
    | `sphere` | `count` (32) spread evenly over the sphere on a Fibonacci spiral, from the top down |

    One framing rule, which knows nothing of the content: the sphere around the unit cube touches the shorter image
    side, so whatever fits the cube [-0.5, 0.5]^3 is in every picture, at the same scale in all of them.

    Args:
        name: which rig.
        size: image side in pixels, or (height, width).
        count: number of cameras, for `ring` and `sphere`.
        elevation_rad: height above the horizon, -pi/2..pi/2, for `ring`.
        fov_rad: full angle of view across the shorter side, between 0 and pi.
        distance: camera to origin; by default `sqrt(3)/2 / sin(fov/2)`, which is the framing rule. Another distance
            zooms.

    Raises:
        UnknownNameError: no such rig.
        InvalidInputError: an option out of range, or one that the rig does not take.

    >>> camera_rig("mvcnn12", size=64)
    Cameras(12 of 64 x 64 px)
    >>> camera_rig("ring", count=2, elevation_rad=0.0, distance=2.0).centres.round().abs().tolist()
    [[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    if name not in RIGS:
        raise unknown_name("camera rig", name, RIGS)
    height, width = (size, size) if isinstance(size, int) else size
    if not 0 < fov_rad < math.pi:
        raise InvalidInputError(f"fov_rad: expected an angle between 0 and pi (radians), got {fov_rad}")
    if distance is None:
        distance = CUBE_RADIUS / math.sin(fov_rad / 2)
    if not 0 < distance < math.inf:
        raise InvalidInputError(f"distance: expected a finite length > 0, got {distance}")
    if name.startswith("mvcnn") and count is not None:
        raise InvalidInputError(f"count: {name} has a fixed number of cameras; use 'ring' or 'sphere' for {count}")
    if count is not None and count < 1:
        raise InvalidInputError(f"count: expected at least 1 camera, got {count}")
    if name != "ring" and elevation_rad is not None:
        raise InvalidInputError(f"elevation_rad: only 'ring' takes it, {name!r} fixes its own elevations")

    if name in ("mvcnn12", "ring"):
        elevation = math.radians(30) if elevation_rad is None else elevation_rad
        if not abs(elevation) <= math.pi / 2:
            raise InvalidInputError(f"elevation_rad: expected -pi/2..pi/2 (radians), got {elevation_rad}")
        azimuths = torch.arange(count or 12, dtype=torch.float64) * (2 * math.pi / (count or 12))
        rotations = _facing_origin(azimuths, torch.full_like(azimuths, elevation))
    elif name == "sphere":
        rotations = _facing_origin(*_fibonacci(count or 32))
    else:
        corners = _dodecahedron()
        upright = _facing_origin(torch.atan2(corners[:, 1], corners[:, 0]), torch.asin(corners[:, 2]))
        rotations = torch.cat([_quarter_turn(turns) @ upright for turns in range(4)])  # 0..19 are upright
    return _at_distance(rotations, distance, fov_rad, height, width)


def cameras_around(
    azimuth_rad: Float[Tensor, " N"],
    elevation_rad: Float[Tensor, " N"],
    *,
    size: int = 224,
    fov_rad: float = math.radians(40),
) -> Cameras:
    """Cameras that look at the origin from these directions, Z up, framed like those of `camera_rig`.

    Args:
        azimuth_rad: about Z, from the +X side towards +Y.
        elevation_rad: above the horizon, -pi/2..pi/2.
        size: image side in pixels.
        fov_rad: full angle of view.

    Raises:
        InvalidInputError: an elevation or angle of view out of range.

    Example:
        >>> cameras_around(torch.zeros(1), torch.zeros(1)).centres.abs().round(decimals=2)
        tensor([[2.5300, 0.0000, 0.0000]])
    """
    if not 0 < fov_rad < math.pi:
        raise InvalidInputError(f"fov_rad: expected an angle between 0 and pi (radians), got {fov_rad}")
    if len(elevation_rad) and not float(elevation_rad.abs().max()) <= math.pi / 2:
        raise InvalidInputError(f"elevation_rad: expected -pi/2..pi/2 (radians), got {elevation_rad.tolist()}")
    rotations = _facing_origin(azimuth_rad.double(), elevation_rad.double())
    return _at_distance(rotations, CUBE_RADIUS / math.sin(fov_rad / 2), fov_rad, size, size)


def _at_distance(
    rotations: Float[Tensor, "N 3 3"], distance: float, fov_rad: float, height: int, width: int
) -> Cameras:
    pose = torch.eye(4, dtype=torch.float64).repeat(len(rotations), 1, 1)
    pose[:, :3, :3] = rotations
    pose[:, 2, 3] = distance
    focal = min(height, width) / 2 / math.tan(fov_rad / 2)
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]).expand(len(pose), 3, 3)
    return Cameras(K, pose, height, width)


def frame_mesh(mesh: Mesh, fit: Fit) -> Mesh:
    """The mesh as every camera rig frames it: "cube", "sphere" or "none", see `geolearn.data.RenderViews`."""
    if fit == "none" or not len(mesh.faces):
        return mesh
    mesh = mesh.normalised()
    radius = mesh.triangles().norm(dim=2).max()
    if fit == "cube" or radius == 0:
        return mesh
    return replace(mesh, verts=mesh.verts * (CUBE_RADIUS / radius))


def _facing_origin(azimuths: Float[Tensor, " N"], elevations: Float[Tensor, " N"]) -> Float[Tensor, "N 3 3"]:
    """World-to-camera rotations of cameras at these angles that look at the origin; defined at the poles as well."""
    zero = torch.zeros_like(azimuths)
    sin_a, cos_a, sin_e, cos_e = azimuths.sin(), azimuths.cos(), elevations.sin(), elevations.cos()
    right = torch.stack([-sin_a, cos_a, zero], dim=1)
    down = torch.stack([sin_e * cos_a, sin_e * sin_a, -cos_e], dim=1)
    forward = torch.stack([-cos_e * cos_a, -cos_e * sin_a, -sin_e], dim=1)
    return torch.stack([right, down, forward], dim=1)


def _quarter_turn(turns: int) -> Float[Tensor, "3 3"]:
    """A roll of the camera by exact quarter turns about its viewing axis."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns]
    return torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], dtype=torch.float64)


def _fibonacci(count: int) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Azimuths a golden angle apart and sines of elevation in equal steps (Gonzalez, Math. Geosci. 2010)."""
    index = torch.arange(count, dtype=torch.float64)
    azimuths = index * (math.pi * (3 - math.sqrt(5)))
    return azimuths, torch.asin(1 - (2 * index + 1) / count)


def _dodecahedron() -> Float[Tensor, "20 3"]:
    """Unit vectors to its corners: a cube and three golden rectangles, in a fixed order."""
    golden = (1 + math.sqrt(5)) / 2
    signs = (1, -1)
    cube = [(x, y, z) for x in signs for y in signs for z in signs]
    pairs = [(a / golden, b * golden) for a in signs for b in signs]
    corners = [*cube, *((0, a, b) for a, b in pairs), *((a, b, 0) for a, b in pairs), *((b, 0, a) for a, b in pairs)]
    return torch.tensor(corners, dtype=torch.float64) / math.sqrt(3)
