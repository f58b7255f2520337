"""Damaged files load to a valid record or raise MeshFormatError; see fuzz.py for what is damaged and how."""

import pytest
from fuzz import EXTENSIONS, run


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_two_hundred_damaged_files(tmp_path, kind):
    tally = run(kind, 200, tmp_path)
    assert tally.loaded + tally.refused == 200
    assert tally.loaded >= 3, "nothing loads: the damage does not reach the inner checks"
    assert tally.refused >= 50


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXTENSIONS)
def test_twenty_thousand_damaged_files(tmp_path, kind):
    tally = run(kind, 20_000, tmp_path)
    assert tally.loaded + tally.refused == 20_000
