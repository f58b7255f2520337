"""`geolearn complete` on a depth map and on a scan, and what it says where something is missing."""

import json

import pytest
import torch
import trimesh

from geolearn.cli.main import main
from geolearn.io import load_voxels, save_depth, save_depth_camera, save_mesh
from geolearn.models import ShapeNets3D, VoxelCompletionNet, save_model
from geolearn.render import cameras_around, render_depth
from geolearn.structures import Mesh

BOX = "-0.4,-0.4,-0.4,0.4,0.4,0.4"
FILES = ("observed.npz", "probabilities.npz", "before_after.png", "result.json", "report.html")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A box seen by one camera, as a PNG in millimetres; its corners and faces' points as a scan; weights."""
    folder = tmp_path_factory.mktemp("scene")
    box = Mesh.from_trimesh(trimesh.creation.box((0.6, 0.5, 0.4)))
    camera = cameras_around(torch.tensor([0.5]), torch.tensor([0.4]), size=128)
    save_depth(render_depth(box, camera)[0], folder / "depth.png")
    save_depth_camera(camera, folder / "transforms.json", "depth.png")
    save_mesh(Mesh.from_trimesh(trimesh.creation.box((0.6, 0.5, 0.4)).subdivide().subdivide()), folder / "scan.ply")
    torch.manual_seed(0)
    save_model(VoxelCompletionNet(26, widths=(4, 8)), folder / "unet.safetensors")
    belief = ShapeNets3D(2, resolution=26, channels=(3, 5, 7), hidden=9, top=11)
    save_model(belief, folder / "belief.safetensors", classes=["box", "ball"])
    return folder


def test_a_depth_map_by_a_belief_network(scene, tmp_path, capsys):
    asked = [str(scene / "depth.png"), "--cameras", str(scene / "transforms.json"), "--bounds", BOX]
    more = ["--weights", str(scene / "belief.safetensors"), "--particles", "2", "--passes", "1", "-o", str(tmp_path)]
    assert main(["complete", *asked, *more]) == 0
    assert all((tmp_path / name).is_file() for name in FILES)
    record = json.loads((tmp_path / "result.json").read_text())
    assert set(record["posterior"]) == {"box", "ball"}
    observed = load_voxels(tmp_path / "observed.npz")
    assert record["cells"]["surface"] == int((observed.values == 1).sum()) > 50
    printed = capsys.readouterr().out
    assert f"{record['cells']['surface']} surface cells seen" in printed
    assert "report.html" in printed


def test_a_scan_by_a_completion_network(scene, tmp_path):
    asked = [str(scene / "scan.ply"), "--camera-position", "2,1,1", "--bounds", BOX]
    assert main(["complete", *asked, "--weights", str(scene / "unet.safetensors"), "-o", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["posterior"] is None
    assert record["cells"]["free"] > record["cells"]["surface"] > 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["depth.png"], "--cameras: needed for a depth map such as depth.png"),
        (["scan.ply"], "--camera-position: needed for a scan such as scan.ply"),
        (["scan.ply", "--camera-position", "1,2"], "position: expected three finite numbers"),
        (["scan.ply", "--camera-position", "1,2,3", "--bounds", "1,2,3"], "--bounds: expected six numbers"),
    ],
)
def test_what_is_missing_is_named(scene, tmp_path, arguments, message, capsys):
    rest = ["--weights", str(scene / "unet.safetensors"), "-o", str(tmp_path)]
    assert main(["complete", str(scene / arguments[0]), *arguments[1:], *rest]) != 0
    assert message in capsys.readouterr().err
