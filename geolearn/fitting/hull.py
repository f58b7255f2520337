"""Where the shape must be: the box that the masks allow, and the visual hull in it (Laurentini, PAMI 1994)."""

import numpy as np
import torch
from scipy import ndimage, optimize

from geolearn.errors import InvalidInputError
from geolearn.fitting.picture_samples import is_in_picture, sample_pictures
from geolearn.ops.isosurface import isosurface
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Array, Float, Tensor

SEEN = 0.03  # opacity from which a pixel counts as covered: thin parts cover little of theirs
MARGIN = 2  # cells around the box: the surface is closed inside the grid
SMOOTHING = 0.5  # cells; what is thinner than a cell is mostly noise of the pixel grid
LEAST_PART = 0.01  # of the volume; smaller parts are dropped
BLOCK = 1 << 18  # points projected at a time


def object_box(masks: Float[Tensor, "N H W"], cameras: Cameras) -> Float[Tensor, "2 3"]:
    """Lowest and highest corner of all points that lie in front of every camera and in the box of every mask.

    The box of a mask (its pixels >= 0.03) is four planes through the camera; a side where the mask meets the border of
    the picture gives none, as the object may go on there. The extent along each axis is a linear programme.

    Raises:
        InvalidInputError: a mask is empty, no point lies in all boxes (the cameras do not fit the masks), or the boxes
            leave a direction open, as those of a single view do.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")[:, 0]
    >>> low, high = object_box(masks, cameras)
    >>> bool((low < -0.35).all() and (high > 0.35).all())
    True
    """
    planes = np.concatenate([_planes(mask, *pose) for mask, *pose in _each(masks, cameras)])
    bounds = []
    for direction in np.concatenate([np.eye(3), -np.eye(3)]):
        # <plane, (x, 1)> >= 0
        found = optimize.linprog(direction, A_ub=-planes[:, :3], b_ub=planes[:, 3], bounds=(None, None))
        if found.status == 2:
            raise InvalidInputError(
                "views: no point in space is inside all masks, so cameras and masks do not belong together. Check the "
                "camera convention (geolearn.render.from_opengl, from_opencv, from_colmap, from_pytorch3d)"
            )
        if found.status != 0:
            raise InvalidInputError(
                f"views: {len(masks)} view{'s' * (len(masks) != 1)} leave the depth of the object open; add one from "
                "another side (best 60 to 120 degrees away), or pass start=, a mesh to begin with"
            )
        bounds.append(found.fun)
    return torch.tensor([bounds[:3], [-value for value in bounds[3:]]], dtype=torch.float32)


