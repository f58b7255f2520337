"""Pages and tables, as a browser and a reader of Markdown get them, and files that appear whole."""

import base64
import json

import pytest

from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import Report, markdown_table

ROWS = [{"model": "a|b <i>", "value": 1.234, "count": 3}, {"model": "c", "value": None, "count": True}]


def test_a_table_in_markdown():
    assert markdown_table(ROWS) == (
        "| model | value | count |\n| --- | --- | --- |\n| a\\|b <i> | 1.23 | 3 |\n| c | - | True |\n"
    )
    assert markdown_table([]) == ""


def test_a_page_holds_everything_and_escapes_text(tmp_path):
    (tmp_path / "one.png").write_bytes(b"pixels")
    page = Report("Fit <1>")
    page.heading("A & B")
    page.text("x < y")
    page.warning("not converged")
    page.table(ROWS)
    page.table([])
    page.picture(tmp_path / "one.png", 'the "first"')
    page.raw("<b>raw</b>")
    page.code("{}")
    page.write(tmp_path / "deep" / "report.html")
    text = (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    for part in (
        "<title>Fit &lt;1&gt;</title>",
        "<h2>A &amp; B</h2>",
        "<p>x &lt; y</p>",
        '<p class="warning">not converged</p>',
        "<td>a|b &lt;i&gt;</td>",
        '<td class="number">1.23</td>',
        "<td>True</td>",
        f"data:image/png;base64,{base64.b64encode(b'pixels').decode()}",
        "<figcaption>the &quot;first&quot;</figcaption>",
        "<b>raw</b>",
        "<pre>{}</pre>",
    ):
        assert part in text
    assert text.count("<table>") == 1


def test_files_appear_whole_in_folders_made_on_the_way(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": [1, 2]})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": [1, 2]}
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a" / "b.json", {"x": object()})
    write_text(tmp_path / "a" / "b.txt", "\u00e9\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["b.json", "b.txt"]
