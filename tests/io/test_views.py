"""Scenes of pictures with cameras: what each format says, where its pixels are, and what a bad file gets."""

import json
import math
import os
import struct
import zlib
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from geolearn.errors import GeolearnError, InvalidInputError, MeshFormatError
from geolearn.io import load_views, save_views
from geolearn.render import camera_rig
from geolearn.structures import Cameras, Views

Image = pytest.importorskip("PIL.Image")

POINTS = np.array([[0.0, 0.0, 0.0], [0.5, 0.1, -0.2], [-0.4, 0.3, 0.1], [0.1, -0.4, 0.35]])
SIZES = [(60, 60), (48, 80), (80, 48)]


def turned(angle: float, axis: int) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.roll(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), axis + 1, (0, 1))


def opengl_poses(count: int = 3) -> np.ndarray:
    """Camera-to-world matrices, 3 units from the origin, which is a little off the centre of the picture."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    for n in range(count):
        poses[n, :3, :3] = turned(0.7 * n, 2) @ turned(1.1 + 0.1 * n, 0)
        poses[n, :3, 3] = poses[n, :3, :3] @ [0.1, -0.2, 3.0]
    return poses


def blobs(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A grey picture with a soft blob at every pixel position; the centre of the top-left pixel is (0.5, 0.5)."""
    y, x = np.mgrid[:height, :width] + 0.5
    value = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / 4) for u, v in pixels)
    return np.round(255 * np.clip(value, 0, 1)).astype(np.uint8)


def assert_blobs(views: Views, image: int = 0) -> None:
    """Blobs drawn where the loaded camera projects the points are the picture itself; half a pixel off is 20 levels."""
    pixels = views.cameras[image].project(torch.tensor(POINTS, dtype=torch.float32))[0][0].numpy()
    drawn = blobs(pixels, views.cameras.height, views.cameras.width).astype(int)
    assert (drawn > 100).sum() > 10
    assert np.abs(drawn - views.images[image, 0].numpy() * 255).max() < 2
    assert np.abs(blobs(pixels + 0.5, *drawn.shape).astype(int) - drawn).max() > 20


