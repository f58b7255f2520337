"""Tables as files for spreadsheets and papers: CSV and LaTeX."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geolearn.reports.files import write_text
from geolearn.reports.page import format_value, markdown_table

Rows = Sequence[Mapping[str, Any]]
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
}  # fmt: skip
_NUMBER = re.compile(r"-?\d[\d.]*( ± [\d.]+)?|-")


def csv_table(rows: Rows) -> str:
    """Rows of equal keys as CSV; numbers in full, "" for None.

    >>> csv_table([{"model": "voxnet", "acc. %": 90.125}, {"model": "a, b", "acc. %": None}]).splitlines()
    ['model,acc. %', 'voxnet,90.125', '"a, b",']
    """
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def latex_table(rows: Rows) -> str:
    """Rows of equal keys as a LaTeX tabular that needs no package; columns of numbers are aligned right.

    >>> print(latex_table([{"model": "voxnet_b", "acc. %": "90.70 ± 0.31"}]), end="")
    \\begin{tabular}{lr}
    \\hline
    model & acc. \\% \\\\
    \\hline
    voxnet\\_b & 90.70 $\\pm$ 0.31 \\\\
    \\hline
    \\end{tabular}
    """
    if not rows:
        return ""
    cells = [[format_value(value) for value in row.values()] for row in rows]
    columns = "".join("r" if all(map(_NUMBER.fullmatch, column)) else "l" for column in zip(*cells, strict=True))
    lines = [" & ".join(map(_escaped, line)) + r" \\" for line in [list(rows[0]), *cells]]
    body = [lines[0], r"\hline", *lines[1:]]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", r"\hline", *body, r"\hline", r"\end{tabular}"]) + "\n"


def write_table(rows: Rows, path: Path) -> None:
    """Write rows as the ending of the file says: .csv, .tex, or Markdown otherwise."""
    writers = {".csv": csv_table, ".tex": latex_table}
    write_text(path, writers.get(path.suffix.lower(), markdown_table)(rows))


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
