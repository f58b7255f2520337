"""The split of a folder without one: by class, seeded, and the same once it is written."""

import pytest

from geolearn.data.folders.files_by_kind import Shape
from geolearn.data.folders.kept_split import divide, keep_split, kept_split
from geolearn.data.folders.layout import Placed
from geolearn.data.folders.lists import Line, read_lines, write_lines
from geolearn.errors import DatasetError


def placed(**counts: int) -> list[Placed]:
    names = [(label, f"{number}.off") for label, count in counts.items() for number in range(count)]
    return [Placed(Shape(name, "/".join(name), ()), name[0]) for name in names]


def count_tested(divided: dict[str, str], label: str) -> int:
    return sum(split == "test" for name, split in divided.items() if name.startswith(f"{label}/"))


def test_a_share_of_every_class_and_at_least_one_of_two():
    divided = divide(placed(a=20, b=11, c=2, d=1), {})
    assert [count_tested(divided, label) for label in "abcd"] == [4, 2, 1, 0]
    assert divided == divide(placed(a=20, b=11, c=2, d=1), {})
    assert divided != divide(placed(a=20, b=11, c=2, d=1), {}, seed=1)


def test_a_class_is_divided_alike_whatever_others_there_are():
    alone, beside = divide(placed(b=30), {}), divide(placed(a=7, b=30), {})
    assert alone == {name: split for name, split in beside.items() if name.startswith("b/")}


def test_what_was_divided_stays_and_new_shapes_fill_up_the_share():
    before = divide(placed(a=10), {})
    after = divide(placed(a=20), before)
    assert before.items() <= after.items()
    assert (count_tested(before, "a"), count_tested(after, "a")) == (2, 4)


def test_the_file_keeps_edits_and_lines_of_shapes_that_are_gone(tmp_path):
    places = [tmp_path / "split.csv"]
    keep_split(places, placed(a=3), divide(placed(a=3), {}))
    lines = [Line("a/0.off", "a", "val"), Line("a/1.off", "a", "test"), Line("a/2.off", "a", "test")]
    write_lines(places[0], lines)
    path, before = kept_split(places)
    assert path == places[0]
    assert divide(placed(a=2), before) == {"a/0.off": "val", "a/1.off": "test"}
    keep_split(places, placed(a=2, b=1), divide(placed(a=2, b=1), before))
    assert read_lines(places[0]) == [lines[2], *lines[:2], Line("b/0.off", "b", "train")]


def test_a_file_without_splits_is_refused(tmp_path):
    write_lines(tmp_path / "split.csv", [Line("a/0.off", "a", None)])
    with pytest.raises(DatasetError, match="expected a split in every line; delete the file to divide anew"):
        kept_split([tmp_path / "split.csv"])