def opengl_pixels(pose: np.ndarray, fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    local = (np.linalg.inv(pose) @ np.c_[POINTS, np.ones(len(POINTS))].T).T
    return np.c_[cx + fx * local[:, 0] / -local[:, 2], cy - fy * local[:, 1] / -local[:, 2]]


def write_json(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def blender_scene(folder: Path, height: int = 60, width: int = 60) -> dict:
    """NeRF's synthetic data: one angle, names without extension, straight alpha."""
    angle, frames = 0.7, []
    focal = width / 2 / math.tan(angle / 2)
    (folder / "train").mkdir()
    for n, pose in enumerate(opengl_poses()):
        grey = blobs(opengl_pixels(pose, focal, focal, width / 2, height / 2), height, width)
        Image.fromarray(np.dstack([grey, grey, grey, np.where(grey > 100, 255, n * 50)]).astype(np.uint8)).save(
            folder / "train" / f"r_{n}.png"
        )
        frames.append({"file_path": f"./train/r_{n}", "rotation": 0.01, "transform_matrix": pose.tolist()})
    document = {"camera_angle_x": angle, "frames": frames}
    write_json(folder / "transforms.json", document)
    return document


def nerfstudio_scene(folder: Path, height: int = 60, width: int = 60, **settings: object) -> dict:
    """Intrinsics in pixels, the second frame with its own, and masks in files of their own."""
    frames = []
    (folder / "images").mkdir(exist_ok=True)
    for n, pose in enumerate(opengl_poses()):
        fx, fy, cx, cy = (75.0, 70.0, width / 2 + 2, height / 2 - 3) if n != 1 else (66.0, 77.0, width / 2, height / 2)
        grey = blobs(opengl_pixels(pose, fx, fy, cx, cy), height, width)
        Image.fromarray(np.dstack([grey] * 3)).save(folder / "images" / f"{n}.png")
        Image.fromarray((grey > 100 + 20 * n).astype(np.uint8) * 255).save(folder / "images" / f"{n}.mask.png")
        frame = {"file_path": f"images/{n}.png", "mask_path": f"images/{n}.mask.png", "transform_matrix": pose.tolist()}
        own = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}
        frames.append(frame | (own if n == 1 else {}))
    document = {"fl_x": 75.0, "fl_y": 70.0, "cx": width / 2 + 2, "cy": height / 2 - 3, "w": width, "h": height}
    document |= {"camera_model": "OPENCV", "k1": 0.0, "p2": 0, "frames": frames} | settings
    write_json(folder / "transforms.json", document)
    return document


def colmap_scene(model: Path, images: Path, height: int = 60, width: int = 60) -> None:
    """Two cameras, images out of order, one with a name that has a space, one without points (a blank second line)."""
    model.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True, exist_ok=True)
    cx, cy = width / 2 + 1.5, height / 2 - 2.5
    lenses = {"7": (75.0, 75.0, f"SIMPLE_PINHOLE {width} {height} 75 {cx} {cy}")}
    lenses["2"] = (70.0, 65.0, f"PINHOLE {width} {height} 70 65 {cx} {cy}")
    lines = ["# Image list with two lines of data per image:", "#   IMAGE_ID, QW, ..."]
    for n, camera in ((2, "2"), (0, "7"), (1, "7")):
        half = 0.5 * (0.4 + 0.8 * n)  # a turn about the x axis by twice this, written as a quaternion and as a matrix
        w, x = math.cos(half), math.sin(half)
        rotation = turned(2 * half, 0)
        t = np.array([0.1 * n, -0.2, 3.0])
        local = POINTS @ rotation.T + t
        fx, fy, _ = lenses[camera]
        pixels = np.c_[fx * local[:, 0] / local[:, 2] + cx, fy * local[:, 1] / local[:, 2] + cy]
        name = f"view {n}.png" if n == 1 else f"view{n}.png"
        Image.fromarray(blobs(pixels, height, width)).save(images / name)
        lines.append(f"{n + 10} {w!r} {x!r} 0 0 {t[0]} {t[1]} {t[2]} {camera} {name}")
        lines.append("" if n == 0 else "10.5 20.5 -1 30.25 40.5 17")
    (model / "images.txt").write_text("\n".join(lines) + "\n")
    text = "".join(f"{key} {line}\n" for key, (_, _, line) in lenses.items())
    (model / "cameras.txt").write_text(f"# Camera list\n\n{text}")


@pytest.mark.parametrize("height, width", SIZES)
def test_blender_markers_and_alpha(tmp_path: Path, height: int, width: int) -> None:
    blender_scene(tmp_path, height, width)
    views = load_views(tmp_path)
    assert views.images.shape == (3, 3, height, width)
    for n in range(3):
        assert_blobs(views, n)
        expected = torch.where(views.images[n, 0] > 100.5 / 255, 1.0, n * 50 / 255)
        torch.testing.assert_close(views.masks[n], expected)
    assert torch.equal(load_views(tmp_path / "transforms.json").images, views.images)


@pytest.mark.parametrize("height, width", SIZES)
def test_nerfstudio_markers_and_masks(tmp_path: Path, height: int, width: int) -> None:
    nerfstudio_scene(tmp_path, height, width)
    views = load_views(tmp_path)
    for n in range(3):
        assert_blobs(views, n)
        assert torch.equal(views.masks[n], (views.images[n, 0] > (100.5 + 20 * n) / 255).float())
    assert views.cameras.K[:, 0, 0].tolist() == [75, 66, 75]


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("layout", ["scene", "model", "elsewhere"])
def test_colmap_markers(tmp_path: Path, height: int, width: int, layout: str) -> None:
    model = tmp_path / "sparse" / "0"
    images = tmp_path / ("photos" if layout == "elsewhere" else "images")
    colmap_scene(model, images, height, width)
    if layout == "elsewhere":
        with pytest.raises(FileNotFoundError, match="no folder `images` beside the model; pass image_root"):
            load_views(model)
    views = load_views(model if layout == "model" else tmp_path, image_root=images if layout == "elsewhere" else None)
    assert views.images.shape == (3, 1, height, width)  # grey
    assert views.masks is None
    assert views.cameras.K[:, 0, 0].tolist() == [75, 75, 70]  # in the order of the names: "view 1", "view0", "view2"
    for n in range(3):
        assert_blobs(views, n)


