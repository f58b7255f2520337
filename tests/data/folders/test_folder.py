"""A folder as a dataset, whole: every layout and kind, what stays and what is made anew, what cannot be read."""

import os

import numpy as np
import pytest
import torch
from shapes_of_ones_own import box, classes_of_boxes, put

from geolearn.data import NamedCollection, Reading, RenderViews, SamplePoints, ShapeDataset, Voxelize, open_collection
from geolearn.data.folders import convert
from geolearn.data.folders.folder import find_folder, is_path, read_folder
from geolearn.errors import DatasetError, InvalidInputError, UnknownNameError
from geolearn.io import save_mesh
from geolearn.structures import PointCloud

LAYOUTS = ("{label}/{split}/{name}", "{split}/{label}/{name}")


@pytest.fixture
def mine(home, tmp_path):
    return tmp_path / "my shapes ä"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_by_folder_give_keys_labels_and_shapes(mine, layout):
    classes_of_boxes(mine, layout)
    train, test = ShapeDataset(mine, "trainval"), ShapeDataset(str(mine), "test")
    assert train.classes == ("flat", "tall")
    assert [len(train), len(test)] == [12, 6]
    first = layout.format(label="flat", split="test", name="test0")
    assert (test[0].key, test[0].target) == (first, 0)
    heights = torch.stack([sample.data.bounds[1, 2] - sample.data.bounds[0, 2] for sample in test])
    assert (heights[:3] < 0.5).all()
    assert torch.allclose(heights[3:], torch.ones(3))
    assert not list(mine.glob("*.csv"))
    packed = train.packed
    train.representation = Voxelize(8)
    assert packed().columns.shape == (12, 8, 8)


def test_a_folder_without_splits_keeps_the_one_that_was_drawn(mine):
    classes_of_boxes(mine, "{label}/{name}")
    split = {name: ShapeDataset(mine, name).keys for name in ("trainval", "test")}
    assert [len(keys) for keys in split.values()] == [14, 4]  # a fifth of 9, by class
    text = (mine / "geolearn-split.csv").read_text()
    assert text.splitlines()[0] == "path,label,split"
    assert sum(line.endswith(",test") for line in text.splitlines()) == 4
    save_mesh(box(1, 1, 3), mine / "tall" / "a new one.off")
    after = {name: ShapeDataset(mine, name).keys for name in ("trainval", "test")}
    assert set(after["test"]) == set(split["test"])
    assert set(after["trainval"]) == {*split["trainval"], "tall/a new one"}
    assert "tall/a new one.off,tall,train" in (mine / "geolearn-split.csv").read_text()
    (mine / "geolearn-split.csv").write_text(text.replace(",test", ",val").replace(",train", ",test", 3))
    assert len(ShapeDataset(mine, "val")) == 4


def test_it_is_the_same_under_any_path_and_only_what_changed_is_read_again(mine, monkeypatch):
    classes_of_boxes(mine, LAYOUTS[0])
    first = ShapeDataset(mine, "trainval", representation=Voxelize(8)).packed()
    read = []
    before = convert._MAKE["mesh"]
    monkeypatch.setitem(convert._MAKE, "mesh", lambda path, *rest: (read.append(path.name), before(path, *rest))[1])
    monkeypatch.chdir(mine.parent)
    again = ShapeDataset(mine.name, "trainval", representation=Voxelize(8)).packed()
    assert torch.equal(first.columns, again.columns)
    assert read == []
    save_mesh(box(1, 1, 0.1), mine / "flat" / "train" / "train0.off")
    os.utime(mine / "flat" / "train" / "train0.off", ns=(1, 1))
    changed = ShapeDataset(mine, "trainval", representation=Voxelize(8)).packed()
    assert read == ["train0.off"]
    assert (changed.columns != first.columns).flatten(1).any(1).tolist() == [True] + 11 * [False]


def test_up_and_front_turn_the_files(mine, as_installed):
    put(mine, "a/train/x.off", "b/test/y.glb")
    save_mesh(box(3, 2, 1), mine / "a" / "train" / "x.off")

    def sides(split, **reading):
        low, high = ShapeDataset(mine, split, validation=0.0, reading=Reading(**reading))[0].data.bounds
        return (high - low).tolist()

    assert sides("train") == pytest.approx([1, 2 / 3, 1 / 3])
    assert sides("train", up="y") == pytest.approx([1, 1 / 3, 2 / 3])
    assert sides("train", up="x") == pytest.approx([1 / 3, 2 / 3, 1])
    assert sides("train", front="+x") == pytest.approx([2 / 3, 1, 1 / 3])
    assert sides("test") == pytest.approx([0.5, 1, 0.55])  # 1 x 1.1 x 2 in the file: y points up in GLB
    assert sides("test", up="z") == pytest.approx([0.5, 0.55, 1])
    with pytest.raises(InvalidInputError, match="up: expected auto, x, y, z, got 'w'"):
        Reading(up="w")
    with pytest.raises(InvalidInputError, match="reading: only for folders and lists by path; modelnet10 says itself"):
        ShapeDataset("modelnet10", reading=Reading("y"))


