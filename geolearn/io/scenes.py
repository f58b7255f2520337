"""What the two readers of scenes hand over: pictures to load, and the cameras that took them."""

from collections.abc import Callable
from dataclasses import dataclass

from geolearn.structures import Cameras


@dataclass(frozen=True)
class Shot:
    """One picture as a scene file names it.

    Attributes:
        place: where the scene file says so, e.g. "frames[3]" or "line 12".
        image, mask: file names as written; None where there is no mask of its own.
        size: (height, width) the file claims, if it does.
    """

    place: str
    image: str
    mask: str | None
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Scene:
    """Shots in order, and `cameras(height, width)`: some files give angles, which need the pictures' size."""

    source: str
    shots: tuple[Shot, ...]
    cameras: Callable[[int, int], Cameras]
