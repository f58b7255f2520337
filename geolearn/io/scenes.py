"""What the readers of scenes hand over: pictures to load, and the cameras that took them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geolearn.io.damage import damaged
from geolearn.ops.lenses import Lens
from geolearn.typing import Array, Float

OPENCV_AXES, OPENGL_AXES = (1.0, 1.0, 1.0), (1.0, -1.0, -1.0)  # of a camera: right, down, ahead; right, up, back


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture as a scene file names it.

    Attributes:
        place: where the scene file says so, e.g. "frames[3]" or "line 12".
        image, mask: file names as written; None where there is no mask of its own.
        size: (height, width) the file claims, if it does.
        world_to_camera: float64 (4, 4), with the axes of OpenCV.
        lens: `lens(height, width)` for a picture of this size: `size`, or its own where the file claims none.
    """

    place: str
    image: str
    mask: str | None
    size: tuple[int, int] | None
    world_to_camera: Float[Array, "4 4"]
    lens: Callable[[int, int], Lens]


@dataclass(frozen=True, eq=False)
class Scene:
    """Shots in order.

    Attributes:
        source: the scene file, for messages.
        shots: at least one.
        folders: the names of pictures are relative to the first of these that has them, and must not lead out of them;
            none where the format keeps no pictures by itself and there is no usual place beside it.
    """

    source: str
    shots: tuple[Shot, ...]
    folders: tuple[Path, ...]


@dataclass(frozen=True)
class SceneFormat:
    """A kind of scene file.

    Attributes:
        name: as people call it.
        files: what to look for, in words, for the documentation and for the message where nothing is found.
        patterns: where a folder has it, the likeliest first.
        recognises: whether a file of any name is one.
        read: the scene in a file; pictures that have no names in it are those of the given folder, where there is one.
    """

    name: str
    files: str
    patterns: tuple[str, ...]
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Path | None], Scene]


def rigid(rotation: Array, translation: Array, source: str, place: str) -> Float[Array, "4 4"]:
    """[[R, t], [0, 1]] in float64.

    Raises:
        MeshFormatError: not finite, or R is no rotation.
    """
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
        raise damaged(source, place, "some numbers of the pose are NaN or infinite")
    with np.errstate(all="ignore"):
        error, determinant = np.abs(rotation @ rotation.T - np.eye(3)).max(), np.linalg.det(rotation)
    if not error <= 1e-3 or determinant < 0:
        problem = f"its 3 x 3 part is no rotation (R R^T off by {error:.3g}, determinant {determinant:.3g})"
        raise damaged(source, place, problem, "Remove scale and mirroring from the poses")
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, translation
    return pose


def from_camera_to_world(pose: Array, axes: tuple[float, float, float], source: str, place: str) -> Array:
    """World-to-camera (4, 4) with the axes of OpenCV, from camera-to-world (3, 4) or (4, 4) with other axes.

    Raises:
        MeshFormatError: see `rigid`.
    """
    R = rigid(pose[:3, :3], pose[:3, 3], source, place)[:3, :3].T * np.array(axes)[:, None]
    with np.errstate(all="ignore"):
        return rigid(R, -R @ pose[:3, 3], source, place)


def intrinsics(fx: float, fy: float, cx: float, cy: float, skew: float = 0.0) -> Float[Array, "3 3"]:
    """K of these."""
    return np.array([[fx, skew, cx], [0, fy, cy], [0, 0, 1.0]])
