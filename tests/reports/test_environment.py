"""What a number was measured on: the packages as they were installed, whatever they are called, and the threads."""

import importlib.metadata
import importlib.util
import sys

import numba
import pytest
import torch

from geolearn.reports import environment
from geolearn.reports.environment import describe_environment


def install(folder, module, distribution, version):
    """A module and the record of the distribution that it came with, as an installer leaves them."""
    (folder / module).mkdir()
    (folder / module / "__init__.py").touch()
    record = folder / f"{distribution}-{version}.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (record / "RECORD").write_text(f"{module}/__init__.py,,\n")


@pytest.fixture
def one_module(tmp_path, monkeypatch):
    """Only the module `shapetools` is asked for, and only a folder of ours is searched."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(environment, "_PACKAGES", {"shapetools": ("shapetools", "shapetools-cpu")})
    return tmp_path


def test_pytorch3d_is_recorded_as_it_was_installed():
    pytest.importorskip("pytorch3d")
    packages = describe_environment()["packages"]
    names = [name for name in packages if name.endswith("pytorch3d")]
    assert names
    assert all(packages[name] == importlib.metadata.version(name) for name in names)


@pytest.mark.parametrize("distribution", ["shapetools-cpu", "somebodys_shapetools"])
def test_a_module_is_recorded_by_the_distribution_that_provides_it(one_module, distribution):
    install(one_module, "shapetools", distribution.replace("-", "_"), "1.2.3")
    packages = describe_environment()["packages"]
    assert {name.replace("_", "-"): version for name, version in packages.items()} == {
        distribution.replace("_", "-"): "1.2.3"
    }


def test_a_module_without_a_distribution_and_none_at_all(one_module):
    assert describe_environment()["packages"] == {}
    (one_module / "shapetools.py").touch()
    importlib.invalidate_caches()
    assert describe_environment()["packages"] == {"shapetools": "not from a distribution"}


def test_threads_of_torch_and_of_the_kernels(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    record = describe_environment()
    assert (record["threads"], record["numba_threads"]) == (3, 2)
