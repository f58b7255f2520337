"""Small scenes of pictures with cameras in every layout, with blobs where known points project to."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from geolearn.structures import Views

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


def assert_markers(views: Views, image: int = 0, within: float = 0.12) -> None:
    """Where the loaded camera projects the points, the picture has blobs: their centres of mass, in pixels."""
    picture = views.images[image, 0].numpy()
    for u, v in views.cameras[image].project(torch.tensor(POINTS, dtype=torch.float32))[0][0].numpy():
        left, top = int(u) - 5, int(v) - 5
        window = picture[top : top + 11, left : left + 11]
        assert window.shape == (11, 11), "a marker at the rim"
        y, x = np.mgrid[top : top + 11, left : left + 11] + 0.5
        weight = np.clip(window - 0.02, 0, None)
        assert weight.sum() > 1
        found = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        off = np.hypot(found[0] - u, found[1] - v)
        assert off < within, f"a marker is {off:.2f} pixels off"


def opencv_poses(count: int = 3) -> np.ndarray:
    """The same as world-to-camera (N, 4, 4) with the axes of OpenCV."""
    return np.diag([1.0, -1, -1, 1]) @ np.linalg.inv(opengl_poses(count))


def directions(pose: np.ndarray) -> np.ndarray:
    """(X / Z, Y / Z) of the points before a camera."""
    local = POINTS @ pose[:3, :3].T + pose[:3, 3]
    return local[:, :2] / local[:, 2:]


def draw(path: Path, pixels: np.ndarray, height: int, width: int) -> None:
    """A picture with blobs at `pixels`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blobs(pixels, height, width)).save(path)


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
