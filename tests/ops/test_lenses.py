"""Lenses against COLMAP's and OpenCV's own answers, and pictures with the bend taken out."""

import math

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.io.colmap_lenses import COLMAP_LENSES, lens_of
from geolearn.ops.lenses import BENDS, UNBENT, Lens, undistort

DIRECTIONS = np.array([[0.0, 0.0], [0.3, -0.2], [-0.55, 0.4], [0.1, 0.7]])
# pycolmap 4.2.1, Camera(model, params).img_from_cam(DIRECTIONS), rounded; cv2 5.0.0's projectPoints gives the same for
# FULL_OPENCV, its fisheye.distortPoints for OPENCV_FISHEYE
COLMAP = {
    "SIMPLE_RADIAL": ("200 118 103 -0.2", [[176.44, 64.04], [18.175, 175.6], [136.0, 229.0]]),
    "RADIAL": ("200 118 103 -0.2 0.1", [[176.5414, 63.9724], [15.822, 177.3112], [136.5, 232.5]]),
    "OPENCV": (
        "200 195 118 103 -0.2 0.1 0.01 -0.02",
        [[175.0614, 65.8256], [10.672, 178.6953], [134.7, 231.6025]],
    ),
    "OPENCV_FISHEYE": (
        "200 195 118 103 0.1 -0.05 0.02 0.01",
        [[176.2361, 65.1465], [18.4659, 173.5788], [135.9655, 225.6142]],
    ),
    "FULL_OPENCV": (
        "200 195 118 103 -0.2 0.1 0.01 -0.02 0.05 0.1 -0.03 0.02",
        [[174.3431, 66.2925], [14.2505, 176.1579], [134.023, 226.9817]],
    ),
    "FOV": ("200 195 118 103 0.9", [[179.977, 62.715], [13.5295, 177.0791], [136.8349, 231.5482]]),
    "SIMPLE_RADIAL_FISHEYE": ("200 118 103 0.1", [[176.2753, 64.1498], [17.9547, 175.7602], [136.0679, 229.475]]),
    "RADIAL_FISHEYE": ("200 118 103 0.1 -0.05", [[176.234, 64.1773], [18.5692, 175.3133], [135.9429, 228.6006]]),
    "THIN_PRISM_FISHEYE": (
        "200 195 118 103 0.1 -0.05 0.01 -0.02 0.02 0.01 0.02 -0.01",
        [[175.3518, 65.7213], [15.9209, 175.3834], [136.117, 226.6484]],
    ),
    "RAD_TAN_THIN_PRISM_FISHEYE": (
        "200 195 118 103 0.1 -0.05 0.02 0.01 0.01 0.005 0.01 -0.02 0.02 0.01 -0.01 0.02",
        [[177.7922, 63.9742], [23.4506, 170.2027], [138.2942, 221.0355]],
    ),
    "SIMPLE_DIVISION": ("200 118 103 -0.3", [[175.8265, 64.449], [20.0915, 174.2062], [135.6607, 226.6252]]),
    "DIVISION": ("200 195 118 103 -0.3", [[175.8265, 65.4128], [20.0915, 172.426], [135.6607, 223.5345]]),
    "SIMPLE_FISHEYE": ("200 118 103", [[175.5857, 64.6095], [21.4002, 173.2544], [135.4084, 224.8588]]),
    "FISHEYE": ("200 195 118 103", [[175.5857, 65.5693], [21.4002, 171.498], [135.4084, 221.8123]]),
    "EUCM": ("200 195 118 103 0.6 1.1", [[175.611, 65.5528], [21.2531, 171.6024], [135.4369, 222.0067]]),
}
K = np.array([[60.0, 0, 33], [0, 55, 24], [0, 0, 1]])


def colmap_lens(model: str) -> Lens:
    return lens_of(model, [float(word) for word in COLMAP[model][0].split()])


@pytest.mark.parametrize("model", COLMAP)
def test_directions_reach_colmaps_pixels(model: str) -> None:
    pixels = colmap_lens(model).project(DIRECTIONS)
    np.testing.assert_allclose(pixels, [[118, 103], *COLMAP[model][1]], atol=6e-5)


def test_all_of_colmaps_models_are_compared() -> None:
    assert set(COLMAP) | {"PINHOLE", "SIMPLE_PINHOLE"} == set(COLMAP_LENSES)


def test_the_series_goes_to_the_eighth_power() -> None:
    """Metashape's and RealityCapture's k4 multiplies r^8; OpenCV's divides by r^2."""
    lens = Lens(np.eye(3), "series", {"k4": 0.5})
    assert lens.project(np.array([[0.5, 0.0]]))[0, 0] == pytest.approx(0.5 * (1 + 0.5 * 0.5**8))
    lens = Lens(np.eye(3), "brown", {"k4": 0.5})
    assert lens.project(np.array([[0.5, 0.0]]))[0, 0] == pytest.approx(0.5 / (1 + 0.5 * 0.25))


