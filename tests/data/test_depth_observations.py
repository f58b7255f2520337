"""Pairs of observations and shapes: what is in them, in memory and in the cache."""

import pytest
import torch

from geolearn.data import DepthObservations, Store, VoxelAugment
from geolearn.data.packed import Warp, unpack
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid

LOOK = DepthObservations(18, padding=2, views=3, pixels=96)


def grid(seed: int) -> VoxelGrid:
    generator = torch.Generator().manual_seed(seed)
    values = torch.zeros(18, 18, 18, dtype=torch.bool)
    low = torch.randint(2, 6, (3,), generator=generator).tolist()
    values[low[0] : 15, low[1] : 14, low[2] : 12] = True
    return VoxelGrid(values, torch.full((3,), -0.5), 1 / 18)


def test_shape_and_views_of_one_grid():
    shape = grid(0)
    columns = LOOK(shape)
    assert columns.shape == (7, 18, 18)
    cells = unpack(columns)[:, 0].bool()
    assert torch.equal(cells[0], shape.values)
    surface, free = cells[1:4], cells[4:]
    assert not (surface & free).any()
    assert (free & shape.values).sum() <= 3
    assert (surface & shape.values).sum() > 0.9 * surface.sum()
    assert surface.flatten(1).any(1).all()
    assert not torch.equal(surface[0], surface[1])


def test_cameras_depend_on_the_shape_and_the_seed_alone():
    assert torch.equal(LOOK(grid(1)), LOOK(grid(1)))
    other = DepthObservations(18, padding=2, views=3, pixels=96, seed=1)
    assert not torch.equal(LOOK(grid(1)), other(grid(1)))


def test_a_split_has_a_sample_for_every_view():
    store = Store.of_shapes([grid(0), grid(1)], torch.tensor([1, 0]), classes=("a", "b"), keys=["x", "y"])
    packed = LOOK.pack(store)
    assert len(packed) == 6
    assert packed.keys == ("x#0", "x#1", "x#2", "y#0", "y#1", "y#2")
    assert packed.targets.tolist() == [1, 1, 1, 0, 0, 0]
    observed = packed.take(torch.tensor([4, 0]))
    assert torch.equal(observed.truth[:, 0].bool(), torch.stack([grid(1).values, grid(0).values]))
    columns = unpack(LOOK(grid(1)))[:, 0]
    assert torch.equal(observed.cells[0, 0] == 1, columns[2].bool())
    assert torch.equal(observed.cells[0, 0] == 0, columns[5].bool())
    assert set(observed.cells.unique().tolist()) == {0.0, 0.5, 1.0}
    chosen = packed.select([5, 0])
    assert chosen.keys == ("y#2", "x#0")
    assert torch.equal(chosen.take(torch.tensor([1])).cells, packed.take(torch.tensor([0])).cells)


def test_a_warp_moves_shape_and_observation_alike():
    packed = LOOK.pack(Store.of_shapes([grid(2)]))
    index = torch.tensor([0])
    plain = packed.take(index)
    mirrored = packed.take(
        index, Warp(torch.zeros(1), torch.ones(1, dtype=torch.bool), torch.zeros(1, 3), torch.ones(1, 3))
    )
    assert torch.equal(mirrored.cells, plain.cells.flip(2))
    assert torch.equal(mirrored.truth, plain.truth.flip(2))
    moved = packed.take(
        index, Warp(torch.zeros(1), torch.zeros(1, dtype=torch.bool), torch.tensor([[2.0, 0, 0]]), torch.ones(1, 3))
    )
    assert torch.equal(moved.cells[:, :, 2:], plain.cells[:, :, :-2])
    assert (moved.cells[:, :, :2] == 0.5).all()  # from outside the grid: unknown
    drawn = packed.draw(VoxelAugment(), torch.Generator().manual_seed(0))
    assert len(drawn.select(slice(0, 2)).mirror) == 2


def test_a_mesh_is_voxelized_first():
    corners = torch.tensor([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 0.5)])
    faces = torch.tensor(
        [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2],
         [1, 3, 7], [1, 7, 5]]
    )  # fmt: skip
    cells = unpack(LOOK(Mesh(corners, faces)))[0, 0]
    assert 14 * 14 * 7 <= int(cells.sum()) <= 14 * 14 * 9


def test_what_was_observed_is_kept(tmp_path, monkeypatch):
    from dataclasses import replace

    store = replace(Store.of_shapes([grid(0), grid(1)], keys=["x", "y"]), folder=tmp_path, digest="d")
    first = LOOK.pack(replace(store, keys=("y",), targets=store.targets[:1]))
    assert first.keys == ("y#0", "y#1", "y#2")
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    monkeypatch.setattr(DepthObservations, "__call__", None)
    again = LOOK.pack(store)
    assert torch.equal(again.columns[3:], first.columns)


def test_what_cannot_be_is_refused():
    with pytest.raises(InvalidInputError, match=r"views, pixels, elevation_deg: expected numbers >= 1"):
        DepthObservations(views=0)
    with pytest.raises(InvalidInputError, match=r"a range within -90..90"):
        DepthObservations(elevation_deg=(50.0, 20.0))
    with pytest.raises(InvalidInputError, match=r"a range within -90..90"):
        DepthObservations(elevation_deg=(0.0, 90.5))
    DepthObservations(elevation_deg=(-90.0, 90.0))
    with pytest.raises(InvalidInputError, match=r"resolution: expected at most 32, got 40"):
        DepthObservations(40)
    with pytest.raises(InvalidInputError, match=r"pictures, which are no shapes to observe"):
        LOOK.pack(Store.of_shapes([torch.zeros(2, 1, 4, 4)]))
