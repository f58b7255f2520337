"""Rows of metrics.csv across a kill."""

from types import SimpleNamespace

import torch

from geolearn.training.history import History, read_rows


def end_epoch(history: History, epoch: int, loss: float) -> None:
    metrics = {"loss": torch.tensor(loss)}
    trainer = SimpleNamespace(is_global_zero=True, current_epoch=epoch, callback_metrics=metrics)
    history.on_train_epoch_end(trainer, None)


def test_a_resumed_run_writes_the_epochs_behind_its_checkpoint_anew(tmp_path, as_installed):
    history = History(tmp_path)
    for epoch in range(4):
        end_epoch(history, epoch, 10.0 + epoch)
    # Killed in epoch 4, its checkpoint is of epoch 1.
    end_epoch(History(tmp_path), 2, 99.0)
    rows = [(row["epoch"], row["loss"]) for row in read_rows(tmp_path / "metrics.csv")]
    assert rows == [(0, 10), (1, 11), (2, 99)]


def test_other_processes_write_nothing(tmp_path, as_installed):
    trainer = SimpleNamespace(is_global_zero=False, current_epoch=0, callback_metrics={"loss": torch.tensor(1.0)})
    History(tmp_path).on_train_epoch_end(trainer, None)
    assert list(tmp_path.iterdir()) == []
