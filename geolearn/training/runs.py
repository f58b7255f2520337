"""A run: one training in one folder, resumable, complete enough to be believed by somebody else.

config.json        what was asked for, the full recipe included
environment.json   machine, versions, revision
metrics.csv        one row per epoch
curves.png         the same as a picture
checkpoints/       last.ckpt, after every epoch
.lock              while a process is at work
model.safetensors  the trained weights (see geolearn.models.weights)
result.json        validation figures, time, throughput
"""

import dataclasses
import json
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from geolearn.data import Batches, Collection, Packed, Reading, open_collection
from geolearn.data.locks import sole_use
from geolearn.errors import InvalidInputError
from geolearn.models import save_model
from geolearn.reports.files import write_json
from geolearn.training.averaging import RunningAverage
from geolearn.training.checkpoint_files import WholeCheckpoints
from geolearn.training.history import History
from geolearn.training.learner import Learner
from geolearn.training.loggers import make_loggers
from geolearn.training.method import METHODS, Method
from geolearn.training.recipe_files import choose_recipe
from geolearn.training.recipes import Recipe, change_fields
from geolearn.training.run_folder import claimed, find_checkpoint
from geolearn.training.starts import recipe_from, start_from
from geolearn.training.training_progress import TrainingProgress


@dataclass(frozen=True)
class Run:
    """What to train, on what, how; the content of config.json.

    Attributes:
        reading: how the files of a folder of one's own are read.
        start: the weights that the training starts from, a run folder, a file or a name; None: from nothing.
    >>> run = make_run("voxnet", "procedural", "best", seed=3)
    >>> run.record()["method"], run.seed
    ('voxel_classification', 3)
    """

    model: str
    data: str
    recipe_name: str
    recipe: Recipe
    seed: int = 0
    validation: float = 0.1
    protocol: str = "full"
    devices: int = 1
    nodes: int = 1
    accelerator: str = "auto"
    precision: str = "32-true"
    reading: Reading | None = None
    start: str | None = None

    @property
    def method(self) -> Method:
        return METHODS[self.recipe.method](self.recipe, self.model)

    def record(self) -> dict[str, Any]:
        """The content of config.json."""
        fields = dataclasses.asdict(self)
        if self.reading is None:
            del fields["reading"]
        if self.start is None:
            del fields["start"]
        return json.loads(json.dumps({"method": self.recipe.method, **fields}))


def make_run(
    model: str,
    data: str,
    recipe: str,
    *,
    epochs: int | None = None,
    changes: Mapping[str, str] | None = None,
    resolution: int | None = None,
    start: str | None = None,
    **settings: Any,
) -> Run:
    """A `Run` from names; its recipe's name says what was changed.

    Args:
        recipe: its name, or a file that ends in .toml (`geolearn.training.recipe_files`).
        epochs: train for this long instead of the recipe's number of epochs.
        changes: fields of the recipe by text, such as `{"learning_rate": "3e-4"}`, see `change_fields`.
        resolution: cells or pixels a side instead of the recipe's, see `Recipe.at_resolution`.
        start: weights to start from; the model gets their layers.

    >>> make_run("voxnet", "procedural", "best", epochs=1, changes={"learning_rate": "3e-4"}).recipe_name
    'best (learning_rate=3e-4) (1 epochs)'
    """
    chosen, recipe = choose_recipe(model, recipe)
    if start is not None:
        chosen, recipe = recipe_from(chosen, model, start), f"{recipe} (from {start})"
    if resolution is not None:
        chosen, recipe = chosen.at_resolution(resolution), f"{recipe} (resolution={resolution})"
    if changes:
        chosen = change_fields(chosen, changes)
        recipe = f"{recipe} ({', '.join(f'{name}={value}' for name, value in changes.items())})"
    if epochs is not None and epochs != chosen.epochs:
        chosen, recipe = replace(chosen, epochs=epochs), f"{recipe} ({epochs} epochs)"
    return Run(model=model, data=data, recipe_name=recipe, recipe=chosen, start=start, **settings)


def train(
    run: Run,
    folder: Path,
    *,
    data: Collection | None = None,
    resume: bool = False,
    progress: bool = True,
    loggers: Sequence[str] = ("tensorboard",),
) -> dict[str, Any]:
    """Train one model and fill `folder` with the files listed above.

    Args:
        data: where training and validation come from; by default the dataset that `run.data` names.
        loggers: where curves go besides metrics.csv, some of `geolearn.training.loggers.LOGGERS`.
        resume: continue from checkpoints/last.ckpt where there is one; the run must be the same.

    Returns:
        The content of result.json.

    Raises:
        CheckpointError: the folder holds another run, or a run that was not asked to be resumed, or another process
            trains into it.

    >>> import tempfile, torch
    >>> from geolearn.data import ShapeCollection, Store
    >>> from geolearn.structures import VoxelGrid
    >>> grids = [VoxelGrid(torch.rand(32, 32, 32) < share, torch.zeros(3), 1.0) for share in (0.1, 0.9)]
    >>> shapes = Store.of_shapes(grids, torch.tensor([0, 1]), classes=("thin", "dense"))
    >>> run = make_run("voxnet", "noise", "best", epochs=1, validation=0.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     train(run, Path(folder), data=ShapeCollection({"train": shapes}), progress=False)["epochs"]
    1
    """
    # One process of a run claims the folder for all of them.
    with sole_use(folder) if rank_zero_only.rank == 0 else nullcontext():
        return _train(run, folder, data, resume, progress, loggers)


