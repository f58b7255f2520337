"""Bundler's bundle.out: where the markers are, the list of names, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from view_scenes import assert_markers, directions, draw, opencv_poses

from geolearn.errors import MeshFormatError
from geolearn.io import load_views

pytest.importorskip("PIL.Image")


def bundler_scene(folder: Path, bundle: str = "bundle.out", names: str = "list.txt") -> Path:
    """Three cameras and one that was not found; the second picture's name has a focal length behind it."""
    lines, listed = ["# Bundle file v0.3", "4 1"], []
    flip = np.diag([1.0, -1, -1])
    for n, pose in enumerate(opencv_poses()):
        R, t = flip @ pose[:3, :3], flip @ pose[:3, 3]
        px, py = directions(pose).T * [[1], [-1]]  # y upwards
        scale = 1 - 0.2 * (px**2 + py**2) + 0.1 * (px**2 + py**2) ** 2
        draw(folder / f"photos/{n}.jpg", np.c_[120 + 200 * scale * px, 100 - 200 * scale * py], 200, 240)
        lines += ["200 -0.2 0.1", *(" ".join(map(str, row.tolist())) for row in (*R, t))]
        listed.append(f"photos\\{n}.jpg" + (" 0 200.5" if n == 1 else ""))
        if n == 0:
            lines += ["0 0 0"] * 5
            listed.append("photos/lost.jpg")
    lines += ["0 0 0", "255 0 0", "2 0 5 1.5 2.5 1 6 1.5 2.5"]
    file = folder / bundle
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    (folder / names).write_text("\n".join(listed) + "\n")
    return file


@pytest.mark.parametrize(
    "bundle, names",
    [("bundle.out", "list.txt"), ("bundle/bundle.out", "list.txt"), ("toy.bundle.out", "toy.list.txt")],
)
def test_markers(tmp_path: Path, bundle: str, names: str, caplog: pytest.LogCaptureFixture) -> None:
    file = bundler_scene(tmp_path, bundle, names)
    for path in (tmp_path, file):
        views = load_views(path)
        assert len(views) == 3
        for n in range(3):
            assert_markers(views, n)
    assert "1 of 4 cameras were not found by Bundler" in caplog.text


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("4 1", "400000 1", "the cameras: expected 15 numbers for each of 400000 cameras, got 0"),
        ("4 1", "99999999999 1", "the cameras: expected 15 numbers for each of 0 cameras"),
        ("200 -0.2", "wide -0.2", "the cameras: expected numbers"),
        ("200 -0.2", "-200 -0.2", "camera 0: expected finite numbers, and a focal length > 0"),
        ("200 -0.2", "200 nan", "camera 0: expected finite numbers"),
        ("200 -0.2 0.1\n1.0", "200 -0.2 0.1\n3.0", "camera 0: its 3 x 3 part is no rotation"),
        ("# Bundle file v0.3", "# Bundle file v0.4", "line 1: expected '# Bundle file v0.3'"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = bundler_scene(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    bundler_scene(tmp_path)
    (tmp_path / "list.txt").write_text("photos/0.jpg\n")
    with pytest.raises(MeshFormatError, match="4 cameras, but 1 names in the list"):
        load_views(tmp_path)
    (tmp_path / "list.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no list.txt with the names of its pictures"):
        load_views(tmp_path)
