"""A run: one training in one folder, resumable, complete enough to be believed by somebody else.

config.json        what was asked for, the full recipe included
environment.json   machine, versions, revision
metrics.csv        one row per epoch
curves.png         the same as a picture
checkpoints/       last.ckpt, after every epoch
model.safetensors  the trained weights (see geolearn.models.weights)
result.json        validation figures, time, throughput
"""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from geolearn.errors import CheckpointError, InvalidInputError
from geolearn.models import save_model
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json
from geolearn.training.averaging import RunningAverage
from geolearn.training.families import find_family
from geolearn.training.history import History
from geolearn.training.recipes import Recipe
from geolearn.training.task import class_weights
from geolearn.training.view_data import ViewData
from geolearn.training.voxel_data import VoxelData


@dataclass(frozen=True)
class Run:
    """What to train, on what, how; the content of config.json."""

    model: str
    data: str
    recipe_name: str
    recipe: Recipe
    seed: int = 0
    validation: float = 0.1
    devices: int = 1
    nodes: int = 1
    accelerator: str = "auto"
    precision: str = "32-true"


def train(
    run: Run, folder: Path, *, data: VoxelData | ViewData | None = None, resume: bool = False, progress: bool = True
) -> dict[str, Any]:
    """Train one model and fill `folder` with the files listed above.

    Args:
        data: training and validation samples; by default those of the dataset that `run.data` names.
        resume: continue from checkpoints/last.ckpt where there is one; the run must be the same.

    Returns:
        The content of result.json.

    Raises:
        CheckpointError: the folder holds another run, or a run that was not asked to be resumed.
    """
    checkpoint = _claim(run, folder, resume)
    pl.seed_everything(run.seed, workers=True, verbose=False)
    family = find_family(run.model)
    samples = data or family.load(run.data, run.recipe, seed=run.seed, validation=run.validation)
    classes, count = samples.train.classes, len(samples.train)
    weights = class_weights(samples.train.labels, len(classes), run.recipe.class_balance)
    task = family.task(run.model, len(classes), run.recipe, weights, seed=run.seed)
    model = task.model
    trainer = _trainer(run, folder, progress)
    started = time.perf_counter()
    trainer.fit(task, samples, ckpt_path=checkpoint, weights_only=True)
    seconds = time.perf_counter() - started
    if trainer.interrupted:
        raise KeyboardInterrupt
    result = {
        "validation": {name: float(value) for name, value in trainer.callback_metrics.items()},
        "epochs": trainer.current_epoch,
        "seconds": seconds,
        "samples_per_second": count * run.recipe.epochs / seconds if checkpoint is None else None,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    if trainer.is_global_zero:
        notes = {"classes": classes, "data": run.data, "recipe": run.recipe_name, "seed": run.seed}
        save_model(model, folder / "model.safetensors", **family.notes(run.recipe), **notes)
        write_json(folder / "result.json", result)
    return result


class _ProgressBar(RichProgressBar):
    """Lightning's, without the logger's version number."""

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


def _claim(run: Run, folder: Path, resume: bool) -> Path | None:
    """Write config.json, or check the one that is there; the checkpoint to start from, if any."""
    config = json.loads(json.dumps(dataclasses.asdict(run)))
    path = folder / "config.json"
    last = folder / "checkpoints" / "last.ckpt"
    if rank_zero_only.rank != 0:  # another process of this run: the first one has claimed the folder
        return last if resume and last.is_file() else None
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        # Where a run goes on may differ (other devices); what it is may not.
        where = ("devices", "nodes", "accelerator")
        changed = [key for key in config if key not in where and before.get(key) != config[key]]
        if changed:
            raise CheckpointError(
                f"{folder} holds another run (different {', '.join(changed)}); give another output folder"
            )
        if not resume:
            raise CheckpointError(f"{folder} holds this run already; pass --resume to continue it, or another folder")
    else:
        write_json(path, config)
        write_json(folder / "environment.json", describe_environment())
    return last if resume and last.is_file() else None


def _trainer(run: Run, folder: Path, progress: bool) -> pl.Trainer:
    recipe = run.recipe
    if recipe.batch_size % (run.devices * run.nodes):
        raise InvalidInputError(
            f"devices * nodes: the batch of {recipe.batch_size} does not divide over {run.devices * run.nodes} devices"
        )
    callbacks: list[pl.Callback] = [
        History(folder),
        ModelCheckpoint(folder / "checkpoints", save_last=True, save_top_k=0, every_n_epochs=1),
    ]
    if progress:
        callbacks.append(_ProgressBar())
    if recipe.ema_decay:
        callbacks.append(RunningAverage(recipe.ema_decay))
    return pl.Trainer(
        max_epochs=recipe.epochs,
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.nodes,
        strategy="auto" if run.devices * run.nodes == 1 else "ddp",
        precision=run.precision,  # type: ignore[arg-type]
        gradient_clip_val=recipe.gradient_clip or None,
        callbacks=callbacks,
        logger=TensorBoardLogger(folder / "tensorboard", name="", version=""),
        limit_val_batches=None if run.validation else 0,
        use_distributed_sampler=False,  # our loaders shard by rank themselves
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=1,
        deterministic=True,
        num_sanity_val_steps=0,
    )
