"""The page of predictions: every shape in pictures, beside it what the weights say of it, and what it is near to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from geolearn.data import RenderViews
from geolearn.errors import printable
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.render.sheets import contact_sheet
from geolearn.reports.page import Report
from geolearn.training.method import Prediction
from geolearn.training.methods.classification import ClassPrediction
from geolearn.training.shape_files import Up, read_shape
from geolearn.training.shape_index import Neighbour
from geolearn.typing import Float, Tensor

LOOK = RenderViews("ring", 128, count=4, background=1.0)


@dataclass(frozen=True)
class Answer:
    """What was said of one file.

    Attributes:
        shape: the shape in it (a mesh with Z up, or a grid); None where no page is wanted.
        nearest: the nearest shapes of a collection, where one was given.
    """

    path: Path
    shape: Any
    prediction: Prediction
    nearest: tuple[Neighbour, ...] = ()

    def record(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        near = [{"file": str(each.path), "similarity": each.similarity} for each in self.nearest]
        return {**self.prediction.record(), **({"nearest": near} if near else {})}


def write_prediction_page(
    answers: Sequence[Answer], folder: Path, title: str, top: int = 3, up: Up = "auto", notes: Sequence[str] = ()
) -> Path:
    """Write report.html and its pictures, 0.png, 1.png, ...; returns the path of the page.

    Args:
        top: so many classes of each.
        up: the axis that points up in the files of the collection.
        notes: what a reader has to know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = Report(title)
    page.text("The pictures show the shapes as the weights saw them. If one lies on its side, say which axis is up.")
    for note in notes:
        page.warning(note)
    for number, answer in enumerate(answers):
        page.heading(printable(answer.path.name))
        page.picture(_draw(LOOK(answer.shape), folder / f"{number}.png"), printable(answer.path))
        if isinstance(answer.prediction, ClassPrediction):
            likely = list(zip(answer.prediction.classes, answer.prediction.probabilities, strict=True))[:top]
            page.table([{"class": name, "probability %": 100 * share} for name, share in likely])
        else:
            page.text(answer.prediction.summary())
        if answer.nearest:
            one_each = replace(LOOK, count=1)
            seen = torch.cat([one_each(read_shape(each.path, up)) for each in answer.nearest])
            page.picture(_draw(seen, folder / f"{number}-nearest.png"), "The nearest shapes, from the left")
            page.table([{"nearest": printable(each.path), "similarity": each.similarity} for each in answer.nearest])
    page.write(folder / "report.html")
    return folder / "report.html"


def _draw(pictures: Float[Tensor, "N C H W"], path: Path) -> Path:
    sheet = contact_sheet(pictures, columns=len(pictures))
    write_whole(path, png_bytes(sheet.movedim(0, -1).numpy()))
    return path
