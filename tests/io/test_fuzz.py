"""Damaged files load to a valid record or raise MeshFormatError; see fuzz.py for what is damaged and how."""

import contextlib

import pytest
from fuzz import check_record, mutate, run
from hypothesis import given, settings
from hypothesis import strategies as st
from seed_files import EXTENSIONS, MESHES, seeds

from geolearn.io import MeshFormatError, load_mesh, load_voxels


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_two_hundred_damaged_files(tmp_path, kind):
    tally = run(kind, 200, tmp_path)
    assert tally.loaded + tally.refused == 200
    assert tally.loaded >= 3, "nothing loads: the damage does not reach the inner checks"
    assert tally.refused >= 50


@pytest.mark.parametrize("kind", EXTENSIONS)
@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_damage_that_hypothesis_chooses_and_shrinks(tmp_path_factory, kind, rng):
    good = seeds(kind)
    path = tmp_path_factory.getbasetemp() / f"chosen{EXTENSIONS[kind]}"
    path.write_bytes(mutate(rng.choice(good), rng, good))
    with contextlib.suppress(MeshFormatError):
        check_record((load_mesh if kind in MESHES else load_voxels)(path))


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXTENSIONS)
def test_twenty_thousand_damaged_files(tmp_path, kind):
    tally = run(kind, 20_000, tmp_path)
    assert tally.loaded + tally.refused == 20_000
