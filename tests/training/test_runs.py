"""A run can be killed, resumed, shared between processes, and never overwritten by another."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small_collections import box_store

from geolearn.data import ShapeCollection, VoxelAugment
from geolearn.errors import CheckpointError, InvalidInputError, UnknownNameError
from geolearn.training.history import read_rows
from geolearn.training.recipes import RECIPES
from geolearn.training.runs import Run, make_run, train

RECIPE = replace(
    RECIPES["voxnet/turned"], epochs=4, batch_size=8, votes=2, ema_decay=0.9, augment=VoxelAugment(rotations=4, shift=1)
)
RUN = Run(model="voxnet", data="boxes", recipe_name="test", recipe=RECIPE, accelerator="cpu")


def data() -> ShapeCollection:
    return ShapeCollection({"train": box_store(64, 0), "val": box_store(16, 1)})


def losses(folder) -> list[float]:
    return [row["loss"] for row in read_rows(folder / "metrics.csv")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, made once."""
    folder = tmp_path_factory.mktemp("whole")
    result = train(RUN, folder, data=data(), progress=False)
    return folder, result


def test_a_run_learns_and_leaves_everything_behind(whole):
    folder, result = whole
    assert result["validation"]["val_class_accuracy"] > 90
    present = {path.name for path in folder.iterdir()}
    assert present >= {
        "config.json",
        "environment.json",
        "metrics.csv",
        "curves.png",
        "model.safetensors",
        "result.json",
    }
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert json.loads((folder / "config.json").read_text())["recipe"]["batch_size"] == 8


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import time
from test_runs import RUN, data
from geolearn.training.runs import train
from geolearn.training.learner import Learner
step = Learner.training_step
def training_step(self, batch, index):
    if self.current_epoch == 1 and index == 3:
        Path({folder!r}, "waiting").touch()
        time.sleep(600)
    return step(self, batch, index)
Learner.training_step = training_step
train(RUN, Path({folder!r}), data=data(), progress=False)
"""


def test_a_killed_run_resumes_and_ends_where_an_uninterrupted_one_ends(whole, tmp_path):
    folder = tmp_path / "killed"
    script = KILLED.format(tests=os.path.dirname(__file__), folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not (folder / "waiting").is_file() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert child.poll() is None, child.stderr.read().decode()
    child.send_signal(signal.SIGKILL)
    child.communicate()

    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0  # of 0 to 3
    train(RUN, folder, data=data(), resume=True, progress=False)
    expected, got = load_file(whole[0] / "model.safetensors"), load_file(folder / "model.safetensors")
    assert all(torch.equal(expected[key], got[key]) for key in expected)
    assert losses(folder) == losses(whole[0])


def test_another_run_is_not_overwritten(whole):
    folder, _ = whole
    with pytest.raises(CheckpointError, match=r"holds another run \(different seed\)"):
        train(replace(RUN, seed=1), folder, data=data(), resume=True, progress=False)
    with pytest.raises(CheckpointError, match="pass --resume"):
        train(RUN, folder, data=data(), progress=False)


def test_a_batch_must_divide_over_the_devices(tmp_path):
    with pytest.raises(InvalidInputError, match="batch of 8 does not divide over 3"):
        train(replace(RUN, devices=3), tmp_path, data=data(), progress=False)


TWO = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
from test_runs import RUN, data
from geolearn.training.runs import train
if __name__ == "__main__":
    train(replace(RUN, devices=2), Path({folder!r}), data=data(), progress=False)
"""


def test_two_processes_reach_what_one_reaches(whole, tmp_path):
    folder, script = tmp_path / "two", tmp_path / "two.py"
    script.write_text(TWO.format(tests=os.path.dirname(__file__), folder=str(folder)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    one, two = whole[1]["validation"], json.loads((folder / "result.json").read_text())["validation"]
    assert abs(one["val_class_accuracy"] - two["val_class_accuracy"]) <= 100 * 2 / 16
    # The same global batches in the same order: losses differ by dropout alone.
    assert losses(folder)[-1] == pytest.approx(losses(whole[0])[-1], rel=0.3)


def test_a_start_that_fails_claims_no_folder(tmp_path):
    with pytest.raises(InvalidInputError, match="a classifier needs at least two classes"):
        train(
            RUN, tmp_path / "one", data=ShapeCollection({"train": box_store(8, 0, ("slab",)), "val": box_store(8, 1)})
        )
    with pytest.raises(UnknownNameError, match="unknown dataset 'boxes'"):
        train(RUN, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_fields_of_a_recipe_are_set_by_text_and_named():
    run = make_run("voxnet", "boxes", "best", changes={"learning_rate": "3e-4", "augment.shift": "3"}, epochs=2)
    assert (run.recipe.learning_rate, run.recipe.augment.shift, run.recipe.epochs) == (3e-4, 3, 2)
    assert run.recipe_name == "best (learning_rate=3e-4, augment.shift=3) (2 epochs)"
