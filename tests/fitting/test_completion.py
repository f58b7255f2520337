"""Completion of depth maps and scans, and what is written about it."""

import json

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.completion import complete_depth, complete_observation, complete_scan, frame_padding
from geolearn.fitting.completion_report import rank_classes, write_completion
from geolearn.io import load_mesh, load_voxels
from geolearn.models import ShapeNets3D, VoxelCompletionNet, VoxNet
from geolearn.ops import observe_depth
from geolearn.render import cameras_around, render_depth
from geolearn.structures import Mesh, VoxelGrid

FACES = torch.tensor(
    [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2],
     [1, 3, 7], [1, 7, 5]]
)  # fmt: skip
CORNERS = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * torch.tensor(
    [0.31, 0.37, 0.21]
)
BOX = Mesh(CORNERS, FACES)
BOUNDS = [[-0.4, -0.4, -0.4], [0.4, 0.4, 0.4]]


@pytest.fixture(scope="module")
def belief():
    torch.manual_seed(0)
    return ShapeNets3D(2, resolution=26, channels=(3, 5, 7), hidden=9, top=11)


@pytest.fixture(scope="module")
def camera():
    return cameras_around(torch.tensor([0.7]), torch.tensor([0.4]), size=160)


def test_a_depth_map_in_a_completed_grid_out(belief, camera):
    depth = render_depth(BOX, camera)
    found = complete_depth(
        belief, depth, camera, bounds=BOUNDS, particles=2, passes=1, generator=torch.Generator().manual_seed(0)
    )
    expected = observe_depth(depth, camera, 26, padding=3, bounds=BOUNDS)
    assert torch.equal(found.observed.values, expected.values)
    known = expected.values != 0.5
    assert torch.equal(found.probabilities.values[known], expected.values[known])
    assert found.level == 0.1
    assert found.posterior.shape == (2,)
    low, high = found.mesh.bounds  # an untrained network fills what is unknown, in the world of the depth map
    assert float(low.min()) > -0.6
    assert float(high.max()) < 0.6
    assert "class" in repr(found)


def test_a_network_that_fills_the_unknown_gives_back_the_box(camera):
    """With log-odds of +5 everywhere: surface and what is behind it; a box whose back is in its own shadow."""
    torch.manual_seed(0)
    net = VoxelCompletionNet(26, widths=(4, 8))
    net.forward = lambda observed: torch.full_like(observed, 5.0)
    found = complete_depth(net, render_depth(BOX, camera), camera, bounds=BOUNDS)
    assert found.posterior is None
    assert found.level == 0.5
    shape = found.probabilities.values > 0.5
    centres = found.probabilities.centres(torch.ones_like(shape).nonzero()).view(26, 26, 26, 3)
    inside = (centres.abs() < torch.tensor([0.28, 0.34, 0.18])).all(-1)
    assert shape[inside].all()
    assert "likeliest" not in repr(found)


def test_a_scan_of_the_same_box_is_seen_alike(belief, camera):
    depth = render_depth(BOX, camera)[0]
    row, column = (depth > 0).nonzero().unbind(1)
    pixels = torch.stack([column + 0.5, row + 0.5, torch.ones_like(row)], 1)
    rays = pixels @ torch.linalg.inv(camera.K[0]).T * depth[row, column, None]
    rotation, translation = camera.world_to_camera[0, :3, :3], camera.world_to_camera[0, :3, 3]
    points = (rays - translation) @ rotation
    scan = complete_scan(belief, points, camera.centres[0], bounds=BOUNDS, particles=1, passes=1)
    seen = complete_depth(belief, depth[None], camera, bounds=BOUNDS, particles=1, passes=1)
    one, other = scan.observed.values == 1, seen.observed.values == 1
    assert one.sum() > 100
    assert (one & other).sum() > 0.8 * one.sum()


def test_what_is_written(belief, camera, tmp_path):
    found = complete_depth(belief, render_depth(BOX, camera), camera, bounds=BOUNDS, particles=1, passes=1)
    record = write_completion(found, ["box", "ball"], tmp_path / "out", {"seed": 0}, title="A <box>")
    out = tmp_path / "out"
    assert json.loads((out / "result.json").read_text())["cells"] == record["cells"]
    assert sum(record["cells"][name] for name in ("surface", "free", "unknown")) == 26**3
    assert sum(record["posterior"].values()) == pytest.approx(1)
    assert [name for name, _ in rank_classes(record, 1)] == [max(record["posterior"], key=record["posterior"].get)]
    assert len(load_mesh(out / "mesh.ply").faces) == record["faces"]
    assert torch.equal(load_voxels(out / "observed.npz").values, found.observed.values)
    torch.testing.assert_close(load_voxels(out / "probabilities.npz").values, found.probabilities.values)
    page = (out / "report.html").read_text()
    assert "A &lt;box&gt;" in page
    assert "data:image/png" in page


def test_nothing_to_show_is_said(belief, tmp_path):
    empty = VoxelGrid(torch.zeros(26, 26, 26))
    found = complete_observation(belief, empty, particles=1, passes=1)
    assert len(found.mesh.faces) == 0
    record = write_completion(found, ["a", "b"], tmp_path / "out", {})
    assert record["cells"]["occupied"] == 0
    assert "Nothing is occupied" in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "mesh.ply").exists()


def test_networks_that_do_not_complete_are_refused(camera):
    with pytest.raises(InvalidInputError, match=r"net: expected a ShapeNets3D or a VoxelCompletionNet, got VoxNet"):
        complete_depth(VoxNet(2), torch.zeros(1, 160, 160), camera)
    with pytest.raises(InvalidInputError, match=r"net: expected a ShapeNets3D or a VoxelCompletionNet, got VoxNet"):
        complete_observation(VoxNet(2), VoxelGrid(torch.zeros(4, 4, 4)))
    with pytest.raises(InvalidInputError, match=r"depth: expected 1 images of 160 x 160 px"):
        complete_depth(ShapeNets3D(2, resolution=26, channels=(1, 1, 1), hidden=1, top=1), torch.zeros(1, 4, 4), camera)
    with pytest.raises(InvalidInputError, match=r"bounds: needed where nothing is visible"):
        complete_depth(VoxelCompletionNet(8, widths=(2, 2)), torch.zeros(1, 160, 160), camera)
    assert frame_padding(32) == 3
