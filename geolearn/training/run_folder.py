"""The folder of a run: what it holds already, and whose it is while a training goes on."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only

from geolearn.errors import CheckpointError
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json


def find_checkpoint(record: Mapping[str, Any], folder: Path, resume: bool) -> Path | None:
    """The checkpoint to start from, if any; refuses a folder that holds something else.

    Args:
        record: what is trained, as config.json holds it.

    Raises:
        CheckpointError: the folder holds another run, or this one and `resume` is not asked for.
    """
    path = folder / "config.json"
    last = folder / "checkpoints" / "last.ckpt"
    if rank_zero_only.rank == 0 and path.is_file():  # other processes of this run: the first one has checked
        before = json.loads(path.read_text(encoding="utf-8"))
        # Where a run goes on may differ (other devices); what it is may not.
        where = ("devices", "nodes", "accelerator")
        changed = [
            key for key in (*record, "reading", "start") if key not in where and before.get(key) != record.get(key)
        ]
        if changed:
            raise CheckpointError(
                f"{folder} holds another run (different {', '.join(changed)}); give another output folder"
            )
        if not resume:
            raise CheckpointError(f"{folder} holds this run already; pass --resume to continue it, or another folder")
    return last if resume and last.is_file() else None


@contextmanager
def claimed(record: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Say in the folder what is trained there. A training that fails before its first epoch is over leaves nothing."""
    config, environment = folder / "config.json", folder / "environment.json"
    mine = rank_zero_only.rank == 0 and not config.is_file()
    if mine:
        write_json(config, record)
        write_json(environment, describe_environment())
    try:
        yield
    except Exception:
        if mine and not (folder / "checkpoints" / "last.ckpt").is_file():
            config.unlink(missing_ok=True)
            environment.unlink(missing_ok=True)
            shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        raise
