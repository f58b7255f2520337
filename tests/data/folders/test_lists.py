"""CSV files of path,label,split: what is read, what is refused, and back."""

import pytest
from shapes_of_ones_own import put

from geolearn.data import ShapeDataset
from geolearn.data.folders.lists import Line, lay_out_list, read_lines, write_lines
from geolearn.errors import DatasetError


@pytest.fixture
def mine(home, tmp_path):
    return put(tmp_path / "mine", "meshes/a, b.off", "meshes/ü.OFF", "far/c.stl")


def test_paths_labels_and_splits(mine):
    (mine / "list.csv").write_text(
        '\ufeffpath,label,split\n"meshes/a, b.off",big chair,train\nmeshes/ü.OFF,Tür,Test\nfar/c.stl,Tür,training\n'
    )
    train, test = (ShapeDataset(mine / "list.csv", split) for split in ("trainval", "test"))
    assert train.classes == ("Tür", "big chair")
    assert [(sample.key, sample.target) for sample in train] == [("far/c", 0), ("meshes/a, b", 1)]
    assert test.keys == ["meshes/ü"]
    root, layout = lay_out_list(mine / "list.csv")
    assert (root, layout.form, layout.kind) == (mine, "a list of files", "mesh")


def test_without_splits_one_is_drawn_and_kept_beside(mine):
    put(mine, *(f"more/{number}.off" for number in range(9)))
    lines = [Line(f"more/{number}.off", "x", None) for number in range(9)] + [Line("far/c.stl", "y", None)]
    write_lines(mine / "list.csv", lines)
    keys = ShapeDataset(mine / "list.csv", "test").keys
    assert len(keys) == 2
    kept = read_lines(mine / "list-split.csv")
    assert [line.path for line in kept if line.split == "test"] == [f"{key}.off" for key in keys]
    assert len(kept) == 10


def test_shapes_outside_the_folder_of_the_list(mine, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "l.csv").write_text(
        f"path,label,split\n../mine/far/c.stl,a,train\n{mine}/meshes/ü.OFF,b,test\n"
    )
    assert ShapeDataset(tmp_path / "lists" / "l.csv", "test").keys == ["meshes/ü"]


def test_lines_come_back_as_written(tmp_path):
    lines = [Line("a, b.off", 'the "x"', "train"), Line("bad\udce9.off", "ü", "test")]  # a name that is no UTF-8
    write_lines(tmp_path / "l.csv", lines)
    assert read_lines(tmp_path / "l.csv") == lines


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,class\na.off,x\n", r"expected a first line path,label,split and a line per shape, got"),
        ("", r"got nothing"),
        ("path,label,split\na.off,x,train\nb.off,x,sometimes\n,x,test\n", r"2 of 3 lines .* first lines \[3, 4\]"),
        ("path,label\na.off,x\na.off,y\n", r"1 paths stand in more than one line, first a\.off"),
        ("path,label,split\na.off,x,train\nb.off,x,\n", r"1 of 2 lines have no split; give all or none one"),
        ("path,label\nmeshes/ü.OFF,x\nlist.csv,y\n", r"1 meshes and 1 others"),
        ("path,label\nmeshes/ü.OFF,x\nmeshes/ü.stl,y\n", r"1 shapes differ from another only in their ending"),
    ],
)
def test_what_is_refused(mine, text, message):
    (mine / "list.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        lay_out_list(mine / "list.csv")


def test_files_that_are_not_there_are_named_together(mine):
    (mine / "list.csv").write_text("path,label,split\nfar/c.stl,a,train\nfar/x.off,a,train\nfar/y.off,b,test\n")
    with pytest.raises(DatasetError, match=r"(?s)2 of 3 files cannot be read.*x\.off.*leads nowhere.*y\.off"):
        ShapeDataset(mine / "list.csv")


def test_a_list_of_ply_files_without_faces_is_one_of_points(mine):
    header = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
    for name in ("a", "b"):
        (mine / f"{name}.ply").write_text(f"{header}end_header\n0 0 0\n")
    (mine / "list.csv").write_text("path,label,split\na.ply,x,train\nb.ply,y,test\n")
    assert lay_out_list(mine / "list.csv")[1].kind == "points"
