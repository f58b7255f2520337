"""Datasets with a label on every face: from small raw archives, and on the real ones where they are at hand."""

from pathlib import Path

import pytest
import torch
from fake_raw_data import manifest_text, off_text, tree_digest, write_tar

from geolearn.data import ShapeDataset, load_manifest, prepare_dataset
from geolearn.data.catalog import describe_dataset, list_datasets
from geolearn.data.prepared.meshes import mesh_path, read_edge_labels, read_mesh
from geolearn.errors import DatasetError, InvalidInputError, UnknownNameError

PSB_TABLES = """
[parts]
ant = ["head", "leg"]
cup = ["body", "handle", "lid"]
[random_splits]
train = [1, 2]
[protocols.full]
description = "all"
"""
ORDERS = "Ant/3 ant\nAnt/1 ant\nAnt/2 ant\nCup/4 cup\nCup/6 cup\nCup/5 cup\n"


@pytest.fixture
def psb(small_dataset) -> None:
    counts = {"train": [2, 2], "test": [1, 1]}
    archives = '[{ filename = "lpsb.tar.xz", folder = "LabeledDB_new" }]'
    text = manifest_text("labeled_psb", "mesh", ["ant", "cup"], counts, archives=archives, tables=PSB_TABLES)
    splits = {"train": "Ant/1 ant\nAnt/2 ant\nCup/4 cup\nCup/5 cup\n", "test": "Ant/3 ant\nCup/6 cup\n"}
    folder = small_dataset("labeled_psb", text, splits)
    (folder / "splits" / "orders").mkdir()
    (folder / "splits" / "orders" / "0.txt").write_text(ORDERS)


def psb_files(**labels: str) -> dict[str, bytes | str]:
    """Six tetrahedra and their lists of faces; `labels` are other texts by "Ant_1"."""
    files: dict[str, bytes | str] = {}
    for key, text in [(f"Ant/{i}", "leg\n2 4\nhead\n1 3\n") for i in (1, 2, 3)] + [
        (f"Cup/{i}", "lid\n4\nbody\n2 1\nhandle\n3\n") for i in (4, 5, 6)
    ]:
        files[f"LabeledDB_new/{key}.off"] = off_text(len(files))
        files[f"LabeledDB_new/{key}_labels.txt"] = labels.get(key.replace("/", "_"), text)
    return files


def test_labels_by_name_become_numbers(psb, tmp_path):
    one = prepare_dataset("labeled_psb", write_tar(tmp_path / "lpsb.tar.xz", psb_files()))
    assert ShapeDataset("labeled_psb", "trainval")[0].data.face_labels.tolist() == [0, 1, 0, 1]
    assert ShapeDataset("labeled_psb", "test")[1].data.face_labels.tolist() == [0, 0, 1, 2]
    two = prepare_dataset("labeled_psb", tmp_path / "lpsb.tar.xz", tmp_path / "two", jobs=2, backend="threading")
    assert tree_digest(one) == tree_digest(two)


def test_a_protocol_is_one_category_and_the_first_of_its_order(psb, tmp_path):
    prepare_dataset("labeled_psb", write_tar(tmp_path / "lpsb.tar.xz", psb_files()))
    train = ShapeDataset("labeled_psb", "trainval", protocol="ant/2/0")
    assert train.keys == ["Ant/3", "Ant/1"]
    assert train.part_names == ("head", "leg")
    assert ShapeDataset("labeled_psb", "test", protocol="ant/2/0").keys == ["Ant/2"]
    assert ShapeDataset("labeled_psb", "trainval", protocol="cup/1/0").keys == ["Cup/4"]
    assert ShapeDataset("labeled_psb", "test", protocol="cup/1/0").keys == ["Cup/6", "Cup/5"]
    with pytest.raises(UnknownNameError, match=r"unknown protocol of labeled_psb 'cup/12/0'.*Known: ant/1/0"):
        ShapeDataset("labeled_psb", protocol="cup/12/0")


def test_parts_of_several_classes_at_once_are_refused(psb, tmp_path):
    prepare_dataset("labeled_psb", write_tar(tmp_path / "lpsb.tar.xz", psb_files()))
    with pytest.raises(InvalidInputError, match=r"this split has 2: ant, cup; choose a protocol of one class"):
        _ = ShapeDataset("labeled_psb").part_names


def test_the_catalogue_names_parts_and_counts_random_splits(psb):
    described = describe_dataset("labeled_psb")
    assert described["parts"] == {"ant": ["head", "leg"], "cup": ["body", "handle", "lid"]}
    assert described["protocols"] == {
        "ant/1/0 .. cup/2/0": "4 random splits, <class>/<training shapes>/<number>",
        "full": "all",
    }
    assert list_datasets()[0]["protocols"] == "full, ant/1/0 .. cup/2/0"


@pytest.mark.parametrize(
    "text, message",
    [
        ("leg\n2 4\nhead\n1\n", r"Ant/2_labels\.txt: the whole file: 1 of 4 faces are in no part, first \[3\]"),
        ("leg\n2 4\nhead\n1 3 5 6\n", r"Ant/2_labels\.txt: the faces of head: 2 of 4 are not among the faces 1\.\.4"),
        ("leg\n2 4\nwing\n1 3\n", r"Ant/2_labels\.txt: part 2: expected one of head, leg, got 'wing'"),
    ],
)
def test_labels_that_do_not_fit_are_named_with_their_file(text, message, psb, tmp_path):
    with pytest.raises(DatasetError, match=rf"1 of 6 could not be prepared[\s\S]*{message}"):
        prepare_dataset("labeled_psb", write_tar(tmp_path / "lpsb.tar.xz", psb_files(Ant_2=text)))


