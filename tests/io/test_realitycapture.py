"""RealityCapture's CSV: where the markers are, which columns may be missing, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from view_scenes import assert_markers, directions, draw

from geolearn.errors import MeshFormatError
from geolearn.io import load_views

pytest.importorskip("PIL.Image")

HEADER = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"
K = (-0.2, 0.1, 0.05, -0.02)


def looking(heading: float, pitch: float, roll: float, distance: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """World-to-camera with the axes of OpenCV, of a camera that looked down, top to the north; and its centre."""
    h, p, r = np.radians([heading, pitch, roll])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    clockwise = np.array([[np.cos(h), np.sin(h), 0], [-np.sin(h), np.cos(h), 0], [0, 0, 1]])
    turned = clockwise @ about_x @ about_y
    right, top, back = turned.T
    centre = distance * back + 0.1 * right
    R = np.stack([right, -top, -back])
    return np.c_[R, -R @ centre], centre


def capture_scene(folder: Path, columns: int = 16) -> Path:
    lines = [",".join(HEADER.split(",")[:columns])]
    for n, angles in enumerate([(0.0, 0.0, 0.0), (30.0, 70.0, 5.0), (200.0, 80.0, -10.0)]):
        pose, centre = looking(*angles)
        px, py, t1, t2 = (0.01, -0.02, 0.01, -0.02) if columns > 8 else (0, 0, 0, 0)
        x, y = directions(pose).T
        r2 = x**2 + y**2
        radial = 1 + sum(k * r2 ** (power + 1) for power, k in enumerate(K if columns > 10 else ()))
        if columns == 10:
            t1 = t2 = 0
        bent = np.c_[
            x * radial + 2 * t1 * x * y + t2 * (r2 + 2 * x**2), y * radial + 2 * t2 * x * y + t1 * (r2 + 2 * y**2)
        ]
        draw(folder / f"{n}.jpg", bent * 30 / 36 * 240 + [120 + px * 240, 100 + py * 240], 200, 240)
        values = [f"{n}.jpg", *centre, *angles, 30, px, py, *K, t1, t2]
        lines.append(",".join(map(str, values[:columns])))
    (folder / "cameras.csv").write_text("\n".join(lines) + "\n")
    return folder / "cameras.csv"


@pytest.mark.parametrize("columns", [16, 10, 8])
def test_markers(tmp_path: Path, columns: int) -> None:
    file = capture_scene(tmp_path, columns)
    file.write_text("#cameras 3\n" + file.read_text())
    for path in (tmp_path, file):
        views = load_views(path)
        for n in range(3):
            assert_markers(views, n)
    assert views.cameras.K[0, 0, 0] == 200


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("pitch", "tilt", "none of the scenes that are read here"),
        ("0.jpg,0.1", "0.jpg,wide", "line 2, x: expected a number"),
        ("0.jpg,0.1", "0.jpg,inf", "line 2: expected finite numbers, and a focal length > 0"),
        (",30,", ",-30,", "line 2: expected finite numbers, and a focal length > 0"),
        ("0.jpg,0.1", "0.1", "line 2: expected 16 values, got 15"),
        ("0.jpg", " ", "line 2: no name of a picture"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = capture_scene(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(MeshFormatError, match=message):
        load_views(file)


def test_no_rows(tmp_path: Path) -> None:
    (tmp_path / "cameras.csv").write_text(HEADER + "\n")
    with pytest.raises(MeshFormatError, match="the table: no rows below the names of the columns"):
        load_views(tmp_path)
