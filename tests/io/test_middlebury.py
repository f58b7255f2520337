"""Middlebury's `*_par.txt`: where the markers are, what is refused, and the real dinosaur and temple."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from view_scenes import assert_blobs, directions, draw, opencv_poses

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io import load_views

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/multiview_photographs.tar"
pytest.importorskip("PIL.Image")


def middlebury_scene(folder: Path) -> Path:
    lines = ["3"]
    for n, pose in enumerate(opencv_poses()):
        K = np.array([[75.0, 0, 40], [0, 70, 33], [0, 0, 1]])
        x, y = directions(pose).T
        draw(folder / f"toy {n}.png", np.c_[75 * x + 40, 70 * y + 33] + 0.5, 66, 80)
        numbers = [*K.ravel(), *pose[:3, :3].ravel(), *pose[:3, 3]]
        lines.append(f"toy {n}.png " + " ".join(f"{number:.12f}" for number in numbers))
    (folder / "toy_par.txt").write_text("\n".join(lines) + "\n")
    return folder / "toy_par.txt"


def test_markers(tmp_path: Path) -> None:
    file = middlebury_scene(tmp_path)
    for path in (tmp_path, file):
        views = load_views(path)
        for n in range(3):
            assert_blobs(views, n)
    assert views.cameras.K[0].tolist() == [[75, 0, 40.5], [0, 70, 33.5], [0, 0, 1]]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("3\n", "4\n", "line 1: promises 4 pictures, 3 lines follow"),
        ("3\n", "three\n", "line 1: expected the number of pictures"),
        ("toy 1.png", "", "line 3: expected a name and 21 finite numbers"),
        ("toy 1.png 75.0", "toy 1.png 7x5.0", "line 3: expected a name and 21 numbers .could not convert"),
        ("toy 2.png 75.0", "toy 2.png -75.0", "line 4: expected K = "),
        ("toy 2.png 75.000000000000", "toy 2.png nan", "line 4: expected a name and 21 finite"),
        ("0.000000000000 0.000000000000 1.000000000000", "0 0 2", "line 2: expected K = "),
        ("1.000000000000 1.000000000000", "1 3", "line 2: its 3 x 3 part is no rotation"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = middlebury_scene(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


def test_two_scenes_in_a_folder_are_not_guessed(tmp_path: Path) -> None:
    middlebury_scene(tmp_path)
    (tmp_path / "toySR_par.txt").write_text((tmp_path / "toy_par.txt").read_text())
    with pytest.raises(InvalidInputError, match=r"2 scenes .Middlebury.*: toySR_par.txt, toy_par.txt; pass one"):
        load_views(tmp_path)


@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="needs ../shared/data/multiview_photographs.tar")
@pytest.mark.parametrize(
    "name, box",
    [
        ("dino", [(-0.061897, -0.018874, -0.057845), (0.010897, 0.068227, 0.015495)]),
        ("temple", [(-0.073568, 0.021728, -0.012445), (0.028855, 0.181892, 0.062736)]),
    ],
)
def test_real_photographs(tmp_path: Path, name: str, box: list[tuple[float, float, float]]) -> None:
    """The bounding box that comes with the data, projected, frames the bright object in every photograph."""
    with tarfile.open(PHOTOGRAPHS) as archive:
        archive.extractall(tmp_path, [m for m in archive if m.name.startswith(f"{name}/")], filter="data")
    views = load_views(tmp_path / name)
    assert views.images.shape == (16, 3, 480, 640)
    corners = torch.cartesian_prod(*torch.tensor(box).T)
    pixels = views.cameras.project(corners)[0]
    for n in range(16):
        bright = torch.nonzero(views.images[n].amax(0) > 0.35)
        low, high = (bright.float().quantile(q, dim=0).flip(0) for q in (0.001, 0.999))
        frame_low, frame_high = pixels[n].amin(0), pixels[n].amax(0)
        assert bool((low > frame_low - 4).all())
        assert bool((high < frame_high + 4).all())
