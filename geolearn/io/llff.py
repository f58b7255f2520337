"""`poses_bounds.npy` of LLFF: 17 numbers a picture, a 3 x 5 matrix by rows and two depths.

The matrix is camera-to-world with the axes down, right, back, then height, width and focal length; the optical axis
meets the middle of the picture. Pictures are those of `images`, by name.
Source: https://github.com/Fyusion/LLFF#using-your-own-poses-without-running-colmap
"""

from pathlib import Path

import numpy as np

from geolearn.io.arrays import read_array
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.picture_names import pictures_in
from geolearn.io.scenes import OPENGL_AXES, Scene, SceneFormat, Shot, from_camera_to_world, intrinsics
from geolearn.ops.lenses import Lens
from geolearn.typing import Array

_FOLDERS = ("images", "images_2", "images_4", "images_8")


def read_llff(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the poses; the n-th one belongs to the n-th picture by name.

    Raises:
        FileNotFoundError: no such file, or no folder of pictures beside it.
        MeshFormatError: not rows of 17 finite numbers, an impossible pose, or another number of pictures.
    """
    source = str(path)
    rows = read_array(read_regular(path), source)
    if rows.ndim != 2 or rows.shape[1] != 17 or not len(rows) or rows.dtype.kind not in "iuf":
        raise damaged(source, "the array", f"expected numbers of shape (N, 17), got {rows.dtype} {rows.shape}")
    if not np.isfinite(rows).all():
        raise damaged(source, "the array", "some numbers are NaN or infinite")
    folders = [path.parent / name for name in _FOLDERS] if image_root is None else [image_root]
    folder = next((folder for folder in folders if pictures_in(folder)), None)
    if folder is None:
        raise FileNotFoundError(f"{path}: no pictures in {', '.join(map(str, folders))}")
    names = pictures_in(folder)
    if len(names) != len(rows):
        problem = f"{len(rows)} poses, but {len(names)} pictures in {folder}"
        raise damaged(source, "the array", problem, "They belong together in the order of their names")
    shots = [
        _shot(row[:15].reshape(3, 5), name, source, f"row {n}")
        for n, (row, name) in enumerate(zip(rows, names, strict=True))
    ]
    return Scene(source, tuple(shots), (folder,))


def _shot(matrix: Array, name: str, source: str, place: str) -> Shot:
    down, right, back, centre, (height, width, focal) = matrix.astype(np.float64).T
    if min(height, width) < 1 or height % 1 or width % 1 or focal <= 0:
        problem = f"expected height and width in whole pixels and a focal length > 0, got {height}, {width}, {focal}"
        raise damaged(source, place, problem)
    camera_to_world = np.stack([right, -down, back, centre], axis=1)
    pose = from_camera_to_world(camera_to_world, OPENGL_AXES, source, place)
    lens = Lens(intrinsics(focal, focal, width / 2, height / 2))
    return Shot(place, name, None, (int(height), int(width)), pose, lambda _height, _width: lens)


FORMAT = SceneFormat(
    "LLFF's poses",
    "poses_bounds.npy with pictures in images",
    ("poses_bounds.npy",),
    lambda path: path.suffix.lower() == ".npy",
    read_llff,
)
