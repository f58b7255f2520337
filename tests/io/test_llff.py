"""LLFF's `poses_bounds.npy`: where the markers are, small pictures, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from view_scenes import assert_blobs, draw, opengl_pixels, opengl_poses

from geolearn.errors import MeshFormatError
from geolearn.io import load_views

pytest.importorskip("PIL.Image")


def llff_scene(folder: Path) -> np.ndarray:
    rows = []
    for n, pose in enumerate(opengl_poses()):
        draw(folder / f"images/IMG_{n}.PNG", opengl_pixels(pose, 150, 150, 80, 66), 132, 160)
        draw(folder / f"images_2/image00{n}.png", opengl_pixels(pose, 75, 75, 40, 33), 66, 80)
        right, up, back, centre = pose[:3].T
        rows.append([*np.stack([-up, right, back, centre, [132, 160, 150]], axis=1).ravel(), 2.0, 4.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))
    return np.array(rows)


def test_markers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    llff_scene(tmp_path)
    for path, root, size in (
        (tmp_path, None, (132, 160)),
        (tmp_path / "poses_bounds.npy", None, (132, 160)),
        (tmp_path, tmp_path / "images_2", (66, 80)),
    ):
        views = load_views(path, image_root=root)
        assert views.images.shape[2:] == size
        for n in range(3):
            assert_blobs(views, n)
    assert (
        "3 of 3 pictures are not of the size that it says, such as image000.png (80 x 66 px, not 160 x 132)"
        in caplog.text
    )


def test_refusals(tmp_path: Path) -> None:
    rows = llff_scene(tmp_path)
    for changed, message in (
        (rows[:2], r"the array: 2 poses, but 3 pictures in .*images"),
        (rows[:, :15], r"the array: expected numbers of shape \(N, 17\), got float64 \(3, 15\)"),
        (np.where(rows == 150, -1, rows), "row 0: expected height and width in whole pixels and a focal length > 0"),
        (np.where(rows == 132, np.nan, rows), "the array: some numbers are NaN or infinite"),
        (rows * 2, "row 0: its 3 x 3 part is no rotation"),
    ):
        np.save(tmp_path / "poses_bounds.npy", changed)
        with pytest.raises(MeshFormatError, match=message):
            load_views(tmp_path)
    np.save(tmp_path / "poses_bounds.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(MeshFormatError, match="not an npy header of plain numbers"):
        load_views(tmp_path)
    (tmp_path / "images").rename(tmp_path / "photos")
    (tmp_path / "images_2").rename(tmp_path / "small")
    np.save(tmp_path / "poses_bounds.npy", rows)
    with pytest.raises(FileNotFoundError, match=r"no pictures in .*images, .*images_2"):
        load_views(tmp_path)