def visual_hull_mesh(masks: Float[Tensor, "N H W"], cameras: Cameras, resolution: int = 96) -> Mesh:
    """The surface of the region that all masks allow, closed and manifold, on a grid over `object_box`.

    A point takes the minimum mask value at its projections, interpolated between pixels, and is inside from 0.03 on:
    thin parts that cover little of a pixel stay, and the hull is too large rather than too small. Outside a picture and
    behind a camera the mask counts as 1, because nothing is known there. If no point is in all masks, as when one of
    many is wrong, up to a fifth of the views is overruled. Parts of less than 1 % of the whole are dropped.

    Args:
        masks: opacities in [0, 1].
        cameras: those of the masks.
        resolution: cells along the longest side of the box.

    Raises:
        InvalidInputError: as `object_box`, or no point is in four fifths of the masks.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")[:, 0]
    >>> hull = visual_hull_mesh(masks, cameras, 12)
    >>> bool((hull.bounds[1] > 0.35).all())
    True
    """
    low, high = object_box(masks, cameras)
    cell = float((high - low).max()) / resolution
    origin = (low - MARGIN * cell).double().numpy()
    shape = np.ceil((high - low).numpy() / cell).astype(int) + 1 + 2 * MARGIN
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    points = torch.from_numpy(origin + cell * indices).float()
    for overruled in range(len(masks) // 5 + 1):
        values = least_values(points, masks, cameras, overruled).reshape(*shape)
        mesh = hull_of_values(values, SEEN, origin, cell, smoothing=SMOOTHING)
        if mesh is not None:
            return mesh
    raise InvalidInputError(
        "views: no point in space is inside four fifths of the masks, so cameras and masks do not belong together. "
        "Check the camera convention, and that the masks are 1 on the object"
    )


def hull_of_values(
    values: Float[Array, "X Y Z"], level: float, origin: Float[Array, " 3"], cell: float, *, smoothing: float = 0.0
) -> Mesh | None:
    """The closed surface where least mask values in a grid pass a level, with its largest parts; None where none do.

    Args:
        values: of `least_values`.
        origin: position of the first value; cell: distance of neighbours.
        smoothing: deviation of a Gaussian filter, in cells.
    """
    values = (values / (2 * level)).clip(0, 1)
    if smoothing > 0:
        values = ndimage.gaussian_filter(values, smoothing)
    for side in (values, values.T, values.transpose(1, 2, 0)):
        side[0], side[-1] = 0, 0
    values = largest_parts(values)
    if not (values >= 0.5).any():
        return None
    mesh = isosurface(torch.from_numpy(values).float(), 0.5)
    return Mesh(mesh.verts * cell + torch.from_numpy(origin).float(), mesh.faces)


def largest_parts(values: Array) -> Array:
    """The grid with parts of less than 1 % of the cells above 1/2 set to 0, and holes inside closed."""
    solid = np.asarray(ndimage.binary_fill_holes(values >= 0.5))
    labels: Array = np.empty(values.shape, np.int32)
    ndimage.label(solid, output=labels)
    sizes = np.bincount(labels.reshape(-1))
    sizes[0] = 0
    dropped = sizes < LEAST_PART * sizes.sum()
    dropped[0] = False
    values = np.where(dropped[labels], 0, values)
    return np.where(solid & (values < 0.5) & ~dropped[labels], 1, values)


def least_values(
    points: Float[Tensor, "P 3"], masks: Float[Tensor, "N H W"], cameras: Cameras, overruled: int
) -> Float[Array, " P"]:
    """The minimum mask value at the projections of every point, without the `overruled` lowest ones."""
    blocks = []
    for block in points.split(BLOCK):
        lowest = torch.ones(overruled + 1, len(block))
        alive = torch.arange(len(block))
        for mask, camera in zip(masks, (cameras[n] for n in range(len(cameras))), strict=True):
            seen = torch.cat([lowest[:, alive], _sample_mask(mask, camera, block[alive])[None]])
            lowest[:, alive] = seen.sort(0).values[:-1]
            alive = alive[lowest[-1, alive] > 0]
        blocks.append(lowest[-1])
    return torch.cat(blocks).numpy()


def _sample_mask(mask: Tensor, camera: Cameras, points: Tensor) -> Tensor:
    """The mask at the projections of points; 1 where the picture does not show them."""
    pixels, depth = (value[0] for value in camera.project(points))
    values = sample_pictures(mask[None], pixels)[0]
    return torch.where(is_in_picture(pixels, depth, camera.height, camera.width), values, 1.0)


def _each(masks: Tensor, cameras: Cameras):
    K, pose = cameras.K.detach().double().numpy(), cameras.world_to_camera.detach().double().numpy()
    return zip(masks.numpy() >= SEEN, K @ pose[:, :3], pose[:, 2], strict=True)


def _planes(mask: Array, matrix: Array, forward: Array) -> Array:
    """Rows p with <p, (x, 1)> >= 0 inside the box of a mask, scaled to unit normals."""
    rows, columns = np.unique(np.argwhere(mask)[:, 0]), np.unique(np.argwhere(mask)[:, 1])
    if len(rows) == 0:
        raise InvalidInputError("views: a mask has no pixel of 0.03 or more, so it says nothing of the object; drop it")
    height, width = mask.shape
    planes = [forward]
    for axis, low, high, size in ((0, columns[0], columns[-1] + 1, width), (1, rows[0], rows[-1] + 1, height)):
        if low > 0:
            planes.append(matrix[axis] - low * matrix[2])
        if high < size:
            planes.append(high * matrix[2] - matrix[axis])
    return np.array([plane / np.linalg.norm(plane[:3]) for plane in planes])
