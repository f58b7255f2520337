"""The page of predictions: every shape in pictures, and beside it what the weights say of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geolearn.data import RenderViews
from geolearn.errors import printable
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.render.sheets import contact_sheet
from geolearn.reports.page import Report
from geolearn.training.method import Prediction
from geolearn.training.methods.classification import ClassPrediction

LOOK = RenderViews("ring", 128, count=4, background=1.0)


def write_prediction_page(
    found: Sequence[tuple[Path, Any, Prediction]], folder: Path, title: str, top: int = 3
) -> Path:
    """Write report.html and its pictures, 0.png, 1.png, ...; returns the path of the page.

    Args:
        found: files, the shapes in them (meshes with Z up, or grids), and what was said of each.
        top: so many classes of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = Report(title)
    page.text("The pictures show the shapes as the weights saw them. If one lies on its side, say which axis is up.")
    for number, (path, shape, prediction) in enumerate(found):
        picture = folder / f"{number}.png"
        sheet = contact_sheet(LOOK(shape), columns=len(LOOK.cameras()))
        write_whole(picture, png_bytes(sheet.movedim(0, -1).numpy()))
        page.heading(printable(path.name))
        page.picture(picture, printable(path))
        if isinstance(prediction, ClassPrediction):
            likely = list(zip(prediction.classes, prediction.probabilities, strict=True))[:top]
            page.table([{"class": name, "probability %": 100 * share} for name, share in likely])
        else:
            page.text(prediction.summary())
    page.write(folder / "report.html")
    return folder / "report.html"