def test_files_that_cannot_be_read_are_named_together_or_left_out(mine, caplog):
    classes_of_boxes(mine, "{label}/{name}")
    (mine / "flat" / "train1.off").write_text("OFF\n1 1 0\n")
    (mine / "tall" / "test2.off").write_bytes(b"")
    (mine / "tall" / "gone.off").symlink_to("nowhere.off")
    message = (
        r"(?s)3 of 19 files cannot be read; .*--skip-broken.*train1\.off.*gone\.off.*leads nowhere.*test2\.off.*empty"
    )
    with pytest.raises(DatasetError, match=message):
        ShapeDataset(mine)
    skip = Reading(skip_broken=True)
    whole = [key for split in ("trainval", "test") for key in ShapeDataset(mine, split, reading=skip).keys]
    assert len(whole) == 16
    assert not {"flat/train1", "tall/test2", "tall/gone"} & set(whole)
    told = "3 of 19 files could not be read and were left out: flat/train1.off, tall/gone.off, tall/test2.off"
    assert NamedCollection(str(mine), reading=skip).warnings("test") == [told]
    assert [record.message for record in caplog.records].count(told) == 1
    with pytest.raises(DatasetError, match="3 of 19 files cannot be read"):
        ShapeDataset(mine)
    for path in mine.rglob("*.off"):
        path.unlink()
        path.write_text("no mesh")
    with pytest.raises(DatasetError, match="none of 19 files can be read"):
        ShapeDataset(mine, reading=skip)


def test_the_same_shape_in_training_and_test_is_known(mine):
    put(mine, "a/train/x.off", "a/train/y.off", "b/test/z.off", "b/train/w.off")
    (mine / "b" / "test" / "z.off").write_bytes((mine / "a" / "train" / "x.off").read_bytes())
    found = ShapeDataset(mine, "test").facts["duplicates"]
    assert found == [{"key": "b/test/z", "equals": ["a/train/x"], "same_label": False}]


def test_grids_of_any_size(mine):
    put(mine, *(f"{label}/{split}/{number}.npy" for label in "ab" for split in ("train", "test") for number in (1, 2)))
    data = ShapeDataset(mine, "test")
    assert data[0].data.resolution == 6
    assert data.packed().columns.shape == (4, 6, 6)
    expected = torch.from_numpy(np.load(mine / "a" / "test" / "1.npy"))
    assert torch.equal(data[0].data.values, expected)
    assert torch.equal(
        ShapeDataset(mine, "test", representation=Voxelize(8)).packed().occupancy()[0, 0, 1:7, 1:7, 1:7] > 0, expected
    )
    with pytest.raises(
        DatasetError, match=r"(?s)4 of 4 .* a grid of 6 cells a side has occupied cells outside the middle 2"
    ):
        ShapeDataset(mine, "test", representation=Voxelize(2)).packed()
    fine = np.zeros((40, 40, 40), np.uint8)
    fine[0, 39, 5] = 1
    for path in mine.rglob("*.npy"):
        np.save(path, fine)
    packed = ShapeDataset(mine, "test", representation=Voxelize(40)).packed()
    assert packed.occupancy()[0, 0].nonzero().tolist() == [[0, 39, 5]]
    assert ShapeDataset(mine, "test").packed().resolution == 40
    np.save(mine / "a" / "test" / "1.npy", np.zeros((4, 4, 4), bool))
    with pytest.raises(
        DatasetError, match=r"grids of one size, found 4\^3, 40\^3; 1 of 8 have 4 .*first a/test/1\.npy"
    ):
        ShapeDataset(mine, "test")


def test_points_as_occupancy(mine):
    put(mine, "a/train/x.xyz", "a/train/y.xyz", "b/test/z.xyz")
    data = ShapeDataset(mine, "test")
    cloud = data[0].data
    assert isinstance(cloud, PointCloud)
    assert torch.allclose(cloud.points.amax(0) - cloud.points.amin(0), torch.tensor([0.5, 0.6, 1.0]), atol=0.05)
    grid = Voxelize(10, padding=1)(cloud)
    filled = {tuple(cell) for cell in ((cloud.points - grid.origin) / grid.voxel_size).floor().int().tolist()}
    assert {tuple(cell) for cell in grid.values.nonzero().tolist()} == filled
    packed = ShapeDataset(mine, "test", representation=Voxelize(10, padding=1)).packed()
    assert torch.equal(packed.occupancy()[0, 0] > 0, grid.values)
    assert RenderViews("mvcnn12", 16)(cloud).amax() > 0
    drawn = SamplePoints(70)(cloud)
    assert len(drawn) == 70
    assert set(map(tuple, drawn.tolist())) == set(map(tuple, cloud.points.tolist()))
    with pytest.raises(InvalidInputError, match="the dataset holds point clouds"):
        data.packed()
    assert NamedCollection(str(mine)).kind == "points"


