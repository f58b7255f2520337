"""`ShapeDataset`: order, labels, representations, the cache and the packed form; on made and on real data."""

import numpy as np
import pytest
import torch
import trimesh
from fake_raw_data import manifest_text, write_zip

from geolearn.data import (
    Batches,
    RenderViews,
    ShapeDataset,
    Voxelize,
    describe_dataset,
    list_datasets,
    make_loader,
    pack,
)
from geolearn.data.prepared.sources import ProceduralSource, procedural_entries
from geolearn.errors import DatasetError, InvalidInputError, UnknownNameError
from geolearn.structures import Mesh, VoxelGrid


@pytest.fixture
def meshes(small_dataset, tmp_path, home):
    """Nine boxes and eleven turned boxes, prepared."""
    archives = '[{ filename = "ModelNet10.zip", url = "http://example.org", folder = "ModelNet10" }]'
    counts = {"train": [6, 8], "test": [3, 3]}
    small_dataset("modelnet10", manifest_text("modelnet10", "mesh", ["box", "turned"], counts, archives=archives))
    files = {}
    for label, name in enumerate(["box", "turned"]):
        for split, per_class in counts.items():
            for i in range(per_class[label]):
                rng = np.random.default_rng([label, i, len(split)])
                box = trimesh.creation.box(extents=rng.uniform(0.3, 1, 3))
                if label:
                    box.apply_transform(trimesh.transformations.rotation_matrix(0.7, [1, 2, 3]))
                files[f"ModelNet10/{name}/{split}/{name}_{i:04d}.off"] = box.export(file_type="off")
    (tmp_path / "work" / "data").mkdir()
    write_zip(tmp_path / "work" / "data" / "ModelNet10.zip", files)
    return counts


def test_prepares_itself_and_keeps_order_and_labels(meshes):
    test = ShapeDataset("modelnet10", "test")
    assert test.keys == [f"{name}/test/{name}_000{i}" for name in ("box", "turned") for i in range(3)]
    assert test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert test.classes == ("box", "turned")
    assert [(sample.key, sample.target) for sample in (test[i] for i in range(6))] == list(
        zip(test.keys, test.labels.tolist(), strict=True)
    )
    train, val = (
        ShapeDataset("modelnet10", "train", validation=0.25),
        ShapeDataset("modelnet10", "val", validation=0.25),
    )
    assert (train.labels.bincount().tolist(), val.labels.bincount().tolist()) == ([4, 6], [2, 2])
    assert set(train.keys).isdisjoint(val.keys)


def test_meshes_are_normalised(meshes):
    for sample in (ShapeDataset("modelnet10", "test")[i] for i in range(6)):
        low, high = sample.data.bounds
        assert float((high - low).max()) == pytest.approx(1)
        assert torch.allclose(low, -high, atol=1e-6)
        assert sample.data.name == sample.key


def test_representations_are_cached_and_the_same(meshes, home, monkeypatch):
    calls = []
    voxelize = Voxelize.__call__

    def counted(self, shape):
        calls.append(self)
        return voxelize(self, shape)

    monkeypatch.setattr(Voxelize, "__call__", counted)
    data = ShapeDataset("modelnet10", "test", representation=Voxelize(10, padding=1))
    first = [data[i].data.values for i in range(6)]
    again = [data[i].data.values for i in range(6)]
    assert len(calls) == 6
    plain = ShapeDataset("modelnet10", "test", representation=Voxelize(10, padding=1), cache=False)
    for i in range(6):
        assert torch.equal(first[i], again[i])
        assert torch.equal(first[i], plain[i].data.values)
    assert len(calls) == 12
    # Another representation has other entries.
    ShapeDataset("modelnet10", "test", representation=Voxelize(10, padding=2))[0]
    assert len(calls) == 13
    assert len(list((home / "cache" / "modelnet10").rglob("*.npz"))) == 7


def test_the_packed_split_is_the_samples(meshes, home):
    data = ShapeDataset("modelnet10", "trainval", representation=Voxelize(12))
    packed = data.packed()
    expected = torch.stack([data[i].data.values for i in range(len(data))])
    assert torch.equal(packed.columns, pack(expected))
    assert (packed.keys, packed.classes) == (tuple(data.keys), ("box", "turned"))
    assert torch.equal(packed.targets, data.labels)
    assert torch.equal(data.packed(jobs=2, backend="threading").columns, packed.columns)
    assert torch.equal(
        ShapeDataset("modelnet10", "trainval", representation=Voxelize(12), cache=False).packed().columns,
        packed.columns,
    )
    with pytest.raises(InvalidInputError, match="the dataset holds meshes"):
        ShapeDataset("modelnet10").packed()
    with pytest.raises(InvalidInputError, match="up to 128 cells"):
        ShapeDataset("modelnet10", representation=Voxelize(129)).packed()
    with pytest.raises(InvalidInputError, match=r"needs a geolearn\.data\.Representation"):
        ShapeDataset("modelnet10", representation=lambda mesh: mesh.verts).packed()


