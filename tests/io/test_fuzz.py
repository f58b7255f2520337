"""Damaged files load to a valid record or raise MeshFormatError; see fuzz.py for what is damaged and how."""

import contextlib

import pytest
from fuzz import check_record, loader, more_seeds, mutate, run
from hypothesis import given, settings
from hypothesis import strategies as st
from seed_files import EXTENSIONS, POINTS

from geolearn.io import MeshFormatError


@pytest.mark.parametrize("kind", EXTENSIONS | POINTS)
def test_two_hundred_damaged_files(tmp_path, kind):
    tally = run(kind, 200, tmp_path)
    assert tally.loaded + tally.refused == 200
    assert tally.loaded >= 3, "nothing loads: the damage does not reach the inner checks"
    assert tally.refused >= 50


@pytest.mark.parametrize("kind", EXTENSIONS | POINTS)
@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_damage_that_hypothesis_chooses_and_shrinks(tmp_path_factory, kind, rng):
    good = more_seeds(kind)
    path = tmp_path_factory.getbasetemp() / f"chosen{(EXTENSIONS | POINTS)[kind]}"
    path.write_bytes(mutate(rng.choice(good), rng, good))
    with contextlib.suppress(MeshFormatError):
        check_record(loader(kind)(path))


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXTENSIONS | POINTS)
def test_twenty_thousand_damaged_files(tmp_path, kind):
    tally = run(kind, 20_000, tmp_path)
    assert tally.loaded + tally.refused == 20_000
