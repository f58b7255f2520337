"""A benchmark end to end on two easy classes: figures, files, kept seeds, and the keys that readers rely on."""

import json
from dataclasses import replace

import pytest
from small_collections import box_collection
from test_runs import RECIPE

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.training import benchmarks, runs, testing
from geolearn.training.benchmark_protocols import Benchmark, load_benchmark
from geolearn.training.benchmarks import run_benchmark
from geolearn.training.recipes import RECIPES
from geolearn.training.runs import make_run
from geolearn.training.testing import evaluate

KNOWN = {"duplicates": [{"key": "2/0"}, {"key": "2/1"}]}


@pytest.fixture
def easy(monkeypatch):
    """Every dataset is made of boxes, every recipe is short."""
    for module in (runs, testing):
        monkeypatch.setattr(module, "open_collection", lambda name, *_: box_collection(name, KNOWN))
    monkeypatch.setitem(RECIPES._entries, "voxnet/best", replace(RECIPE, votes=3, vote_mirror=True))


def test_a_benchmark_writes_what_it_measured(easy, tmp_path, monkeypatch):
    rows = run_benchmark(
        "modelnet10_voxels", models=["voxnet"], seeds=[0, 1], recipe="best", runs=tmp_path / "r", output=tmp_path / "o"
    )
    result = json.loads((tmp_path / "o" / "modelnet10_voxels.json").read_text())
    assert {"benchmark", "dataset", "protocol", "results", "published", "environment", "command"} <= set(result)
    (entry,) = result["results"]
    assert [figures["seed"] for figures in entry["per_seed"]] == [0, 1]
    accuracies = [figures["class_accuracy"] for figures in entry["per_seed"]]
    assert entry["metrics"]["class_accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert min(accuracies) > 80
    assert all(figures["num_samples"] == 21 for figures in entry["per_seed"])
    assert all(figures["num_samples_without_duplicates"] == 19 for figures in entry["per_seed"])
    assert rows[0]["class acc. %"].startswith(f"{sum(accuracies) / 2:.2f}")
    assert "| VoxNet | 92.00 |" in (tmp_path / "o" / "modelnet10_voxels.md").read_text()
    assert "<table>" in (tmp_path / "o" / "modelnet10_voxels.html").read_text()

    def never(*arguments, **options):
        raise AssertionError("a finished seed was trained again")

    monkeypatch.setattr(benchmarks, "train", never)
    again = run_benchmark(
        "modelnet10_voxels", models=["voxnet"], seeds=[0, 1], recipe="best", runs=tmp_path / "r", output=tmp_path / "o"
    )
    assert again == rows


def test_results_of_other_recipes_stay_in_the_file(easy, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES._entries, "voxnet/other", replace(RECIPE, epochs=1))
    where = {"models": ["voxnet"], "seeds": [0], "runs": tmp_path / "r", "output": tmp_path / "o"}
    run_benchmark("modelnet10_voxels", recipe="best", epochs=1, **where)
    run_benchmark("modelnet10_voxels", recipe="other", **where)
    rows = run_benchmark("modelnet10_voxels", recipe="best", epochs=1, **where)
    result = json.loads((tmp_path / "o" / "modelnet10_voxels.json").read_text())
    assert [entry["recipe"]["name"] for entry in result["results"]] == ["other", "best (1 epochs)"]
    assert [row["model"] for row in rows[:2]] == [
        "voxnet (other, 1 seed)",
        "voxnet (best (1 epochs), 1 seed)",
    ]
    assert all(entry["command"].startswith("run_benchmark(") for entry in result["results"])


def test_trainings_of_several_classes_are_averaged(easy, tmp_path, monkeypatch):
    """Two classes, two seeds: a row per class over seeds, and the mean over classes of each seed."""
    monkeypatch.setattr(Benchmark, "protocols", lambda self, seed: {"chair": f"chair/{seed}", "table": f"table/{seed}"})
    run_benchmark(
        "modelnet10_voxels", models=["voxnet"], seeds=[0, 1], recipe="best", epochs=1, runs=tmp_path / "r",
        output=tmp_path / "o",
    )  # fmt: skip
    (entry,) = json.loads((tmp_path / "o" / "modelnet10_voxels.json").read_text())["results"]
    reports = {path.parent.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("r/*/*/result.json")}
    assert len(reports) == 4
    by_name = {
        (category, seed): next(
            r for name, r in reports.items() if f"-{category}-" in name and name.endswith(f"-{seed}")
        )
        for category in ("chair", "table")
        for seed in (0, 1)
    }
    for seed, row in enumerate(entry["per_seed"]):
        both = [by_name[category, seed]["class_accuracy"] for category in ("chair", "table")]
        assert row["class_accuracy"] == pytest.approx(sum(both) / 2)
        assert row["num_samples"] == 42
    assert [row["class"] for row in entry["by_class"]] == ["chair", "table"]
    chairs = [by_name["chair", seed]["class_accuracy"] for seed in (0, 1)]
    assert entry["by_class"][0]["class_accuracy"]["mean"] == pytest.approx(sum(chairs) / 2)
    assert "By class:" in (tmp_path / "o" / "modelnet10_voxels.md").read_text()


def test_protocols_of_a_benchmark_by_class_and_by_seed():
    found = load_benchmark("labeled_psb").protocols(2)
    assert len(found) == 19
    assert found["chair"] == "chair/12/2"
    assert load_benchmark("coseg_vases").protocols(1) == {"": "full"}


def test_evaluation_of_a_run_folder(easy, tmp_path):
    run = make_run("voxnet", "boxes", "best", epochs=1)
    assert run.recipe_name == "best (1 epochs)"
    runs.train(run, tmp_path, progress=False)
    tested = evaluate(tmp_path, "boxes")
    report = tested.record
    assert report["num_samples"] == len(tested.outcome.predictions.labels) == 21
    assert report["protocol"] == "full test split, 6 votes over 3 rotations, mirror"
    assert sum(map(sum, report["confusion"])) == 21
    assert evaluate(tmp_path / "model.safetensors", "boxes").record["class_accuracy"] == report["class_accuracy"]


def test_bad_requests_say_what_is_known(tmp_path):
    with pytest.raises(UnknownNameError, match=r"benchmark.*Did you mean 'modelnet10_voxels'"):
        run_benchmark("modelnet10_voxel", models=None, seeds=[0], recipe="best", runs=tmp_path, output=tmp_path)
    with pytest.raises(InvalidInputError, match=r"expected different seeds, at least one, got \[1, 1\]"):
        run_benchmark("procedural", models=None, seeds=[1, 1], recipe="best", runs=tmp_path, output=tmp_path)
    with pytest.raises(UnknownNameError, match=r"unknown recipe of voxnet 'bets'.*Did you mean 'best'"):
        make_run("voxnet", "procedural", "bets")
    with pytest.raises(UnknownNameError, match=r"unknown model 'voxnett'.*Did you mean 'voxnet'"):
        make_run("voxnett", "procedural", "best")
    with pytest.raises(InvalidInputError, match="no recipe trains 'pcadecoder'"):
        make_run("pcadecoder", "procedural", "best")