def test_batches_are_the_same_for_any_number_of_workers(meshes):
    data = ShapeDataset("modelnet10", "trainval", representation=Voxelize(8))
    batches = [list(make_loader(data, 4, shuffle=True, workers=workers)) for workers in (0, 2)]
    for alone, shared in zip(*batches, strict=True):
        assert alone.keys == shared.keys
        assert torch.equal(alone.data, shared.data)
        assert torch.equal(alone.target, shared.target)
    whole = list(Batches(data.packed(), 14, shuffle=False))
    loaded = list(make_loader(data, 14))
    assert torch.equal(whole[0].data, loaded[0].data)
    assert whole[0].keys == loaded[0].keys


@pytest.fixture
def rendered(monkeypatch) -> list[str]:
    """Names of the meshes that are rendered from now on."""
    names: list[str] = []
    pixels = RenderViews.pixels

    def counted(self, shape):
        names.append(shape.name)
        return pixels(self, shape)

    monkeypatch.setattr(RenderViews, "pixels", counted)
    return names


RENDER = RenderViews("ring", 16, count=3)


def test_rendered_samples_are_cached_in_eight_bits(meshes, home, rendered):
    data = ShapeDataset("modelnet10", "test", representation=RENDER)
    plain = ShapeDataset("modelnet10", "test", representation=RENDER, cache=False)
    for i in range(6):
        first, again = data[i].data, data[i].data
        assert torch.equal(first, again)
        assert torch.equal(first, plain[i].data)
        assert (first.dtype, first.shape) == (torch.float32, (3, 1, 16, 16))
    assert sorted(rendered) == sorted(2 * data.keys)
    (batch,) = make_loader(data, 6)
    assert batch.data.shape == (6, 3, 1, 16, 16)
    assert all(path.stat().st_size < 3 * 16 * 16 + 600 for path in (home / "cache").rglob("*.npz"))


def test_depth_and_normals_are_cached_as_they_are(meshes):
    for shading in ("depth", "normals"):
        render = RenderViews("ring", 16, shading, count=3)
        data = ShapeDataset("modelnet10", "test", representation=render)
        data[2]  # now from the cache
        assert torch.equal(data[2].data, render(ShapeDataset("modelnet10", "test")[2].data))
        assert torch.equal(data.packed().images()[2], data[2].data)


def test_packed_views_are_the_samples_rendered_once_for_training_and_validation(meshes, home, rendered):
    splits = {name: ShapeDataset("modelnet10", name, representation=RENDER) for name in ("train", "val", "trainval")}
    packed = {name: data.packed() for name, data in splits.items()}
    assert sorted(rendered) == sorted(splits["trainval"].keys)
    assert len(list((home / "cache").rglob("*.npy"))) == 1
    for name, data in splits.items():
        assert packed[name].keys == tuple(data.keys)
        assert torch.equal(packed[name].targets, data.labels)
        expected = torch.stack([data[i].data for i in range(len(data))])
        assert torch.equal(packed[name].images(), expected)
    (batch,) = Batches(packed["train"], 99, shuffle=False)
    assert torch.equal(batch.data, packed["train"].images())
    assert packed["train"].classes == ("box", "turned")


def test_packed_views_for_any_number_of_workers_and_without_a_cache(meshes, home):
    data = ShapeDataset("modelnet10", "test", representation=RENDER)
    expected = data.packed().images()
    assert torch.equal(
        ShapeDataset("modelnet10", "test", representation=RENDER, cache=False).packed().images(), expected
    )
    for path in (home / "cache").rglob("*.npy"):
        path.unlink()
    assert torch.equal(data.packed(jobs=2, backend="threading").images(), expected)


def test_packed_views_need_a_representation(meshes):
    with pytest.raises(InvalidInputError, match="the dataset holds meshes"):
        ShapeDataset("modelnet10", "test").packed()


def test_procedural_shapes_are_rendered_by_the_same_path(home):
    pytest.importorskip("geolearn.data.procedural")
    data = ShapeDataset("procedural", "test", representation=RENDER, count=3)
    packed = data.packed()
    assert torch.equal(packed.images(), torch.stack([data[i].data for i in range(3)]))
    assert len(ShapeDataset("procedural", "test", representation=RENDER, count=2).packed()) == 2


