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
        geolearn predict chair.off --weights voxnet-modelnet10 --like shapes/ --top 5
    """

    shapes: tyro.conf.Positional[tuple[Path, ...]]
    """Mesh or voxel files, or folders of them."""
    weights: str
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    up: Literal["auto", "x", "y", "z"] = "auto"
    """The axis that points up in the files. auto: y for OBJ, GLB and glTF, as most are, and z for the others."""
    like: Path | None = None
    """Also find the nearest shapes of this folder. What the weights make of its files is kept for the next time."""
    top: int = 3
    """Say so many of the likeliest classes, and of the nearest shapes; --json has all classes."""
    skip_broken: bool = False
    """Leave out files that cannot be read, and say so, instead of stopping."""
    json: Path | None = None
    """Write every answer to this file."""
    report: Path | None = None
    """Write a page with a picture of every shape and its answer into this folder."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        check_weights(self.weights)
        from geolearn.cli.modules import import_modules
        from geolearn.errors import GeolearnError, InvalidInputError, MissingDependencyError, printable
        from geolearn.progress import track
        from geolearn.reports.files import write_json
        from geolearn.training.methods.classification import ClassPrediction
        from geolearn.training.prediction_page import Answer, write_prediction_page
        from geolearn.training.predictor import load_predictor
        from geolearn.training.shape_files import find_shapes, read_shape

        import_modules(self.use)
        if self.top < 1:
            raise InvalidInputError(f"--top: expected at least 1, got {self.top}")
        paths, answers, notes = find_shapes(self.shapes), [], []
        predictor = load_predictor(self.weights)
        shelf = None
        if self.like:
            shelf = predictor.index(self.like, up=self.up, skip_broken=self.skip_broken, progress=True)
            if shelf.left_out:
                notes.append(f"{len(shelf.left_out)} files of {printable(self.like)} cannot be read and were left out")
        for path in track(paths, "predicting"):
            try:
                shape = read_shape(path, self.up)
                prediction = predictor(shape)
                nearest = tuple(shelf.nearest(shape, self.top)) if shelf else ()
            except MissingDependencyError:
                raise
            except GeolearnError as error:
                if not self.skip_broken:
                    raise
                notes.append(f"left out: {error}")
                continue
            answers.append(Answer(path, shape if self.report else None, prediction, nearest))
            text = prediction.summary(self.top) if isinstance(prediction, ClassPrediction) else prediction.summary()
            say(f"{path}: {text}")
            for each in nearest:
                say(f"  {each.similarity:.3f}  {each.path}")
        for note in notes:
            say(f"warning: {note}")
        if not answers:
            raise InvalidInputError(f"none of {len(paths)} files could be read")
        if self.json:
            write_json(self.json, {str(answer.path): answer.record() for answer in answers})
        if self.report:
            title = f"What {printable(self.weights)} says"
            page = write_prediction_page(answers, self.report, title, self.top, self.up, notes)
            say(f"report: {page}")
        return 0
