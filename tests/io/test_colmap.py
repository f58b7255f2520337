"""COLMAP's models, text and binary, with every lens, masks beside them and pictures of other sizes."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from view_scenes import assert_blobs, assert_markers, colmap_scene, directions, draw, opencv_poses

from geolearn.errors import MeshFormatError
from geolearn.io import load_views
from geolearn.io.colmap_lenses import COLMAP_LENSES, lens_of
from geolearn.render import to_colmap
from geolearn.structures import Cameras

Image = pytest.importorskip("PIL.Image")

LENSES = {  # f about 200 for pictures of 240 x 200; every coefficient moves the markers
    "SIMPLE_PINHOLE": [200, 118, 103],
    "PINHOLE": [200, 195, 118, 103],
    "SIMPLE_RADIAL": [200, 118, 103, -0.2],
    "RADIAL": [200, 118, 103, -0.2, 0.1],
    "OPENCV": [200, 195, 118, 103, -0.2, 0.1, 0.01, -0.02],
    "OPENCV_FISHEYE": [200, 195, 118, 103, 0.1, -0.05, 0.02, 0.01],
    "FULL_OPENCV": [200, 195, 118, 103, -0.2, 0.1, 0.01, -0.02, 0.05, 0.1, -0.03, 0.02],
    "FOV": [200, 195, 118, 103, 0.9],
    "SIMPLE_RADIAL_FISHEYE": [200, 118, 103, 0.1],
    "RADIAL_FISHEYE": [200, 118, 103, 0.1, -0.05],
    "THIN_PRISM_FISHEYE": [200, 195, 118, 103, 0.1, -0.05, 0.01, -0.02, 0.02, 0.01, 0.02, -0.01],
    "RAD_TAN_THIN_PRISM_FISHEYE": [
        200, 195, 118, 103, 0.1, -0.05, 0.02, 0.01, 0.01, 0.005, 0.01, -0.02, 0.02, 0.01, -0.01, 0.02,
    ],
    "SIMPLE_DIVISION": [200, 118, 103, -0.3],
    "DIVISION": [200, 195, 118, 103, -0.3],
    "SIMPLE_FISHEYE": [200, 118, 103],
    "FISHEYE": [200, 195, 118, 103],
    "EUCM": [200, 195, 118, 103, 0.6, 1.1],
}  # fmt: skip


def to_binary(folder: Path) -> None:
    """Write cameras.bin and images.bin of a text model, and take the text away."""
    cameras, images = [], []
    for line in (folder / "cameras.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            number, model, width, height, *params = line.split()
            header = struct.pack("<IiQQ", int(number), COLMAP_LENSES[model].number, int(width), int(height))
            cameras.append(header + struct.pack(f"<{len(params)}d", *map(float, params)))
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if not line.startswith("#")]
    for line, points in zip(lines[::2], lines[1::2], strict=True):
        number, *pose, camera, name = line.split(maxsplit=9)
        triples = [(float(x), float(y), int(p)) for x, y, p in zip(*[iter(points.split())] * 3, strict=True)]
        images.append(
            struct.pack("<I7dI", int(number), *map(float, pose), int(camera))
            + name.encode() + b"\0"
            + struct.pack("<Q", len(triples)) + b"".join(struct.pack("<ddq", *triple) for triple in triples)
        )  # fmt: skip
    (folder / "cameras.bin").write_bytes(struct.pack("<Q", len(cameras)) + b"".join(cameras))
    (folder / "images.bin").write_bytes(struct.pack("<Q", len(images)) + b"".join(images))
    (folder / "cameras.txt").unlink()
    (folder / "images.txt").unlink()


def lens_scene(folder: Path, model: str, params: list[float], height: int = 200, width: int = 240) -> None:
    """A text model of one camera whose pictures are bent as the model says."""
    (folder / "sparse/0").mkdir(parents=True)
    numbers = " ".join(map(repr, params))
    (folder / "sparse/0/cameras.txt").write_text(f"1 {model} {width} {height} {numbers}\n")
    poses, lines = opencv_poses(), []
    cameras = Cameras(torch.eye(3).expand(3, 3, 3), torch.tensor(poses), height, width)
    quaternions, translations, *_ = to_colmap(cameras)
    for n, pose in enumerate(poses):
        numbers = " ".join(map(str, [*quaternions[n].tolist(), *translations[n].tolist()]))
        lines += [f"{n + 1} {numbers} 1 {n}.png", ""]
        draw(
            folder / f"images/{n}.png",
            lens_of(model, [float(p) for p in params]).project(directions(pose)),
            height,
            width,
        )
    (folder / "sparse/0/images.txt").write_text("\n".join(lines) + "\n")


def test_binary_is_read_as_text_is(tmp_path: Path) -> None:
    colmap_scene(tmp_path / "sparse/0", tmp_path / "images")
    text = load_views(tmp_path)
    to_binary(tmp_path / "sparse/0")
    for path in (tmp_path, tmp_path / "sparse", tmp_path / "sparse/0", tmp_path / "sparse/0/cameras.bin"):
        views = load_views(path)
        assert torch.equal(views.images, text.images)
        assert torch.equal(views.cameras.K, text.cameras.K)
        assert torch.equal(views.cameras.world_to_camera, text.cameras.world_to_camera)
    for n in range(3):
        assert_blobs(views, n)


def test_every_model_has_a_lens_here() -> None:
    assert set(LENSES) == set(COLMAP_LENSES)
    assert sorted(model.number for model in COLMAP_LENSES.values()) == list(range(17))


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("model", LENSES)
def test_markers_of_every_lens(tmp_path: Path, model: str, binary: bool) -> None:
    lens_scene(tmp_path, model, LENSES[model])
    if binary:
        to_binary(tmp_path / "sparse/0")
    views = load_views(tmp_path)
    for n in range(3):
        assert_markers(views, n)
    fy = 195 if "fy" in COLMAP_LENSES[model].parameters else 200
    assert views.cameras.K[0].tolist() == [[200, 0, 118], [0, fy, 103], [0, 0, 1]]


def test_bent_pictures_would_be_seen(tmp_path: Path) -> None:
    """The same pictures without their bend undone are pixels away: the test above can fail."""
    lens_scene(tmp_path, "OPENCV", LENSES["OPENCV"])
    cameras = tmp_path / "sparse/0/cameras.txt"
    cameras.write_text("1 PINHOLE 240 200 200 195 118 103\n")
    with pytest.raises(AssertionError, match=r"a marker is|at the rim"):
        assert_markers(load_views(tmp_path))


@pytest.mark.parametrize("name", ["{name}.png", "{stem}.png", "{stem}.jpg"])
def test_masks_beside_the_pictures(tmp_path: Path, name: str) -> None:
    colmap_scene(tmp_path / "sparse/0", tmp_path / "images")
    (tmp_path / "masks").mkdir()
    for n, picture in enumerate(sorted((tmp_path / "images").iterdir())):
        mask = np.zeros((60, 60), dtype=np.uint8)
        mask[: 10 * (n + 1)] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / name.format(name=picture.name, stem=picture.stem))
    views = load_views(tmp_path)
    assert (views.masks > 0.5).sum((1, 2)).tolist() == [600, 1200, 1800]
    (tmp_path / "masks").rename(tmp_path / "elsewhere")
    assert load_views(tmp_path).masks is None
    assert torch.equal(load_views(tmp_path, masks=tmp_path / "elsewhere").masks, views.masks)


def test_masks_that_are_missing_are_counted(tmp_path: Path) -> None:
    colmap_scene(tmp_path / "sparse/0", tmp_path / "images")
    (tmp_path / "masks").mkdir()
    Image.new("L", (60, 60), 255).save(tmp_path / "masks/view0.png")
    with pytest.raises(FileNotFoundError, match=r"no masks for 2 of 3 pictures: 'view 1.png', 'view2.png'; expected"):
        load_views(tmp_path)
    with pytest.raises(FileNotFoundError, match="masks: there is no folder"):
        load_views(tmp_path, masks=tmp_path / "nowhere")


def test_one_mask_for_two_pictures_is_refused(tmp_path: Path) -> None:
    """cam0/0.png and cam1/0.png with masks in one folder: 0.png would be both of theirs."""
    colmap_scene(tmp_path / "sparse/0", tmp_path / "images")
    text = (tmp_path / "sparse/0/images.txt").read_text()
    names = {"view0.png": "cam0/0.png", "view 1.png": "cam1/0.png", "view2.png": "cam1/1.png"}
    for old, new in names.items():
        (tmp_path / "images" / new).parent.mkdir(exist_ok=True)
        (tmp_path / "images" / old).rename(tmp_path / "images" / new)
        text = text.replace(old, new)
    (tmp_path / "sparse/0/images.txt").write_text(text)
    for n in range(2):
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.new("L", (60, 60), 255).save(tmp_path / f"masks/{n}.png")
    with pytest.raises(MeshFormatError, match=r"0.png would be the mask of 'cam0/0.png' and of 'cam1/0.png'"):
        load_views(tmp_path)
    for name in names.values():
        (tmp_path / "masks" / name).parent.mkdir(exist_ok=True)
        Image.new("L", (60, 60), 255).save(tmp_path / "masks" / f"{name}.png")
    assert bool(load_views(tmp_path).masks.all())


@pytest.mark.parametrize("folder", ["images_2", "images_4"])
def test_small_pictures_of_the_same_scene(tmp_path: Path, folder: str, caplog: pytest.LogCaptureFixture) -> None:
    """Pictures drawn at 2 or 4 times the scale of `folder`, averaged down; 958 = 4 x 239.5 is rounded."""
    factor = int(folder[-1])
    height, width = 800, 958
    large = [800.0, 780.0, 472.0, 412.0, *LENSES["OPENCV"][4:]]
    lens_scene(tmp_path, "OPENCV", large, height, width)
    (tmp_path / folder).mkdir()
    small = (round(width / factor), height // factor)
    for n, pose in enumerate(opencv_poses()):
        pixels = lens_of("OPENCV", large).project(directions(pose))
        draw(tmp_path / folder / f"{n}.png", pixels * (small[0] / width, small[1] / height), small[1], small[0])
    views = load_views(tmp_path, image_root=tmp_path / folder)
    assert views.images.shape[2:] == (small[1], small[0])
    for n in range(3):
        assert_markers(views, n)
    assert "3 of 3 pictures are not of the size that it says, such as 0.png (" in caplog.text
    for file in (tmp_path / "images").iterdir():
        file.unlink()
    (tmp_path / "images").rmdir()
    assert torch.equal(load_views(tmp_path).images, views.images)  # there is no other folder


def test_several_sizes_and_cameras(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A landscape and a portrait camera: both come out at the largest sides, markers where they belong."""
    lens_scene(tmp_path, "OPENCV", LENSES["OPENCV"])
    model = tmp_path / "sparse/0"
    other = [150.0, 150.0, 80.0, 120.0]
    (model / "cameras.txt").write_text((model / "cameras.txt").read_text() + "2 PINHOLE 160 240 150 150 80 120\n")
    text = (model / "images.txt").read_text()
    (model / "images.txt").write_text(text.replace(" 1 1.png", " 2 1.png"))
    draw(tmp_path / "images/1.png", lens_of("PINHOLE", other).project(directions(opencv_poses()[1])), 240, 160)
    views = load_views(tmp_path)
    assert views.images.shape[2:] == (240, 240)
    for n in range(3):
        assert_markers(views, n, within=0.2)
    assert "pictures of several sizes are brought to 240 x 240 px" in caplog.text