@given(seed=st.integers(0, 10_000), masked=st.booleans(), channels=st.sampled_from([1, 3]), size=st.sampled_from(SIZES))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saved_views_come_back(tmp_path: Path, seed: int, masked: bool, channels: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    images = torch.tensor(rng.integers(0, 256, (3, channels, *size)) / 255, dtype=torch.float32)
    masks = torch.tensor(rng.integers(0, 256, (3, *size)) / 255, dtype=torch.float32) if masked else None
    rig = camera_rig("sphere", count=3, size=size)
    K = rig.K * torch.tensor(rng.uniform(0.5, 2, (3, 3, 1)), dtype=torch.float32) * torch.tensor([[1.0], [1.0], [0.0]])
    K[:, 2, 2] = 1
    views = Views(images, Cameras(K, rig.world_to_camera, *size), masks)
    folder = tmp_path / f"{seed}" / "new"
    save_views(views, folder)
    again = load_views(folder)
    assert torch.equal(again.images, images)
    assert (again.masks is None) == (masks is None)
    if masks is not None:
        assert torch.equal(again.masks, masks)
    assert torch.equal(again.cameras.K, views.cameras.K)
    torch.testing.assert_close(again.cameras.world_to_camera, rig.world_to_camera, rtol=0, atol=1e-6)
    assert sorted(file.name for file in (folder / "images").iterdir()) == ["0000.png", "0001.png", "0002.png"]


def test_saving_rounds_to_8_bits_and_takes_gradients(tmp_path: Path) -> None:
    images = torch.tensor([0.0, 0.1, 0.5, 1.0]).reshape(1, 1, 2, 2).requires_grad_()
    save_views(Views(images, camera_rig("ring", count=1, size=2)), tmp_path)
    expected = torch.tensor([0, 26, 128, 255]).reshape(1, 1, 2, 2) / 255  # 25.5 and 127.5 round to even
    torch.testing.assert_close(load_views(tmp_path).images, expected)


def test_saving_refusals(tmp_path: Path) -> None:
    rig = camera_rig("ring", count=1, size=4)
    with pytest.raises(InvalidInputError, match="1 or 3 channels, got 1 of 5 channels"):
        save_views(Views(torch.zeros(1, 5, 4, 4), rig), tmp_path / "x")
    with pytest.raises(InvalidInputError, match="at least one image"):
        save_views(Views(torch.zeros(0, 3, 4, 4), rig[:0]), tmp_path / "x")
    skewed = Cameras(rig.K + torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0, 0]]), rig.world_to_camera, 4, 4)
    with pytest.raises(InvalidInputError, match="cannot express skew"):
        save_views(Views(torch.zeros(1, 3, 4, 4), skewed), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "mode, expected",
    [("L", 0.4), ("1", 1.0), ("P", 0.4), ("CMYK", 0.4), ("I;16", 0.4), ("LA", 0.4), ("RGBA", 0.4), ("RGB", 0.4)],
)
def test_kinds_of_pictures(tmp_path: Path, mode: str, expected: float) -> None:
    grey = Image.fromarray(np.full((6, 4), 102, dtype=np.uint8))
    if mode == "I;16":
        picture, extension = Image.fromarray(np.full((6, 4), 26214, dtype=np.uint16)), "png"
    elif mode == "CMYK":
        picture, extension = grey.convert("RGB").convert("CMYK"), "jpg"
    elif mode == "1":
        picture, extension = grey.point(lambda value: 255).convert("1"), "png"
    else:
        picture, extension = grey.convert(mode), "png"
    picture.save(tmp_path / f"a.{extension}")
    frame = {"file_path": f"a.{extension}", "transform_matrix": np.eye(4).tolist()}
    write_json(tmp_path / "transforms.json", {"fl_x": 10, "frames": [frame]})
    views = load_views(tmp_path)
    tolerance = 1.5 / 255 if mode == "CMYK" else 1e-6  # a JPEG
    assert views.images.shape == (1, 1 if mode in ("L", "1", "I;16", "LA") else 3, 6, 4)
    torch.testing.assert_close(views.images, torch.full_like(views.images, expected), atol=tolerance, rtol=0)
    assert (views.masks is not None) == (mode in ("LA", "RGBA"))
    torch.testing.assert_close(views.cameras.K[0], torch.tensor([[10.0, 0, 2], [0, 10, 3], [0, 0, 1]]))