@pytest.mark.parametrize("bend", BENDS)
def test_without_coefficients_a_lens_is_smooth_at_its_centre(bend: str) -> None:
    lens = Lens(np.eye(3), bend)
    near = lens.project(np.array([[0.0, 0.0], [1e-6, 0.0], [0.0, 1e-6]]))
    np.testing.assert_allclose(near, [[0, 0], [1e-6, 0], [0, 1e-6]], atol=1e-12)


@pytest.mark.parametrize("model", COLMAP)
def test_undistorted_pictures_show_the_bent_ones(model: str) -> None:
    """A smooth picture of a function of the direction, bent by solving for the direction of every pixel, comes back."""
    lens = colmap_lens(model).scaled(0.25, 0.25)  # 60 x 50 px
    v, u = np.mgrid[:50, :60] + 0.5

    def shade(directions: np.ndarray) -> np.ndarray:
        return 0.5 + 0.2 * np.sin(5 * directions[..., 0]) + 0.2 * np.cos(4 * directions[..., 1])

    pinhole = Lens(lens.K)
    straight = shade((np.stack([u, v], -1) - pinhole.K[:2, 2]) / np.diag(pinhole.K)[:2])
    target = np.stack([u, v], -1).reshape(-1, 2)
    start = (target - lens.K[:2, 2]) / np.diag(lens.K)[:2]
    for _ in range(100):  # the inverse by a fixed point, independent of how pictures are resampled
        start = start - (lens.project(start) - target) / np.diag(lens.K)[:2]
    assert np.abs(lens.project(start) - target).max() < 1e-6
    bent = torch.tensor(shade(start).reshape(1, 50, 60))
    again = undistort(bent, lens)[0].numpy()
    where = lens.project((np.stack([u, v], -1) - lens.K[:2, 2]) / np.diag(lens.K)[:2])
    seen = (where > 0.5).all(-1) & (where < [59.5, 49.5]).all(-1)
    assert seen.mean() > 0.7
    assert np.abs(again - straight)[seen].max() < 2e-3  # linear interpolation
    assert np.abs(bent[0].numpy() - straight)[seen].max() > 0.02  # so the bend matters


def test_a_lens_that_bends_by_nothing_leaves_every_bit() -> None:
    picture = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    for lens in (Lens(K), Lens(K, "brown", {"k1": 1e-9}), Lens(K, "fov", {"omega": 1e-9}), Lens(K, "unified")):
        assert lens.largest_shift(48, 64) < UNBENT
        assert torch.equal(undistort(picture, lens), picture)


def test_large_pictures_are_worked_out_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(2, 48, 64, generator=torch.Generator().manual_seed(0))
    lens = Lens(K, "fisheye", {"k1": 0.05})
    whole = undistort(picture, lens)
    monkeypatch.setattr("geolearn.ops.lenses._STRIP", 64 * 7)
    assert torch.equal(undistort(picture, lens), whole)


def test_polynomials_that_turn_back_show_their_rim() -> None:
    """x (1 - 0.5 r^2) grows up to r = sqrt(2/3): beyond, the same directions must not appear a second time."""
    lens = Lens(np.array([[20.0, 0, 32], [0, 20, 24], [0, 0, 1]]), "brown", {"k1": -0.5})
    picture = torch.arange(64.0).expand(1, 48, 64)
    row = undistort(picture, lens)[0, 24]
    assert bool((row.diff() >= 0).all())
    turn = math.sqrt(2 / 3)
    assert float(row[-1]) == pytest.approx(32 + 20 * turn * (1 - 0.5 * turn**2) - 0.5, abs=0.1)


def test_what_is_not_in_the_picture_repeats_its_rim() -> None:
    lens = Lens(K, "brown", {"k1": 0.5})
    picture = torch.zeros(1, 48, 64)
    picture[..., 0] = 1
    assert undistort(picture, lens)[0, 24, 0] == 1


def test_scaled_lenses_project_to_scaled_pixels() -> None:
    lens = colmap_lens("OPENCV")
    np.testing.assert_allclose(lens.scaled(0.5, 2.0).project(DIRECTIONS), lens.project(DIRECTIONS) * [0.5, 2])


def test_refusals() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown bend of a lens 'fish'. Did you mean 'fisheye'"):
        Lens(K, "fish")
    with pytest.raises(InvalidInputError, match="coefficients: the bend division has k, got k1"):
        Lens(K, "division", {"k1": 0.1})
    assert np.isnan(Lens(K, "division", {"k": 1.0}).project(np.array([[3.0, 0]]))).any()
