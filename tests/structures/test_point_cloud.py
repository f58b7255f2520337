"""The record of a point cloud."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import PointCloud

POINTS = [[0, 0, 0], [1.5, 0, -2], [0.25, 3, 4], [7, 8, 9]]
NORMALS = [[0, 0, 1], [0, 1, 0], [0.6, 0.8, 0], [-1, 0, 0]]
COLOURS = torch.tensor([[255, 0, 0], [0, 128, 0], [0, 0, 64], [1, 2, 3]]) / 255


def test_the_record(as_installed):
    cloud = PointCloud(POINTS, NORMALS, COLOURS, "scan")
    assert repr(cloud) == "PointCloud('scan', 4 points, normals, colours)"
    assert len(cloud) == 4
    assert cloud.points.dtype == torch.float32
    moved = cloud.to("cpu")
    assert (moved.device.type, moved.name) == ("cpu", "scan")
    assert torch.equal(moved.normals, torch.tensor(NORMALS))
    assert len(PointCloud([])) == 0


def test_positions_in_the_world_are_float64(as_installed):
    cloud = PointCloud(POINTS, origin=[5334567.81, 0, 0])
    assert cloud.world_points()[3].tolist() == [5334574.81, 8, 9]
    assert repr(cloud) == "PointCloud('', 4 points, about (5334567.81, 0.0, 0.0))"


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"normals": NORMALS[:3]}, r"normals: expected shape \(4, 3\), got \(3, 3\)"),
        ({"colours": COLOURS[:, :2]}, "colours: expected 3 or 4 values each"),
        ({"origin": [0, 0]}, r"origin: expected shape \(3\)"),
        ({"normals": [[float("nan")] * 3] * 4}, "normals: 12 of 12 values are NaN"),
    ],
)
def test_what_does_not_fit(as_installed, parts, message):
    with pytest.raises(InvalidInputError, match=message):
        PointCloud(POINTS, **parts)
