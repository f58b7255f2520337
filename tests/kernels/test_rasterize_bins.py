"""Tiles list exactly the faces whose boxes meet them, in order."""

import numpy as np
import pytest

from geolearn.kernels import rasterize_bins
from geolearn.kernels.rasterize_bins import bin_faces, pixel_centres


@pytest.mark.parametrize(("size", "other"), [(1, 1), (2, 2), (5, 8), (8, 5), (224, 224), (100, 33)])
def test_pixel_centres(size, other):
    span = 2 * max(1, size / other)
    expected = span / 2 - span * (np.arange(size) + 0.5) / size
    assert np.allclose(pixel_centres(size, other), expected, atol=1e-6)
    assert pixel_centres(size, other).dtype == np.float32


def random_faces(count, seed, snapped):
    generator = np.random.default_rng(seed)
    faces = generator.uniform(-1.5, 1.5, (count, 3, 3))
    faces[:, 1:, :2] = faces[:, :1, :2] + generator.uniform(0.02, 1, (count, 1, 1)) * (
        faces[:, 1:, :2] - faces[:, :1, :2]
    )
    if snapped:  # to pixel centres of 16 pixels, exactly
        faces[..., :2] = (np.round(faces[..., :2] * 8 - 0.5) + 0.5) / 8
    faces[..., 2] = np.abs(faces[..., 2]) + 0.1
    return faces.astype(np.float32)


def touched(face, xs, ys, radius):
    """Columns and rows whose centres lie in the closed box of a face, by comparing all of them."""
    low, high = face[:, :2].min(0) - np.float32(radius), face[:, :2].max(0) + np.float32(radius)
    return [np.flatnonzero((c >= a) & (c <= b)) for c, a, b in zip((xs, ys), low, high, strict=True)]


@pytest.mark.parametrize("snapped", [False, True])
@pytest.mark.parametrize("radius", [0.0, 0.03, 0.125])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 70), (1, 9)])
def test_boxes_and_lists_by_brute_force(snapped, radius, height, width, monkeypatch):
    monkeypatch.setattr(rasterize_bins, "FACES_PER_CHUNK", 7)
    faces = random_faces(90, 1, snapped)
    faces[3, 0, 0] = np.nan
    faces[4, 1, 1] = np.inf
    faces[5, 2] = faces[5, 1]  # no area
    faces[6, 0, 2] = 0.0  # in the camera's plane
    a, b, c = faces[..., :2].astype(float).transpose(1, 0, 2)
    area = (a - b)[:, 0] * (c - b)[:, 1] - (a - b)[:, 1] * (c - b)[:, 0]
    skipped = {3, 4, 5, 6, *np.flatnonzero(area == 0)}
    assert len(skipped) < 40
    first, count = np.array([0, 40, 40]), np.array([40, 0, 50])
    xs, ys = pixel_centres(width, height), pixel_centres(height, width)
    bins = bin_faces(faces, first, count, (xs, ys), radius, False, 10**6)
    assert bins.shift == 4
    across, down = -(-width // 16), -(-height // 16)
    expected = [[] for _ in range(3 * across * down)]
    for image in range(3):
        for face in range(first[image], first[image] + count[image]):
            columns, rows = ([], []) if face in skipped else touched(faces[face], xs, ys, radius)
            if len(columns) and len(rows):
                assert bins.boxes[face].tolist() == [columns[0], columns[-1], rows[0], rows[-1]]
                for row in np.unique(rows // 16):
                    for column in np.unique(columns // 16):
                        expected[(image * down + row) * across + column].append(face)
            else:
                assert bins.boxes[face, 0] > bins.boxes[face, 1]
    found = [bins.faces[a:b].tolist() for a, b in zip(bins.starts[:-1], bins.starts[1:], strict=True)]
    assert found == expected
    assert sum(map(len, expected)) > 10


def test_back_faces():
    faces = random_faces(50, 2, False)
    x, y = faces[..., 0].astype(float), faces[..., 1].astype(float)
    area = (x[:, 0] - x[:, 1]) * (y[:, 2] - y[:, 1]) - (y[:, 0] - y[:, 1]) * (x[:, 2] - x[:, 1])
    axes = pixel_centres(64, 64), pixel_centres(64, 64)
    all_boxes = bin_faces(faces, np.array([0]), np.array([50]), axes, 0.0, False, 10**6).boxes
    front_boxes = bin_faces(faces, np.array([0]), np.array([50]), axes, 0.0, True, 10**6).boxes
    assert np.array_equal(front_boxes[area > 0], all_boxes[area > 0])
    assert (front_boxes[area < 0, 0] > front_boxes[area < 0, 1]).all()
    assert 10 < (area > 0).sum() < 40


@pytest.mark.parametrize(("max_pairs", "shift"), [(10**6, 4), (150, 5), (1, 6)])
def test_tiles_grow_until_the_lists_are_short_enough(max_pairs, shift):
    faces = random_faces(40, 3, False)
    axes = pixel_centres(64, 64), pixel_centres(64, 64)
    bins = bin_faces(faces, np.array([0]), np.array([40]), axes, 0.0, False, max_pairs)
    assert bins.shift == shift
    assert len(bins.faces) <= max_pairs or shift == 6
    assert len(bins.starts) == (64 >> shift) ** 2 + 1
