"""The record of images with their cameras."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Cameras, Views

K = torch.tensor([[10.0, 0.0, 3.0], [0.0, 20.0, 2.0], [0.0, 0.0, 1.0]])


def cameras(count: int, height: int = 4, width: int = 6) -> Cameras:
    return Cameras(K.repeat(count, 1, 1), torch.eye(4).repeat(count, 1, 1), height, width)


def test_choosing_views_keeps_images_masks_and_cameras_together() -> None:
    images = torch.arange(3.0)[:, None, None, None].expand(3, 3, 4, 6) / 2
    masks = torch.arange(3.0)[:, None, None].expand(3, 4, 6) / 2
    poses = torch.eye(4).repeat(3, 1, 1)
    poses[:, 0, 3] = torch.arange(3.0) / 2
    views = Views(images, Cameras(K.repeat(3, 1, 1), poses, 4, 6), masks)
    for chosen, index in ((views[2], [2]), (views[[2, 0]], [2, 0]), (views[1:], [1, 2])):
        expected = torch.tensor(index) / 2
        assert torch.equal(chosen.images[:, 0, 0, 0], expected)
        assert torch.equal(chosen.masks[:, 0, 0], expected)
        assert torch.equal(chosen.cameras.world_to_camera[:, 0, 3], expected)
    assert repr(views) == "Views(3 images of (3, 4, 6), masked)"
    assert Views(images, cameras(3))[0].masks is None


def test_gradients_are_kept() -> None:
    images = torch.full((1, 3, 4, 6), 0.5, requires_grad=True)
    Views(images, cameras(1)).images.sum().backward()
    assert torch.equal(images.grad, torch.ones(1, 3, 4, 6))


def test_no_views() -> None:
    views = Views(torch.zeros(0, 3, 4, 6), cameras(0))
    assert len(views) == 0
    assert len(views[:0]) == 0


@pytest.mark.parametrize(
    "images, count, masks, message",
    [
        (torch.zeros(2, 3, 4, 6), 1, None, "cameras: expected 2 of 4 x 6 px to match the images, got 1"),
        (torch.zeros(1, 3, 6, 4), 1, None, "expected 1 of 6 x 4 px to match the images, got 1 of 4 x 6 px"),
        (torch.full((1, 3, 4, 6), 255.0), 1, None, r"got 255..255; divide 8-bit images by 255"),
        (torch.zeros(1, 3, 4, 6), 1, torch.full((1, 4, 6), -0.5), r"masks: expected values in \[0, 1\], got -0.5"),
        (torch.zeros(1, 3, 4, 6), 1, torch.zeros(1, 6, 4), r"masks: expected shape \(1, 4, 6\)"),
        (torch.full((1, 3, 4, 6), float("nan")), 1, None, "images: 72 of 72 values are NaN"),
        (torch.zeros(3, 4, 6), 1, None, r"images: expected shape \(any, any, any, any\), got \(3, 4, 6\)"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_refusals(images: torch.Tensor, count: int, masks: torch.Tensor | None, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Views(images, cameras(count), masks)
