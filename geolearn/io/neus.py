"""`cameras_sphere.npz` or `cameras.npz` of IDR and NeuS: `world_mat_0`, `world_mat_1`, ... and pictures in `image`.

`world_mat` takes the world to pixels, whose first centre is (0, 0). The world is the one of `world_mat`, as NeuS writes
meshes in the end; `scale_mat` (the region of interest) is not looked at.
Source: https://github.com/lioryariv/idr/blob/main/DATA_CONVENTION.md
"""

import re
from pathlib import Path

from geolearn.errors import InvalidInputError
from geolearn.io.arrays import read_archive
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.picture_names import pictures_in
from geolearn.io.projections import split_projection
from geolearn.io.scenes import Scene, SceneFormat, Shot, rigid
from geolearn.ops.lenses import Lens

_FOLDERS, _MASKS = ("image", "images", "rgb", ""), ("mask", "masks")
_KEY = re.compile(r"world_mat_(\d{1,9})")


def read_neus(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the cameras; the n-th one belongs to the n-th picture by name, and to the n-th mask.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: damaged, without `world_mat_0`, or another number of pictures or masks than of cameras.
    """
    source = str(path)
    arrays = read_archive(read_regular(path), source)
    numbers = sorted(int(match[1]) for key in arrays if (match := _KEY.fullmatch(key)))
    if not numbers:
        raise damaged(
            source,
            "the archive",
            f"no world_mat_0, got {', '.join(arrays)[:200] or 'nothing'}",
            "Is this NeuS's or IDR's?",
        )
    folder, pictures = _listed(source, [path.parent / name for name in _FOLDERS], len(numbers), image_root)
    masks = _masks(source, path.parent, len(numbers))
    shots = []
    for index, number in enumerate(numbers):
        place = f"world_mat_{number}"
        matrix = arrays[place]
        if matrix.shape not in ((4, 4), (3, 4)):
            raise damaged(source, place, f"expected a 4 x 4 matrix, got shape {matrix.shape}")
        try:
            K, R, t = split_projection(matrix[:3])
        except InvalidInputError as error:
            raise damaged(source, place, str(error)) from error
        K[:2, 2] += 0.5  # pixels count from the centre of the first one
        pose, lens = rigid(R, t, source, place), Lens(K)
        mask = masks[index] if masks else None
        shots.append(Shot(place, pictures[index], mask, None, pose, lambda _height, _width, lens=lens: lens))
    return Scene(source, tuple(shots), (folder, path.parent))


def _listed(source: str, folders: list[Path], count: int, image_root: Path | None) -> tuple[Path, list[str]]:
    """The first folder that has pictures, and their names, as many as the cameras."""
    for folder in folders if image_root is None else [image_root]:
        if names := pictures_in(folder):
            return folder, _as_many(source, folder, names, count)
    tried = ", ".join(str(folder) for folder in folders) if image_root is None else str(image_root)
    raise FileNotFoundError(f"{source}: no pictures in {tried}")


def _masks(source: str, beside: Path, count: int) -> list[str] | None:
    for name in _MASKS:
        if names := pictures_in(beside / name):
            return [f"{name}/{mask}" for mask in _as_many(source, beside / name, names, count)]
    return None


def _as_many(source: str, folder: Path, names: list[str], count: int) -> list[str]:
    if len(names) != count:
        problem = f"{count} cameras, but {len(names)} pictures in {folder}"
        raise damaged(source, "the archive", problem, "They belong together in the order of their names")
    return names


FORMAT = SceneFormat(
    "IDR's and NeuS's cameras",
    "cameras_sphere.npz or cameras.npz, with pictures in image and masks in mask",
    ("cameras_sphere.npz", "cameras.npz", "cameras_large.npz"),
    lambda path: path.suffix.lower() == ".npz",
    read_neus,
)
