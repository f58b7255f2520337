"""Manifests: found by name, checked when read, and hashed by what prepared data depends on."""

from dataclasses import replace

import pytest
from fake_raw_data import manifest_text

from geolearn.data import dataset_names, load_manifest
from geolearn.errors import DatasetError, UnknownNameError

GOOD = manifest_text(
    "modelnet10",
    "mesh",
    ["bed", "chair"],
    {"train": [3, 2], "test": [1, 1]},
    archives='[{ filename = "x.zip", url = "http://example.org/x.zip" }]',
    tables="""
[protocols.full]
description = "all"
[protocols."subset80/20"]
description = "few"
per_class = { train = 1 }
splits = { train = { count = 2 } }
""",
)


def test_the_shipped_names():
    assert {"modelnet10", "modelnet10_voxels", "modelnet40", "shapenets_chairs", "shrec11"} <= set(dataset_names())
    assert dataset_names() == sorted(dataset_names())


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown dataset 'modlenet10'\. Did you mean 'modelnet10'\?"):
        load_manifest("modlenet10")


def test_the_fields(small_dataset):
    small_dataset("modelnet10", GOOD)
    manifest = load_manifest("modelnet10")
    assert manifest.classes == ("bed", "chair")
    assert (manifest.splits["train"].count, manifest.splits["train"].per_class) == (5, (3, 2))
    assert (manifest.archives[0].filename, manifest.archives[0].sha256) == ("x.zip", "")
    assert manifest.protocol("subset80/20").splits["train"].count == 2
    with pytest.raises(UnknownNameError, match=r"unknown protocol of modelnet10 'subset'.*Did you mean 'subset80/20'"):
        manifest.protocol("subset")


def test_split_files_are_read_in_their_order(small_dataset):
    small_dataset("modelnet10", GOOD, {"train": "z bed\na chair\n"})
    assert load_manifest("modelnet10").read_split("train") == [("z", 0), ("a", 1)]


@pytest.mark.parametrize("line", ["a", "a sofa", "z bed", "a b chair", ""])
def test_a_bad_line_of_a_split_file_is_named(line, small_dataset):
    small_dataset("modelnet10", GOOD, {"train": f"z bed\n{line}\nq bed\n"})
    with pytest.raises(DatasetError, match=r"train\.txt, line 2: expected a new key and a class"):
        load_manifest("modelnet10").read_split("train")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('name = "modelnet10"', 'name = "other"', "name is 'other' in the folder 'modelnet10'"),
        ('kind = "mesh"', 'kind = "meshes"', "kind is 'meshes'"),
        ('up = "z"', 'up = "up"', "up is 'up'"),
        ('["bed", "chair"]', '["bed", "bed"]', "classes are empty or repeat"),
        ("count = 5", "count = 6", "sum to 6"),
        ("per_class = [3, 2]", "per_class = [5]", "one number per class"),
        ("[protocols.full]", "[protocols.half]", "no protocol 'full'"),
        ('archives = [{ filename = "x.zip", url = "http://example.org/x.zip" }]', "", "no archive"),
        ('licence = "none"', "", "KeyError: 'licence'"),
        ('filename = "x.zip"', 'file = "x.zip"', "TypeError"),
        ('title = "small"', 'title = "small', "TOMLDecodeError"),
    ],
)
def test_a_damaged_manifest_says_what_is_wrong(old, new, message, small_dataset):
    assert old in GOOD
    small_dataset("modelnet10", GOOD.replace(old, new))
    with pytest.raises(DatasetError, match=message):
        load_manifest("modelnet10")


def test_the_digest_covers_what_data_depends_on_and_no_wording(small_dataset):
    def digest(text: str, split: str = "z bed\n") -> str:
        small_dataset("modelnet10", text, {"train": split})
        return load_manifest("modelnet10").digest

    reference = digest(GOOD)
    assert digest(GOOD.replace('licence = "none"', 'licence = "free"')) == reference
    assert digest(GOOD.replace('up = "z"', 'up = "y"')) != reference
    assert digest(GOOD.replace('["bed", "chair"]', '["chair", "bed"]')) != reference
    assert digest(GOOD, "z chair\n") != reference
    digest(GOOD)
    manifest = load_manifest("modelnet10")
    assert (manifest.digest, manifest.views) == (reference, 0)
    assert replace(manifest, views=3).digest not in (reference, replace(manifest, views=4).digest)
    assert replace(manifest, parts={"chair": ("leg",)}).digest != reference
