"""`geolearn predict`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geolearn.cli.output import say
from geolearn.cli.typed_names import check_weights


@dataclass(frozen=True)
class Predict:
    """Ask trained weights about single shapes, prepared as their training shapes were: classes, say, or a volume.

    Meshes have to stand upright; --up says which axis of the files points up.

    For example:
        geolearn predict chair.off --weights voxnet-modelnet10
        geolearn predict shapes/ --weights runs/voxnet-1 --json answers.json --report answers/
    """

    shapes: tyro.conf.Positional[tuple[Path, ...]]
    """Mesh or voxel files, or folders of them."""
    weights: str
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    up: Literal["auto", "x", "y", "z"] = "auto"
    """The axis that points up in the files. auto: y for OBJ, GLB and glTF, as most are, and z for the others."""
    top: int = 3
    """Say so many of the likeliest classes; --json has all of them."""
    json: Path | None = None
    """Write every answer to this file."""
    report: Path | None = None
    """Write a page with a picture of every shape and its answer into this folder."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        check_weights(self.weights)
        from geolearn.cli.modules import import_modules
        from geolearn.errors import InvalidInputError, printable
        from geolearn.progress import track
        from geolearn.reports.files import write_json
        from geolearn.training.methods.classification import ClassPrediction
        from geolearn.training.prediction_page import write_prediction_page
        from geolearn.training.predictor import find_shapes, load_predictor, read_shape

        import_modules(self.use)
        if self.top < 1:
            raise InvalidInputError(f"--top: expected at least 1, got {self.top}")
        paths, found = find_shapes(self.shapes), []
        predictor = load_predictor(self.weights)
        for path in track(paths, "predicting"):
            shape = read_shape(path, self.up)
            prediction = predictor(shape)
            found.append((path, shape if self.report else None, prediction))
            text = prediction.summary(self.top) if isinstance(prediction, ClassPrediction) else prediction.summary()
            say(f"{path}: {text}")
        if self.json:
            write_json(self.json, {str(path): prediction.record() for path, _, prediction in found})
        if self.report:
            title = f"What {printable(self.weights)} says"
            say(f"report: {write_prediction_page(found, self.report, title, self.top)}")
        return 0
