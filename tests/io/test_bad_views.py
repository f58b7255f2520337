"""Scenes that are damaged, lack a file or lead elsewhere: an error that names the file and the place."""

import os
import struct
import zlib
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from view_scenes import (
    blender_scene,
    colmap_scene,
    nerfstudio_scene,
    write_json,
)

from geolearn.errors import GeolearnError, InvalidInputError, MeshFormatError
from geolearn.io import load_views
from geolearn.io.scene_formats import FORMATS

Image = pytest.importorskip("PIL.Image")


def test_pictures_missing_are_all_counted(tmp_path: Path) -> None:
    blender_scene(tmp_path)
    (tmp_path / "train/r_0.png").unlink()
    (tmp_path / "train/r_2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 3 pictures are not in .*: './train/r_0', './train/r_2'"):
        load_views(tmp_path)
    document = nerfstudio_scene(tmp_path)
    document["frames"][1]["mask_path"] = "gone.png"
    write_json(tmp_path / "transforms.json", document)
    with pytest.raises(FileNotFoundError, match=r"1 of 3 pictures are not in .*: 'gone.png'"):
        load_views(tmp_path)


def test_no_scene(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_views(tmp_path / "transforms.json")
    with pytest.raises(FileNotFoundError, match=r"no scene in this folder. Expected one of: ") as raised:
        load_views(tmp_path)
    for kind in FORMATS:
        assert kind.name in str(raised.value)
        assert kind.files in str(raised.value)
    with pytest.raises(FileNotFoundError, match="no such file; its folder exists"):
        load_views(tmp_path / "nowhere")
    (tmp_path / "points.ply").write_bytes(b"ply\n")
    with pytest.raises(
        MeshFormatError, match=r"none of the scenes that are read here; the content looks like PLY.*COLMAP"
    ):
        load_views(tmp_path / "points.ply")
    (tmp_path / "transforms_train.json").touch()
    with pytest.raises(FileNotFoundError, match=r"pass one of its scene files: transforms_train.json"):
        load_views(tmp_path)


@pytest.mark.parametrize("name", ["../outside.png", "/etc/hostname", "images/../../outside.png", "link.png"])
def test_nothing_outside_is_read(tmp_path: Path, name: str) -> None:
    scene = tmp_path / "scene"
    scene.mkdir()
    Image.fromarray(np.zeros((60, 60), dtype=np.uint8)).save(tmp_path / "outside.png")
    (scene / "link.png").symlink_to(tmp_path / "outside.png")
    document = nerfstudio_scene(scene)
    document["frames"][1]["file_path"] = name
    write_json(scene / "transforms.json", document)
    with pytest.raises(InvalidInputError, match=rf"frames\[1\]: '{name}' leads outside .*image_root"):
        load_views(scene)
    if name != "/etc/hostname":
        assert len(load_views(scene, image_root=tmp_path)) == 3


def test_colmap_names_stay_inside(tmp_path: Path) -> None:
    colmap_scene(tmp_path / "scene/sparse/0", tmp_path / "scene/images")
    text = (tmp_path / "scene/sparse/0/images.txt").read_text()
    (tmp_path / "scene/sparse/0/images.txt").write_text(text.replace("view0.png", "../../view0.png"))
    with pytest.raises(InvalidInputError, match=r"line 5: '../../view0.png' leads outside"):
        load_views(tmp_path / "scene")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"k1": "wide"}, r"frames\[0\], k1: expected a finite number, got 'wide'"),
        ({"k4": 0.1}, r"frames\[0\]: k4=0.1 of a lens that is no fisheye: nerfstudio .*FULL_OPENCV.*undistort"),
        ({"camera_model": "EQUIRECTANGULAR"}, r"frames\[0\]: camera model 'EQUIRECTANGULAR'. Known are PINHOLE, "),
        ({"is_fisheye": True, "p1": 0.1}, "a fisheye lens has no p1. Expected k1, k2, k3, k4"),
        ({"w": 0}, r"frames\[0\]: expected a size of at least 1 pixel, got w=0.0"),
        ({"fl_x": None}, r"frames\[0\]: no focal length. Expected fl_x"),
        ({"fl_x": -3}, r"frames\[0\], fl_x: expected a number between 0 and inf, got -3"),
        ({"fl_x": "wide"}, r"frames\[0\], fl_x: expected a finite number, got 'wide'"),
        ({"cx": 10**400}, r"frames\[0\], cx: expected a finite number"),
        ({"w": 61}, r"frames\[0\]: .*0.png is 60 x 60 px, but 61 x 60 in the scene file"),
        ({"frames": []}, "frames: expected a list of at least one frame"),
        ({"frames": {}}, "frames: expected a list of at least one frame"),
        ({"frames": [3]}, r"frames\[0\]: expected an object, got int"),
        ({"frames": [{"file_path": "a.png"}]}, r"frames\[0\].transform_matrix: expected a 4 x 4 matrix of finite"),
        ({"frames": [{"file_path": 3}]}, r"frames\[0\].file_path: expected the path of a picture, got 3"),
        ({"frames": [{"file_path": "a", "mask_path": 3}]}, r"frames\[0\].mask_path: expected the path"),
        ({"frames": [{"file_path": "a", "transform_matrix": [[1, 2], [3]]}]}, "expected a 4 x 4 matrix of numbers"),
        (
            {"frames": [{"file_path": "a", "transform_matrix": (2 * np.eye(4)).tolist()}]},
            r"frames\[0\].transform_matrix: its 3 x 3 part is no rotation .*Remove scale",
        ),
    ],
)
def test_bad_transforms(tmp_path: Path, change: dict, message: str) -> None:
    nerfstudio_scene(tmp_path, **change)
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_bad_json(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "transforms.json").write_bytes(data)
    with pytest.raises(MeshFormatError, match=r"transforms.json: (the whole file: not JSON|frames: expected)"):
        load_views(tmp_path)


