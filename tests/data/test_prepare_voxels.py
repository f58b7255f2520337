"""From fake archives of voxels to prepared data: ModelNet10 in one npz, 3D ShapeNets chairs in a tar of mat files."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from fake_raw_data import manifest_text, tree_digest, write_tar

from geolearn.data import ShapeDataset, prepare_dataset
from geolearn.errors import DatasetError

VOXEL_SPLITS = {"train": "train/0 a\ntrain/1 b\ntrain/2 b\n", "test": "test/0 a\ntest/1 a\ntest/2 b\n"}


def voxel_arrays() -> dict[str, np.ndarray]:
    """Three and three 5^3 grids: test/0 is empty as train/1 (another label), test/2 equals train/2 (the same)."""
    grids = np.random.default_rng(0).integers(0, 2, (6, 5, 5, 5)).astype(np.int32)
    grids[1] = grids[3] = 0
    grids[5] = grids[2]
    return {
        "X_train": grids[:3],
        "X_test": grids[3:],
        "y_train": np.array([0, 1, 1]),
        "y_test": np.array([0, 0, 1]),
    }


@pytest.fixture
def voxel_dataset(small_dataset) -> None:
    archives = '[{ filename = "modelnet10_vox30.npz" }]'
    counts = {"train": [1, 2], "test": [2, 1]}
    text = manifest_text("modelnet10_voxels", "voxels", ["a", "b"], counts, archives=archives, resolution="5")
    small_dataset("modelnet10_voxels", text, VOXEL_SPLITS)


def test_voxels_from_an_npz(voxel_dataset, tmp_path):
    arrays = voxel_arrays()
    np.savez_compressed(tmp_path / "modelnet10_vox30.npz", **arrays)
    prepare_dataset("modelnet10_voxels", tmp_path / "modelnet10_vox30.npz")
    test = ShapeDataset("modelnet10_voxels", "test")
    for number, sample in enumerate(test[i] for i in range(3)):
        assert torch.equal(sample.data.values, torch.from_numpy(arrays["X_test"][number].astype(bool)))
    assert test.facts == {
        "empty": ["train/1", "test/0"],
        "duplicates": [
            {"key": "test/0", "equals": ["train/1"], "same_label": False},
            {"key": "test/2", "equals": ["train/2"], "same_label": True},
        ],
    }


@pytest.mark.parametrize(
    "change, message",
    [
        ({"X_test": None}, "expected the arrays X_test and y_test"),
        ({"X_train": np.zeros((2, 5, 5, 5))}, r"X_train: expected 0/1 of shape \(3, 5, 5, 5\)"),
        ({"X_train": np.full((3, 5, 5, 5), 2)}, "X_train: expected 0/1"),
        ({"y_test": np.array([1, 0, 1])}, r"y_test differs from .*test\.txt"),
    ],
)
def test_a_wrong_npz_is_named(change, message, voxel_dataset, tmp_path):
    arrays = {name: array for name, array in (voxel_arrays() | change).items() if array is not None}
    np.savez(tmp_path / "modelnet10_vox30.npz", **arrays)
    with pytest.raises(DatasetError, match=message):
        prepare_dataset("modelnet10_voxels", tmp_path / "modelnet10_vox30.npz")


def test_a_damaged_npz_is_named(voxel_dataset, tmp_path):
    np.savez(tmp_path / "modelnet10_vox30.npz", **voxel_arrays())
    whole = (tmp_path / "modelnet10_vox30.npz").read_bytes()
    (tmp_path / "modelnet10_vox30.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"modelnet10_vox30\.npz: damaged, incomplete or missing"):
        prepare_dataset("modelnet10_voxels", tmp_path / "modelnet10_vox30.npz")


def chair_archive(path: Path, grids: np.ndarray, bad: str = "") -> Path:
    files: dict[str, bytes | str] = {}
    for shape, turns in enumerate(grids):
        for turn, grid in enumerate(turns, start=1):
            target = path.with_name("one.mat")
            scipy.io.savemat(target, {"instance": grid.astype(np.int8)})
            name = f"chair_{shape}_{turn}.mat"
            files[f"volumetric_data/chair/30/train/{name}"] = b"not a mat file" if name == bad else target.read_bytes()
    return write_tar(path, files)


@pytest.fixture
def chairs(small_dataset) -> np.ndarray:
    archives = '[{ filename = "c.tar.xz", folder = "volumetric_data/chair/30/train" }]'
    text = manifest_text(
        "shapenets_chairs",
        "voxels",
        ["chair"],
        {"train": [36], "test": [12]},
        archives=archives,
        resolution="6",
        variants="12",
    )
    text += '[protocols.aligned]\ndescription = "x"\nkey_suffix = "/01"\nsplits = { train = { count = 3 } }\n'
    small_dataset(
        "shapenets_chairs", text, {"train": "chair_3 chair\nchair_0 chair\nchair_2 chair\n", "test": "chair_1 chair\n"}
    )
    return np.random.default_rng(1).integers(0, 2, (4, 12, 6, 6, 6))


def test_the_chairs_of_3d_shapenets(chairs, tmp_path):
    archive = chair_archive(tmp_path / "c.tar.xz", chairs)
    one = prepare_dataset("shapenets_chairs", archive)
    data = ShapeDataset("shapenets_chairs", "trainval")
    assert data.keys[:13] == [f"chair_3/{turn:02d}" for turn in range(1, 13)] + ["chair_0/01"]
    expected = torch.from_numpy(chairs[[3, 0, 2]].reshape(36, 1, 6, 6, 6)).float()
    assert torch.equal(data.packed().occupancy(), expected)
    aligned = ShapeDataset("shapenets_chairs", "trainval", protocol="aligned")
    assert aligned.keys == ["chair_3/01", "chair_0/01", "chair_2/01"]
    # A third of the shapes: all rotations of one chair, none of the others.
    val = ShapeDataset("shapenets_chairs", "val", validation=0.3)
    assert len({key.split("/")[0] for key in val.keys}) == 1
    assert len(val) == 12
    two = prepare_dataset("shapenets_chairs", archive, tmp_path / "two", jobs=2, backend="threading")
    assert tree_digest(one) == tree_digest(two)


def test_a_bad_chair_is_named(chairs, tmp_path):
    with pytest.raises(DatasetError, match=r"chair_2_7\.mat"):
        prepare_dataset("shapenets_chairs", chair_archive(tmp_path / "c.tar.xz", chairs, bad="chair_2_7.mat"))
    with pytest.raises(DatasetError, match=r"chair_0_1\.mat: expected 6 cells a side, got 5"):
        prepare_dataset("shapenets_chairs", chair_archive(tmp_path / "c.tar.xz", chairs[:, :, :5, :5, :5]))
