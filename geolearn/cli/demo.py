"""`geolearn demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.output import say


@dataclass(frozen=True)
class Demo:
    """The main job, end to end, on shapes that geolearn makes itself: nothing to download.

    Makes procedural shapes, trains and tests a voxel network on their voxels and a multi-view network on their
    pictures, fits a mesh to pictures of one of them, and writes a report with pictures.
    """

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/demo")
    """Folder of the report; an interrupted demo goes on where it stopped."""
    epochs: int = 8
    """Training epochs."""

    def run(self) -> int:
        from geolearn.reports.page import markdown_table
        from geolearn.training.demo import run_demo

        rows, page = run_demo(self.output, epochs=self.epochs)
        print(markdown_table(rows), end="")
        say(f"report: {page}")
        return 0
