"""A training that starts from trained weights."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small_collections import box_store

from geolearn.data import ShapeCollection, VoxelAugment
from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.models import load_model
from geolearn.training.recipes import RECIPES
from geolearn.training.runs import Run, make_run, train
from geolearn.training.starts import recipe_from, start_from

RECIPE = replace(
    RECIPES["voxnet/turned"], epochs=1, batch_size=8, votes=2, ema_decay=0.0, augment=VoxelAugment(rotations=4, shift=1)
)
RUN = Run(model="voxnet", data="boxes", recipe_name="test", recipe=RECIPE, accelerator="cpu", validation=0.0)


def renamed(store, classes):
    return replace(store, classes=classes)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    train(RUN, folder, data=ShapeCollection({"train": box_store(32, 0)}), progress=False)
    return folder


def test_a_run_starts_from_another(first, tmp_path):
    store = box_store(32, 0)
    others = tuple(f"other {name}" for name in store.classes)
    still = replace(RUN, start=str(first), recipe=replace(RECIPE, learning_rate=1e-12))
    train(still, tmp_path / "a", data=ShapeCollection({"train": renamed(store, others)}), progress=False)
    before, after = load_file(first / "model.safetensors"), load_file(tmp_path / "a" / "model.safetensors")
    moved = {key for key in before if not torch.allclose(before[key], after[key], atol=1e-6)}
    assert moved == {"fc2.weight", "fc2.bias"}
    net, record = load_model(tmp_path / "a" / "model.safetensors")
    assert (net.classes, record["start"]) == (others, str(first))
    assert json.loads((tmp_path / "a" / "config.json").read_text())["start"] == str(first)
    # The same classes: the last layer is kept as well.
    train(still, tmp_path / "b", data=ShapeCollection({"train": store}), progress=False)
    after = load_file(tmp_path / "b" / "model.safetensors")
    assert all(torch.allclose(before[key], after[key], atol=1e-6) for key in before)


def test_the_model_gets_the_layers_of_the_weights():
    run = make_run(
        "mvcnn", "modelnet10_views", "best", start="mvcnn-modelnet10-views", changes={"model.dropout": "0.5"}
    )
    assert run.recipe_name == "best (from mvcnn-modelnet10-views) (model.dropout=0.5)"
    shipped = load_model("mvcnn-modelnet10-views")[0].config
    expected = {name: value for name, value in shipped.items() if name != "num_classes"}
    assert dict(run.recipe.model) == {**expected, "dropout": 0.5}
    assert run.recipe.freeze == "blocks.5"
    assert "start" not in make_run("voxnet", "modelnet10", "best").record()


def test_weights_of_another_model_and_no_weights():
    with pytest.raises(InvalidInputError, match="from: voxnet-modelnet10 holds a voxnet, not a voxresnet"):
        recipe_from(RECIPES["voxresnet/best"], "voxresnet", "voxnet-modelnet10")
    with pytest.raises(UnknownNameError, match="Did you mean 'voxnet-modelnet10'"):
        recipe_from(RECIPES["voxnet/best"], "voxnet", "voxnet-modelnet1")


def test_the_head_of_the_same_classes_comes_along():
    from geolearn.models import VoxNet

    net, _ = load_model("voxnet-modelnet10")
    new = VoxNet(10)
    assert start_from(new, "voxnet-modelnet10", net.classes[::-1])
    assert torch.equal(new.fc2.weight, net.fc2.weight.flip(0))
