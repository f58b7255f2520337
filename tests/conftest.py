"""Fixtures shared by all tests: the folder of real data, unpacked once per run."""

import os
import re
import tarfile
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings

# A busy machine is no failure; a check before a change lands must not depend on luck.
settings.register_profile("geolearn", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("geolearn")

REPO = Path(__file__).resolve().parent.parent
# `--core`: the folders that test the core install, and the extras that some of their tests ask for. Those skip there; a
# test that asks for any other extra fails, since a core function asked for what it must not need.
CORE: dict[str, set[str]] = {
    "architecture": set(),
    "structures": set(),
    "kernels": set(),
    "ops": set(),
    "io": {"data"},
    "nn": set(),
    "losses": set(),
    "render": {"data", "render"},
    "models": {"backbones", "data"},
    "contracts": {"backbones", "data"},
    "data": {"data"},
}
TESTS = Path(__file__).resolve().parent
NOT_CORE = {TESTS / "contracts" / "test_methods.py"}  # of the training room


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--core", action="store_true", help="test the core install; what needs an extra skips")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("--core") or TESTS not in collection_path.parents:
        return None
    elsewhere = collection_path.relative_to(TESTS).parts[0] not in {*CORE, "conftest.py"}
    return True if elsewhere or collection_path in NOT_CORE else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    from geolearn.errors import MissingDependencyError  # here, so that the shape checker comes first

    report = yield
    if item.config.getoption("--core") and call.excinfo and call.excinfo.errisinstance(MissingDependencyError):
        (extra,) = re.findall(r"\[(\w+)\]'$", str(call.excinfo.value))
        if extra in CORE[item.path.relative_to(TESTS).parts[0]]:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: needs the extra [{extra}]")
    return report


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
