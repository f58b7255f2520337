"""Pictures in and out, as float arrays: PNG, JPEG, WebP and BMP through Pillow."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geolearn._optional import require
from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.typing import Array, Float

MAX_PIXELS = 80_000_000  # 1 GB as float32 RGB; a small file can claim far more. Pillow's own limit is 89 million
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")  # of the many that Pillow opens, some by starting other programs
_DEEP_GREY = ("I;16", "I;16B", "I")  # 16 bits a pixel
_GREY = ("1", "L", "LA", *_DEEP_GREY)
# Pillow reports damage with whatever its decoders raise.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded."""

    height: int
    width: int
    grey: bool


def read_header(path: Path) -> Header:
    """Size and colour of a picture.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not a picture, or more than `MAX_PIXELS`.
    """
    with opened(path) as image:
        return Header(image.height, image.width, image.mode in _GREY)


def read_image(path: Path) -> Float[Array, "H W C"]:
    """A picture as float32 in [0, 1] with 1 (grey), 2 (grey, alpha), 3 or 4 (RGB, alpha) channels.

    The orientation in EXIF data is ignored, as by the tools that find cameras for pictures.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not a picture, damaged, or more than `MAX_PIXELS`.
    """
    with opened(path) as image:
        image.load()
        if image.mode in _DEEP_GREY:
            return np.asarray(image, dtype=np.float32)[..., None].clip(0, 65535) / np.float32(65535)
        has_alpha = "A" in image.mode or "transparency" in image.info
        mode = ("LA" if has_alpha else "L") if image.mode in _GREY else ("RGBA" if has_alpha else "RGB")
        pixels = np.asarray(image.convert(mode), dtype=np.float32) / np.float32(255)
        return pixels if pixels.ndim == 3 else pixels[..., None]


def png_bytes(pixels: Float[Array, "H W C"]) -> bytes:
    """The PNG of a picture in [0, 1] with 1 to 4 channels, rounded to 8 bits."""
    pillow = require("PIL.Image", extra="data")
    bytes_ = np.round(pixels * 255).astype(np.uint8)
    file = io.BytesIO()
    pillow.fromarray(bytes_[..., 0] if bytes_.shape[2] == 1 else bytes_).save(file, "PNG")
    return file.getvalue()


def gif_bytes(frames: Float[Array, "N H W C"], seconds_per_frame: float) -> bytes:
    """An animation in [0, 1] with 1 or 3 channels that starts again at its end. Greys are exact; colours become 256.

    Raises:
        InvalidInputError: no frames, or another number of channels.
    """
    if len(frames) == 0 or frames.shape[-1] not in (1, 3):
        raise InvalidInputError(f"frames: expected at least one of 1 or 3 channels, got {frames.shape} (N, H, W, C)")
    pillow = require("PIL.Image", extra="data")
    pictures = [pillow.fromarray(f[..., 0] if f.shape[2] == 1 else f) for f in np.round(frames * 255).astype(np.uint8)]
    file = io.BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 * seconds_per_frame), loop=0
    )
    return file.getvalue()


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The picture, its header read; damage met inside the block is reported with the path."""
    pillow = require("PIL.Image", extra="data")
    data = read_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            image = pillow.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path, f"{image.width} x {image.height}")
        with image:
            yield image
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise _too_large(path, "too many") from error
    except pillow.UnidentifiedImageError as error:
        raise damaged(str(path), "the first bytes", "not a picture (PNG, JPEG, WebP or BMP)") from error
    except _DAMAGE as error:
        if isinstance(error, MeshFormatError):
            raise
        raise damaged(str(path), "the picture", f"{error or type(error).__name__}") from error


def _too_large(path: Path, pixels: str) -> MeshFormatError:
    remedy = "If it is no mistake, scale the pictures down first"
    return damaged(str(path), "the header", f"claims {pixels} pixels, more than {MAX_PIXELS:,}", remedy)
