"""Batches: what is collated, and that neither order nor content depends on the workers."""

import dataclasses

import pytest
import torch
from torch.utils.data import Dataset

from geolearn.data import Sample, collate, make_loader
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, MeshBatch, VoxelGrid


class Numbers(Dataset[Sample]):
    def __len__(self) -> int:
        return 13

    def __getitem__(self, index: int) -> Sample:
        return Sample(torch.full((2,), float(index)), index % 3, f"k{index}")


def triangle(shift: float) -> Mesh:
    return Mesh(torch.tensor([[shift, 0.0, 0], [shift + 1, 0, 0], [shift, 1, 0]]), torch.tensor([[0, 1, 2]]))


def contents(loader) -> list:
    return [(batch.data.tolist(), batch.target.tolist(), batch.keys) for batch in loader]


def test_batches_are_the_same_for_any_number_of_workers():
    alone = make_loader(Numbers(), 4, shuffle=True, seed=3)
    shared = make_loader(Numbers(), 4, shuffle=True, seed=3, workers=2)
    first = contents(alone)
    assert contents(shared) == first
    second = contents(alone)
    assert contents(shared) == second
    assert first != second  # another order every epoch
    assert contents(make_loader(Numbers(), 4, shuffle=True, seed=4)) != first
    assert sorted(key for _, _, keys in first for key in keys) == sorted(f"k{i}" for i in range(13))


def test_order_without_shuffling_and_the_last_batch():
    batches = contents(make_loader(Numbers(), 5))
    assert [keys for _, _, keys in batches] == [[f"k{i}" for i in range(n, min(n + 5, 13))] for n in (0, 5, 10)]
    assert batches[2] == ([[10.0] * 2, [11.0] * 2, [12.0] * 2], [1, 2, 0], ["k10", "k11", "k12"])
    assert len(contents(make_loader(Numbers(), 5, drop_last=True))) == 2


def test_workers_run_one_thread():
    class Threads(Numbers):
        def __getitem__(self, index: int) -> Sample:
            return Sample(torch.tensor(torch.get_num_threads()), 0, "k")

    (batch,) = make_loader(Threads(), 13, workers=1)
    assert batch.data.tolist() == [1] * 13


def test_collating_every_kind():
    meshes = collate(
        [
            Sample(triangle(0), 0, "a"),
            Sample(Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)), 1, "b"),
            Sample(triangle(5), 2, "c"),
        ]
    )
    assert isinstance(meshes.data, MeshBatch)
    assert meshes.data.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert meshes.data.verts_per_mesh.tolist() == [3, 0, 3]
    assert (meshes.target.tolist(), meshes.keys) == ([0, 1, 2], ["a", "b", "c"])
    grid = VoxelGrid(torch.eye(3).expand(3, 3, 3) > 0)
    grids = collate([Sample(grid, 0, "a"), Sample(VoxelGrid(torch.full((3, 3, 3), 0.25)), 1, "b")])
    assert grids.data.dtype == torch.float32
    assert grids.data.shape == (2, 1, 3, 3, 3)
    assert torch.equal(grids.data[0, 0], grid.values.float())
    assert float(grids.data[1].mean()) == 0.25


def test_refuses_what_does_not_stack():
    with pytest.raises(InvalidInputError, match=r"expected one shape, got \{'a': \(2,\), 'b': \(3,\)\}"):
        collate([Sample(torch.zeros(2), 0, "a"), Sample(torch.zeros(3), 0, "b")])
    with pytest.raises(InvalidInputError, match=r"got \['Mesh', 'Tensor'\]"):
        collate([Sample(torch.zeros(2), 0, "a"), Sample(triangle(0), 0, "b")])
    with pytest.raises(InvalidInputError, match="batch_size >= 1"):
        make_loader(Numbers(), 0)


def test_the_labels_of_faces_reach_the_batch():
    labelled = [dataclasses.replace(triangle(i), face_labels=torch.tensor([5 + i])) for i in range(3)]
    batch = collate([Sample(mesh, 0, f"k{i}") for i, mesh in enumerate(labelled)])
    assert batch.data.face_labels.tolist() == [5, 6, 7]
