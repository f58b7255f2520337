"""Deformations of procedural shapes: exact velocities, their lattice, poses and scans; splits share nothing."""

import functools
import math
from dataclasses import fields

import pytest
import torch

from geolearn.data import procedural
from geolearn.data.deformations import ATTRIBUTES, PackedDeformations, ProceduralDeformations
from geolearn.data.motions import deform_exactly, draw_intentions, velocities_at, velocity_lattice
from geolearn.data.packed import unpack
from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops import deform_by_lattice, voxelize
from geolearn.structures import VoxelGrid

FAMILIES = sorted(ATTRIBUTES)
SMALL = {"count": 3, "points": 40, "scans": 1, "poses": 2}


@functools.cache
def packed(family: str) -> PackedDeformations:
    return ProceduralDeformations(family, **SMALL).pack()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_names_are_those_of_the_family(family):
    found = {name for seed in range(40) for name in procedural.make_shape(family, seed=seed).attributes}
    assert found == set(ATTRIBUTES[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_velocities_are_the_motion_of_the_shape(family):
    source, data = ProceduralDeformations(family, **SMALL), packed(family)
    for place in range(3):
        key, shape = source(place)
        assert data.keys[place] == key
        *origin, size = data.frames[place].tolist()
        world = data.points[place] * size + torch.tensor(origin)
        for k, name in enumerate(source.attributes):
            assert bool(data.known[place, k]) == (name in shape.attributes)
            if not data.known[place, k]:
                assert not data.velocities[place, k].any()
                assert not data.factors[place, k].any()
                continue
            amount = 0.25 * procedural.limits(shape, name)[1]
            motion = procedural.flow(shape, name, amount, world) / size
            torch.testing.assert_close(amount * data.velocities[place, k], motion, atol=1e-3, rtol=1e-4)
            assert tuple(data.limits[place, k].tolist()) == pytest.approx(procedural.limits(shape, name))


@pytest.mark.parametrize("family", FAMILIES)
def test_factors_are_the_velocity_at_voxels(family):
    data = packed(family)
    place, voxels = 1, torch.tensor([0, 5, 1024 * 16 + 32 * 15 + 20, 32**3 - 1])
    _, shape = ProceduralDeformations(family, **SMALL)(place)
    *origin, size = data.frames[place].tolist()
    index = torch.stack([voxels // 1024, voxels // 32 % 32, voxels % 32], 1)
    world = torch.tensor(origin) + (index + 0.5) * size
    found = velocities_at(data.factors[place, None], voxels[None])[0]
    lattice = velocity_lattice(data.factors[place])
    for k, name in enumerate(data.attributes):
        torch.testing.assert_close(found[k], lattice[k].reshape(3, -1)[:, voxels].T)
        if name in shape.attributes:
            amount = 0.25 * procedural.limits(shape, name)[1]
            expected = procedural.flow(shape, name, amount, world) / (amount * size)
            torch.testing.assert_close(found[k], expected, atol=2e-3, rtol=1e-3)


def test_the_lattice_moves_points_nearly_as_the_shape_moves():
    data = packed("chair")
    for place in range(3):
        grid = VoxelGrid(torch.zeros(32, 32, 32), torch.zeros(3), 1.0)
        lattice = velocity_lattice(data.factors[place])
        k = data.attributes.index("seat height")
        moved = deform_by_lattice(data.points[place], lattice[k], grid)
        error = (moved - data.points[place] - data.velocities[place, k]).norm(dim=1).mean()
        assert error < 0.02 * data.velocities[place, k].norm(dim=1).mean()


def test_several_attributes_add_up_and_volumes_show_it():
    source, data = ProceduralDeformations("chair", **SMALL), packed("chair")
    for place in range(3):
        _, shape = source(place)
        *origin, size = data.frames[place].tolist()
        for pose, volume in zip(data.poses[place], data.volumes[place], strict=True):
            assert 1 <= int((pose != 0).sum()) <= 3
            assert float(pose.abs().max()) <= 0.5
            moved = shape.mesh.verts.clone()
            for name, amount in zip(data.attributes, pose.tolist(), strict=True):
                if amount:
                    moved += procedural.flow(shape, name, amount, shape.mesh.verts)
            mesh = deform_exactly(shape, data.attributes, pose)
            torch.testing.assert_close(mesh.verts, moved)
            bounds = torch.tensor(origin) + torch.tensor([[0.0], [32 * size]])
            again = voxelize(mesh, 32, bounds=bounds).values
            different = (unpack(volume[None])[0, 0].bool() != again).sum()
            assert int(different) <= 0.02 * int(again.sum())  # cells that a rounding of the frame decides


def test_whole_and_partial_grids():
    data = packed("mug")
    whole, seen = data.grids(), data.partial_grids(0)
    assert whole.shape == seen.shape == (3, 1, 32, 32, 32)
    assert set(seen.unique().tolist()) == {0.0, 0.5, 1.0}
    for place in range(3):
        hit = seen[place] == 1
        assert float(whole[place][hit].mean()) > 0.95  # a scan's surface lies on the shape
        assert 0.02 < float(hit.sum() / whole[place].sum()) < 0.6  # and shows a part of it
        behind = whole[place][seen[place] == 0.5]
        assert behind.sum() > 0  # some of the shape is hidden


def test_splits_and_seeds_share_no_shape():
    keys = [
        ProceduralDeformations("lamp", split, count=2, seed=seed)(0)[0]
        for split in ("train", "test")
        for seed in (0, 1)
    ]
    assert len(set(keys)) == 4
    shapes = [ProceduralDeformations("lamp", split, count=2)(1)[1] for split in ("train", "val", "test")]
    assert len({float(shape.mesh.verts.sum()) for shape in shapes}) == 3
    assert all(shape.family == "lamp" and shape.azimuth_rad == 0 for shape in shapes)


def test_the_cache_gives_the_same_and_names_what_it_holds(tmp_path):
    source = ProceduralDeformations("table", **SMALL)
    fresh, stored = source.pack(tmp_path), source.pack(tmp_path)
    for field in fields(PackedDeformations):
        one, other = getattr(fresh, field.name), getattr(stored, field.name)
        assert one == other if isinstance(one, tuple) else torch.equal(one, other)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    ProceduralDeformations("table", **{**SMALL, "points": 41}).pack(tmp_path)
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_select_and_mean_motion():
    data = packed("chair")
    chosen = data.select([2, 0])
    assert chosen.keys == (data.keys[2], data.keys[0])
    assert torch.equal(chosen.velocities, data.velocities[[2, 0]])
    k = data.attributes.index("arm height")
    motion = [data.velocities[n, k].norm(dim=1).mean() for n in range(3) if data.known[n, k]]
    assert float(data.mean_motion()[k]) == pytest.approx(float(sum(motion)) / max(len(motion), 1))


def test_intentions_stay_within_limits():
    known = torch.tensor([[True, True, False, True]]).repeat(500, 1)
    limits = torch.tensor([[-0.2, 1.0], [-0.5, 0.1], [0.0, 0.0], [-0.5, 0.5]]).repeat(500, 1, 1)
    drawn = draw_intentions(known, limits, 2, torch.Generator().manual_seed(0)).reshape(-1, 4)
    assert not drawn[:, 2].any()
    low, high = drawn.amin(0).tolist(), drawn.amax(0).tolist()
    assert low == pytest.approx([-0.2, -0.5, 0.0, -0.5], abs=0.01)
    assert high == pytest.approx([0.5, 0.1, 0.0, 0.5], abs=0.01)
    active = (drawn != 0).sum(1)
    assert {1, 2, 3} == set(active.tolist())
    assert math.isclose(float((active == 2).float().mean()), 1 / 3, abs_tol=0.06)


def test_refusals():
    with pytest.raises(UnknownNameError, match=r"unknown family of deformations 'chairs'\. Did you mean 'chair'"):
        ProceduralDeformations("chairs")
    with pytest.raises(UnknownNameError, match="unknown split 'tests'"):
        ProceduralDeformations("chair", "tests")
    with pytest.raises(InvalidInputError, match="expected count, points >= 1"):
        ProceduralDeformations("chair", count=0)
    with pytest.raises(InvalidInputError, match="more than twice the padding and at most 32"):
        ProceduralDeformations("chair", resolution=64)
    with pytest.raises(InvalidInputError, match=r"place: expected 0\.\.2, got 3"):
        ProceduralDeformations("chair", **SMALL)(3)