def test_pictures_in_a_folder_for_each_shape(mine):
    put(mine, *(f"{label}/{split}/{shape}/v{view}.png" for label in "ab" for split in ("train", "test")
                for shape in "xy" for view in (1, 2, 10)))  # fmt: skip
    packed = ShapeDataset(mine, "test").packed()
    assert packed.keys == ("a/test/x", "a/test/y", "b/test/x", "b/test/y")
    assert packed.pixels_of(torch.tensor([0]))[0, :, 0, 0, 0].tolist() == [6, 7, 8]
    (mine / "a" / "test" / "x" / "v2.png").unlink()
    with pytest.raises(DatasetError, match=r"(?s)a/test/x.*--skip-broken"):
        ShapeDataset(mine, "test")
    left = ShapeDataset(mine, "test", reading=Reading(skip_broken=True))
    assert left.packed().keys == ("a/test/y", "b/test/x", "b/test/y")
    assert left.facts["left_out"][0]["file"] == "a/test/x"


def test_what_a_name_means(mine, monkeypatch):
    with pytest.raises(DatasetError, match=r"no/such: no such folder or file, and no dataset of that name"):
        ShapeDataset("no/such")
    with pytest.raises(UnknownNameError, match="unknown dataset 'modelnet1'"):
        ShapeDataset("modelnet1")
    put(mine.parent / "work", "modelnet10/a/x.off")
    assert [is_path(name) for name in ("modelnet10", "./modelnet10", "nowhere.csv", "nowhere")] == [
        False,
        True,
        True,
        False,
    ]
    put(mine, "a.off", "a.txt")
    with pytest.raises(InvalidInputError, match=r"reading: .* holds labelled meshes"):
        open_collection(str(mine), reading=Reading("y"))


def test_only_test_shapes_are_enough_for_a_test(mine):
    put(mine, "test/a/x.off", "test/b/y.off")
    assert len(ShapeDataset(mine, "test")) == 2
    assert NamedCollection(str(mine)).warnings("test") == []
    with pytest.raises(DatasetError, match="there is no split 'train', only test"):
        ShapeDataset(mine, "train")


def test_a_folder_that_may_not_be_written_to_keeps_its_split_in_the_data_home(mine, home, monkeypatch):
    put(mine, *(f"{label}/{number}.off" for label in "ab" for number in range(5)))
    from geolearn.data.folders import kept_split

    write = kept_split.write_lines

    def refuse(path, lines):
        if mine in path.parents:
            raise PermissionError(13, "Permission denied")
        write(path, lines)

    monkeypatch.setattr(kept_split, "write_lines", refuse)
    keys = ShapeDataset(mine, "test").keys
    folder = read_folder(mine)
    assert home in folder.split_file.parents
    assert [key for key, _ in folder.splits["test"]] == keys


MANIFEST = """
name = "chairs"
title = "Chairs of my own"
kind = "mesh"
up = "y"
classes = ["tall", "flat"]
data = "shapes"
"""


def test_manifests_of_other_folders_need_no_archive(mine, monkeypatch):
    classes_of_boxes(mine / "chairs" / "shapes", LAYOUTS[0])
    (mine / "chairs" / "manifest.toml").write_text(MANIFEST)
    with pytest.raises(UnknownNameError, match="unknown dataset 'chairs'"):
        ShapeDataset("chairs")
    monkeypatch.setenv("GEOLEARN_DATASETS", str(mine))
    data = ShapeDataset("chairs", "test")
    assert data.classes == ("tall", "flat")
    assert [sample.target for sample in data] == [1, 1, 1, 0, 0, 0]
    low, high = data[3].data.bounds
    assert float((high - low)[1]) == pytest.approx(1)  # y of the file points up, so what was tall is deep
    assert find_folder("chairs").manifest.title == "Chairs of my own"
    counts = "[splits.train]\ncount = 12\n[splits.test]\ncount = 7\n"
    (mine / "chairs" / "manifest.toml").write_text(MANIFEST + counts)
    with pytest.raises(DatasetError, match="test has 6 samples, expected 7"):
        ShapeDataset("chairs")
    (mine / "chairs" / "manifest.toml").write_text(MANIFEST.replace('"flat"', '"round"'))
    with pytest.raises(DatasetError, match=r"chairs .*: 1 classes are not in the manifest, first \['flat'\]"):
        ShapeDataset("chairs")
    monkeypatch.setenv("GEOLEARN_DATASETS", str(mine / "missing"))
    with pytest.raises(DatasetError, match="GEOLEARN_DATASETS: no such folder"):
        ShapeDataset("chairs")
