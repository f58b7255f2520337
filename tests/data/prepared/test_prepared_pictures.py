"""`modelnet10_views` from small archives, whole and broken, and from the real one."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_raw_data import manifest_text, tree_digest, write_tar

from geolearn.data import Batches, ShapeDataset, Voxelize, make_loader, prepare_dataset
from geolearn.errors import DatasetError, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra [data]")
KEYS = {"train": ["train/bed/1", "train/bed/2", "train/sofa/1"], "test": ["test/bed/1", "test/sofa/1"]}
VIEWS, SIZE = 3, 6


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pictures() -> dict[str, np.ndarray]:
    """Grey pictures by key: test/sofa/1 equals train/sofa/1, and test/bed/1 differs from train/bed/1 in one pixel."""
    rng = np.random.default_rng(0)
    made = {key: rng.integers(0, 256, (VIEWS, SIZE, SIZE), dtype=np.uint8) for keys in KEYS.values() for key in keys}
    made["test/sofa/1"] = made["train/sofa/1"]
    made["test/bed/1"] = made["train/bed/1"].copy()
    made["test/bed/1"][2, 5, 5] ^= 1
    return made


def raw_files() -> dict[str, bytes | str]:
    return {
        f"dataset/{key}/{key[-1]}_{view + 1:03d}.png": png(image)
        for key, images in pictures().items()
        for view, image in enumerate(images)
    }


@pytest.fixture
def views_dataset(small_dataset) -> None:
    archives = '[{ filename = "views.tar", folder = "dataset" }]'
    text = manifest_text(
        "modelnet10_views",
        "views",
        ["bed", "sofa"],
        {"train": [2, 1], "test": [1, 1]},
        archives=archives,
        resolution=str(SIZE),
        views=str(VIEWS),
    )
    splits = {split: "".join(f"{key} {key.split('/')[1]}\n" for key in keys) for split, keys in KEYS.items()}
    small_dataset("modelnet10_views", text, splits)


def prepare(tmp_path: Path, files: dict[str, bytes | str]) -> Path:
    return prepare_dataset("modelnet10_views", write_tar(tmp_path / "views.tar", files, "w"))


def test_samples_packed_views_and_batches_agree(views_dataset, tmp_path):
    prepare(tmp_path, raw_files())
    for split in ("trainval", "test"):
        data = ShapeDataset("modelnet10_views", split)
        keys = KEYS[split.removesuffix("val")]
        assert data.keys == keys
        expected = torch.stack([torch.from_numpy(pictures()[key])[:, None] for key in keys])
        packed = data.packed()
        assert torch.equal(packed.pixels_of(torch.arange(len(keys))), expected)
        assert packed.keys == tuple(keys)
        assert torch.equal(packed.targets, data.labels)
        images = torch.stack([data[i].data for i in range(len(keys))])
        assert torch.equal(images, (expected.double() / 255).float())
        (loaded,), (batch,) = make_loader(data, 9), Batches(packed, 9, shuffle=False)
        assert torch.equal(loaded.data, images)
        assert torch.equal(batch.data, images)
        assert loaded.keys == batch.keys == keys
    val = ShapeDataset("modelnet10_views", "val", validation=0.5)
    assert len(val) == 1
    assert torch.equal(val.packed().images()[0], val[0].data)


def test_loader_workers_map_the_file_themselves(views_dataset, tmp_path):
    prepare(tmp_path, raw_files())
    data = ShapeDataset("modelnet10_views", "trainval")
    data[0]  # this process has mapped it
    assert "pixels" not in data._store.source.__getstate__()
    (alone,), (shared,) = make_loader(data, 3), make_loader(data, 3, workers=1)
    assert torch.equal(alone.data, shared.data)


def test_copies_of_training_shapes_in_the_test_split_are_listed(views_dataset, tmp_path):
    prepare(tmp_path, raw_files())
    facts = ShapeDataset("modelnet10_views", "test").facts
    assert facts == {"duplicates": [{"key": "test/sofa/1", "equals": ["train/sofa/1"], "same_label": True}]}


def test_the_same_bytes_for_any_number_of_workers(views_dataset, tmp_path):
    archive = write_tar(tmp_path / "views.tar", raw_files(), "w")
    one = prepare_dataset("modelnet10_views", archive)
    two = prepare_dataset("modelnet10_views", archive, tmp_path / "two", jobs=2, backend="threading")
    assert tree_digest(one) == tree_digest(two)
    assert sorted(tree_digest(one)) == ["index.json", "views.npy"]


GOOD = np.zeros((SIZE, SIZE), np.uint8)
NOISE = png(pictures()["train/bed/2"][1])
ONE = "dataset/train/bed/2/2_002.png"


@pytest.mark.parametrize(
    "change, message",
    [
        ({f"dataset/train/bed/2/2_00{v}.png": None for v in (1, 2, 3)}, r"train/bed/2: no views in .*, expected 2_001"),
        ({ONE: None}, r"train/bed/2: 1 of 3 views are missing in .*: 2_002\.png"),
        ({"dataset/train/bed/2/2_004.png": png(GOOD)}, r"train/bed/2: expected 3 views .* found 4, also 2_004\.png"),
        ({ONE: png(GOOD[:5])}, r"bed/2/2_002\.png: expected 6 x 6 px, got 6 x 5"),
        ({ONE: png(np.zeros((SIZE, SIZE, 3), np.uint8))}, r"bed/2/2_002\.png: expected 1 channels \(grey\), got 3"),
        ({ONE: png(np.zeros((SIZE, SIZE, 2), np.uint8))}, r"bed/2/2_002\.png: expected 1 channels \(grey\), got 2"),
        ({ONE: NOISE[: len(NOISE) // 2 + 20]}, r"bed/2/2_002\.png: the picture: .*damaged"),
        ({ONE: NOISE[:60] + b"\0" + NOISE[61:]}, r"bed/2/2_002\.png: the picture: .*damaged"),
        ({ONE: b"not a picture"}, r"bed/2/2_002\.png: the first bytes: not a picture"),
        (
            {ONE: b"", "dataset/test/bed/1/1_001.png": b""},
            r"(?s)2 of 5 could not.*train/bed/2/2_002\.png.*test/bed/1/1_001\.png",
        ),
    ],
)
def test_what_is_wrong_is_named(change, message, views_dataset, tmp_path, home):
    files = {name: data for name, data in (raw_files() | change).items() if data is not None}
    with pytest.raises(DatasetError, match=message):
        prepare(tmp_path, files)
    assert not (home / "datasets" / "modelnet10_views").exists()


def test_a_cut_off_archive_is_named(views_dataset, tmp_path):
    whole = write_tar(tmp_path / "views.tar", raw_files(), "w").read_bytes()
    (tmp_path / "views.tar").write_bytes(whole[: whole.index(png(pictures()["test/bed/1"][2])) + 10])
    with pytest.raises(DatasetError, match=r"views\.tar: damaged or incomplete at 'dataset/test/bed/1/1_003\.png'"):
        prepare_dataset("modelnet10_views", tmp_path / "views.tar")


def test_a_damaged_prepared_file_says_what_to_do(views_dataset, tmp_path):
    folder = prepare(tmp_path, raw_files())
    (folder / "views.npy").write_bytes((folder / "views.npy").read_bytes()[:-5])
    with pytest.raises(DatasetError, match=r"views\.npy: damaged.*delete .*modelnet10_views and prepare"):
        ShapeDataset("modelnet10_views")[0]


def test_packing_the_wrong_kind_is_refused(views_dataset, tmp_path):
    prepare(tmp_path, raw_files())
    with pytest.raises(InvalidInputError, match="holds pictures, which cannot be voxelized"):
        ShapeDataset("modelnet10_views", representation=Voxelize(8)).packed()
    turned = ShapeDataset("modelnet10_views", "test", representation=lambda images: images.flip(-1))
    assert torch.equal(turned[0].data, ShapeDataset("modelnet10_views", "test")[0].data.flip(-1))
    with pytest.raises(InvalidInputError, match=r"needs a geolearn\.data\.Representation"):
        turned.packed()


@pytest.fixture(scope="module")
def real_views(real_data, tmp_path_factory) -> dict[str, ShapeDataset]:
    if not (real_data / "views12_modelnet10_subset.tar").is_file():
        pytest.skip("no views12_modelnet10_subset.tar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOLEARN_RAW", str(real_data))
        root = tmp_path_factory.mktemp("home")
        return {split: ShapeDataset("modelnet10_views", split, root=root) for split in ("trainval", "val", "test")}


def test_the_real_views(real_views, real_data):
    train, test = real_views["trainval"].packed(), real_views["test"].packed()
    assert train.targets.bincount().tolist() == [80] * 10
    assert test.targets.bincount().tolist() == [20] * 10
    assert real_views["val"].labels.bincount().tolist() == [8] * 10
    with tarfile.open(real_data / "views12_modelnet10_subset.tar") as archive:
        for views, number in ((train, 0), (train, 417), (test, 199)):
            key = views.keys[number]
            file = archive.extractfile(f"dataset/{key}/{key.split('/')[-1]}_010.png")
            with Image.open(file) as image:
                assert np.array_equal(np.asarray(image), views.pixels_of(torch.tensor([number]))[0, 9, 0].numpy())
    assert real_views["test"].facts["duplicates"] == [
        {"key": "test/toilet/19", "equals": ["train/toilet/47"], "same_label": True}
    ]


def test_the_real_defects_are_those_the_readme_tells(real_views):
    train, test = real_views["trainval"].packed(), real_views["test"].packed()

    def shared(left, one, right, two) -> int:
        a, b = (views.pixels_of(torch.tensor([views.keys.index(key)]))[0] for views, key in ((left, one), (right, two)))
        return int((a == b).flatten(1).all(1).sum())

    assert shared(train, "train/desk/11", train, "train/table/34") == 12
    assert shared(train, "train/dresser/56", train, "train/night_stand/65") == 12
    assert shared(test, "test/dresser/16", train, "train/dresser/44") == 3
