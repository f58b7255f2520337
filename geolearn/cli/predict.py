"""`geolearn predict`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.output import say


@dataclass(frozen=True)
class Predict:
    """Ask trained weights about single shapes, prepared as their training shapes were: classes, say, or a volume.

    Meshes have to stand upright, Z up; --up turns them.

    For example:
        geolearn predict chair.off --weights voxnet-modelnet10
        geolearn predict shapes/ --weights runs/voxnet-1 --json answers.json
    """

    shapes: tyro.conf.Positional[tuple[Path, ...]]
    """Mesh or voxel files, or folders of them."""
    weights: str
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    up: str = "z"
    """The axis that points up in the files: x, y or z."""
    json: Path | None = None
    """Write every answer to this file."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        from geolearn.cli.modules import import_modules
        from geolearn.errors import InvalidInputError
        from geolearn.progress import track
        from geolearn.reports.files import write_json
        from geolearn.training.predictor import find_shapes, load_predictor, read_shape

        import_modules(self.use)
        if self.up not in ("x", "y", "z"):
            raise InvalidInputError(f"--up: expected x, y or z, got {self.up!r}")
        predictor = load_predictor(self.weights)
        answers = {}
        for path in track(find_shapes(self.shapes), "predicting"):
            prediction = predictor(read_shape(path, self.up))
            answers[str(path)] = prediction.record()
            say(f"{path}: {prediction.summary()}")
        if self.json:
            write_json(self.json, answers)
        return 0
