"""From fake raw archives to prepared data, for every dataset, and everything that can go wrong on the way."""

import json
import os
from pathlib import Path

import pytest
import torch
from fake_raw_data import manifest_text, off_text, tree_digest, write_tar, write_zip

import geolearn.io
from geolearn.data import ShapeDataset, load_manifest, prepare_dataset
from geolearn.data.prepare import is_prepared
from geolearn.errors import DatasetError

MODELNET = {"train": [3, 2], "test": [1, 2]}
ARCHIVE = '[{ filename = "ModelNet10.zip", url = "http://example.org/ModelNet10.zip", folder = "ModelNet10" }]'


def modelnet_text(counts: dict[str, list[int]] = MODELNET, archives: str = ARCHIVE, **extra: str) -> str:
    return manifest_text("modelnet10", "mesh", ["bed", "chair"], counts, archives=archives, **extra)


def modelnet_files(counts: dict[str, list[int]] = MODELNET) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {"ModelNet10/README.txt": "not a mesh", "__MACOSX/._x.off": "junk"}
    for split, per_class in counts.items():
        for label, count in zip(["bed", "chair"], per_class, strict=True):
            for i in range(count):
                name = f"ModelNet10/{label}/{split}/{label}_{i + 1:04d}.off"
                files[name] = off_text(len(files), broken_header=i == 0)
    return files


@pytest.fixture
def modelnet_zip(small_dataset, tmp_path) -> Path:
    small_dataset("modelnet10", modelnet_text())
    return write_zip(tmp_path / "ModelNet10.zip", modelnet_files())


def test_modelnet_from_a_zip(modelnet_zip, home):
    folder = prepare_dataset("modelnet10", modelnet_zip)
    assert folder == home / "datasets" / "modelnet10"
    train = ShapeDataset("modelnet10", "trainval")
    assert train.keys == [f"bed/train/bed_000{i}" for i in (1, 2, 3)] + [f"chair/train/chair_000{i}" for i in (1, 2)]
    assert train.labels.tolist() == [0, 0, 0, 1, 1]
    assert len(train[0].data.faces) == 4
    low, high = train[0].data.bounds
    assert float((high - low).max()) == pytest.approx(1)
    assert torch.allclose(low + high, torch.zeros(3), atol=1e-6)
    # Nothing but the result is left.
    assert {path.name for path in folder.parent.iterdir()} - {".modelnet10.lock"} == {"modelnet10"}


@pytest.mark.parametrize("what", ["the folder", "its parent", "a folder with the archive"])
def test_modelnet_from_a_folder(what, modelnet_zip, tmp_path, home):
    expected = tree_digest(prepare_dataset("modelnet10", modelnet_zip))
    unpacked = write_folder(tmp_path / "unpacked", modelnet_files())
    source = {"the folder": unpacked / "ModelNet10", "its parent": unpacked, "a folder with the archive": tmp_path}[
        what
    ]
    assert tree_digest(prepare_dataset("modelnet10", source, tmp_path / "other home")) == expected


@pytest.mark.parametrize("jobs, backend", [(2, "loky"), (2, "threading")])
def test_the_same_bytes_for_any_number_of_workers(jobs, backend, modelnet_zip, tmp_path):
    one = prepare_dataset("modelnet10", modelnet_zip)
    two = prepare_dataset("modelnet10", modelnet_zip, tmp_path / "two", jobs=jobs, backend=backend)
    assert tree_digest(one) == tree_digest(two)


def test_wrong_counts_name_every_difference(small_dataset, tmp_path, home):
    small_dataset("modelnet10", modelnet_text({"train": [3, 3], "test": [1, 2]}))
    path = write_zip(tmp_path / "ModelNet10.zip", modelnet_files())
    with pytest.raises(DatasetError, match=r"train has 5 samples, expected 6; train/chair has 2, expected 3"):
        prepare_dataset("modelnet10", path)
    assert not (home / "datasets" / "modelnet10").exists()


