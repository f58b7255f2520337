"""Training on views: two phases, frozen stages that are computed once, tests with other numbers of views."""

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from small_collections import bar_collection, bar_store, bars, box_collection

from geolearn.data import Batch, RenderViews, ViewAugment
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN, VoxNet, load_model
from geolearn.training import benchmarks, runs, testing
from geolearn.training.benchmark_protocols import load_benchmark
from geolearn.training.benchmarks import run_benchmark
from geolearn.training.method import Moment
from geolearn.training.methods import view_classification
from geolearn.training.methods.view_classification import MoreShapes, ViewClassification, ViewRecipe
from geolearn.training.methods.view_inputs import Activations, StoredMirror, join_splits
from geolearn.training.methods.voxel_classification import VoxelClassification, VoxelRecipe
from geolearn.training.recipes import RECIPES
from geolearn.training.runs import Run, train
from geolearn.training.testing import evaluate

pytest.importorskip("timm", reason="needs the extra [backbones]")

FROZEN = ("backbone.conv_stem", "backbone.bn1", "backbone.blocks.0", "backbone.blocks.1")
BACKBONE: dict[str, Any] = {"backbone": "test_efficientnet"}
RECIPE = ViewRecipe(
    source="test",
    epochs=5,
    batch_size=8,
    learning_rate=5e-3,
    ema_decay=0.8,
    model=BACKBONE,
    augment=ViewAugment(mirror=True, views=2),
    single_view_epochs=1,
    freeze_norms=False,
)
RUN = Run(model="mvcnn", data="bars", recipe_name="test", recipe=RECIPE, accelerator="cpu")