def _train(
    run: Run, folder: Path, data: Collection | None, resume: bool, progress: bool, loggers: Sequence[str]
) -> dict[str, Any]:
    method, processes = run.method, run.devices * run.nodes
    if run.recipe.batch_size % processes:
        raise InvalidInputError(
            f"devices * nodes: the batch of {run.recipe.batch_size} does not divide over {processes} devices"
        )
    checkpoint = find_checkpoint(run.record(), folder, resume)
    curves = make_loggers(loggers, folder, run)
    data = data or open_collection(run.data, run.protocol, run.validation, run.reading)
    split = method.load(data, "train", training=True)
    held_out = method.load(data, "val") if run.validation else None
    pl.seed_everything(run.seed, workers=True, verbose=False)
    net = method.build(split)
    if run.start is not None:
        start_from(net, run.start, split.classes)
    made = {"training": True, "seed": run.seed}
    batches = method.batches(method.prepare(net, split, training=True), processes=processes, **made)
    validation = (
        [] if held_out is None else method.batches(method.prepare(net, held_out), training=False, seed=run.seed)
    )
    alone = method.batches(split, rank=0, world_size=1, **made)
    learner = Learner(method, net, len(alone), seed=run.seed)
    trainer = _trainer(run, learner, folder, progress, curves)
    started = time.perf_counter()
    with claimed(run.record(), folder):
        _fit(trainer, learner, batches, validation, checkpoint)
    seconds = time.perf_counter() - started
    method.finish(net)
    result = {
        "validation": {name: float(value) for name, value in trainer.callback_metrics.items()},
        "epochs": trainer.current_epoch,
        "seconds": seconds,
        "samples_per_second": len(split) * learner.epochs / seconds if checkpoint is None else None,
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    if warnings := data.warnings("train"):
        result["warnings"] = warnings
    if trainer.is_global_zero:
        save_model(net, folder / "model.safetensors", **_notes(run, split))  # type: ignore[arg-type]
        write_json(folder / "result.json", result)
    return result


def _fit(trainer: pl.Trainer, learner: Learner, batches: Batches, validation: Any, checkpoint: Path | None) -> None:
    """Ctrl-C raises KeyboardInterrupt: Lightning would end the process, deaf to any further one."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(learner, batches, validation, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def _notes(run: Run, split: Packed) -> dict[str, Any]:
    """What a test has to know, kept with the weights."""
    return {
        "method": run.recipe.method,
        "settings": dataclasses.asdict(run.recipe),
        "input": repr(run.method.representation()),
        "classes": list(split.classes),
        "data": run.data,
        "protocol": run.protocol,
        "validation": run.validation,
        "samples": len(split),
        "recipe": run.recipe_name,
        "seed": run.seed,
        **({"reading": dataclasses.asdict(run.reading)} if run.reading else {}),
        **({} if run.start is None else {"start": run.start}),
    }


# A step of one optimiser of several leaves parameters without a gradient.
_SHARED = {False: "ddp", True: "ddp_find_unused_parameters_true"}


class SaveEveryEpoch(Checkpoint):
    """The state after the last finished epoch, in place of the one before. Lightning calls checkpoints last of all."""

    def __init__(self, path: Path):
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self.path, weights_only=False)


def _trainer(run: Run, learner: Learner, folder: Path, progress: bool, loggers: list[Logger]) -> pl.Trainer:
    several = len(learner.phases) > 1 or any(len(phase.descents) > 1 for phase in learner.phases)
    callbacks: list[pl.Callback] = [
        History(folder),
        SaveEveryEpoch(folder / "checkpoints" / "last.ckpt"),
    ]
    if progress:
        callbacks.append(TrainingProgress(f"training {run.model}/{run.recipe_name}"))
    if run.recipe.ema_decay:
        callbacks.append(RunningAverage(run.recipe.ema_decay))
    return pl.Trainer(
        max_epochs=learner.epochs,
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.nodes,
        strategy="auto" if run.devices * run.nodes == 1 else _SHARED[several],
        precision=run.precision,  # type: ignore[arg-type]
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        logger=loggers or False,
        limit_val_batches=None if run.validation else 0,
        use_distributed_sampler=False,  # our loaders shard by rank themselves
        enable_progress_bar=False,  # ours, which writes lines where there is no terminal
        enable_model_summary=False,
        log_every_n_steps=1,
        deterministic=True,
        num_sanity_val_steps=0,
    )
