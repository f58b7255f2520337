"""Validation out of training, never out of test; protocols by rule."""

import pytest
from fake_raw_data import manifest_text
from hypothesis import given
from hypothesis import strategies as st

from geolearn.data import load_manifest
from geolearn.data.splits import select
from geolearn.errors import DatasetError, InvalidInputError, UnknownNameError

ENTRIES = {
    "train": [(f"a{i}", 0) for i in range(20)] + [(f"b{i}", 1) for i in range(7)] + [("c0", 2)],
    "test": [("ta", 0), ("tb", 1), ("tc", 2)],
}


@pytest.fixture
def manifest(small_dataset):
    tables = """
[protocols.full]
description = "all"
[protocols.few]
description = "the first three of each"
per_class = { train = 3 }
splits = { train = { count = 7 }, test = { count = 3 } }
[protocols.wrong]
description = "counts that do not hold"
per_class = { train = 3 }
splits = { train = { count = 9 } }
"""
    archives = '[{ filename = "x" }]'
    small_dataset(
        "modelnet10",
        manifest_text(
            "modelnet10",
            "mesh",
            ["a", "b", "c"],
            {"train": [20, 7, 1], "test": [1, 1, 1]},
            archives=archives,
            tables=tables,
        ),
    )
    return load_manifest("modelnet10")


def keys(manifest, split, protocol="full", validation=0.1, seed=0) -> list[str]:
    return [key for key, _ in select(ENTRIES, manifest, split, protocol, validation, seed)]


@pytest.mark.parametrize("validation, per_class", [(0.0, [0, 0, 0]), (0.1, [2, 1, 0]), (0.5, [10, 4, 0])])
def test_validation_is_a_rounded_share_of_each_class(validation, per_class, manifest):
    val = select(ENTRIES, manifest, "val", "full", validation, 0)
    assert [sum(label == c for _, label in val) for c in range(3)] == per_class


def test_training_and_validation_share_nothing_and_keep_the_order(manifest):
    everything = keys(manifest, "trainval")
    assert everything == [key for key, _ in ENTRIES["train"]]
    for seed in range(5):
        train, val = keys(manifest, "train", seed=seed), keys(manifest, "val", seed=seed)
        assert set(train) & set(val) == set()
        assert sorted(train + val) == sorted(everything)
        assert train == [key for key in everything if key in train]
        assert val == [key for key in everything if key in val]
    assert keys(manifest, "test") == ["ta", "tb", "tc"]


def test_the_seed_chooses(manifest):
    chosen = {tuple(keys(manifest, "val", seed=seed)) for seed in range(10)}
    assert len(chosen) > 5
    assert keys(manifest, "val", seed=3) == keys(manifest, "val", seed=3)


def test_a_split_of_its_own_is_used(manifest):
    entries = ENTRIES | {"val": [("v", 0)]}
    assert [key for key, _ in select(entries, manifest, "val", "full", 0.5, 0)] == ["v"]
    assert len(select(entries, manifest, "train", "full", 0.5, 0)) == 28
    assert len(select(entries, manifest, "trainval", "full", 0.5, 0)) == 29


def test_protocols(manifest):
    assert keys(manifest, "trainval", "few") == ["a0", "a1", "a2", "b0", "b1", "b2", "c0"]
    assert set(keys(manifest, "val", "few", validation=0.34)) < set(keys(manifest, "trainval", "few"))
    with pytest.raises(DatasetError, match="protocol 'wrong' gives 7 samples in train, expected 9"):
        keys(manifest, "train", "wrong")
    with pytest.raises(UnknownNameError, match="unknown protocol of modelnet10 'ful'"):
        keys(manifest, "train", "ful")


def test_refuses_nonsense(manifest):
    with pytest.raises(InvalidInputError, match="expected one of train, val, test, trainval, got 'valid'"):
        keys(manifest, "valid")
    with pytest.raises(InvalidInputError, match=r"expected a share in \[0, 1\), got 1.0"):
        keys(manifest, "val", validation=1.0)


@given(share=st.floats(0, 0.99), shapes=st.integers(1, 9), variants=st.integers(2, 5), seed=st.integers(0, 99))
def test_variants_of_a_shape_stay_together(share, shapes, variants, seed):
    from dataclasses import replace

    entries = {"train": [(f"s{s}/{v}", 0) for s in range(shapes) for v in range(variants)], "test": []}
    manifest = replace(load_manifest("shapenets_chairs"), variants=variants)
    train, val = (
        {key.split("/")[0] for key, _ in select(entries, manifest, split, "full", share, seed)}
        for split in ("train", "val")
    )
    assert train & val == set()
    assert len(train | val) == shapes
    assert len(val) == round(share * shapes)
