"""`geolearn compare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.output import say


@dataclass(frozen=True)
class Compare:
    """Put runs beside each other: the settings in which they differ, and their figures.

    For example:
        geolearn compare runs/voxnet-0 runs/voxnet-1
        geolearn compare runs/* -o comparison.csv
        geolearn compare runs/voxnet-0 runs/voxnet-1 --report comparison/
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders, at least two."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Also write the table to this file: .csv, .tex (LaTeX) or .md."""
    report: Path | None = None
    """Write a page with the table and the curves of the runs into this folder."""

    def run(self) -> int:
        from geolearn.errors import InvalidInputError

        if self.output is not None and self.output.suffix.lower() not in (".csv", ".tex", ".md"):
            raise InvalidInputError(
                f"--output: expected a name that ends in .csv, .tex or .md, got {self.output.name!r}"
            )
        from geolearn.reports.page import markdown_table
        from geolearn.reports.tables import write_table
        from geolearn.training.comparison import compare_runs, write_comparison

        rows = compare_runs(self.runs)
        print(markdown_table(rows), end="")
        if self.output:
            write_table(rows, self.output)
            say(f"written: {self.output}")
        if self.report:
            say(f"report: {write_comparison(self.runs, self.report)}")
        return 0
