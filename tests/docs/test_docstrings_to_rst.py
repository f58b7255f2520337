"""What a docstring becomes, line by line, and that docutils has nothing to say against it."""

import io

import pytest
from docstrings import to_rst


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("Fits `fit_mesh` into `out/`.", "Fits :py:obj:`fit_mesh` into ``out/``."),
        ('`mesh`es and `fill="winding"`', ':py:obj:`mesh`\\ es and ``fill="winding"``'),
        ("`V` and `x_v`", "``V`` and :py:obj:`x_v`"),
        ("*args, a_ and a_b, |x|", "\\*args, a\\_ and a_b, \\|x\\|"),
        ("plain", "plain"),
    ],
)
def test_text_in_a_line(line, wanted):
    assert to_rst([line]) == [wanted]


def test_a_name_of_another_room_leads_there():
    found = to_rst(["`load_mesh` and `mesh`"], {"load_mesh": "geolearn.io.load_mesh"})
    assert found == [":py:obj:`load_mesh <geolearn.io.load_mesh>` and :py:obj:`mesh`"]


def test_a_table_becomes_a_list_table():
    found = to_rst(["Kinds:", "", "| name | what |", "| --- | --- |", "| `a` | one |", "", "End."])
    assert [line for line in found if line] == [
        "Kinds:",
        ".. list-table::",
        "   :header-rows: 1",
        "   * - name",
        "     - what",
        "   * - ``a``",
        "     - one",
        "End.",
    ]


def test_examples_stay_as_they_are():
    lines = [">>> 2 * 3  # `not` *ours*", "6", "", "`after`"]
    assert to_rst(lines) == [*lines[:3], ":py:obj:`after`"]


def test_an_indented_formula_is_a_literal_block():
    assert to_rst(["As", "", "    y = x * 2", "", "where"]) == ["As", "", "::", "", "    y = x * 2", "", "where"]


def test_sections_are_left_to_napoleon():
    lines = ["Args:", "    x: what", "        it is", "", "Raises:", "    InvalidInputError: no x"]
    assert to_rst(lines) == lines


def test_a_colon_in_what_is_returned_makes_no_type():
    assert to_rst(["Returns:", "    A grid: full", "    or not.", ""]) == [
        "",
        ":returns: A grid: full",
        "    or not.",
        "",
    ]


def test_docutils_understands_all_of_it():
    docutils = pytest.importorskip("docutils.core", reason="the extra [docs] is not installed")
    lines = [
        "Text:",
        "- one `a b`",
        "  on",
        "- two",
        "After it:",
        "",
        "| a |",
        "| --- |",
        "| *b_ |",
        "",
        "    z * 2",
        "",
        "End",
    ]
    said = io.StringIO()
    docutils.publish_string("\n".join(to_rst(lines)), settings_overrides={"warning_stream": said, "report_level": 1})
    assert said.getvalue() == ""
