"""Where the curves of a training go besides metrics.csv: Lightning's loggers, by name."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from geolearn.errors import MissingDependencyError, unknown_name

LOGGERS = ("tensorboard", "csv", "wandb", "none")


def make_loggers(names: Sequence[str], folder: Path, run: Any) -> list[Logger]:
    """Loggers for a run folder.

    Args:
        names: some of `LOGGERS`. "csv" writes a row for every step, into a new folder each time that a run is resumed;
            "wandb" keeps its files in the folder and calls the run by the folder's name.
        run: the `Run`; its record is what loggers know as hyperparameters.

    Raises:
        UnknownNameError: no such logger; suggests the nearest.
        MissingDependencyError: its package is not installed.
    """
    makers: dict[str, Callable[[], list[Logger]]] = {
        "tensorboard": lambda: [TensorBoardLogger(folder / "tensorboard", name="", version="")],
        "csv": lambda: [CSVLogger(folder / "csv", name="")],
        "wandb": lambda: [_wandb(folder, run)],
        "none": list,
    }
    for name in names:
        if name not in makers:
            raise unknown_name("logger", name, LOGGERS)
    return [logger for name in dict.fromkeys(names) for logger in makers[name]()]


def _wandb(folder: Path, run: Any) -> Logger:
    if importlib.util.find_spec("wandb") is None:
        raise MissingDependencyError("--log wandb needs the package wandb. Install it with: pip install wandb")
    folder.mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=folder.name, save_dir=folder, project="geolearn", config=run.record())