def test_procedural_shapes_may_be_aligned(home):
    procedural = pytest.importorskip("geolearn.data.procedural")
    turned = ShapeDataset("procedural", "test", representation=RENDER, count=4)
    aligned = ShapeDataset("procedural", "test", representation=RENDER, count=4, protocol="aligned")
    assert aligned.keys == turned.keys
    for i in range(4):
        _, _, shape = procedural.sample("test", i, aligned=True)
        assert torch.equal(aligned[i].data, RENDER(shape.mesh))
        assert not torch.equal(aligned[i].data, turned[i].data)  # not each other's entry in the cache


def test_a_damaged_prepared_mesh_is_named(meshes, home):
    data = ShapeDataset("modelnet10", "test")
    (home / "datasets" / "modelnet10" / "meshes" / f"{data.keys[2]}.npz").write_bytes(b"PK broken")
    with pytest.raises(
        DatasetError, match=r"box_0002\.npz: damaged.*delete .*modelnet10 and prepare the dataset again"
    ):
        data[2]


@pytest.mark.usefixtures("as_installed")
def test_refuses_nonsense(meshes):
    with pytest.raises(UnknownNameError, match="Did you mean 'modelnet10'"):
        ShapeDataset("modelnet1")
    with pytest.raises(InvalidInputError, match="split"):
        ShapeDataset("modelnet10", "training")
    with pytest.raises(InvalidInputError, match="count: only generated"):
        ShapeDataset("modelnet10", count=5)


def test_the_catalogue(meshes):
    (row,) = list_datasets()
    assert (row["name"], row["samples"]) == ("modelnet10", "train 14 / test 6")
    assert row["here"].startswith("raw file found: ")
    assert "geolearn data prepare modelnet10" in describe_dataset("modelnet10")["to get it"]
    ShapeDataset("modelnet10")
    assert list_datasets()[0]["here"] == "prepared"
    facts = describe_dataset("modelnet10")
    assert facts["samples per class"] == {"train": [6, 8], "test": [3, 3]}
    assert facts["folder"].endswith("modelnet10")
    with pytest.raises(UnknownNameError, match="Did you mean"):
        describe_dataset("modelnet")


def test_procedural_keys_of_some_classes_are_theirs_among_all():
    procedural = pytest.importorskip("geolearn.data.procedural")
    all_keys = [key for key, _ in procedural_entries("train", 4 * len(procedural.CLASSES), seed=2)]
    some = procedural_entries("train", 7, 2, ("mug", "chair"))
    assert [label for _, label in some] == [0, 1, 0, 1, 0, 1, 0]
    mugs, chairs = ([key for key in all_keys if key.startswith(family)] for family in ("mug", "chair"))
    assert [key for key, _ in some] == [key for pair in zip(mugs, chairs, strict=True) for key in pair][:7]


def test_procedural_keys_are_those_of_the_generator():
    procedural = pytest.importorskip("geolearn.data.procedural")
    entries = procedural_entries("val", len(procedural.CLASSES) + 2, seed=3)
    for number in (0, 1, len(procedural.CLASSES) + 1):
        key, label, shape = procedural.sample("val", number, seed=3)
        assert entries[number] == (key, label)
        loaded = ProceduralSource(3).load(key)
        assert torch.equal(loaded.verts, shape.mesh.normalised().verts)
        assert torch.equal(loaded.faces, shape.mesh.faces)


@pytest.fixture(scope="module")
def real_voxels(real_data, tmp_path_factory):
    """The real ModelNet10 grids, prepared once."""
    if not (real_data / "modelnet10" / "modelnet10_vox30.npz").is_file():
        pytest.skip("no modelnet10_vox30.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOLEARN_RAW", str(real_data))
        root = tmp_path_factory.mktemp("home")
        return {
            split: ShapeDataset("modelnet10_voxels", split, root=root) for split in ("trainval", "test", "train", "val")
        }


