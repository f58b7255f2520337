"""From a folder of one's own to tested weights and a page, through the same doors as any dataset."""

import json

import pytest
from shapes_of_ones_own import classes_of_boxes

from geolearn.data import Reading
from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.training.benchmarks import result_name, run_benchmark
from geolearn.training.runs import make_run, train
from geolearn.training.testing import evaluate


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Boxes whose files have y up, one of them damaged."""
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    folder = classes_of_boxes(tmp_path / "my boxes", "{label}/{split}/{name}")
    for path in folder.rglob("*.off"):
        mesh = load_mesh(path)
        save_mesh(type(mesh)(mesh.verts[:, [0, 2, 1]], mesh.faces), path)
    (folder / "flat" / "test" / "test1.off").write_text("nothing")
    return folder


READING = Reading(up="y", skip_broken=True)
LEFT_OUT = "1 of 18 files could not be read and were left out: flat/test/test1.off"


def test_train_and_evaluate_say_what_they_left_out_and_read_alike(mine, tmp_path, monkeypatch):
    changes = {"batch_size": "4", "augment.shift": "0", "augment.scale": "0", "learning_rate": "0.01"}
    run = make_run(
        "voxnet", "my boxes", "best", epochs=4, changes=changes, resolution=12, validation=0.2, reading=READING
    )
    assert (run.recipe.resolution, run.recipe.padding, run.recipe.model) == (12, 2, {"resolution": 12})
    result = train(run, tmp_path / "run", progress=False)
    assert result["warnings"] == [LEFT_OUT]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["reading"] == {
        "up": "y", "front": "-y", "skip_broken": True,
    }  # fmt: skip
    tested = evaluate(tmp_path / "run", str(mine))  # another path to the same folder: read as it was
    assert tested.warnings == (LEFT_OUT,)
    assert tested.record["warnings"] == [LEFT_OUT]
    assert tested.record["num_samples"] == 5
    assert tested.record["instance_accuracy"] == 100.0
    assert LEFT_OUT in tested.write_report(tmp_path / "page").read_text()
    lying = evaluate(tmp_path / "run", str(mine), reading=Reading(up="z", skip_broken=True))
    assert lying.record["instance_accuracy"] < 100


def test_a_benchmark_of_ones_own_shapes(mine, tmp_path):
    rows = run_benchmark(
        "my boxes", models=None, seeds=[0], epochs=1, resolution=12, reading=READING, runs=tmp_path / "runs",
        output=tmp_path / "results",
    )  # fmt: skip
    assert rows[0]["model"] == "voxnet (best (resolution=12) (1 epochs), 1 seed)"
    name = result_name("my boxes")
    assert name.startswith("my_boxes-")
    assert json.loads((tmp_path / "results" / f"{name}.json").read_text())["warnings"] == [LEFT_OUT]
    assert f"**{LEFT_OUT}.**" in (tmp_path / "results" / f"{name}.md").read_text()


def test_resolution_is_refused_where_there_is_none():
    with pytest.raises(InvalidInputError, match="resolution: the inputs of face_labeling have none to choose, got 48"):
        make_run("meshlabelnet", "mine", "best", resolution=48)
    assert make_run("mvcnn", "mine", "best", resolution=96).recipe.size == 96
