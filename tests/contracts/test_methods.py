"""What every registered method promises, checked for each of them on a handful of shapes.

A new method adds an entry to `CASES` in method_cases.py.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from method_cases import CASES, COUNT, collection, run_of, short_run
from safetensors.torch import load_file

from geolearn.data import ShapeCollection
from geolearn.data.locks import exclusive_lock
from geolearn.models import pretrained_names
from geolearn.training.history import read_rows
from geolearn.training.learner import Learner
from geolearn.training.method import METHODS
from geolearn.training.recipes import read_record
from geolearn.training.runs import train
from geolearn.training.testing import evaluate, load_trained


def trained(name: str, folder: Path) -> Path:
    """A run of a method, made once, whichever of the test processes comes first."""
    with exclusive_lock(folder / f"{name}.lock"):
        if not (folder / name / "result.json").is_file():
            train(run_of(name), folder / name, data=collection(name), progress=False)
    return folder / name


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "methods"
    folder.mkdir(exist_ok=True)
    os.environ["GEOLEARN_HOME"] = str(folder / "home")
    return folder


def test_every_method_has_a_case():
    assert set(CASES) == set(METHODS), "add the new method to CASES in method_cases.py"


# A child that has imported everything already; each test that kills one forks it from there.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["method_cases"])


def train_until_killed(name: str, folder: Path) -> None:
    """Train two epochs, say so in a file, and wait."""
    start = Learner.on_train_epoch_start

    def slowly(self: Learner) -> None:
        if self.current_epoch == 2:
            (folder / "waiting").touch()
            time.sleep(600)
        start(self)

    Learner.on_train_epoch_start = slowly
    train(short_run(name), folder, data=collection(name), progress=False)


def can_be_tried(name: str) -> bool:
    """Whether what its shapes are made by is installed."""
    try:
        CASES[name].shapes()
    except pytest.skip.Exception:
        return False
    return True


SHARED = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
from method_cases import CASES, collection, run_of
from geolearn.training.runs import train
if __name__ == "__main__":
    for name in {names!r}:
        run = run_of(name, devices=2)
        run = replace(run, recipe=replace(run.recipe, epochs=2))
        train(run, Path({folder!r}, name), data=collection(name), progress=False)
"""


def test_every_method_runs_under_two_processes(tmp_path):
    """All of them in one pair of processes: a start takes longer than a training."""
    script = tmp_path / "two.py"
    names = [name for name in sorted(CASES) if can_be_tried(name)]
    script.write_text(SHARED.format(tests=os.path.dirname(__file__), folder=str(tmp_path), names=names))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    for name in names:
        assert (tmp_path / name / "model.safetensors").is_file()
        assert json.loads((tmp_path / name / "result.json").read_text())["epochs"] == 2 * CASES[name].phases, name


@pytest.mark.parametrize("name", sorted(CASES))
class TestEveryMethod:
    def test_learns_a_tiny_set_by_heart_and_gives_every_figure(self, name, runs):
        tested = evaluate(trained(name, runs), collection(name))
        assert CASES[name].by_heart(tested.outcome), tested.outcome.figures
        method = tested.trained.method
        promised = {figure.name for figure in method.figures if figure.always}
        assert promised <= set(tested.outcome.figures) <= {figure.name for figure in method.figures}
        assert tested.outcome.samples == COUNT
        json.dumps(tested.record)

    def test_its_report_shows_its_figures(self, name, runs, tmp_path):
        tested = evaluate(trained(name, runs), collection(name))
        page = tested.write_report(tmp_path).read_text()
        for figure in tested.trained.method.figures:
            assert (figure.title in page) == (figure.name in tested.outcome.figures)
        assert json.loads((tmp_path / "result.json").read_text()) == json.loads(json.dumps(tested.record))

    def test_saved_and_loaded_it_answers_the_same(self, name, runs):
        folder = trained(name, runs)
        first, again = evaluate(folder, collection(name)), evaluate(folder / "model.safetensors", collection(name))
        assert first.outcome.figures == again.outcome.figures
        recipe = CASES[name].recipe
        assert load_trained(folder).method.recipe == recipe

    def test_predict_equals_test_on_the_same_shape(self, name, runs):
        found = load_trained(trained(name, runs))
        store = CASES[name].shapes()
        one = ShapeCollection(
            {"test": replace(store, keys=store.keys[:1], whole=store.keys[:1], targets=store.targets[:1])}
        )
        outcome = found.method.test(found.net, one, "test")
        prediction = found.method.predict(found.net, store.source.load(store.keys[0]), found.classes)
        assert CASES[name].agrees(prediction, outcome)
        assert prediction.summary()
        json.dumps(prediction.record())

    def test_killed_and_resumed_it_ends_at_the_same_bits(self, name, tmp_path):
        whole, folder = tmp_path / "whole", tmp_path / "killed"
        train(short_run(name), whole, data=collection(name), progress=False)
        child = SERVER.Process(target=train_until_killed, args=(name, folder))
        child.start()
        deadline = time.monotonic() + 240
        while not (folder / "waiting").is_file() and child.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert child.is_alive(), "it ended by itself"
        child.kill()
        child.join()
        assert (folder / "checkpoints" / "last.ckpt").is_file(), "it would start anew, and end at the same bits as well"
        train(short_run(name), folder, data=collection(name), resume=True, progress=False)
        expected, got = load_file(whole / "model.safetensors"), load_file(folder / "model.safetensors")
        assert all(torch.equal(expected[key], got[key]) for key in expected)
        assert [row["epoch"] for row in read_rows(folder / "metrics.csv")] == list(
            range(len(read_rows(whole / "metrics.csv")))
        )

    def test_its_recipe_comes_back_from_json(self, name):
        recipe = CASES[name].recipe
        assert read_record(type(recipe), json.loads(json.dumps(run_of(name).record()["recipe"]))) == recipe


@pytest.mark.parametrize("name", pretrained_names())
def test_shipped_weights_say_how_they_were_trained(name):
    if name.startswith("mvcnn"):
        pytest.importorskip("timm", reason="needs the extra [backbones]")
    found = load_trained(name)
    assert found.record["method"] == found.method.recipe.method
    assert found.record["input"] == repr(found.method.representation())
