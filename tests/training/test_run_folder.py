"""A run folder belongs to one run, and to none whose training never began."""

import json

import pytest

from geolearn.errors import CheckpointError
from geolearn.training.run_folder import claimed, find_checkpoint

RECORD = {"model": "voxnet", "seed": 0, "devices": 1}


def test_a_failed_start_leaves_nothing(tmp_path):
    def start():
        assert json.loads((tmp_path / "config.json").read_text()) == RECORD
        (tmp_path / "tensorboard").mkdir()
        raise RuntimeError("no such accelerator")

    with pytest.raises(RuntimeError, match="no such accelerator"), claimed(RECORD, tmp_path):
        start()
    assert list(tmp_path.iterdir()) == []


def test_what_was_trained_stays(tmp_path):
    def train():
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "last.ckpt").touch()
        raise RuntimeError("later")

    with pytest.raises(RuntimeError, match="later"), claimed(RECORD, tmp_path):
        train()
    assert (tmp_path / "config.json").is_file()
    assert find_checkpoint(RECORD, tmp_path, resume=True) == tmp_path / "checkpoints" / "last.ckpt"


def test_an_interrupt_keeps_the_claim(tmp_path):
    with pytest.raises(KeyboardInterrupt), claimed(RECORD, tmp_path):
        raise KeyboardInterrupt
    assert find_checkpoint(RECORD, tmp_path, resume=True) is None
    with pytest.raises(CheckpointError, match="holds this run already; pass --resume"):
        find_checkpoint(RECORD, tmp_path, resume=False)
    with pytest.raises(CheckpointError, match=r"holds another run \(different seed\)"):
        find_checkpoint({**RECORD, "seed": 1}, tmp_path, resume=True)
    find_checkpoint({**RECORD, "devices": 2}, tmp_path, resume=True)


def test_a_claim_of_somebody_else_is_not_taken_away(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RuntimeError, match="x"), claimed(RECORD, tmp_path):
        raise RuntimeError("x")
    assert (tmp_path / "config.json").read_text() == "{}"
