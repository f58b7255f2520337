"""Training on views: two phases, frozen stages that are computed once, tests with other numbers of views."""

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch

from geolearn.data import PackedViews, RenderViews, ViewAugment
from geolearn.errors import InvalidInputError
from geolearn.models import MVCNN, load_model
from geolearn.training import experiments, families, view_data
from geolearn.training.benchmarks import run_benchmark
from geolearn.training.evaluation_page import evaluation_report
from geolearn.training.experiments import evaluate
from geolearn.training.protocols import BENCHMARKS
from geolearn.training.recipes import RECIPES, MoreShapes, ViewRecipe
from geolearn.training.runs import Run, train
from geolearn.training.task import ViewTask
from geolearn.training.view_data import StoredMirror, ViewData, joined, keep_activations
from geolearn.training.view_sheets import view_sheets

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


def bars(count: int, seed: int) -> PackedViews:
    """Two classes: in one of the four views there is a bar, standing or lying."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 40, (count, 4, 1, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    for shape, label in zip(pixels, labels.tolist(), strict=True):
        for view in shape:
            place = int(torch.randint(4, 24, (1,), generator=generator))
            bar = view[0, :, place : place + 4] if label else view[0, place : place + 4]
            bar += 200
    return PackedViews(pixels, labels, tuple(f"{seed}/{i}" for i in range(count)), ("lying", "standing"))


class NoFacts:
    facts: ClassVar[dict] = {}

    def __init__(self, *_):
        pass


@pytest.fixture(autouse=True)
def easy(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    seeds = {"train": (48, 0), "val": (16, 1), "test": (21, 2), "trainval": (64, 0)}

    def load(name, split, *, rig, size, fit, views=None, validation=0.1):
        return bars(*seeds[split])

    monkeypatch.setattr(view_data, "load_views_split", load)
    monkeypatch.setattr(families, "load_views_split", load)
    monkeypatch.setattr(experiments, "ShapeDataset", NoFacts)


def test_a_run_learns_and_is_tested_with_any_number_of_views(tmp_path):
    result = train(RUN, tmp_path / "run", progress=False)
    assert result["validation"]["val_class_accuracy"] > 0.9
    report, predictions = evaluate(tmp_path / "run", "bars", retrieval=True, view_counts=[4, 1])
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
    sheets = view_sheets(tmp_path / "run", "bars", predictions, tmp_path / "evaluation")
    assert [path.name for path, _ in sheets] == ["saliency.png", "retrieval.png"]
    page = evaluation_report(report, tmp_path / "evaluation", sheets).read_text()
    assert page.count("<img") == 5


def test_a_benchmark_compares_recipes_and_numbers_of_views(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES._entries, "mvcnn/best", RECIPE)
    alone = replace(RECIPE, single_view_epochs=RECIPE.epochs, model={**BACKBONE, "pooling": "mean"})
    monkeypatch.setitem(RECIPES._entries, "mvcnn/single", alone)
    protocol = replace(BENCHMARKS["modelnet10_views"], view_counts=(1, 4), recipes=("best", "single"))
    monkeypatch.setitem(BENCHMARKS._entries, "modelnet10_views", protocol)
    rows = run_benchmark("modelnet10_views", models=None, seeds=[0, 1], runs=tmp_path / "r", output=tmp_path / "o")
    assert [row["model"] for row in rows[:2]] == ["**mvcnn** (best, 2 seeds)", "**mvcnn** (single, 2 seeds)"]
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
    kept = keep_activations(model.train(), split, "blocks.1", mirror=True)
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
    task = ViewTask(MVCNN(2, **BACKBONE), replace(RECIPE, freeze="blocks.1"), torch.ones(2))
    trained = {name for name, p in task.model.named_parameters() if p.requires_grad}
    assert not any(
        name.startswith(("backbone.conv_stem", "backbone.blocks.0", "backbone.blocks.1")) for name in trained
    )
    assert any(name.startswith("backbone.blocks.2") for name in trained)
    assert "fc.weight" in trained


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_norms_do_not_learn_from_the_training_views(frozen, monkeypatch):
    task = ViewTask(MVCNN(2, **BACKBONE), replace(RECIPE, freeze_norms=frozen), torch.ones(2)).train()
    monkeypatch.setattr(ViewTask, "current_epoch", 0)
    task.on_train_epoch_start()
    before = task.model.backbone.bn1.running_mean.clone()
    task.training_loss(bars(4, 0).images(), torch.tensor([0, 1, 0, 1]))
    assert torch.equal(task.model.backbone.bn1.running_mean, before) == frozen


def test_single_views_are_shapes_of_their_own_in_the_first_phase(monkeypatch):
    task = ViewTask(MVCNN(2, **BACKBONE), RECIPE, torch.ones(2))
    seen = []
    monkeypatch.setattr(task.model, "forward", lambda x, **_: seen.append(x.shape) or torch.zeros(len(x), 2))
    x, label = torch.zeros(3, 4, 1, 32, 32), torch.tensor([0, 1, 0])
    for epoch in (0, 1):
        monkeypatch.setattr(ViewTask, "current_epoch", epoch)
        task.training_loss(x, label)
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
    with pytest.raises(InvalidInputError, match=f"at least 1 view of every shape, got {count}"):
        families.Views().test_set("bars", "test", {}, count)


def test_views_are_not_for_voxels():
    with pytest.raises(InvalidInputError, match="this one looks at voxels"):
        families.Voxels().test_set("procedural", "test", {}, 3)


def test_data_are_the_same_for_the_same_seed():
    data = [ViewData(bars(16, 0), None, RECIPE, seed=seed) for seed in (1, 1, 2)]
    first, second, other = (next(iter(each.train_dataloader())).data for each in data)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


class Grids:
    """A dataset of other shapes, two of which occur in its test split."""

    facts: ClassVar[dict] = {"duplicates": [{"key": "t/0", "equals": ["9/1", "9/4"]}]}
    keys: ClassVar[list] = [f"9/{i}" for i in range(6)]

    def __init__(self, name, split, *, representation):
        assert (name, split, representation) == ("grids", "trainval", MORE.render)

    def packed_views(self, jobs):
        return bars(6, 9)


MORE = MoreShapes("grids", RenderViews("ring", 32, count=4), repeat=2)


def test_shapes_of_another_dataset_join_without_those_of_its_test_split(monkeypatch):
    monkeypatch.setattr(view_data, "ShapeDataset", Grids)
    monkeypatch.setattr(view_data, "load_views_split", lambda name, split, **_: bars(8, {"train": 0, "val": 1}[split]))
    data = ViewData.load("bars", replace(RECIPE, more=MORE, batch_size=4), seed=0, validation=0.5)
    assert data.train.keys == (*(f"0/{i}" for i in range(8)), "9/0", "9/2", "9/3", "9/5")
    assert torch.equal(data.train.images()[9], bars(6, 9).images()[2])
    assert data.validation is not None
    assert data.validation.keys == bars(8, 1).keys
    seen = [key for batch in data.train_dataloader() for key in batch.keys]
    assert {key: seen.count(key) for key in seen} == {key: 2 if key.startswith("0/") else 1 for key in data.train.keys}


def test_only_shapes_that_look_alike_join():
    split = bars(4, 0)
    with pytest.raises(InvalidInputError, match=r"classes: expected \('lying', 'standing'\) in both, got \('a', 'b'\)"):
        joined(split, replace(split, classes=("a", "b")))
    with pytest.raises(InvalidInputError, match="as many views of the same size in both"):
        joined(split, replace(split, pixels=split.pixels[:, :3]))
    with pytest.raises(InvalidInputError, match="repeat: expected at least 1, got 0"):
        MoreShapes("grids", MORE.render, repeat=0)
