"""COLMAP's text models: `cameras.txt` and `images.txt` (https://colmap.github.io/format.html)."""

import math
from collections.abc import Iterator

from geolearn.errors import UnknownNameError
from geolearn.io.colmap_lenses import ColmapCamera, ColmapImage, lens_of
from geolearn.io.damage import damaged
from geolearn.io.words import to_utf8


def read_cameras_text(data: bytes, source: str) -> dict[int, ColmapCamera]:
    """The cameras of a `cameras.txt`, by number.

    Raises:
        MeshFormatError: a line that is not what the format says, or a camera that is defined twice.
    """
    cameras: dict[int, ColmapCamera] = {}
    for place, line in _lines(data, source):
        words = line.split()
        if not words:
            continue
        if len(words) < 5:
            raise damaged(source, place, f"expected CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[], got {len(words)} values")
        width, height, *parameters = _numbers(words[2:], source, place)
        if min(width, height) < 1 or width % 1 or height % 1:
            raise damaged(source, place, f"expected a size in whole pixels, got {words[2]} x {words[3]}")
        number = _number_of(words[0], source, place)
        if number in cameras:
            raise damaged(source, place, f"camera {number} is defined twice")
        try:
            cameras[number] = ColmapCamera(lens_of(words[1], parameters), int(height), int(width))
        except (ValueError, UnknownNameError) as error:
            raise damaged(source, place, str(error).rstrip(".")) from error
    return cameras


def read_images_text(data: bytes, source: str) -> list[ColmapImage]:
    """The images of an `images.txt`, in its order.

    Raises:
        MeshFormatError: a line that is not what the format says.
    """
    images = []
    lines = _lines(data, source)
    for place, line in lines:
        if not line.strip():
            continue
        words = line.split(maxsplit=9)
        if len(words) != 10:
            raise damaged(
                source, place, f"expected 10 values (IMAGE_ID, QW..QZ, TX..TZ, CAMERA_ID, NAME), got {len(words)}"
            )
        pose = tuple(_numbers(words[1:8], source, place))
        images.append(ColmapImage(place, pose, _number_of(words[8], source, place), words[9].strip()))
        _skip_points(next(lines, None), source)
    return images


def _lines(data: bytes, source: str) -> Iterator[tuple[str, str]]:
    """(place, line) of all lines but comments; blank ones count, for an image without points has a blank line."""
    try:
        text = to_utf8(data).decode()
    except UnicodeDecodeError as error:
        remedy = "A binary model is read too, by the name of its folder"
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


def _number_of(word: str, source: str, place: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 10):
        raise damaged(source, place, f"expected the number of a camera, got {word[:20]!a}")
    return int(word)


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
