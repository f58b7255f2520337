"""Scenes of every kind with bytes changed anywhere: they load, or the error is one of ours; nothing else."""

from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from test_bundler import bundler_scene
from test_colmap import LENSES, lens_scene, to_binary
from test_llff import llff_scene
from test_metashape import metashape_scene
from test_middlebury import middlebury_scene
from test_neus import neus_scene
from test_realitycapture import capture_scene
from view_scenes import nerfstudio_scene

from geolearn.errors import GeolearnError
from geolearn.io import load_views


def binary_scene(folder: Path) -> None:
    lens_scene(folder, "OPENCV", LENSES["OPENCV"], 60, 70)
    to_binary(folder / "sparse/0")


SCENES: dict[str, tuple[Callable[[Path], object], str]] = {
    "transforms": (lambda folder: nerfstudio_scene(folder, k1=0.1, p2=0.01), "transforms.json"),
    "colmap cameras": (binary_scene, "sparse/0/cameras.bin"),
    "colmap images": (binary_scene, "sparse/0/images.bin"),
    "neus": (neus_scene, "cameras_sphere.npz"),
    "middlebury": (middlebury_scene, "toy_par.txt"),
    "llff": (llff_scene, "poses_bounds.npy"),
    "metashape": (metashape_scene, "cameras.xml"),
    "realitycapture": (capture_scene, "cameras.csv"),
    "bundler": (bundler_scene, "bundle.out"),
    "bundler's list": (bundler_scene, "list.txt"),
}


@pytest.mark.parametrize("name", SCENES)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_an_error_that_we_raise(tmp_path: Path, name: str, data: st.DataObject) -> None:
    write, file = SCENES[name]
    path = tmp_path / file
    if not path.exists():
        write(tmp_path)
    original = path.read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))])
    try:
        views = load_views(tmp_path)
        assert bool(torch.isfinite(views.cameras.world_to_camera).all())
    except (GeolearnError, FileNotFoundError):
        pass
    finally:
        path.write_bytes(original)
