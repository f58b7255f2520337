"""The camera of a depth map, from files, and of a scan, from text."""

import math
from pathlib import Path

import torch

from geolearn.errors import InvalidInputError
from geolearn.io.files import write_whole
from geolearn.io.transforms import read_transforms, write_transforms
from geolearn.ops.lenses import UNBENT
from geolearn.structures import Cameras
from geolearn.typing import Float, PathLike, Tensor


def load_depth_camera(path: PathLike, image: str, height: int, width: int) -> Cameras:
    """The camera of one picture of a `transforms.json`: of the frame that names it, or of the only one.

    Args:
        image: file name of the depth map.
        height, width: its size in pixels.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: see `geolearn.io.transforms.read_transforms`.
        InvalidInputError: no frame names the picture, or the frame says another size or a lens that bends.

    Example:
        >>> import tempfile
        >>> camera = Cameras(torch.tensor([[[40.0, 0, 20], [0, 40, 20], [0, 0, 1]]]), torch.eye(4)[None], 40, 40)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_depth_camera(camera, f"{folder}/transforms.json", "depth.png")
        ...     load_depth_camera(f"{folder}/transforms.json", "depth.png", 40, 40)
        Cameras(1 of 40 x 40 px)
    """
    scene = read_transforms(Path(path))
    chosen = [n for n, shot in enumerate(scene.shots) if Path(shot.image).name == Path(image).name]
    if len(scene.shots) == 1:
        chosen = [0]
    if len(chosen) != 1:
        named = ", ".join(Path(shot.image).name for shot in scene.shots[:5])
        raise InvalidInputError(
            f"{path}: expected one frame whose file_path is {Path(image).name}, got {len(chosen)} of "
            f"{len(scene.shots)} ({named}...)"
        )
    size = scene.shots[chosen[0]].size
    if size is not None and size != (height, width):
        raise InvalidInputError(
            f"{path}: expected a depth map of {size[0]} x {size[1]} px, as the camera has, got {height} x {width}; "
            "scale the intrinsics (fl_x, fl_y, cx, cy, w, h) with the map"
        )
    shot = scene.shots[chosen[0]]
    lens = shot.lens(height, width)
    if lens.bend != "pinhole" and lens.largest_shift(height, width) >= UNBENT:
        raise InvalidInputError(
            f"{path}: expected a pinhole, got a lens that bends by up to {lens.largest_shift(height, width):.3g} px; "
            "depth cannot be interpolated over edges: undistort the map where it is made"
        )
    pose = torch.from_numpy(shot.world_to_camera)[None]
    return Cameras(torch.from_numpy(lens.K)[None], pose, height, width)


def save_depth_camera(camera: Cameras, path: PathLike, image: str) -> None:
    """Write one camera as a `transforms.json` that `load_depth_camera` reads.

    Raises:
        InvalidInputError: more than one camera.

    Example: see `load_depth_camera`.

        >>> two = Cameras(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 4, 4)
        >>> save_depth_camera(two, "transforms.json", "depth.png")
        Traceback (most recent call last):
        geolearn.errors.InvalidInputError: camera: expected one, got 2
    """
    if len(camera) != 1:
        raise InvalidInputError(f"camera: expected one, got {len(camera)}")
    write_whole(path, write_transforms(camera, [image]))


def parse_position(text: str) -> Float[Tensor, " 3"]:
    """A position from text such as "0.5, -2, 1".

    Raises:
        InvalidInputError: anything but three finite numbers.

    Example:
        >>> parse_position("0.5,-2,1")
        tensor([ 0.5000, -2.0000,  1.0000])
    """
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise InvalidInputError(f"position: expected three numbers such as 0.5,-2,1, got {text!r}") from error
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise InvalidInputError(f"position: expected three finite numbers such as 0.5,-2,1, got {text!r}")
    return torch.tensor(numbers)
