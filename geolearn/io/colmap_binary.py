"""COLMAP's binary models: `cameras.bin` and `images.bin` (https://colmap.github.io/format.html), little-endian.

Every length is held against the bytes that are left before anything is read.
"""

import struct

from geolearn.io.colmap_lenses import COLMAP_LENSES, ColmapCamera, ColmapImage, lens_of
from geolearn.io.damage import damaged

_BY_NUMBER = {model.number: name for name, model in COLMAP_LENSES.items()}
_POINT_BYTES = 24  # x, y and the number of the 3D point
_LONGEST_NAME = 4096


def read_cameras_binary(data: bytes, source: str) -> dict[int, ColmapCamera]:
    """The cameras of a `cameras.bin`, by number.

    Raises:
        MeshFormatError: cut off, an unknown camera model, bytes behind the end, or a camera that is defined twice.
    """
    reader = _Reader(data, source)
    cameras: dict[int, ColmapCamera] = {}
    for index in range(reader.count(24)):
        place = f"camera {index + 1}, byte {reader.begin}"
        number, model, width, height = reader.numbers("<IiQQ", place)
        if model not in _BY_NUMBER:
            known = ", ".join(f"{name} ({number})" for number, name in _BY_NUMBER.items())
            remedy = f"Known are {known}; convert it with `colmap image_undistorter`"
            raise damaged(source, place, f"unknown camera model {model}", remedy)
        name = _BY_NUMBER[model]
        parameters = reader.numbers(f"<{len(COLMAP_LENSES[name].parameters)}d", place)
        if not (1 <= width < 2**31 and 1 <= height < 2**31):
            raise damaged(source, place, f"expected a size in pixels, got {width} x {height}")
        if number in cameras:
            raise damaged(source, place, f"camera {number} is defined twice")
        try:
            cameras[number] = ColmapCamera(lens_of(name, list(parameters)), height, width)
        except ValueError as error:
            raise damaged(source, place, str(error)) from error
    reader.end()
    return cameras


def read_images_binary(data: bytes, source: str) -> list[ColmapImage]:
    """The images of an `images.bin`, in its order; their points are stepped over.

    Raises:
        MeshFormatError: cut off, a name that is not UTF-8 text, or bytes behind the end.
    """
    reader = _Reader(data, source)
    images = []
    for index in range(reader.count(73)):
        place = f"image {index + 1}, byte {reader.begin}"
        _, *pose, camera = reader.numbers("<I7dI", place)
        name = reader.name(place)
        (points,) = reader.numbers("<Q", place)
        reader.skip(points * _POINT_BYTES, place)
        images.append(ColmapImage(place, tuple(pose), camera, name))
    reader.end()
    return images


class _Reader:
    """Bytes from the front, never beyond the end."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data, self.source, self.begin = data, source, 0

    def count(self, least_bytes: int) -> int:
        """How many records follow, of at least so many bytes each."""
        (count,) = self.numbers("<Q", "the first 8 bytes")
        if count * least_bytes > len(self.data) - self.begin:
            problem = f"promise {count} records, but only {len(self.data) - self.begin} bytes follow"
            raise damaged(self.source, "the first 8 bytes", problem)
        return count

    def numbers(self, layout: str, place: str) -> tuple:
        begin = self.begin
        self.skip(struct.calcsize(layout), place)
        return struct.unpack_from(layout, self.data, begin)

    def skip(self, num_bytes: int, place: str) -> None:
        if num_bytes > len(self.data) - self.begin:
            raise damaged(self.source, place, f"needs {num_bytes} bytes, {len(self.data) - self.begin} are left")
        self.begin += num_bytes

    def name(self, place: str) -> str:
        end = self.data.find(b"\0", self.begin, self.begin + _LONGEST_NAME)
        if end < 0:
            raise damaged(self.source, place, f"its name does not end within {_LONGEST_NAME} bytes")
        name = self.data[self.begin : end]
        self.begin = end + 1
        try:
            return name.decode()
        except UnicodeDecodeError as error:
            raise damaged(self.source, place, f"its name is not UTF-8 text ({error})") from error

    def end(self) -> None:
        if self.begin < len(self.data):
            raise damaged(self.source, f"byte {self.begin}", f"{len(self.data) - self.begin} bytes behind the end")
