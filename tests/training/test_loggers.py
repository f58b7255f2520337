"""Curves go where they are asked to."""

import csv
import sys
from dataclasses import replace

import pytest
from test_starts import RECIPE, RUN, box_store

from geolearn.data import ShapeCollection
from geolearn.errors import MissingDependencyError, UnknownNameError
from geolearn.training.loggers import make_loggers
from geolearn.training.runs import train


def test_tensorboard_and_csv(tmp_path):
    data = ShapeCollection({"train": box_store(16, 0)})
    train(replace(RUN, recipe=replace(RECIPE, epochs=2)), tmp_path, data=data, progress=False, loggers=["csv"])
    with (tmp_path / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(float(row["loss"]) > 0 for row in rows)
    assert not (tmp_path / "tensorboard").exists()
    assert (tmp_path / "metrics.csv").is_file()


def test_names(tmp_path, monkeypatch):
    kinds = [type(logger).__name__ for logger in make_loggers(["tensorboard", "csv", "csv"], tmp_path, RUN)]
    assert kinds == ["TensorBoardLogger", "CSVLogger"]
    assert make_loggers(["none"], tmp_path, RUN) == []
    with pytest.raises(UnknownNameError, match=r"unknown logger 'tensorbord'\. Did you mean 'tensorboard'"):
        make_loggers(["tensorbord"], tmp_path, RUN)
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install wandb"):
        make_loggers(["wandb"], tmp_path, RUN)
