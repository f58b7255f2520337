"""COLMAP's models, binary or text: the cameras and images of a folder such as `sparse/0`."""

from pathlib import Path

import numpy as np
import torch

from geolearn.io.colmap_binary import read_cameras_binary, read_images_binary
from geolearn.io.colmap_text import read_cameras_text, read_images_text
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import Scene, SceneFormat, Shot, rigid
from geolearn.structures.camera_conventions import rotation_from_quaternion

_NAMES = ("cameras.bin", "cameras.txt")  # as COLMAP itself, which prefers the binary one
_PLACES = ("", "0/", "sparse/0/", "sparse/", "colmap/sparse/0/")
_PICTURES = ("images", "images_2", "images_4", "images_8")


def read_colmap(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the model that `path`, one of its files, belongs to; pictures come in the order of their names.

    They are looked for in the folder `images` beside the model, beside the `sparse` that holds it, or where there is
    none in `images_2`, `images_4` or `images_8`.

    Raises:
        FileNotFoundError: cameras without images.
        MeshFormatError: damaged, an unknown camera, or no images.
    """
    folder, ending = path.parent, path.suffix.lower()
    sources = [folder / f"{kind}{ending}" for kind in ("cameras", "images")]
    read_cameras, read_images = (
        (read_cameras_binary, read_images_binary) if ending == ".bin" else (read_cameras_text, read_images_text)
    )
    cameras = read_cameras(read_regular(sources[0]), str(sources[0]))
    source = str(sources[1])
    images = read_images(read_regular(sources[1]), source)
    if not images:
        raise damaged(source, "the whole file", "no images", "Export the model again with `colmap model_converter`")
    shots = []
    for place, pose, number, name in sorted(images, key=lambda image: image.name):
        if number not in cameras:
            problem = f"camera {number} is not in {sources[0].name}"
            raise damaged(source, place, problem, "Take both files from one model")
        quaternion = torch.tensor(pose[:4], dtype=torch.float64)
        if not bool(quaternion.isfinite().all()) or not bool(quaternion.any()):
            raise damaged(source, place, "its quaternion is 0, NaN or infinite")
        lens, height, width = cameras[number]
        rotation = rotation_from_quaternion(quaternion[None])[0].numpy()
        matrix = rigid(rotation, np.array(pose[4:]), source, place)
        shots.append(Shot(place, name, None, (height, width), matrix, lambda _height, _width, lens=lens: lens))
    return Scene(source, tuple(shots), _picture_folders(folder))


def _picture_folders(model: Path) -> tuple[Path, ...]:
    """Where COLMAP projects keep pictures: in or beside the model, or beside the `sparse` or `colmap` that holds it."""
    parents = [model.absolute(), model.absolute().parent]
    while parents[-2].name.isdigit() or parents[-2].name in ("sparse", "colmap"):
        parents.append(parents[-1].parent)
    for parent in parents:
        for name in _PICTURES:
            if (parent / name).is_dir():
                return (parent / name,)
    return ()


FORMAT = SceneFormat(
    "COLMAP model, binary or text",
    "cameras.bin and images.bin, or cameras.txt and images.txt, also in sparse/0, sparse or colmap/sparse/0",
    tuple(place + name for place in _PLACES for name in _NAMES),
    lambda path: path.name in (*_NAMES, "images.bin", "images.txt"),
    read_colmap,
)
