"""The cache gives back what was stored, and notices when it cannot."""

import warnings

import numpy as np
import pytest
import torch

from geolearn.data.cache import cached, entry_path
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid


def forbidden():
    raise AssertionError("computed although it is stored")


@pytest.mark.parametrize("size", [1, 3, 8])
def test_grids_come_back(size, tmp_path):
    values = torch.rand(size, size, size, generator=torch.Generator().manual_seed(0))
    for grid in (
        VoxelGrid(values > 0.5, torch.tensor([1.0, 2.0, 3.0]), 0.25),
        VoxelGrid(values, torch.tensor([0.1, 0.2, 0.3]), 0.3),
    ):
        path = entry_path(tmp_path, size, str(grid.values.dtype))
        for again in (cached(path, lambda grid=grid: grid), cached(path, forbidden)):
            assert torch.equal(again.values, grid.values)
            assert again.values.dtype == grid.values.dtype
            assert torch.equal(again.origin, grid.origin)
            assert again.voxel_size == grid.voxel_size


def test_tensors_and_arrays_come_back(tmp_path):
    tensor = torch.arange(6).reshape(2, 3).mT  # not contiguous
    cached(tmp_path / "t.npz", lambda: tensor)
    assert torch.equal(cached(tmp_path / "t.npz", forbidden), tensor)
    cached(tmp_path / "d.npz", lambda: {"columns": np.arange(3)})
    assert cached(tmp_path / "d.npz", forbidden)["columns"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("where", [0, 60, 150, 700, -5])
def test_a_flipped_byte_is_reported_and_repaired(where, tmp_path):
    path = tmp_path / "x.npz"
    tensor = torch.arange(100)
    cached(path, lambda: tensor)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[where] ^= 0x55
    path.write_bytes(bytes(damaged))
    calls = []

    def compute():
        calls.append(1)
        return tensor

    with pytest.warns(UserWarning, match=r"damaged cache entry, computing it again: .*x\.npz"):
        assert torch.equal(cached(path, compute), tensor)
    assert calls == [1]
    assert path.read_bytes() == whole
    assert torch.equal(cached(path, forbidden), tensor)


def test_no_flipped_byte_gives_another_value(tmp_path):
    path = tmp_path / "x.npz"
    tensor = torch.arange(5)
    cached(path, lambda: tensor)
    whole = path.read_bytes()
    noticed = 0
    for where in range(len(whole)):
        path.write_bytes(whole[:where] + bytes([whole[where] ^ 0x21]) + whole[where + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = cached(path, lambda: tensor + 100)
        assert torch.equal(value, tensor + 100 if caught else tensor), where
        noticed += bool(caught)
    assert noticed >= 128 + 40  # every byte of the array and its header


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"])
def test_a_truncated_entry_is_reported_and_repaired(content, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged cache entry"):
        assert cached(path, lambda: torch.ones(2)).tolist() == [1, 1]
    assert cached(path, forbidden).tolist() == [1, 1]


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, tensor=np.array([{"a": 1}], dtype=object))
    with pytest.warns(UserWarning, match="damaged cache entry.*allow_pickle"):
        cached(path, lambda: torch.ones(1))


def test_an_interrupted_write_leaves_no_entry(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt("while writing")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stop)
        with pytest.raises(KeyboardInterrupt, match="while writing"):
            cached(tmp_path / "x.npz", lambda: torch.ones(1))
    assert not (tmp_path / "x.npz").exists()


def test_names_follow_the_identity(tmp_path):
    names = {
        entry_path(tmp_path, *identity) for identity in [("a", "b"), ("ab",), ("a", "b", ""), (["a", "b"],), ("b", "a")]
    }
    assert len(names) == 5
    assert entry_path(tmp_path, "a", "b") == entry_path(tmp_path, "a", "b")


def test_refuses_what_it_cannot_hold(tmp_path):
    with pytest.raises(InvalidInputError, match="use cache=False"):
        cached(tmp_path / "x.npz", lambda: Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)))
