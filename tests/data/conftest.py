"""A place of its own for every test: no home folder, no raw data but what the test makes, only small datasets."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from geolearn.data import manifest as manifests

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data home; the working folder and the raw folders are empty too."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GEOLEARN_RAW", raising=False)
    return tmp_path / "home"


@pytest.fixture
def small_dataset(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """`small_dataset("modelnet10", manifest text, {split: text})`: the real prepare.py under another manifest."""
    folder = tmp_path / "checkout" / "datasets"

    def make(name: str, manifest: str, splits: dict[str, str] | None = None) -> Path:
        (folder / name / "splits").mkdir(parents=True, exist_ok=True)
        (folder / name / "manifest.toml").write_text(manifest)
        for split, text in (splits or {}).items():
            (folder / name / "splits" / f"{split}.txt").write_text(text)
        shutil.copy(REPO / "datasets" / name / "prepare.py", folder / name / "prepare.py")
        return folder / name

    folder.mkdir(parents=True)
    monkeypatch.setattr(manifests, "datasets_folder", lambda: folder)
    # Modules that took the function by name.
    monkeypatch.setattr("geolearn.data.places.datasets_folder", lambda: folder)
    return make
