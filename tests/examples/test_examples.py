"""Every example runs as a user runs it, and its last number is a good one."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LEAST = {"01_voxels": 60.0, "02_views": 80.0}


def test_every_example_is_tested():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(LEAST)


@pytest.mark.parametrize("name", sorted(LEAST))
def test_example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main() >= LEAST[name]