@pytest.fixture(autouse=True)
def easy(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    for module in (runs, testing):
        monkeypatch.setattr(module, "open_collection", lambda name, *_: bar_collection(name))


def method(**changes) -> ViewClassification:
    made = ViewClassification(replace(RECIPE, **changes), "mvcnn")
    made.weights = torch.ones(2)
    return made


def at(epoch: int) -> Moment:
    return Moment("", epoch, RECIPE.epochs, epoch)


def test_a_run_learns_and_is_tested_with_any_number_of_views(tmp_path):
    result = train(RUN, tmp_path / "run", progress=False)
    assert result["validation"]["val_class_accuracy"] > 90
    tested = evaluate(tmp_path / "run", "bars", retrieval=True, view_counts=[4, 1])
    report = tested.record
    assert report["class_accuracy"] > 90
    assert report["num_samples"] == 21
    assert report["protocol"] == "full test split, 4 views and their mirror images"
    assert report["retrieval_map_metric"] > 80
    four, one = report["by_views"]
    assert four == {"views": 4, **{name: report[name] for name in list(four)[1:]}}
    assert one["views"] == 1
    assert 60 < one["class_accuracy"] <= 100
    for name, (recall, precision) in report["precision_recall"].items():
        assert name in ("descriptor", "metric")
        assert recall[0] == 0
        assert recall[-1] == 1
        assert precision == sorted(precision, reverse=True)
    page = tested.write_report(tmp_path / "evaluation").read_text()
    assert page.count("<img") == 5
    drawn = {path.stem for path in (tmp_path / "evaluation").glob("*.png")}
    assert drawn == {"confusion", "views", "precision_recall", "saliency", "retrieval"}


def test_a_benchmark_compares_recipes_and_numbers_of_views(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES._entries, "mvcnn/best", RECIPE)
    alone = replace(RECIPE, single_view_epochs=RECIPE.epochs, model={**BACKBONE, "pooling": "mean"})
    monkeypatch.setitem(RECIPES._entries, "mvcnn/single", alone)
    protocol = load_benchmark("modelnet10_views")
    options = {"view_counts": (1, 4), "retrieval": True}
    changed = replace(protocol, options=options, recipes=("best", "single"))
    monkeypatch.setattr(benchmarks, "load_benchmark", lambda name: changed)
    rows = run_benchmark("modelnet10_views", models=None, seeds=[0, 1], runs=tmp_path / "r", output=tmp_path / "o")
    assert [row["model"] for row in rows[:2]] == ["mvcnn (best, 2 seeds)", "mvcnn (single, 2 seeds)"]
    result = json.loads((tmp_path / "o" / "modelnet10_views.json").read_text())
    for entry in result["results"]:
        one, all_four = entry["by_views"]
        assert (one["views"], all_four["views"]) == (1, 4)
        for name in ("instance_accuracy", "retrieval_map", "retrieval_map_metric"):
            assert all_four[name] == entry["metrics"][name]
            of_seeds = [each["by_views"][0][name] for each in entry["per_seed"]]
            assert one[name]["mean"] == pytest.approx(sum(of_seeds) / 2)
    text = (tmp_path / "o" / "modelnet10_views.md").read_text()
    assert "| mvcnn (single) | 1 |" in text
    assert "| MVCNN, 12 views | 89.90 |" in text
    assert (tmp_path / "o" / "modelnet10_views.html").read_text().count("<img") == 1


def test_frozen_stages_stay_as_they_were_and_their_activations_give_the_same_answers(tmp_path):
    recipe = replace(RECIPE, freeze="blocks.1", epochs=2, single_view_epochs=0)
    train(replace(RUN, recipe=recipe), tmp_path / "run", progress=False)
    model, _ = load_model(tmp_path / "run" / "model.safetensors")
    assert isinstance(model, MVCNN)
    torch.manual_seed(0)
    fresh, trained = MVCNN(2, **BACKBONE).state_dict(), model.state_dict()
    for name in (name for name in fresh if fresh[name].is_floating_point() and name not in ("mean", "std")):
        assert torch.equal(trained[name], fresh[name]) == name.startswith(FROZEN), name
    split = bars(6, 3)
    kept = Activations(model.train(), "blocks.1", mirror=True).of(split)
    assert model.training
    model.eval()
    assert kept.views == 8
    assert kept.pixels.dtype == torch.float16
    with torch.no_grad():
        expected = model(split.images())
        torch.testing.assert_close(model(kept.images()[:, :4], start="blocks.1"), expected, atol=1e-2, rtol=1e-2)
        mirrored = model(split.images().flip(-1))
        torch.testing.assert_close(model(kept.images()[:, 4:], start="blocks.1"), mirrored, atol=1e-2, rtol=1e-2)


def test_only_what_comes_after_the_frozen_stage_is_trained():
    net = method(freeze="blocks.1").build(bars(4, 0))
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert not any(
        name.startswith(("backbone.conv_stem", "backbone.blocks.0", "backbone.blocks.1")) for name in trained
    )
    assert any(name.startswith("backbone.blocks.2") for name in trained)
    assert "fc.weight" in trained


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_norms_do_not_learn_from_the_training_views(frozen):
    net, way = MVCNN(2, **BACKBONE).train(), method(freeze_norms=frozen)
    way.start_epoch(net, at(0))
    before = net.backbone.bn1.running_mean.clone()
    way.loss(net, Batch(bars(4, 0).images(), torch.tensor([0, 1, 0, 1]), list("abcd")), at(0))
    assert torch.equal(net.backbone.bn1.running_mean, before) == frozen


def test_single_views_are_shapes_of_their_own_in_the_first_phase(monkeypatch):
    net, seen = MVCNN(2, **BACKBONE), []
    monkeypatch.setattr(net, "forward", lambda x, **_: seen.append(x.shape) or torch.zeros(len(x), 2))
    batch = Batch(torch.zeros(3, 4, 1, 32, 32), torch.tensor([0, 1, 0]), list("abc"))
    for epoch in (0, 1):
        method().loss(net, batch, at(epoch))
    assert seen == [(12, 1, 1, 32, 32), (3, 4, 1, 32, 32)]


def test_stored_mirrors_are_chosen_for_all_views_of_a_shape():
    mirror, views = StoredMirror(views=3).draw(200, 8, torch.Generator().manual_seed(0))
    assert not mirror.any()
    assert views is not None
    assert views.shape == (200, 3)
    assert bool(((views < 4).all(1) | (views >= 4).all(1)).all())
    assert 60 < int((views >= 4).all(1).sum()) < 140
    assert all(len(set(row)) == 3 for row in views.tolist())


@pytest.mark.parametrize("count", [0, -3])
def test_a_test_without_views_is_refused(count):
    net = MVCNN(2, **BACKBONE)
    with pytest.raises(InvalidInputError, match=f"at least 1 view of every shape, got {count}"):
        method().test(net, bar_collection(), "test", view_counts=[count])
    with pytest.raises(InvalidInputError, match="holds 4 ready views of every shape, got 5"):
        method().test(net, bar_collection(), "test", view_counts=[5])


def test_views_are_not_for_voxels():
    voxels = VoxelClassification(VoxelRecipe(votes=1, vote_mirror=False), "voxnet")
    with pytest.raises(InvalidInputError, match="this one looks at voxels"):
        voxels.test(VoxNet(2), box_collection(), "test", view_counts=[3])


class Grids:
    """A dataset of other shapes, two of which occur in its test split."""

    facts: ClassVar[dict] = {"duplicates": [{"key": "t/0", "equals": ["9/1", "9/4"]}]}
    keys: ClassVar[list] = [f"9/{i}" for i in range(6)]

    def __init__(self, name, split, *, representation):
        assert (name, split, representation) == ("grids", "trainval", MORE.render)

    def packed(self, jobs):
        return bars(6, 9)


MORE = MoreShapes("grids", RenderViews("ring", 32, count=4), repeat=2)


def test_shapes_of_another_dataset_join_without_those_of_its_test_split(monkeypatch):
    monkeypatch.setattr(view_classification, "ShapeDataset", Grids)
    way, data = method(more=MORE, batch_size=4), bar_collection(train=bar_store(8, 0))
    train = way.load(data, "train", training=True)
    assert way.load(data, "val").keys == bars(16, 1).keys  # as a run does, before it asks for batches
    assert train.keys == (*(f"0/{i}" for i in range(8)), "9/0", "9/2", "9/3", "9/5")
    assert torch.equal(train.images()[9], bars(6, 9).images()[2])
    seen = [key for batch in way.batches(train, training=True, seed=0) for key in batch.keys]
    assert {key: seen.count(key) for key in seen} == {key: 2 if key.startswith("0/") else 1 for key in train.keys}


def test_only_shapes_that_look_alike_join():
    split = bars(4, 0)
    with pytest.raises(InvalidInputError, match=r"classes: expected \('lying', 'standing'\) in both, got \('a', 'b'\)"):
        join_splits(split, replace(split, classes=("a", "b")))
    with pytest.raises(InvalidInputError, match="as many views of the same size in both"):
        join_splits(split, replace(split, pixels=split.pixels[:, :3]))
    with pytest.raises(InvalidInputError, match="repeat: expected at least 1, got 0"):
        MoreShapes("grids", MORE.render, repeat=0)
