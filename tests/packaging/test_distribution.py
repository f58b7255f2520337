"""What is installed is what was tested: wheel and source distribution hold the files of the checkout and no others."""

import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import try_wheel
from building import REPO, build, copy_checkout, files_of_checkout, files_of_sdist, files_of_wheel, unpack_sdist

from geolearn._optional import DISTRIBUTION
from geolearn.cli.main import COMMANDS

pytest.importorskip("setuptools", reason="the build backend is not installed")
TREE = files_of_checkout()
pytestmark = pytest.mark.skipif(TREE is None, reason="no git checkout to compare with")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """The source distribution, the wheel of the checkout, and the wheel of the source distribution."""
    place = tmp_path_factory.mktemp("built")
    source = copy_checkout(place / "checkout")
    sdist = build("sdist", source, place / "sdist")
    return {
        "sdist": sdist,
        "wheel": build("wheel", source, place / "wheel"),
        "wheel of the sdist": build("wheel", unpack_sdist(sdist, place / "unpacked"), place / "second wheel"),
    }


def expected_in_the_wheel() -> list[str]:
    """All of geolearn/, and datasets/ without the pictures of its README files."""
    package = [name for name in TREE or [] if name.startswith("geolearn/")]
    datasets = [f"geolearn/_{name}" for name in TREE or [] if name.startswith("datasets/") and not name.endswith("png")]
    return sorted(package + datasets)


@pytest.mark.parametrize("kind", ["wheel", "wheel of the sdist"])
def test_the_wheel_holds_the_package_and_the_datasets(kind, built):
    files = files_of_wheel(built[kind])
    assert files == expected_in_the_wheel()
    # What was lost once, or is easily lost: not Python, or in a folder without Python.
    for name in (
        "geolearn/training/__init__.py",
        "geolearn/py.typed",
        "geolearn/weights/voxnet-modelnet10.safetensors",
        "geolearn/_datasets/modelnet10/manifest.toml",
        "geolearn/_datasets/modelnet10/prepare.py",
    ):
        assert name in files
    assert any(name.endswith(".js") for name in files)


def test_the_source_distribution_is_the_checkout(built):
    assert files_of_sdist(built["sdist"]) == TREE


def test_every_folder_of_python_files_is_a_package():
    """A namespace package imports in a checkout and is left out by tools that look for `__init__.py`."""
    folders = {path.parent for path in (REPO / "geolearn").rglob("*.py")}
    assert not [folder.relative_to(REPO).as_posix() for folder in folders if not (folder / "__init__.py").is_file()]


def test_name_and_licence(built, tmp_path):
    with zipfile.ZipFile(built["wheel"]) as packed:
        packed.extractall(tmp_path)
    (metadata,) = tmp_path.glob("*.dist-info")
    assert Distribution.at(metadata).metadata["Name"] == DISTRIBUTION  # what errors tell people to install
    assert (metadata / "licenses" / "LICENSE").read_bytes() == (REPO / "LICENSE").read_bytes()


def test_every_command_is_tried_from_the_wheel():
    tried = {arguments.split()[0] for lane in try_wheel.LANES for arguments, _, _ in lane}
    assert set(COMMANDS) <= tried
