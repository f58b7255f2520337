"""Depth maps, their cameras and scans in files."""

import json
import math

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io import load_depth, load_depth_camera, save_depth, save_depth_camera
from geolearn.io.depth_scenes import parse_position
from geolearn.render import cameras_around

Image = pytest.importorskip("PIL.Image", reason="needs the extra [data]")


def test_a_png_holds_whole_steps(tmp_path):
    depth = torch.tensor([[0.0, 1.2344], [2.0005, 65.535]])
    save_depth(depth, tmp_path / "d.png")
    with Image.open(tmp_path / "d.png") as image:
        assert image.mode.startswith("I;16")
        assert np.array(image).tolist() == [[0, 1234], [2000, 65535]]
    torch.testing.assert_close(load_depth(tmp_path / "d.png"), torch.tensor([[0.0, 1.234], [2.0, 65.535]]))
    torch.testing.assert_close(load_depth(tmp_path / "d.png", unit=0.5), torch.tensor([[0.0, 617], [1000, 32767.5]]))
    unmeasured = load_depth(tmp_path / "d.png", missing="unmeasured")
    assert math.isnan(float(unmeasured[0, 0]))
    assert int(unmeasured.isnan().sum()) == 1


def test_every_step_of_sixteen_bits_comes_back(tmp_path):
    depth = torch.arange(65536).view(256, 256).float()
    save_depth(depth, tmp_path / "d.png", unit=1.0)
    assert torch.equal(load_depth(tmp_path / "d.png", unit=1.0), depth)


def test_an_npy_comes_back_as_it_is(tmp_path):
    depth = torch.tensor([[0.0, 1.25], [math.nan, math.inf]])
    save_depth(depth, tmp_path / "d.npy")
    found = load_depth(tmp_path / "d.npy")
    assert torch.equal(found.nan_to_num(-1.0), depth.nan_to_num(-1.0))
    np.save(tmp_path / "one.npy", np.ones((1, 2, 3), np.float64))
    assert load_depth(tmp_path / "one.npy").shape == (2, 3)


def test_the_camera_of_one_frame(tmp_path):
    cameras = cameras_around(torch.tensor([0.3, 2.0]), torch.tensor([0.5, 0.1]), size=64)
    save_depth_camera(cameras[1], tmp_path / "one.json", "depth.png")
    found = load_depth_camera(tmp_path / "one.json", "anything.png", 64, 64)
    torch.testing.assert_close(found.world_to_camera, cameras[1].world_to_camera, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.K, cameras[1].K)
    document = json.loads((tmp_path / "one.json").read_text())
    other = dict(document["frames"][0], file_path="images/other.png")
    document["frames"].append(other)
    (tmp_path / "two.json").write_text(json.dumps(document))
    assert len(load_depth_camera(tmp_path / "two.json", "other.png", 64, 64)) == 1
    with pytest.raises(InvalidInputError, match=r"expected one frame whose file_path is third.png, got 0 of 2"):
        load_depth_camera(tmp_path / "two.json", "third.png", 64, 64)
    with pytest.raises(InvalidInputError, match=r"expected a depth map of 64 x 64 px, as the camera has, got 32 x 64"):
        load_depth_camera(tmp_path / "one.json", "depth.png", 32, 64)
    with pytest.raises(InvalidInputError, match=r"camera: expected one, got 2"):
        save_depth_camera(cameras, tmp_path / "both.json", "depth.png")


def test_what_is_no_depth_map_is_refused(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "colour.png")
    with pytest.raises(MeshFormatError, match=r"a picture in colour"):
        load_depth(tmp_path / "colour.png")
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    with pytest.raises(MeshFormatError, match=r"bad.npy: the whole file: not an npy file"):
        load_depth(tmp_path / "bad.npy")
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    with pytest.raises(MeshFormatError, match=r"expected numbers of shape \(H, W\), got float64 \(2, 2, 2\)"):
        load_depth(tmp_path / "cube.npy")
    with pytest.raises(FileNotFoundError, match=r"missing.npy: no such file"):
        load_depth(tmp_path / "missing.npy")
    with pytest.raises(InvalidInputError, match=r"d.exr: expected a depth map as 16-bit PNG, NumPy"):
        load_depth(tmp_path / "d.exr")
    with pytest.raises(InvalidInputError, match=r"missing: expected 'nothing' or 'unmeasured', got 'zero'"):
        load_depth(tmp_path / "d.png", missing="zero")
    with pytest.raises(InvalidInputError, match=r"unit: expected a length > 0, got 0"):
        load_depth(tmp_path / "d.png", unit=0.0)
    with pytest.raises(InvalidInputError, match=r"at most 65,535 steps of 0.001, got 70000"):
        save_depth(torch.tensor([[70.0]]), tmp_path / "d.png")
    with pytest.raises(InvalidInputError, match=r"d.exr: expected a name that ends in .png or .npy"):
        save_depth(torch.ones(1, 1), tmp_path / "d.exr")
    for text in ("1,2", "1,2,x", "1,2,nan"):
        with pytest.raises(InvalidInputError, match=r"position: expected three"):
            parse_position(text)
