"""Fixtures shared by all tests: the folder of real data, unpacked once per run."""

import os
import tarfile
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings

# A busy machine is no failure; a check before a change lands must not depend on luck.
settings.register_profile("geolearn", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("geolearn")

REPO = Path(__file__).resolve().parent.parent
# Folders that test the core install (`make test-core`), and which of their tests may ask for an extra and skip: a core
# function that asks for one by mistake fails everywhere else.
CORE = ("architecture", "structures", "kernels", "ops", "io", "nn", "losses", "render", "models", "contracts", "data")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--core", action="store_true", help="test what works without any extra; the rest skips")


@pytest.fixture
def as_installed():
    """Without the test suite's own shape checker, which would refuse a wrong shape before the code can."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public research data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GEOLEARN_TEST_DATA", REPO.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set GEOLEARN_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def unpacked(real_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """`unpacked("lpsb.tar.xz")` -> the folder an archive of the real data unpacks to."""
    done: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if not (real_data / name).is_file():
            pytest.skip(f"no {name} in {real_data}")
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name.split(".")[0])
            with tarfile.open(real_data / name) as archive:
                archive.extractall(done[name], filter="data")
        return done[name]

    return unpack
