"""Pictures looked up at projections: by hand, beside a slow loop, and at the border."""

import pytest
import torch

from geolearn.fitting.picture_samples import is_in_picture, sample_pictures
from geolearn.structures import Cameras

PICTURE = torch.tensor([[[0.0, 1.0, 2.0], [3.0, 4.0, 8.0]]])


@pytest.mark.parametrize(
    "pixel, value",
    [
        ((0.5, 0.5), 0.0),
        ((2.5, 1.5), 8.0),
        ((1.0, 0.5), 0.5),
        ((0.5, 1.0), 1.5),
        ((2.0, 1.0), 3.75),
        ((9.0, -4.0), 2.0),
    ],
)
def test_values_by_hand(pixel, value):
    assert float(sample_pictures(PICTURE, torch.tensor([pixel]))) == pytest.approx(value, abs=1e-5)


def test_is_bilinear_between_centres_of_pixels():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 5, 7, generator=generator)
    pixels = torch.rand(40, 2, generator=generator) * torch.tensor([9.0, 7.0]) - 1
    for (x, y), values in zip(pixels.tolist(), sample_pictures(pictures, pixels).T, strict=True):
        x, y = min(max(x - 0.5, 0.0), 6.0), min(max(y - 0.5, 0.0), 4.0)
        total = torch.zeros(2)
        for row in range(5):
            for column in range(7):
                total += max(0.0, 1 - abs(x - column)) * max(0.0, 1 - abs(y - row)) * pictures[:, row, column]
        torch.testing.assert_close(values, total, atol=1e-5, rtol=0)


def test_what_a_camera_sees_is_in_its_picture():
    """A camera at the origin looks along +Z with a right angle across 4 px, and 2 px of 4 up and down."""
    K = torch.tensor([[[2.0, 0, 2], [0, 2, 1], [0, 0, 1]]])
    camera = Cameras(K, torch.eye(4)[None], 2, 4)
    points = torch.tensor([[0.0, 0, 1], [0.99, 0, 1], [1.01, 0, 1], [0, 0.49, 1], [0, 0.51, 1], [0, 0, -1]])
    assert is_in_picture(*camera.project(points), 2, 4).tolist() == [[True, True, False, True, False, False]]
