"""COLMAP's text models: `cameras.txt` and `images.txt` (https://colmap.github.io/format.html)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.io.damage import damaged
from geolearn.io.scenes import Scene, Shot
from geolearn.io.words import to_utf8
from geolearn.structures import Cameras
from geolearn.structures.camera_conventions import from_colmap


def read_colmap(cameras_txt: bytes, images_txt: bytes, source: str) -> Scene:
    """Parse a text model in the folder `source`; the pictures come in the order of their names.

    Raises:
        MeshFormatError: a line that is not what the format says, an unknown camera, no images, or lens distortion.
    """
    lenses = _lenses(cameras_txt, f"{source}/cameras.txt")
    source = f"{source}/images.txt"
    shots, poses, optics = [], [], []
    lines = _lines(images_txt, source)
    for place, line in lines:
        if not line.strip():
            continue
        words = line.split(maxsplit=9)
        if len(words) != 10:
            raise damaged(
                source, place, f"expected 10 values (IMAGE_ID, QW..QZ, TX..TZ, CAMERA_ID, NAME), got {len(words)}"
            )
        if words[8] not in lenses:
            raise damaged(source, place, f"camera {words[8]} is not in cameras.txt", "Take both files from one model")
        pose = _numbers(words[1:8], source, place)
        if not any(pose[:4]):
            raise damaged(source, place, "its quaternion is 0")
        lens = lenses[words[8]]
        shots.append(Shot(place, words[9].strip(), None, (lens.height, lens.width)))
        poses.append(pose)
        optics.append(lens)
        _skip_points(next(lines, None), source)
    if not shots:
        raise damaged(source, "the whole file", "no images", "Export the model again with `colmap model_converter`")
    order = sorted(range(len(shots)), key=lambda index: shots[index].image)
    matrix = torch.tensor([poses[index] for index in order], dtype=torch.float64)
    models, params = [optics[index].model for index in order], [optics[index].params for index in order]

    def cameras(height: int, width: int) -> Cameras:
        return from_colmap(matrix[:, :4], matrix[:, 4:], models, params, height, width)

    return Scene(source, tuple(shots[index] for index in order), cameras)


@dataclass(frozen=True)
class _Lens:
    model: str
    params: list[float]
    height: int
    width: int


def _lenses(data: bytes, source: str) -> dict[str, _Lens]:
    lenses: dict[str, _Lens] = {}
    for place, line in _lines(data, source):
        words = line.split()
        if not words:
            continue
        if len(words) < 5:
            raise damaged(source, place, f"expected CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[], got {len(words)} values")
        width, height, *params = _numbers(words[2:], source, place)
        if min(width, height) < 1 or width % 1 or height % 1:
            raise damaged(source, place, f"expected a size in whole pixels, got {words[2]} x {words[3]}")
        lens = _Lens(words[1], params, int(height), int(width))
        try:  # the conversion knows the models; it is asked here, where the line is known
            from_colmap(torch.eye(4)[:1], torch.zeros(1, 3), lens.model, [params], lens.height, lens.width)
        except (InvalidInputError, UnknownNameError) as error:
            raise damaged(source, place, str(error).rstrip("."), "Cameras here are pinholes") from error
        if words[0] in lenses:
            raise damaged(source, place, f"camera {words[0]} is defined twice")
        lenses[words[0]] = lens
    return lenses


def _lines(data: bytes, source: str) -> Iterator[tuple[str, str]]:
    """(place, line) of all lines but comments; blank ones count, for an image without points has a blank line."""
    try:
        text = to_utf8(data).decode()
    except UnicodeDecodeError as error:
        remedy = "A binary model converts with `colmap model_converter --output_type TXT`"
        raise damaged(source, "the whole file", f"not UTF-8 text ({error})", remedy) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("#"):
            yield f"line {number}", line


def _numbers(words: list[str], source: str, place: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise damaged(source, place, f"expected numbers ({error})") from error
    if not all(math.isfinite(value) for value in values):
        raise damaged(source, place, "some numbers are NaN or infinite")
    return values


def _skip_points(line: tuple[str, str] | None, source: str) -> None:
    """The second line of an image: triples of numbers. A name here means that the second lines are missing."""
    if line is None:
        return
    place, text = line
    words = text.split()
    if len(words) % 3:
        remedy = "Every image has two lines, the second one may be blank"
        raise damaged(source, place, f"expected the image's points, triples of numbers, got {len(words)} words", remedy)
    _numbers(words[-1:], source, place)
