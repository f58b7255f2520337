"""Animated pictures, read back by Pillow."""

import io

import numpy as np
import pytest

from geolearn.errors import InvalidInputError
from geolearn.io.images import gif_bytes

Image = pytest.importorskip("PIL.Image", reason="needs the extra [data]")
ImageSequence = pytest.importorskip("PIL.ImageSequence", reason="needs the extra [data]")


def test_grey_frames_come_back_exactly_and_loop():
    frames = np.random.default_rng(0).integers(0, 256, (5, 7, 9, 1)) / 255
    with Image.open(io.BytesIO(gif_bytes(frames, 0.05))) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"], gif.info["duration"]) == (5, (9, 7), 0, 50)
        back = np.stack([np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(gif)])
    assert np.array_equal(back, np.round(frames[..., 0] * 255))


def test_colours_come_back_nearly():
    ramp = np.linspace(0, 1, 48, dtype=np.float32).reshape(4, 12)
    frames = np.stack([np.stack([ramp, ramp[::-1], np.full_like(ramp, k / 3)], -1) for k in range(3)])
    with Image.open(io.BytesIO(gif_bytes(frames, 0.1))) as gif:
        back = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]) / 255
    assert np.abs(back - frames).max() < 0.05


@pytest.mark.parametrize("shape", [(0, 4, 4, 1), (2, 4, 4, 2)])
def test_refuses_what_is_no_animation(shape):
    with pytest.raises(InvalidInputError, match=r"frames: expected at least one of 1 or 3 channels"):
        gif_bytes(np.zeros(shape), 0.1)