def test_sizes_that_differ_are_named(tmp_path: Path) -> None:
    nerfstudio_scene(tmp_path)
    Image.fromarray(np.zeros((50, 60), dtype=np.uint8)).save(tmp_path / "images/2.png")
    with pytest.raises(MeshFormatError, match=r"frames\[2\]: .*2.png is 60 x 50 px, but 60 x 60 in the scene file"):
        load_views(tmp_path)
    nerfstudio_scene(tmp_path)
    Image.fromarray(np.zeros((50, 60), dtype=np.uint8)).save(tmp_path / "images/1.mask.png")
    with pytest.raises(MeshFormatError, match=r"1.mask.png: the picture: \(50, 60\).* is not the size"):
        load_views(tmp_path)


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "cameras.txt",
            "7 SIMPLE_PINHOLE",
            "7 OPENCV_FISHEY",
            r"cameras.txt: line 3: unknown camera model 'OPENCV_FISHEY'. Did you mean 'OPENCV_FISHEYE'",
        ),
        (
            "cameras.txt",
            "7 SIMPLE_PINHOLE",
            "7 SIMPLE_RADIAL",
            r"line 3: SIMPLE_RADIAL has 4 parameters \(f, cx, cy, k1\), got 3",
        ),
        (
            "cameras.txt",
            " 75 31.5 27.5",
            " 75 31.5 27.5 0.2",
            r"line 3: SIMPLE_PINHOLE has 3 parameters \(f, cx, cy\), got 4",
        ),
        ("cameras.txt", "2 PINHOLE", "7 PINHOLE", "line 4: camera 7 is defined twice"),
        ("cameras.txt", "2 PINHOLE", "3 PINHOLE", r"images.txt: line 3: camera 2 is not in cameras.txt"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 x", "line 3: expected numbers"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 0.5", "line 3: expected a size in whole pixels, got 60 x 0.5"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 61", r"line 7: .*view 1.png is 60 x 60 px, but 60 x 61"),
        ("cameras.txt", " 75 31.5 27.5", " -75 31.5 27.5", "line 3: expected focal lengths > 0, got -75"),
        ("images.txt", "10.5 20.5 -1 30.25", "10.5 20.5 30.25", "line 4: expected the image's points, triples"),
        ("images.txt", " 7 view0.png", " view0.png", r"line 5: expected 10 values .*got 9"),
        ("images.txt", "0 0 0.0 -0.2", "0 nan 0.0 -0.2", "line 5: some numbers are NaN"),
        ("images.txt", "\n\n", "\n", r"line 6: expected the image's points"),
    ],
)
def test_bad_colmap(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    colmap_scene(tmp_path, tmp_path / "images")
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


def test_empty_colmap(tmp_path: Path) -> None:
    colmap_scene(tmp_path, tmp_path / "images")
    (tmp_path / "images.txt").write_text("# nothing\n")
    with pytest.raises(MeshFormatError, match=r"images.txt: the whole file: no images"):
        load_views(tmp_path)
    (tmp_path / "images.txt").write_bytes(b"\xff\x00")
    with pytest.raises(MeshFormatError, match="not UTF-8 text"):
        load_views(tmp_path)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_pictures_that_claim_too_much_are_not_decoded(tmp_path: Path, side: int) -> None:
    """Above our limit, above Pillow's warning, above its error: one message for all."""
    document = nerfstudio_scene(tmp_path)
    (tmp_path / "images/1.png").write_bytes(png_claiming(side, side))
    write_json(tmp_path / "transforms.json", {k: v for k, v in document.items() if k not in ("w", "h")})
    with pytest.raises(MeshFormatError, match=r"1.png: the header: claims .* pixels, more than 80,000,000"):
        load_views(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "flipped", "folder", "pipe"])
def test_damaged_pictures_are_named(tmp_path: Path, damage: str) -> None:
    nerfstudio_scene(tmp_path)
    file = tmp_path / "images/1.png"
    data = file.read_bytes()
    file.unlink()
    if damage == "pipe":
        os.mkfifo(file)
    elif damage == "folder":
        file.mkdir()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 20]) + data[middle + 20 :]
        file.write_bytes({"cut": data[:middle], "empty": b"", "text": b"hello" * 50, "flipped": flipped}[damage])
    with pytest.raises((MeshFormatError, FileNotFoundError), match=r"1.png"):
        load_views(tmp_path)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_an_error_that_we_raise(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed anywhere in a scene: it loads, or the error is ours, or a name is missing; nothing else."""
    if not (tmp_path / "colmap").exists():
        (tmp_path / "json").mkdir()
        nerfstudio_scene(tmp_path / "json")
        colmap_scene(tmp_path / "colmap", tmp_path / "colmap/images")
    file = data.draw(
        st.sampled_from(["json/transforms.json", "json/images/0.png", "colmap/cameras.txt", "colmap/images.txt"])
    )
    path = tmp_path / file
    original = path.read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        views = load_views(path.parents[0] if "images/" not in file else tmp_path / "json")
        assert bool(torch.isfinite(views.cameras.world_to_camera).all())
    except (GeolearnError, FileNotFoundError):
        pass
    finally:
        path.write_bytes(original)