def binary_model(folder: Path) -> tuple[bytes, bytes]:
    colmap_scene(folder, folder / "images")
    to_binary(folder)
    return (folder / "cameras.bin").read_bytes(), (folder / "images.bin").read_bytes()


@pytest.mark.parametrize(
    "file, begin, change, message",
    [
        (
            "cameras.bin",
            0,
            struct.pack("<Q", 2**60),
            "the first 8 bytes: promise 1152921504606846976 records, but only",
        ),
        ("images.bin", 0, struct.pack("<Q", 2**63), "the first 8 bytes: promise"),
        (
            "cameras.bin",
            12,
            struct.pack("<i", 99),
            r"camera 1, byte 8: unknown camera model 99. Known are SIMPLE_PINHOLE",
        ),
        ("cameras.bin", 16, struct.pack("<Q", 0), "expected a size in pixels, got 0 x 60"),
        ("cameras.bin", 32, struct.pack("<d", -75), "expected focal lengths > 0, got -75"),
        ("cameras.bin", 32, struct.pack("<d", float("nan")), "NaN or infinite"),
        ("images.bin", 12, bytes(32), "image 1, byte 8: its quaternion is 0"),
        ("images.bin", 44, struct.pack("<d", float("inf")), "image 1, byte 8: some numbers of the pose are NaN"),
        ("images.bin", 68, struct.pack("<I", 5), "image 1, byte 8: camera 5 is not in cameras.bin"),
        ("images.bin", 82, struct.pack("<Q", 2**62), "image 1, byte 8: needs .* bytes, .* are left"),
    ],
)
def test_bad_binary(tmp_path: Path, file: str, begin: int, change: bytes, message: str) -> None:
    binary_model(tmp_path)
    data = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(data[:begin] + change + data[begin + len(change) :])
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


def test_any_cut_is_named(tmp_path: Path) -> None:
    """Cut anywhere, or with a byte too many, both files are refused by name."""
    for name, data in zip(("cameras.bin", "images.bin"), binary_model(tmp_path), strict=True):
        for changed in (*(data[:end] for end in range(0, len(data), 5)), data + b"\0"):
            (tmp_path / name).write_bytes(changed)
            with pytest.raises(MeshFormatError, match=name):
                load_views(tmp_path)
        (tmp_path / name).write_bytes(data)
