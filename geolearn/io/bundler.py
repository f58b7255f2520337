"""`bundle.out` of Bundler (version 0.3), with the names of its pictures in `list.txt`.

x_camera = R x + t with the axes of OpenGL, focal length in pixels, the optical axis through the middle of the picture,
and p (1 + k1 |p|^2 + k2 |p|^4) as bend.
Source: https://www.cs.cornell.edu/~snavely/bundler/bundler-v0.4-manual.html#S6
"""

import logging
from pathlib import Path

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import OPENGL_AXES, Scene, SceneFormat, Shot, intrinsics, rigid
from geolearn.io.words import to_utf8
from geolearn.ops.lenses import Lens
from geolearn.typing import Array

logger = logging.getLogger(__name__)

_HEADER = b"# Bundle file v0.3"
_LISTS = ("list.txt", "pictures.txt")


def read_bundler(path: Path, image_root: Path | None = None) -> Scene:
    """Parse cameras and list; cameras with focal length 0 were not found and are left out, and the log says how many.

    The list is `list.txt` beside the file or above its folder, or has the file's name (`a.bundle.out`, `a.list.txt`);
    its names are relative to it.

    Raises:
        FileNotFoundError: no such file, or no list.
        MeshFormatError: damaged, another version, no camera that was found, or a list of another length.
    """
    source = str(path)
    data = read_regular(path)
    if not data.startswith(_HEADER):
        raise damaged(source, "line 1", f"expected {_HEADER.decode()!r}", "Other versions are not read")
    words = data[len(_HEADER) :].split(maxsplit=2)
    count = int(words[0]) if len(words) == 3 and words[0].isdigit() and len(words[0]) <= 9 else 0
    rows = words[2].split(maxsplit=15 * count)[: 15 * count] if 0 < 15 * count <= len(data) else []
    if not count or len(rows) != 15 * count:
        raise damaged(source, "the cameras", f"expected 15 numbers for each of {count} cameras, got {len(rows)}")
    try:
        cameras = np.array([float(word) for word in rows]).reshape(count, 5, 3)
    except ValueError as error:
        raise damaged(source, "the cameras", f"expected numbers ({error})") from error
    names, folder = _names(path)
    if len(names) != count:
        raise damaged(
            source, "the cameras", f"{count} cameras, but {len(names)} names in the list", "Take both of one run"
        )
    found = [n for n in range(count) if cameras[n, 0, 0] != 0]
    if not found:
        raise damaged(source, "the cameras", "all focal lengths are 0: no camera was found", "Run Bundler again")
    if len(found) < count:
        logger.warning("%s: %d of %d cameras were not found by Bundler", source, count - len(found), count)
    return Scene(source, tuple(_shot(cameras[n], names[n], source, f"camera {n}") for n in found), (folder,))


def _shot(camera: Array, name: str, source: str, place: str) -> Shot:
    (focal, k1, k2), R, t = camera[0].tolist(), camera[1:4], camera[4]
    if not np.isfinite(camera).all() or focal <= 0:
        raise damaged(source, place, "expected finite numbers, and a focal length > 0")
    axes = np.array(OPENGL_AXES)
    pose = rigid(axes[:, None] * R, axes * t, source, place)

    def lens(height: int, width: int) -> Lens:
        return Lens(intrinsics(focal, focal, width / 2, height / 2), "brown", {"k1": k1, "k2": k2})

    return Shot(place, name, None, None, pose, lens)


def _names(path: Path) -> tuple[list[str], Path]:
    """The names of all pictures, and the folder that they are relative to."""
    own = path.name.replace("bundle", "list").removesuffix(".out") + ".txt"
    for file in (path.parent / own, *(folder / name for folder in path.absolute().parents[:2] for name in _LISTS)):
        if file.is_file():
            break
    else:
        raise FileNotFoundError(f"{path}: no list.txt with the names of its pictures, beside it or above its folder")
    try:
        lines = to_utf8(read_regular(file)).decode().splitlines()
    except UnicodeDecodeError as error:
        raise damaged(str(file), "the whole file", f"not UTF-8 text ({error})") from error
    return [_name(line) for line in lines if line.strip()], file.parent


def _name(line: str) -> str:
    """Without what Bundler writes behind the name: a 0 and a focal length, where it knows one."""
    words = line.rsplit(maxsplit=2)
    if len(words) == 3 and words[1] == "0" and words[2].replace(".", "", 1).isdigit():
        return words[0].strip()
    return line.strip()


def _is_bundler(path: Path) -> bool:
    if path.suffix.lower() != ".out":
        return False
    with path.open("rb") as file:
        return file.read(13) == _HEADER[:13]


FORMAT = SceneFormat(
    "Bundler's bundle.out",
    "bundle.out with list.txt",
    ("bundle.out", "*.bundle.out", "bundle/bundle.out", "*.out"),
    _is_bundler,
    read_bundler,
)