def test_a_missing_label_file_is_named(psb, tmp_path):
    files = psb_files()
    del files["LabeledDB_new/Cup/5_labels.txt"]
    with pytest.raises(DatasetError, match=r"1 of 12 files are missing, first \['.*Cup/5_labels\.txt'\]"):
        prepare_dataset("labeled_psb", write_tar(tmp_path / "lpsb.tar.xz", files))


def test_parts_are_given_for_every_class(small_dataset):
    tables = '[parts]\nant = ["head"]\n[protocols.full]\ndescription = "all"\n'
    archives = '[{ filename = "x.zip", sha256 = "" }]'
    text = manifest_text("labeled_psb", "mesh", ["ant", "cup"], {"train": [1, 1]}, archives=archives, tables=tables)
    small_dataset("labeled_psb", text)
    with pytest.raises(DatasetError, match="parts are not given for exactly the classes"):
        load_manifest("labeled_psb")


OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"


@pytest.fixture
def vases(small_dataset) -> None:
    tables = '[parts]\nvase = ["neck", "body"]\n[protocols.full]\ndescription = "all"\n'
    archives = '[{ filename = "coseg.tar.gz", folder = "coseg_vases" }]'
    counts = {"train": [1], "test": [1]}
    text = manifest_text("coseg_vases", "mesh", ["vase"], counts, archives=archives, tables=tables, up='"y"')
    small_dataset("coseg_vases", text, {"train": "train/7 vase\n", "test": "test/8 vase\n"})


def vase_archive(path: Path, seg: str) -> Path:
    files: dict[str, bytes | str] = {}
    for key in ("train/7", "test/8"):
        files[f"coseg_vases/{key}.obj"] = OBJ
        files[f"coseg_vases/seg/{key[-1]}.eseg"] = seg if key == "train/7" else "1\n1\n1\n2\n2\n2\n"
    return write_tar(path, files, "w:gz")


def test_labels_of_edges_become_labels_of_faces(vases, tmp_path):
    """Edges in face order: 0-2, 1-2, 0-1 | 1-3, 0-3 | 2-3. Faces: their first three, 2 3 4, 1 5 3, 4 5 0."""
    folder = prepare_dataset("coseg_vases", vase_archive(tmp_path / "coseg.tar.gz", "2\n1\n1\n2\n2\n2\n"))
    data = ShapeDataset("coseg_vases", "trainval")
    assert data[0].data.face_labels.tolist() == [0, 1, 1, 1]
    assert data.part_names == ("neck", "body")
    assert read_edge_labels(mesh_path(folder, "train/7")).tolist() == [1, 0, 0, 1, 1, 1]
    assert torch.equal(data.source.edge_labels("test/8"), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert read_mesh(mesh_path(folder, "train/7")).verts[2].tolist() == [0, 0, 1]  # y up became z up


@pytest.mark.parametrize(
    "seg, message",
    [
        ("1\n1\n2\n", r"7\.eseg: the whole file: expected one label for each of 6 edges, got 3"),
        ("1\n1\n2\n3\n3\n1\n", r"7\.eseg: label 4: 2 of 6 labels are not in 1\.\.2, first 3"),
    ],
)
def test_edge_labels_of_another_mesh_are_named(seg, message, vases, tmp_path):
    with pytest.raises(DatasetError, match=rf"1 of 2 could not be prepared[\s\S]*{message}"):
        prepare_dataset("coseg_vases", vase_archive(tmp_path / "coseg.tar.gz", seg))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_order_of_the_real_benchmark_holds_every_mesh_once(number):
    manifest = load_manifest("labeled_psb")
    every = sorted(key for split in manifest.splits for key, _ in manifest.read_split(split))
    assert len(every) == 380
    listed = []
    for category in manifest.classes:
        keys = manifest.protocol(f"{category}/12/{number}").keys
        assert (len(keys["train"]), len(keys["test"])) == (12, 8)
        assert manifest.protocol(f"{category}/6/{number}").keys["train"] == keys["train"][:6]
        assert len(manifest.protocol(f"{category}/19/{number}").keys["test"]) == 1
        listed += [*keys["train"], *keys["test"]]
    assert sorted(listed) == every


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labeled_psb", "coseg_aliens", "coseg_chairs", "coseg_vases", "human_seg"])
def test_the_real_archives(name, real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path))
    archive = real_data / ("lpsb.tar.xz" if name == "labeled_psb" else "coseg_human_seg.tar.xz")
    if not archive.is_file():
        pytest.skip(f"no {archive.name} in {real_data}")
    prepare_dataset(name, archive)
    manifest = load_manifest(name)
    for split in ("trainval", "test"):
        data = ShapeDataset(name, split)
        for sample in data:
            parts = manifest.parts[data.classes[sample.label]]
            assert 0 <= int(sample.data.face_labels.min()) <= int(sample.data.face_labels.max()) < len(parts)
