"""How far a training is: a bar in a terminal, a line now and then elsewhere."""

from contextlib import ExitStack
from typing import Any

import lightning.pytorch as pl

from geolearn.progress import Progress, progress_bar


class TrainingProgress(pl.Callback):
    """Counts the batches that are left, with the epoch, the last loss and the first figure of the last validation.

    Args:
        title: what is trained, such as "training voxnet/best".
    """

    def __init__(self, title: str):
        self.title = title
        self._open = ExitStack()
        self._bar: Progress | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            epochs = (trainer.max_epochs or 0) - trainer.current_epoch
            self._bar = self._open.enter_context(progress_bar(self.title, epochs * int(trainer.num_training_batches)))

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if self._bar is not None:
            self._bar.advance(note=_describe(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._open.close()

    def on_exception(self, *_: Any) -> None:
        self._open.close()


def _describe(trainer: pl.Trainer) -> str:
    """Such as "epoch 3 of 10, loss 0.694, val_class_accuracy 87.5"."""
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    validated = next((name for name in figures if name.startswith("val_") and name != "val_loss"), "val_loss")
    words = [f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"]
    words += [f"{name} {figures[name]:.4g}" for name in ("loss", validated) if name in figures]
    return ", ".join(words)
