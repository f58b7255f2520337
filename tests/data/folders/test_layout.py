"""Folders as classes and splits: the three layouts, what is ambiguous, and which files are shapes."""

import pytest
from shapes_of_ones_own import put

from geolearn.data.folders.files_by_kind import find_shapes, has_faces
from geolearn.data.folders.layout import is_labelled_folder, lay_out, split_named
from geolearn.data.folders.scan import scan_folder
from geolearn.errors import DatasetError


def found(folder):
    layout = lay_out(folder, scan_folder(folder))
    return layout.form, {each.shape.key: (each.label, each.split) for each in layout.placed}


def test_classes_of_splits(tmp_path):
    put(tmp_path, "chair/train/a.off", "chair/Testing/b.off", "table/TRAIN/c.off", "table/valid/d.off")
    assert found(tmp_path) == (
        "<class>/<split>/*",
        {
            "chair/Testing/b": ("chair", "test"),
            "chair/train/a": ("chair", "train"),
            "table/TRAIN/c": ("table", "train"),
            "table/valid/d": ("table", "val"),
        },
    )


def test_splits_of_classes(tmp_path):
    put(tmp_path, "train/chair/a.off", "test/chair/b.off", "test/big table/deeper/c.off")
    form, placed = found(tmp_path)
    assert form == "<split>/<class>/*"
    assert placed == {
        "test/big table/deeper/c": ("big table", "test"),
        "test/chair/b": ("chair", "test"),
        "train/chair/a": ("chair", "train"),
    }


def test_classes_alone_with_any_names_depths_and_suffixes(tmp_path):
    put(tmp_path, "Stühle/a b.OFF", "Stühle/x/model.obj", "Stühle/y/model.obj", "tables/c.stl", "train/loco.ply")
    form, placed = found(tmp_path)
    assert form == "<class>/*"
    assert placed == {
        "Stühle/a b": ("Stühle", None),
        "Stühle/x/model": ("Stühle", None),
        "Stühle/y/model": ("Stühle", None),
        "tables/c": ("tables", None),
        "train/loco": ("train", None),  # trains: alone among other classes it is one of them
    }
    assert lay_out(tmp_path, scan_folder(tmp_path)).classes == ("Stühle", "tables", "train")


def test_words_for_splits():
    assert [split_named(word) for word in ("Train", "VALIDATION", "testing", "tests")] == ["train", "val", "test", None]


@pytest.mark.parametrize(
    "files, message",
    [
        (("train/chair/a.off", "test/chair/b.off", "extra/c.off"), r"test, train are splits, extra \(1\) are not"),
        (("chair/train/a.off", "chair/test/b.off", "table/c.off"), r"1 of 2 classes have folders train or test.*table"),
        (("chair/train/a.off", "chair/test/b.off", "chair/old/c.off"), r"1 of 1 classes have folders.*chair"),
        (("chair/a.off", "b.off"), r"1 of 2 shapes lie in no folder of a class, first b\.off"),
        (
            ("train/a.off", "test/chair/b.off"),
            r"1 of 2 shapes lie in a folder of a split, but of no class.*train/a\.off",
        ),
        (("chair/a.off", "chair/a.stl", "chair/b.off"), r"2 files differ from another only in their ending.*a\.off"),
        (("chair/a.off", "chair/b.npy"), r"1 meshes and 1 voxel grids \(first chair/b\.npy\)"),
        (("chair/a.txt",), r"no shapes among 1 files; known are \.off"),
        (
            ("chair/1.png", "chair/2.png"),
            r"1 of 1 pictures lie in no folder of a class, first chair; expected <class>/<s",
        ),
    ],
)
def test_what_cannot_be_understood_in_one_way_is_refused(tmp_path, files, message):
    put(tmp_path, *files)
    with pytest.raises(DatasetError, match=message):
        found(tmp_path)


def test_files_beside_shapes_belong_to_them_and_are_counted(tmp_path):
    put(tmp_path, "chair/a.off", "chair/a.npy", "chair/a.txt", "chair/b.off", "chair/textures/wood.png", "readme.md")
    kind, shapes, unused = find_shapes(tmp_path, scan_folder(tmp_path))
    assert kind == "mesh"
    assert [shape.key for shape in shapes] == ["chair/a", "chair/b"]
    assert unused == {".md": 1, ".npy": 1, ".png": 1, ".txt": 1}


def test_pictures_are_the_shapes_where_there_is_nothing_else(tmp_path):
    put(tmp_path, *(f"chair/train/one/view_{number}.png" for number in (1, 2, 10)), "chair/test/two/view_1.png")
    form, placed = found(tmp_path)
    assert form == "<class>/<split>/*"
    assert placed == {"chair/train/one": ("chair", "train"), "chair/test/two": ("chair", "test")}
    _, shapes, _ = find_shapes(tmp_path, scan_folder(tmp_path))
    assert [file.name for file in shapes[1].files] == ["view_1.png", "view_2.png", "view_10.png"]


def test_ply_files_without_faces_are_points(tmp_path):
    put(tmp_path, "chair/a.ply")
    assert has_faces(tmp_path / "chair" / "a.ply")
    header = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
    for name in ("chair/a.ply", "chair/b.ply"):
        (tmp_path / name).write_text(f"{header}end_header\n0 0 0\nelement face 4\n")  # no line of the header
    put(tmp_path, "table/c.xyz")
    kind, shapes, _ = find_shapes(tmp_path, scan_folder(tmp_path))
    assert (kind, [shape.key for shape in shapes]) == ("points", ["chair/a", "chair/b", "table/c"])


def test_labelled_meshes_lie_right_in_the_folder_or_its_splits(tmp_path):
    put(tmp_path / "flat", "a.off", "a.txt", "b.OFF")
    put(tmp_path / "splits", "train/a.off", "test/b.off")
    put(tmp_path / "classes", "chair/a.off")
    put(tmp_path / "both", "train/chair/a.off", "test/b.off")
    (tmp_path / "empty").mkdir()
    labelled = {
        name: is_labelled_folder(scan_folder(tmp_path / name))
        for name in ("flat", "splits", "classes", "both", "empty")
    }
    assert labelled == {"flat": True, "splits": True, "classes": False, "both": False, "empty": False}
