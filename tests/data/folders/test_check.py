"""What `geolearn data check` says: what was found, what would be done, what to look at first; and it writes nothing."""

import pytest
from shapes_of_ones_own import classes_of_boxes, put

from geolearn.data import Reading, ShapeDataset
from geolearn.data.folders.check import check_folder
from geolearn.errors import DatasetError


@pytest.fixture
def mine(home, tmp_path):
    return classes_of_boxes(tmp_path / "mine", "{label}/{name}")


def test_it_says_what_it_found_and_would_do(mine, home):
    put(mine, "notes.txt", "flat/.hidden")
    report = check_folder(mine)
    assert report.facts["found"] == "18 meshes in 2 classes, <class>/*"
    assert report.facts["files"].startswith("18 .off; ")
    assert report.facts["left alone"] == "1 .txt; 1 hidden names"
    assert report.facts["up"] == "z in .off (--up changes it); turned so that z is up"
    assert report.facts["split"].startswith(
        "14 train, 4 test; drawn by seed 0, 20% of each class for the test, and written"
    )
    assert report.classes == [{"class": "flat", "train": 7, "test": 2}, {"class": "tall", "train": 7, "test": 2}]
    assert report.warnings == []
    assert not (mine / "geolearn-split.csv").exists()
    assert not home.exists()
    keys = ShapeDataset(mine, "test").keys
    again = check_folder(mine, Reading("y", "+x"))
    assert again.facts["split"].startswith(f"14 train, 4 test; from {mine}/geolearn-split.csv")
    assert again.facts["up"].startswith("y in .off (as asked)")
    assert again.facts["front"] == "+x, turned to -y"
    assert ShapeDataset(mine, "test").keys == keys


def test_what_to_look_at_first(mine, tmp_path):
    (mine / "flat" / "empty.off").touch()
    (mine / "flat" / "gone.off").symlink_to("nowhere")
    (mine / "tall" / "linked.off").symlink_to(mine / "flat" / "test0.off")
    put(mine, "alone/a.off")
    warnings = check_folder(mine).warnings
    assert warnings == [
        "2 of 22 files are empty, or links that lead nowhere: flat/empty.off, flat/gone.off",
        "1 of 3 classes have no shape in test: alone",
        "1 files have more than one name, by links, first flat/test0.off, tall/linked.off",
    ]
    put(tmp_path / "outer", "inner/a/x.off", "inner/b/y.off")
    (told,) = check_folder(tmp_path / "outer").warnings
    assert told.endswith(f"if the classes are the folders inside it, give {tmp_path / 'outer' / 'inner'}")


def test_reading_all_files_names_the_broken_ones(mine):
    (mine / "flat" / "test0.off").write_text("nothing")
    (mine / "tall" / "test0.stl").write_bytes(b"")
    (mine / "tall" / "test0.off").unlink()
    report = check_folder(mine, read=True)
    assert list(report.broken) == ["flat/test0.off", "tall/test0.stl"]


def test_labelled_meshes_are_told_apart(mine):
    with pytest.raises(
        DatasetError, match=r"meshes lie right in it.*as labelled meshes do \(geolearn train surfacelabel"
    ):
        check_folder(mine / "flat")
    with pytest.raises(DatasetError, match="missing: no such folder or file"):
        check_folder(mine / "missing")


def test_pictures_and_an_own_split(home, tmp_path):
    put(
        tmp_path / "views",
        *(f"{split}/{label}/s/{view}.png" for split in ("train", "test") for label in "ab" for view in "12"),
    )
    report = check_folder(tmp_path / "views")
    assert report.facts["found"] == "4 folders of pictures in 2 classes, <split>/<class>/*"
    assert report.facts["pictures"] == "2 per shape, 8 px a side"
    assert report.facts["split"] == "its own: 2 train, 2 test"
