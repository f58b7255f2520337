"""Checkpoints of a training as files that appear whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from geolearn.io.files import write_whole
from geolearn.typing import PathLike


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning writes into the temporary folder of the system and moves the file from there: a copy, which a kill cuts
    off, where that folder is another file system.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: PathLike, storage_options: Any = None) -> None:
        file = io.BytesIO()
        torch.save(checkpoint, file)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, file.getvalue())
