"""Cameras of IDR and NeuS: where the markers are, which pictures and masks they take, and real ones of DTU."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from view_scenes import assert_blobs, directions, draw, opencv_poses

from geolearn.errors import MeshFormatError
from geolearn.io import load_views

Image = pytest.importorskip("PIL.Image")
PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/multiview_photographs.tar"
K = np.array([[75.0, 0.5, 40], [0, 70, 33], [0, 0, 1]])  # pixels from the centre of the first one


def neus_scene(folder: Path, sign: float = 1.0) -> dict[str, np.ndarray]:
    arrays = {}
    for n, pose in enumerate(opencv_poses()):
        x, y = directions(pose).T
        pixels = np.c_[75 * x + 0.5 * y + 40, 70 * y + 33] + 0.5
        draw(folder / f"image/{n:06d}.png", pixels, 66, 80)
        mask = np.zeros((66, 80), dtype=np.uint8)
        mask[: n + 1] = 255
        (folder / "mask").mkdir(exist_ok=True)
        Image.fromarray(mask).save(folder / f"mask/{n:03d}.png")
        scale = np.diag([2.0, 2, 2, 1])
        scale[:3, 3] = [0.1, 0.2, 0.3]
        arrays[f"world_mat_{n}"] = sign * 3 * np.r_[K @ pose[:3], [[0, 0, 0, 1 / 3]]].astype(np.float32)
        arrays[f"scale_mat_{n}"] = scale.astype(np.float32)
    np.savez(folder / "cameras_sphere.npz", **arrays)
    return arrays


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_markers(tmp_path: Path, sign: float) -> None:
    neus_scene(tmp_path, sign)
    for path in (tmp_path, tmp_path / "cameras_sphere.npz"):
        views = load_views(path)
        for n in range(3):
            assert_blobs(views, n)
            assert float((views.masks[n] > 0.5).sum()) == 80 * (n + 1)
    torch.testing.assert_close(
        views.cameras.K[0], torch.tensor(K).float() + torch.tensor([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    )


def test_the_tenth_camera_comes_after_the_second(tmp_path: Path) -> None:
    arrays = neus_scene(tmp_path)
    for old in list(arrays):
        arrays[old.replace("_1", "_10").replace("_2", "_9")] = arrays.pop(old)
    np.savez(tmp_path / "cameras_sphere.npz", **arrays)
    for name, new in (("000001", "9x"), ("000002", "1x")):
        (tmp_path / f"image/{name}.png").rename(tmp_path / f"image/{new}.png")
    for n in range(3):
        assert_blobs(load_views(tmp_path), n)


def test_refusals(tmp_path: Path) -> None:
    arrays = neus_scene(tmp_path)
    file = tmp_path / "cameras_sphere.npz"
    (tmp_path / "image/000002.png").rename(tmp_path / "x.png")
    with pytest.raises(
        MeshFormatError, match=r"the archive: 3 cameras, but 2 pictures in .*image. They belong together"
    ):
        load_views(tmp_path)
    assert len(load_views(tmp_path / "cameras_sphere.npz", image_root=tmp_path / "mask")) == 3
    (tmp_path / "image").rename(tmp_path / "photos")
    (tmp_path / "x.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no pictures in .*image, .*images, "):
        load_views(tmp_path)
    np.savez(file, scale_mat_0=np.eye(4))
    with pytest.raises(MeshFormatError, match="the archive: no world_mat_0, got scale_mat_0"):
        load_views(tmp_path)
    (tmp_path / "photos").rename(tmp_path / "image")
    arrays = {key: value for key, value in arrays.items() if not key.endswith("2")}
    (tmp_path / "mask/002.png").unlink()
    for value, message in (
        (np.zeros((4, 4)), "world_mat_1: P: expected a finite 3 x 4 projection"),
        (np.full((4, 4), np.nan), "world_mat_1: P: expected a finite 3 x 4 projection"),
        (np.eye(3), r"world_mat_1: expected a 4 x 4 matrix, got shape \(3, 3\)"),
    ):
        np.savez(file, **arrays | {"world_mat_1": value})
        with pytest.raises(MeshFormatError, match=message):
            load_views(tmp_path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    neus_scene(tmp_path)
    np.savez(tmp_path / "cameras_sphere.npz", world_mat_0=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(MeshFormatError, match=r"world_mat_0.npy: not an npy header of plain numbers"):
        load_views(tmp_path)


@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="needs ../shared/data/multiview_photographs.tar")
def test_dtu(tmp_path: Path) -> None:
    """Three photographs of a scan: cameras 60 to 70 cm from it, focal lengths of about 2892 px, as DTU says."""
    with tarfile.open(PHOTOGRAPHS) as archive:
        archive.extractall(tmp_path, [m for m in archive if m.name.startswith("dtu/")], filter="data")
    views = load_views(tmp_path / "dtu")
    assert views.images.shape == (3, 3, 1200, 1600)
    assert (views.cameras.K[:, 0, 0] - 2892).abs().max() < 5
    scale = np.load(tmp_path / "dtu/cameras_sphere.npz")["scale_mat_0"]
    centre, radius = torch.tensor(scale[:3, 3]).float(), float(scale[0, 0])
    pixels, depth = views.cameras.project(centre[None])
    assert bool((depth > 2 * radius).all())  # the region of interest is before every camera, and in its picture
    assert bool(((pixels > 0) & (pixels < torch.tensor([1600.0, 1200]))).all())
