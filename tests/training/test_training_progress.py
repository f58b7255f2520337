"""A training says how far it is, one that is interrupted can be resumed, and a resumed one counts what is left."""

import re
import signal
from dataclasses import replace

import pytest
from small_collections import box_store

from geolearn import progress
from geolearn.data import ShapeCollection
from geolearn.training.recipes import RECIPES
from geolearn.training.runs import Run, train
from geolearn.training.training_progress import TrainingProgress


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("training voxnet/small: ")]


def test_an_interrupted_and_resumed_training_says_how_far_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    data = ShapeCollection({"train": box_store(16, 0), "val": box_store(8, 1)})
    recipe = replace(RECIPES["voxnet/turned"], epochs=3, batch_size=8, votes=1)
    run = Run("voxnet", "boxes", "small", recipe, accelerator="cpu")
    counted = TrainingProgress.on_train_batch_end
    calls = []

    def interrupt(self, trainer, *arguments):
        calls.append(counted(self, trainer, *arguments))
        if len(calls) == 5:
            raise KeyboardInterrupt  # as Ctrl-C does, without words

    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", interrupt)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        train(run, tmp_path, data=data)
    assert signal.getsignal(signal.SIGINT) is handler
    first = lines(capsys.readouterr().err)
    assert re.match(r"training voxnet/small: 1 of 6, epoch 1 of 3, .* left$", first[0])
    assert re.match(r"training voxnet/small: 3 of 6, epoch 2 of 3, loss [\d.]+, val_class_accuracy [\d.]+, ", first[2])
    assert re.match(r"training voxnet/small: 5 of 6, .* in all$", first[-1])
    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", counted)
    train(run, tmp_path, data=data, resume=True)
    second = lines(capsys.readouterr().err)
    assert second[0].startswith("training voxnet/small: 1 of 2, epoch 3 of 3, ")
    train(replace(run, seed=1), tmp_path / "quiet", data=data, progress=False)
    assert lines(capsys.readouterr().err) == []
