"""Tables for spreadsheets and papers."""

import csv
import io

from geolearn.reports.tables import csv_table, latex_table, write_table

ROWS = [
    {"model": "voxnet_a", "acc. %": "90.70 ± 0.31", "shapes": 908, "mAP": None},
    {"model": "Wu & Song, {2015}", "acc. %": "77.0", "shapes": 12, "mAP": 1 / 3},
]


def test_csv_is_read_again():
    again = list(csv.DictReader(io.StringIO(csv_table(ROWS))))
    assert again[1] == {"model": "Wu & Song, {2015}", "acc. %": "77.0", "shapes": "12", "mAP": str(1 / 3)}
    assert again[0]["mAP"] == ""
    assert csv_table([]) == latex_table([]) == ""


def test_latex_escapes_and_aligns():
    lines = latex_table(ROWS).splitlines()
    assert lines[0] == r"\begin{tabular}{lrrr}"
    assert lines[2] == r"model & acc. \% & shapes & mAP \\"
    assert lines[4] == r"voxnet\_a & 90.70 $\pm$ 0.31 & 908 & - \\"
    assert lines[5] == r"Wu \& Song, \{2015\} & 77.0 & 12 & 0.33 \\"
    assert lines[-1] == r"\end{tabular}"


def test_the_ending_chooses_the_format(tmp_path):
    for ending, start in {".csv": "model,", ".tex": r"\begin{tabular}", ".md": "| model |"}.items():
        write_table(ROWS, tmp_path / "new" / f"t{ending}")
        assert (tmp_path / "new" / f"t{ending}").read_text().startswith(start)
