"""A folder whose files have y up is doubted, with the reason, and one whose files have z up is not."""

import numpy as np
import pytest
from shapes_of_ones_own import classes_of_boxes, put

from geolearn.data import Reading
from geolearn.data.folders.folder import read_folder
from geolearn.data.folders.up_axis import doubt_axis, doubt_up, mirror_overlap, stands_on
from geolearn.io import load_mesh, save_mesh
from geolearn.structures import Mesh


def table(seed: int, up: int, base: float) -> np.ndarray:
    """Points of a table top and of a leg under its middle, as wide as it is deep; `up` is the axis, `base` its foot."""
    random = np.random.default_rng(seed)
    top = random.uniform((-1, -1, 0.9), (1, 1, 1), (2000, 3))
    leg = random.uniform((-0.1, -0.1, 0), (0.1, 0.1, 0.9), (1000, 3))
    points = np.concatenate([top, leg]) + np.array([0, 0, base])
    return points[:, [[2, 0, 1], [0, 2, 1], [0, 1, 2]][up]]


@pytest.mark.parametrize(
    "base, reason",
    [
        (0, "10 of 10 shapes begin at y = 0, 0 at z = 0"),
        (-0.5, "10 of 10 shapes differ more between the ends of y than"),
    ],
)
def test_y_up_is_doubted_with_its_reason(base, reason):
    told = doubt_axis([table(seed, 1, base) for seed in range(10)], "z")
    assert told is not None
    assert told.startswith("looks as if y points up, not z: pass --up y (or --up z if it is right)")
    assert reason in told
    assert "looks as if z points up, not y" in (doubt_axis([table(seed, 2, base) for seed in range(10)], "y") or "")


def test_z_up_and_shapes_in_any_pose_are_not_doubted():
    assert doubt_axis([table(seed, 2, -0.5) for seed in range(10)], "z") is None
    assert doubt_axis([table(seed, seed % 3, -0.5) for seed in range(12)], "z") is None
    assert doubt_axis([table(seed, 1, 0) for seed in range(10)], "x") is None  # asked for: nobody takes x by default


def test_the_signs_themselves():
    points = table(0, 2, 0)
    assert [stands_on(points, axis) for axis in "xyz"] == [False, False, True]
    assert mirror_overlap(points, "x") > 0.8 > 0.3 > mirror_overlap(points, "z")
    assert mirror_overlap(np.zeros((1, 3)), "z") == 1


def test_a_folder_is_doubted_unless_its_axis_was_asked_for(home, tmp_path):
    folder = classes_of_boxes(tmp_path / "mine", "{label}/{name}")
    for path in folder.rglob("*.off"):
        mesh = load_mesh(path)
        save_mesh(Mesh(mesh.verts[:, [0, 2, 1]] - mesh.verts.new_tensor([0.5, 0, 0.5]), mesh.faces), path)

    def doubt(reading):
        found = read_folder(folder, reading)
        return doubt_up(found.layout.kind, found.root, list(found.shapes.values()), reading)

    assert "18 of 18 shapes begin at y = 0, 0 at z = 0" in (doubt(Reading()) or "")
    assert doubt(Reading(up="z")) is None
    put(tmp_path / "few", "a/1.off", "a/2.off")
    few = read_folder(tmp_path / "few")
    assert doubt_up("mesh", few.root, list(few.shapes.values()), Reading()) is None