def test_a_wrong_hash_is_refused_before_anything_is_read(small_dataset, tmp_path, home):
    archives = '[{ filename = "ModelNet10.zip", sha256 = "' + "0" * 64 + '", folder = "ModelNet10" }]'
    small_dataset("modelnet10", modelnet_text(archives=archives))
    path = write_zip(tmp_path / "ModelNet10.zip", modelnet_files())
    with pytest.raises(DatasetError, match=r"ModelNet10\.zip: sha256 is \w{64}, expected 0{64}"):
        prepare_dataset("modelnet10", path)


def test_an_archive_without_the_folder(small_dataset, tmp_path):
    small_dataset("modelnet10", modelnet_text())
    path = write_zip(tmp_path / "ModelNet10.zip", {"ModelNet/x.off": off_text(0)})
    with pytest.raises(DatasetError, match="expected the folder ModelNet10 in it"):
        prepare_dataset("modelnet10", path)


def write_folder(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(content))
    return folder


def test_capitals_in_a_suffix_do_not_hide_a_file(modelnet_zip, tmp_path, home):
    expected = tree_digest(prepare_dataset("modelnet10", modelnet_zip))
    shouting = {name.replace("bed_0002.off", "bed_0002.OFF"): text for name, text in modelnet_files().items()}
    source = write_folder(tmp_path / "shouting", shouting)
    assert tree_digest(prepare_dataset("modelnet10", source, tmp_path / "other home")) == expected
    twin = source / "ModelNet10" / "bed" / "train" / "bed_0002.Off"
    twin.write_text(off_text(1))
    with pytest.raises(DatasetError, match=r"bed_0002\.OFF and bed_0002\.Off have one key, bed/train/bed_0002"):
        prepare_dataset("modelnet10", source, tmp_path / "third home")


def test_the_folder_of_another_dataset_is_told_apart(small_dataset, tmp_path):
    small_dataset("modelnet10", modelnet_text())
    source = write_folder(tmp_path / "raw", {"ModelNet40/xbox/train/xbox_0001.off": off_text(1)})
    with pytest.raises(DatasetError, match=r"raw: there is no folder ModelNet10 in it.*it holds ModelNet40"):
        prepare_dataset("modelnet10", source)


def test_every_unreadable_mesh_is_named_and_the_rest_is_kept(small_dataset, tmp_path, monkeypatch):
    small_dataset("modelnet10", modelnet_text())
    files = modelnet_files()
    for bad in ("ModelNet10/bed/train/bed_0002.off", "ModelNet10/chair/test/chair_0001.off"):
        files[bad] = "OFF\n4 4 0\n0 0 0\n"
    broken = write_folder(tmp_path / "broken", files)
    with pytest.raises(DatasetError, match=r"(?s)2 of 8 could not be prepared.*bed_0002\.off.*chair_0001\.off"):
        prepare_dataset("modelnet10", broken)
    # Repaired: only those two are read again.
    for name, content in modelnet_files().items():
        (broken / name).write_text(str(content))
    read = counting_loader(monkeypatch)
    prepare_dataset("modelnet10", broken)
    assert sorted(path.stem for path in read) == ["bed_0002", "chair_0001"]


