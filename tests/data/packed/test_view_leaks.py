"""Cameras must not give a class away: a classifier that sees nothing but their parameters is at chance.

The cameras of the popular pictures of ModelNet40 stand at heights that differ by half a degree from class to class,
which is enough to tell some of them apart; the same classifier finds that here.
"""

import math

import pytest
import torch

from geolearn.data import RenderViews, ShapeDataset, representations
from geolearn.render import camera_rig
from geolearn.structures import Cameras

CLASSES = 13
CHANCE = 1 / CLASSES


def parameters(cameras: Cameras) -> torch.Tensor:
    """(P,): everything that there is to know of the cameras of a shape."""
    size = torch.tensor([cameras.height, cameras.width], dtype=torch.float64)
    return torch.cat([cameras.K.double().flatten(), cameras.world_to_camera.double().flatten(), size])


def accuracy(x: torch.Tensor, labels: torch.Tensor) -> float:
    """Of a linear classifier by least squares, fitted to the even samples and tested on the odd ones."""
    known, asked = slice(0, None, 2), slice(1, None, 2)
    centred = x - x[known].mean(0)
    scale = centred[known].std(0)
    centred = torch.where(scale > 1e-9, centred / scale.clamp(min=1e-9), 0)
    centred = torch.cat([centred, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    target = torch.nn.functional.one_hot(labels, CLASSES).double()
    weights = torch.linalg.lstsq(centred[known], target[known], driver="gelsd").solution
    return float(((centred[asked] @ weights).argmax(1) == labels[asked]).double().mean())


def cameras_of(render: RenderViews, monkeypatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The parameters that every shape is really rendered with, and its class."""
    seen, draw = [], representations.render_views

    def watch(mesh, cameras, **options):
        seen.append(parameters(cameras))
        return draw(mesh, cameras, **options)

    monkeypatch.setattr(representations, "render_views", watch)
    data = ShapeDataset("procedural", "test", representation=render, cache=False, count=4 * CLASSES)
    labels = torch.tensor([data[i].target for i in range(len(data))])
    order = labels.argsort(stable=True)
    return torch.stack(seen)[order], labels[order]


@pytest.mark.parametrize("rig, fit", [("mvcnn12", "sphere"), ("mvcnn80", "cube"), ("sphere", "sphere")])
def test_cameras_alone_tell_nothing_of_the_class(rig, fit, monkeypatch):
    x, labels = cameras_of(RenderViews(rig, 8, fit=fit), monkeypatch)
    assert labels.bincount().tolist() == [4] * CLASSES
    assert accuracy(x, labels) == pytest.approx(CHANCE)


def test_the_same_classifier_finds_heights_that_differ_by_class():
    heights = [math.radians(30 + 0.5 * (label % 2)) for label in range(CLASSES) for _ in range(4)]
    labels = torch.arange(CLASSES).repeat_interleave(4)
    x = torch.stack([parameters(camera_rig("ring", size=8, elevation_rad=height)) for height in heights])
    assert accuracy(x, labels) > 1.5 * CHANCE
