"""The names that are found without importing anything are those that importing everything gives."""

import subprocess
import sys

from geolearn import known_names as names
from geolearn.data import dataset_names
from geolearn.models import MODELS, pretrained_names
from geolearn.training import RECIPES
from geolearn.training.benchmark_protocols import benchmark_names

LIGHT = """
import sys
import geolearn.known_names as names
import geolearn.cli.typed_names as checks
counts = [len(find()) for find in (names.model_names, names.recipe_names, names.weights_names, names.dataset_names)]
checks.check_recipe("voxnet", "best")
heavy = {"torch", "numpy", "tyro", "lightning"} & set(sys.modules)
assert not heavy, heavy
assert min(counts) > 5, counts
"""


def own(registry) -> list[str]:
    """The names that the package registers itself: other test files may have added some."""
    return [name for name in registry if not name.startswith(("tiny", "greedy"))]


def test_names_are_those_of_the_registries():
    assert names.model_names() == own(MODELS)
    assert names.recipe_names() == own(RECIPES)
    assert names.weights_names() == pretrained_names()
    assert names.dataset_names() == dataset_names()
    assert names.benchmark_names() == benchmark_names()


def test_nothing_heavy_is_imported():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
