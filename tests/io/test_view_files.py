"""Scenes of pictures with cameras: what each format says and where its pixels are."""

import math
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from view_scenes import (
    SIZES,
    assert_blobs,
    assert_markers,
    blender_scene,
    colmap_scene,
    directions,
    draw,
    nerfstudio_scene,
    opencv_poses,
    opengl_pixels,
    opengl_poses,
    write_json,
)

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io import load_views, save_views
from geolearn.render import camera_rig
from geolearn.structures import Cameras, Views

Image = pytest.importorskip("PIL.Image")


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
        with pytest.raises(FileNotFoundError, match="found no folder `images` beside it; pass image_root"):
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


K1, K2, P1, P2 = 0.0312, -0.0412, 0.0008, -0.0003  # of a camera in use
WIDER = 4  # markers are drawn this much further from the axis, so that the bend matters


def opencv_bend(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """OpenCV's formula, as in its manual."""
    r2 = x**2 + y**2
    radial = 1 + K1 * r2 + K2 * r2**2
    return np.c_[x * radial + 2 * P1 * x * y + P2 * (r2 + 2 * x**2), y * radial + P1 * (r2 + 2 * y**2) + 2 * P2 * x * y]


def fisheye_bend(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """OpenCV's fisheye with k1..k4 = 0.0312, -0.0412, 0, 0."""
    r = np.hypot(x, y)
    angle = np.arctan(r)
    return np.c_[x, y] * (angle * (1 + K1 * angle**2 + K2 * angle**4) / r)[:, None]


@pytest.mark.parametrize("lens", ["OPENCV", "OPENCV_FISHEYE", "is_fisheye", "FULL_OPENCV"])
def test_lenses_of_transforms(tmp_path: Path, lens: str) -> None:
    """k1..p2 as nerfstudio and instant-ngp write them: the markers are where a pinhole has them."""
    settings = {"camera_model": lens} if lens != "is_fisheye" else {"is_fisheye": True}
    fish = "fisheye" in lens.lower()
    nerfstudio_scene(tmp_path, 200, 240, **settings | {"k1": K1, "k2": K2} | ({} if fish else {"p1": P1, "p2": P2}))
    for n, pose in enumerate(opencv_poses()):
        fx, fy, cx, cy = (75.0, 70.0, 122, 97) if n != 1 else (66.0, 77.0, 120, 100)
        bend = fisheye_bend if fish else opencv_bend
        draw(tmp_path / f"images/{n}.png", bend(*(directions(pose) * WIDER).T) * [fx, fy] + [cx, cy], 200, 240)
    views = load_views(tmp_path)
    wide = views.cameras.K.clone()
    wide[:, [0, 1], [0, 1]] *= WIDER
    for n in range(3):
        assert_markers(Views(views.images, Cameras(wide, views.cameras.world_to_camera, 200, 240)), n, within=0.3)


def test_a_lens_that_bends_by_nothing(tmp_path: Path) -> None:
    nerfstudio_scene(tmp_path, k1=1e-9)
    for n in range(3):
        assert_blobs(load_views(tmp_path), n)


def test_back_slashes_in_names(tmp_path: Path) -> None:
    document = nerfstudio_scene(tmp_path)
    for frame in document["frames"]:
        frame |= {key: frame[key].replace("/", "\\") for key in ("file_path", "mask_path")}
    write_json(tmp_path / "transforms.json", document)
    views = load_views(tmp_path)
    for n in range(3):
        assert_blobs(views, n)


def test_pictures_at_another_scale(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = nerfstudio_scene(tmp_path)
    document |= {"w": 120, "h": 120}
    for part in (document, *document["frames"]):
        part |= {key: part[key] * 2 for key in ("fl_x", "fl_y", "cx", "cy") if key in part}
    write_json(tmp_path / "transforms.json", document)
    views = load_views(tmp_path)
    for n in range(3):
        assert_blobs(views, n)
    assert "such as 0.png (60 x 60 px, not 120 x 120): their cameras are scaled" in caplog.text


def test_pictures_from_another_folder(tmp_path: Path) -> None:
    """`images/0.png` is looked for in image_root: whole, without its folder, with another extension."""
    (tmp_path / "scene").mkdir()
    nerfstudio_scene(tmp_path / "scene")
    whole = load_views(tmp_path / "scene")
    (tmp_path / "small").mkdir()
    for n in range(3):
        Image.open(tmp_path / f"scene/images/{n}.png").save(tmp_path / f"small/{n}.webp", lossless=True)
        (tmp_path / f"scene/images/{n}.mask.png").rename(tmp_path / f"small/{n}.mask.png")
    views = load_views(tmp_path / "scene", image_root=tmp_path / "small")
    assert torch.equal(views.images, whole.images)
    assert torch.equal(views.masks, whole.masks)


def test_two_names_of_one_picture_are_refused(tmp_path: Path) -> None:
    document = nerfstudio_scene(tmp_path)
    document["frames"][1]["file_path"] = "elsewhere/0.png"
    write_json(tmp_path / "transforms.json", document)
    with pytest.raises(MeshFormatError, match=r"frames\[1\]: 'elsewhere/0.png' and 'images/0.png' are both .*0.png"):
        load_views(tmp_path, image_root=tmp_path / "images")


def test_sizes_of_several_cameras(tmp_path: Path) -> None:
    """A file without sizes, pictures of two sizes: focal lengths by angle, markers exact at the larger size."""
    focal = 1 / math.tan(0.35)
    frames = []
    for n, (pose, (height, width)) in enumerate(zip(opengl_poses(), [(120, 120), (96, 160), (120, 120)], strict=True)):
        pixels = opengl_pixels(pose, focal * width / 2, focal * width / 2, width / 2, height / 2)
        draw(tmp_path / f"{n}.png", pixels, height, width)
        frames.append({"file_path": f"{n}.png", "transform_matrix": pose.tolist()})
    write_json(tmp_path / "transforms.json", {"camera_angle_x": 0.7, "frames": frames})
    views = load_views(tmp_path)
    assert views.images.shape == (3, 1, 120, 160)
    for n in range(3):
        assert_markers(views, n)
    K = views.cameras.K
    assert float(K[0, 0, 0] / K[0, 1, 1]) == pytest.approx(160 / 120)
    assert float(K[1, 0, 0] / K[1, 1, 1]) == pytest.approx(96 / 120)
