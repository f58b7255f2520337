"""One progress bar: drawn in a terminal, told in lines where there is none, silent when asked."""

import os
import pty
import subprocess
import sys

import pytest

from geolearn import progress
from geolearn.progress import progress_bar, track


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns: `clock[0] += 4`."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_where_there_is_no_terminal(clock, capsys):
    for _ in track(range(9), "squaring"):
        clock[0] += 4
    # When 3 and 6 are done, after 12 and 24 seconds, with the time that the others will need; and at the end.
    assert capsys.readouterr() == (
        "",
        "squaring: 3 of 9, 24 s left\nsquaring: 6 of 9, 12 s left\nsquaring: 9 of 9, 36 s in all\n",
    )


def test_a_short_job_leaves_no_line(clock, capsys):
    for _ in track(range(9), "squaring"):
        clock[0] += 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("show", [None, False])
def test_silent_when_asked(show, clock, capsys):
    for _ in track(range(9), "squaring", show=show):
        clock[0] += 100
    assert capsys.readouterr() == ("", "")


def test_a_total_and_a_note_may_come_late(clock, capsys):
    with progress_bar("fitting") as bar:
        clock[0] += 11
        bar.advance()
        clock[0] += 4000
        bar.update(3, 4, "loss 0.5")
        clock[0] += 80
        bar.advance()
    assert capsys.readouterr().err.splitlines() == [
        "fitting: 1",
        "fitting: 3 of 4, loss 0.5, 22 min 17 s left",
        "fitting: 4 of 4, 1 h 08 min in all",
    ]


def test_items_of_unknown_number_are_tracked(clock, capsys):
    for _ in track((number for number in range(2)), "reading"):
        clock[0] += 11
    assert capsys.readouterr().err.startswith("reading: 1\n")


def test_the_end_of_a_job_that_fails_is_not_told(clock, capsys):
    def reciprocals():
        for number in track([1, 0], "dividing"):
            clock[0] += 11
            yield 1 / number

    with pytest.raises(ZeroDivisionError, match="division"):
        list(reciprocals())
    assert capsys.readouterr().err == "dividing: 1 of 2, 11 s left\n"


IN_A_TERMINAL = """
import time
from geolearn.progress import progress_bar, track
with progress_bar("outer [job]", 2) as outer:
    for _ in track(range(3), "inner"):
        time.sleep(0.2)
    outer.advance(note="loss 0.5")
    time.sleep(0.2)
"""


@pytest.mark.parametrize("term, drawn", [("xterm", True), ("dumb", False)])
def test_bars_are_drawn_in_a_terminal_one_inside_the_other(term, drawn):
    mine, theirs = pty.openpty()
    environment = os.environ | {"TERM": term, "COLUMNS": "120"}
    done = subprocess.run([sys.executable, "-c", IN_A_TERMINAL], stderr=theirs, env=environment, timeout=60, check=True)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(mine, 65536):
            shown += part
    except OSError:  # the end, on Linux
        pass
    os.close(mine)
    assert done.returncode == 0
    for text in (b"outer [job]", b"inner", b"2/3", b"1/2", b"loss 0.5"):
        assert (text in shown) == drawn, shown


def test_without_rich_a_terminal_gets_lines(clock, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    for _ in track(range(2), "squaring"):
        clock[0] += 11
    assert capsys.readouterr().err.startswith("squaring: 1 of 2, 11 s left\n")
