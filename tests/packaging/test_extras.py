"""Extras: [all] is what it says, and resolves on every Python and system that we support."""

import shutil
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path

import pytest
from building import REPO, build, copy_checkout, files_of_checkout
from packaging.requirements import Requirement

PYTHONS = ("3.11", "3.12", "3.13")
UNREACHABLE = ("error sending request", "dns error", "Connection", "timed out", "Could not connect")


@pytest.fixture(scope="module")
def needs(tmp_path_factory) -> list[Requirement]:
    """What the distribution asks for, with its markers."""
    pytest.importorskip("setuptools", reason="the build backend is not installed")
    if files_of_checkout() is None:
        pytest.skip("no git checkout to build from")
    place = tmp_path_factory.mktemp("metadata")
    sdist = build("sdist", copy_checkout(place / "checkout"), place / "sdist")
    shutil.unpack_archive(sdist, place / "unpacked", filter="data")
    (metadata,) = place.glob("unpacked/*/PKG-INFO")
    return [
        Requirement(line)
        for line in HeaderParser().parsestr(metadata.read_text(encoding="utf-8")).get_all("Requires-Dist", [])
    ]


def asked_for(needs: list[Requirement], extra: str, python: str = "3.11", system: str = "linux") -> dict[str, str]:
    """Names and version ranges that `[extra]` brings on such a machine; the core for extra ""."""
    where = {
        "extra": extra,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": "x86_64",
    }
    return {need.name: str(need.specifier) for need in needs if need.marker is None or need.marker.evaluate(where)}


def test_the_core_reads_weights_and_leaves_torch_open(needs):
    core = asked_for(needs, "")
    assert {"torch", "numpy", "scipy", "trimesh", "numba", "jaxtyping", "safetensors", "filelock"} == set(core)
    assert "<" not in core["torch"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_open3d_is_in_all_where_it_has_a_wheel(needs, python, system):
    names = asked_for(needs, "all", python, system).keys()
    assert bool({"open3d", "open3d-cpu"} & names) == (python < "3.13")
    assert len({"open3d", "open3d-cpu"} & asked_for(needs, "open3d", python, system).keys()) == 1


@pytest.mark.parametrize("extra", ["", "data", "open3d", "train", "backbones", "cluster"])
def test_nothing_but_pytorch3d_caps_torch(needs, extra):
    capped = [need for need in needs if need.name == "torch" and "<" in str(need.specifier)]
    assert capped
    for system in ("linux", "darwin"):
        where = {"extra": extra, "sys_platform": system, "python_version": "3.11", "platform_machine": "x86_64"}
        assert not [need for need in capped if need.marker is None or need.marker.evaluate(where)]
    mac = {"extra": "all", "sys_platform": "darwin", "python_version": "3.11", "platform_machine": "arm64"}
    assert not [need for need in capped if need.marker and need.marker.evaluate(mac)]


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["x86_64-manylinux_2_31", "macos", "windows"])
def test_all_resolves(python, system):
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("no uv here")
    command = [uv, "pip", "compile", "--quiet", "--python-version", python, "--python-platform", system]
    done = subprocess.run(
        [*command, "--extra", "all", "setup.py"], cwd=REPO, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    assert "torch==" in done.stdout
