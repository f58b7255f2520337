"""Models, methods, recipes and datasets of another package, installed as far as Python can tell."""

import subprocess
import sys

import pytest

from geolearn import plugins

MODEL = """
import torch
from geolearn.models import MODELS
from geolearn.models.weights import PretrainedModel

@MODELS.register("tiny_plugin")
class Tiny(PretrainedModel):
    inputs = "voxels"
    classifier = "fc"
    def __init__(self, num_classes=2):
        super().__init__(num_classes=num_classes)
        self.fc = torch.nn.Linear(32 ** 3, num_classes)
    def features(self, x):
        return x.flatten(1)
    def classify(self, features):
        return self.fc(features)
    def forward(self, x):
        return self.classify(self.features(x))
"""
RECIPE = """
from geolearn.training import RECIPES
RECIPES.add("tiny_plugin/best", RECIPES["voxnet/turned"])
"""
MANIFEST = """
name = "plugged"
title = "Two classes"
kind = "mesh"
up = "z"
classes = ["a", "b"]
licence = "CC0"
citation = "nobody"
archives = [{filename = "plugged.zip"}]
[splits]
train = {count = 2}
test = {count = 2}
"""
ENTRIES = """[geolearn.models]
tiny = shapes_plugin.model
broken = shapes_plugin.nothing

[geolearn.methods]
recipes = shapes_plugin.recipe

[geolearn.datasets]
mine = shapes_plugin.datasets
"""
SCRIPT = """
import logging
logging.basicConfig(level=logging.WARNING)
from geolearn import plugins
from geolearn.models import MODELS, load_model, save_model
from geolearn.training.recipes import find_recipe
import geolearn.training
assert plugins.are_there_plugins()
assert "tiny_plugin" in list(MODELS)
assert find_recipe("tiny_plugin", "best").epochs == 40
net = MODELS["tiny_plugin"](3)
save_model(net, "tiny.safetensors", classes=["a", "b", "c"])
from geolearn.data import dataset_names, load_manifest
assert "plugged" in dataset_names()
assert load_manifest("plugged").classes == ("a", "b")
print([type(load_model("tiny.safetensors")[0]).__name__, [folder.name for folder in plugins.plugin_folders()]])
"""


@pytest.fixture
def installed(tmp_path):
    """A folder on the path with a package and what an installer writes about it."""
    package = tmp_path / "site" / "shapes_plugin"
    (package / "datasets").mkdir(parents=True)
    for name, text in {"__init__": "", "model": MODEL, "recipe": RECIPE, "datasets/__init__": ""}.items():
        (package / f"{name}.py").write_text(text)
    (package / "datasets" / "plugged").mkdir()
    (package / "datasets" / "plugged" / "manifest.toml").write_text(MANIFEST)
    about = tmp_path / "site" / "shapes_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    return tmp_path / "site"


def test_another_package_adds_models_recipes_and_datasets(installed, tmp_path):
    script = f"import sys\nsys.path.insert(0, {str(installed)!r})\n{SCRIPT}"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['Tiny', ['datasets']]"
    assert done.stderr.count("by the package shapes-plugin: cannot be imported (ModuleNotFoundError") == 1


def test_without_such_packages_there_is_nothing_to_do(caplog):
    assert not plugins.are_there_plugins()
    plugins.load_plugins()
    assert plugins.plugin_folders() == []
    assert not caplog.records


def test_folders_that_are_no_package_are_said(installed, monkeypatch, caplog):
    text = "[geolearn.datasets]\na = shapes_plugin.model\nb = nowhere.at_all\n"
    (installed / "shapes_plugin-1.0.dist-info" / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(installed))
    assert plugins.plugin_folders() == []
    assert "expected a package with folders of manifests" in caplog.text
    assert "there is no such package" in caplog.text