def counting_loader(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[Path]:
    """Record what `load_mesh` reads; raise KeyboardInterrupt in its place after some."""
    read: list[Path] = []
    load = geolearn.io.load_mesh

    def counted(path, *arguments, **options):
        if len(read) == stop_after:
            raise KeyboardInterrupt("while reading")
        read.append(Path(path))
        return load(path, *arguments, **options)

    monkeypatch.setattr(geolearn.io, "load_mesh", counted)
    return read


def test_an_interrupted_preparation_continues(modelnet_zip, tmp_path, home):
    expected = tree_digest(prepare_dataset("modelnet10", modelnet_zip, tmp_path / "straight"))
    with pytest.MonkeyPatch.context() as patch:
        counting_loader(patch, stop_after=5)
        with pytest.raises(KeyboardInterrupt, match="while reading"):
            prepare_dataset("modelnet10", modelnet_zip)
    assert not is_prepared(home / "datasets" / "modelnet10", load_manifest("modelnet10"))
    # As a kill in the middle of a write would leave it: a part file, and a file that lost its end.
    done = sorted((home / "datasets" / ".modelnet10.partial" / "prepared").rglob("*.npz"))
    assert len(done) == 5
    done[0].write_bytes(done[0].read_bytes()[:-30])
    done[1].rename(done[1].with_name(done[1].name + ".part"))
    with pytest.MonkeyPatch.context() as patch:
        read = counting_loader(patch)
        folder = prepare_dataset("modelnet10", modelnet_zip)
    assert len(read) == 8 - 5 + 2
    assert tree_digest(folder) == expected


def test_another_source_does_not_continue_the_old_one(modelnet_zip, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        counting_loader(patch, stop_after=5)
        with pytest.raises(KeyboardInterrupt, match="while reading"):
            prepare_dataset("modelnet10", modelnet_zip)
    files = modelnet_files()
    files["ModelNet10/bed/train/bed_0001.off"] = off_text(99)
    (tmp_path / "other").mkdir()
    other = write_zip(tmp_path / "other" / "ModelNet10.zip", files)
    expected = tree_digest(prepare_dataset("modelnet10", other, tmp_path / "straight"))
    assert tree_digest(prepare_dataset("modelnet10", other)) == expected


def test_prepared_data_is_not_prepared_again(modelnet_zip, tmp_path, monkeypatch):
    folder = prepare_dataset("modelnet10", modelnet_zip)
    modelnet_zip.unlink()
    read = counting_loader(monkeypatch)
    assert prepare_dataset("modelnet10", tmp_path / "nowhere") == folder
    assert read == []


def test_another_manifest_prepares_again(modelnet_zip, small_dataset, tmp_path):
    folder = prepare_dataset("modelnet10", modelnet_zip)
    before = json.loads((folder / "index.json").read_text())["manifest_digest"]
    small_dataset("modelnet10", modelnet_text(up='"y"'))
    with pytest.raises(DatasetError, match=r"modelnet10 is not prepared.*get ModelNet10\.zip from http"):
        ShapeDataset("modelnet10")
    mesh = ShapeDataset("modelnet10", root=prepare_and_home(modelnet_zip, tmp_path / "fresh"))[0].data
    prepare_dataset("modelnet10", modelnet_zip)
    assert json.loads((folder / "index.json").read_text())["manifest_digest"] != before
    assert torch.equal(ShapeDataset("modelnet10")[0].data.verts, mesh.verts)


def prepare_and_home(source: Path, home: Path) -> Path:
    prepare_dataset("modelnet10", source, home)
    return home


def test_y_up_becomes_z_up(small_dataset, tmp_path):
    tower = "OFF\n4 4 0\n0 0 0\n1 0 0\n0 0 2\n0 7 0\n3 0 2 1\n3 0 1 3\n3 1 2 3\n3 0 3 2\n"
    files = {f"ModelNet10/{c}/{s}/{c}_0001.off": tower for c in ("bed", "chair") for s in ("train", "test")}
    small_dataset("modelnet10", modelnet_text({"train": [1, 1], "test": [1, 1]}, up='"y"'))
    prepare_dataset("modelnet10", write_zip(tmp_path / "ModelNet10.zip", files))
    mesh = ShapeDataset("modelnet10", "test")[0].data
    assert (mesh.bounds[1] - mesh.bounds[0]).mul(7).round().tolist() == [1, 2, 7]
    assert float(torch.linalg.det(mesh.verts[1:] - mesh.verts[0])) < 0  # as in the file: a rotation mirrors nothing
    # y = 7 became z = 7, z = 2 became y = -2.
    assert int(mesh.verts[:, 2].argmax()) == 3
    assert int(mesh.verts[:, 1].argmin()) == 2


def test_missing_raw_data_says_what_to_do(small_dataset):
    small_dataset("modelnet10", modelnet_text())
    with pytest.raises(DatasetError) as caught:
        ShapeDataset("modelnet10")
    for part in ("ModelNet10.zip from http://example.org", "data", "geolearn data prepare modelnet10 --from PATH"):
        assert part in str(caught.value)
    with pytest.raises(DatasetError, match="does not exist"):
        prepare_dataset("modelnet10", "nowhere.zip")


@pytest.mark.parametrize("where", ["variable", "./data", "one folder down", "beside the checkout"])
def test_raw_data_is_found(where, modelnet_zip, tmp_path, monkeypatch):
    target = {
        "variable": tmp_path / "elsewhere",
        "./data": Path("data"),
        "one folder down": Path("data/modelnets"),
        "beside the checkout": tmp_path / "shared" / "data",
    }[where]
    target.mkdir(parents=True)
    modelnet_zip.rename(target / modelnet_zip.name)
    if where == "variable":
        monkeypatch.setenv("GEOLEARN_RAW", os.pathsep.join(["/nowhere", str(target)]))
    assert len(ShapeDataset("modelnet10", "test")) == 3


def test_the_folders_of_modelnet40_and_shrec11(small_dataset, tmp_path, home):
    archives = '[{ filename = "ModelNet40.zip", folder = "ModelNet40" }]'
    text = manifest_text("modelnet40", "mesh", ["bed", "chair"], MODELNET, archives=archives)
    text += '[protocols."subset80/20"]\ndescription = "x"\nper_class = { train = 2, test = 1 }\n'
    text += "splits = { train = { count = 4 }, test = { count = 2 } }\n"
    small_dataset("modelnet40", text)
    files = {name.replace("ModelNet10", "ModelNet40"): content for name, content in modelnet_files().items()}
    prepare_dataset("modelnet40", write_zip(tmp_path / "ModelNet40.zip", files))
    assert len(ShapeDataset("modelnet40", "trainval")) == 5
    subset = ShapeDataset("modelnet40", "trainval", protocol="subset80/20")
    assert subset.keys == [
        "bed/train/bed_0001",
        "bed/train/bed_0002",
        "chair/train/chair_0001",
        "chair/train/chair_0002",
    ]

    obj = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"
    counts = {"train": [2], "test": [1]}
    archives = '[{ filename = "shrec_16.tar.gz", folder = "shrec_16" }]'
    splits = {"train": "ants/train/T10 ants\nants/train/T9 ants\n", "test": "ants/test/T3 ants\n"}
    small_dataset("shrec11", manifest_text("shrec11", "mesh", ["ants"], counts, archives=archives, up='"none"'), splits)
    names = ["ants/train/T9", "ants/train/T10", "ants/test/T3"]
    tar = write_tar(tmp_path / "shrec_16.tar.gz", {f"shrec_16/{name}.obj": obj for name in names}, "w:gz")
    prepare_dataset("shrec11", tar)
    assert ShapeDataset("shrec11", "trainval").keys == ["ants/train/T10", "ants/train/T9"]  # the split file's order


def test_a_file_that_the_split_lists_is_missing(small_dataset, tmp_path):
    archives = '[{ filename = "shrec_16.tar.gz", folder = "shrec_16" }]'
    splits = {"train": "ants/train/T1 ants\nants/train/T2 ants\n"}
    small_dataset("shrec11", manifest_text("shrec11", "mesh", ["ants"], {"train": [2]}, archives=archives), splits)
    tar = write_tar(tmp_path / "shrec_16.tar.gz", {"shrec_16/ants/train/T1.obj": "v 0 0 0\n"}, "w:gz")
    with pytest.raises(DatasetError, match=r"1 of 2 files are missing, first \['ants/train/T2\.obj'\]"):
        prepare_dataset("shrec11", tar)


def test_generated_data_needs_no_preparation(small_dataset):
    small_dataset("modelnet10", manifest_text("modelnet10", "generated", ["bed"], {"train": [3]}))
    with pytest.raises(DatasetError, match="nothing to prepare"):
        prepare_dataset("modelnet10")


def test_an_installed_package_looks_for_no_checkout(modelnet_zip, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "geolearn" / "_datasets"
    installed.parent.mkdir(parents=True)
    (tmp_path / "checkout" / "datasets").rename(installed)
    monkeypatch.setattr("geolearn.data.manifest.datasets_folder", lambda: installed)
    monkeypatch.setattr("geolearn.data.places.datasets_folder", lambda: installed)
    with pytest.raises(DatasetError, match=r"put it in one of: data, \S*raw; or run"):
        ShapeDataset("modelnet10")