def test_both_angles_give_both_focal_lengths(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 4), dtype=np.uint8)).save(tmp_path / "a.png")
    frame = {"file_path": "a", "transform_matrix": np.eye(4)[:3].tolist()}
    write_json(tmp_path / "transforms.json", {"camera_angle_x": math.pi / 2, "camera_angle_y": 1.0, "frames": [frame]})
    K = load_views(tmp_path).cameras.K[0]
    assert float(K[0, 0]) == pytest.approx(2)
    assert float(K[1, 1]) == pytest.approx(3 / math.tan(0.5))


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
    with pytest.raises(FileNotFoundError, match=r"no transforms.json and no COLMAP text model"):
        load_views(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no transforms.json and no COLMAP text model"):
        load_views(tmp_path / "nowhere")
    (tmp_path / "cameras.bin").touch()
    with pytest.raises(MeshFormatError, match="colmap model_converter --output_type TXT"):
        load_views(tmp_path)
    (tmp_path / "cameras.bin").unlink()
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
        ({"k1": 0.1}, r"frames\[0\]: the lens distorts \(k1=0.1\).*undistort"),
        ({"camera_model": "OPENCV_FISHEYE"}, r"camera model OPENCV_FISHEYE.*undistort"),
        ({"camera_model": "EQUIRECTANGULAR"}, r"camera model EQUIRECTANGULAR"),
        ({"is_fisheye": True}, "camera model fisheye"),
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
    document = nerfstudio_scene(tmp_path)
    Image.fromarray(np.zeros((50, 60), dtype=np.uint8)).save(tmp_path / "images/2.png")
    for key in ("w", "h"):
        del document[key]
    write_json(tmp_path / "transforms.json", document)
    with pytest.raises(MeshFormatError, match=r"frames\[2\]: .*2.png is 60 x 50 px, .*0.png is 60 x 60"):
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
            "7 OPENCV_FISHEYE",
            r"cameras.txt: line 3: unknown camera model .*pinholes",
        ),
        (
            "cameras.txt",
            "7 SIMPLE_PINHOLE",
            "7 SIMPLE_RADIAL",
            r"line 3: params of SIMPLE_RADIAL: expected shape \(4\)",
        ),
        (
            "cameras.txt",
            " 75 31.5 27.5",
            " 75 31.5 27.5 0.2",
            r"line 3: params of SIMPLE_PINHOLE: expected shape \(3\)",
        ),
        ("cameras.txt", "2 PINHOLE", "7 PINHOLE", "line 4: camera 7 is defined twice"),
        ("cameras.txt", "2 PINHOLE", "3 PINHOLE", r"images.txt: line 3: camera 2 is not in cameras.txt"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 x", "line 3: expected numbers"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 0.5", "line 3: expected a size in whole pixels, got 60 x 0.5"),
        ("cameras.txt", "PINHOLE 60 60", "PINHOLE 60 61", r"line 7: .*view 1.png is 60 x 60 px, but 60 x 61"),
        ("cameras.txt", " 75 31.5 27.5", " -75 31.5 27.5", "line 3: K: expected focal lengths > 0"),
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