def test_the_facts_of_modelnet10_voxels(real_voxels, real_data):
    train, test = real_voxels["trainval"], real_voxels["test"]
    assert train.labels.bincount().tolist() == [106, 515, 889, 200, 200, 465, 200, 680, 392, 344]
    assert test.labels.bincount().tolist() == [50, 100, 100, 86, 86, 100, 86, 100, 100, 100]
    assert (len(train), len(test)) == (3991, 908)
    empty = test.facts["empty"]
    assert sum(key.startswith("train/") for key in empty) == 7
    assert [key for key in empty if key.startswith("test/")] == ["test/0304"]
    repeats = test.facts["duplicates"]
    assert len(repeats) == 72
    assert sum(not repeat["same_label"] for repeat in repeats) == 7
    # Each really is equal, and an empty one is among both.
    columns = dict(zip(test.keys, test.packed().columns, strict=True))
    columns |= dict(zip(train.keys, train.packed().columns, strict=True))
    assert all(torch.equal(columns[repeat["key"]], columns[other]) for repeat in repeats for other in repeat["equals"])
    assert all(not columns[key].any() for key in empty)
    with np.load(real_data / "modelnet10" / "modelnet10_vox30.npz") as raw:
        assert torch.equal(test.packed().occupancy()[:, 0], torch.from_numpy(raw["X_test"]).float())
        assert test.labels.tolist() == raw["y_test"].tolist()


def test_validation_of_modelnet10_voxels_is_stratified(real_voxels):
    train, val = real_voxels["train"], real_voxels["val"]
    assert val.labels.bincount().tolist() == [
        round(0.1 * n) for n in [106, 515, 889, 200, 200, 465, 200, 680, 392, 344]
    ]
    assert set(train.keys).isdisjoint(val.keys)
    assert len(train) + len(val) == 3991


def test_modelnet10_stands_upright(real_voxels):
    """Z is up: the fullest layer of the mean table is its top, above the legs."""
    voxels = real_voxels["trainval"].packed()
    tables = voxels.select((voxels.targets == 8).nonzero()[:100, 0]).occupancy()[:, 0].mean(0)
    profile = tables.mean((0, 1))  # how full each height is
    assert int(profile.argmax()) > 18


def test_real_grids_become_32_cells(real_voxels):
    sample = real_voxels["test"][7]
    assert isinstance(sample.data, VoxelGrid)
    grid = Voxelize(32)(sample.data)
    assert torch.equal(grid.values[1:31, 1:31, 1:31], sample.data.values)
    assert int(grid.values.sum()) == int(sample.data.values.sum())


@pytest.mark.slow
def test_real_shrec11_prepares(real_data, home, monkeypatch):
    if not (real_data / "shrec11_split16.tar.xz").is_file():
        pytest.skip("no shrec11_split16.tar.xz")
    monkeypatch.setenv("GEOLEARN_RAW", str(real_data))
    data = ShapeDataset("shrec11", "test")
    assert data.labels.bincount().tolist() == [4] * 30
    mesh = data[0].data
    assert isinstance(mesh, Mesh)
    assert len(mesh.faces) == 500
    assert mesh.to_trimesh().is_watertight


@pytest.mark.slow
@pytest.mark.parametrize("size", [112, 224])
def test_real_shrec11_is_rendered(size, real_data, home, monkeypatch):
    if not (real_data / "shrec11_split16.tar.xz").is_file():
        pytest.skip("no shrec11_split16.tar.xz")
    monkeypatch.setenv("GEOLEARN_RAW", str(real_data))
    render = RenderViews("mvcnn12", size, fit="sphere")
    train, test = (ShapeDataset("shrec11", split, representation=render) for split in ("trainval", "test"))
    for data, count in ((train, 480), (test, 120)):
        packed = data.packed()
        assert packed.pixels.shape == (count, 12, 1, size, size)
        assert packed.targets.bincount().tolist() == [count // 30] * 30
        seen = (packed.pixels > 0).flatten(3).any(3)
        assert bool(seen.all())
        assert torch.equal(packed.select([7]).images()[0], data[7].data)


@pytest.mark.slow
def test_real_chairs_prepare(real_data, home, monkeypatch):
    if not (real_data / "3dshapenets_chair_train.tar.xz").is_file():
        pytest.skip("no 3dshapenets_chair_train.tar.xz")
    monkeypatch.setenv("GEOLEARN_RAW", str(real_data))
    chairs = ShapeDataset("shapenets_chairs", "trainval").packed()
    assert len(chairs) == 789 * 12
    grids = chairs.select(list(range(24))).occupancy()[:, 0].bool()
    # Rotations 01 and 04 of a chair are 90 degrees apart, counter-clockwise.
    assert torch.equal(grids[3], torch.rot90(grids[0], 1, (0, 1)))
    assert torch.equal(grids[15], torch.rot90(grids[12], 1, (0, 1)))
    test = ShapeDataset("shapenets_chairs", "test", protocol="aligned")
    assert len(test) == 100
    assert test.facts == {"empty": [], "duplicates": []}
