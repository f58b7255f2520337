"""Deformations of procedural shapes: exact velocities, their lattice, poses and scans, and batches of them."""

import functools
import itertools
from dataclasses import fields, replace

import pytest
import torch

from geolearn.data import Batches, Store, procedural
from geolearn.data.attribute_names import ATTRIBUTES, MOST, attribute_names
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.motions import deform_exactly, normalise, voxelize_in
from geolearn.data.packed import unpack
from geolearn.data.packed.deformations import DeformationAugment, PackedDeformations, spread_intentions
from geolearn.data.packed.velocities import block_voxels, velocities_at, velocity_lattice
from geolearn.data.prepared.sources import ProceduralSource, procedural_entries
from geolearn.errors import InvalidInputError
from geolearn.ops import deform_by_lattice
from geolearn.structures import VoxelGrid

FAMILIES = tuple(sorted(ATTRIBUTES))
SETTINGS = DeformableShapes(points=40, scans=1, poses=2)


def store(families=FAMILIES, count=2, **changes) -> Store:
    """`count` shapes of each family."""
    chosen = [key for key, _ in procedural_entries("test", 13 * count, 0) if key.rsplit("-", 3)[0] in families]
    labels = torch.tensor([families.index(key.rsplit("-", 3)[0]) for key in chosen])
    return replace(Store(ProceduralSource(0, True), tuple(chosen), tuple(chosen), labels, families), **changes)


@functools.cache
def packed() -> PackedDeformations:
    return SETTINGS.pack(store())


def places():
    return range(len(FAMILIES) * 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_names_are_those_of_the_family(family):
    found = {name for seed in range(40) for name in procedural.make_shape(family, seed=seed).attributes}
    assert found == set(ATTRIBUTES[family])


@pytest.mark.parametrize("place", places())
def test_velocities_are_the_motion_of_the_shape(place):
    data, names = packed(), attribute_names(FAMILIES)
    shape = shape_of_key(data.keys[place])
    *origin, size = data.frames[place].tolist()
    world = data.points[place] * size + torch.tensor(origin)
    own = ATTRIBUTES[shape.family]
    found = {names[row] for row in data.rows[place].tolist() if row >= 0}
    assert found == {(shape.family, name) for name in own if name in shape.attributes}
    for k in range(MOST):
        if data.rows[place, k] < 0:
            assert not data.velocities[place, k].any()
            assert not data.factors[place, k].any()
            assert not data.limits[place, k].any()
            continue
        name = own[k]
        assert names[int(data.rows[place, k])] == (shape.family, name)
        assert tuple(data.limits[place, k].tolist()) == pytest.approx(procedural.limits(shape, name))
        amount = 0.25 * procedural.limits(shape, name)[1]
        motion = procedural.flow(shape, name, amount, world) / size
        torch.testing.assert_close(amount * data.velocities[place, k], motion, atol=1e-3, rtol=1e-4)
        # and at voxels
        voxels = torch.tensor([0, 5, 1024 * 16 + 32 * 15 + 20, 32**3 - 1])
        at = torch.stack([voxels // 1024, voxels // 32 % 32, voxels % 32], 1)
        expected = procedural.flow(shape, name, amount, torch.tensor(origin) + (at + 0.5) * size) / (amount * size)
        values = velocities_at(data.factors[place, None], voxels[None])[0, k]
        torch.testing.assert_close(values, expected, atol=2e-3, rtol=1e-3)
        lattice = velocity_lattice(data.factors[place, k])
        torch.testing.assert_close(lattice.reshape(3, -1)[:, voxels].T, values)


def test_a_normalised_shape_moves_as_it_did():
    shape = procedural.make_shape("airplane", seed=3)
    small = normalise(shape)
    low, high = shape.mesh.bounds
    longest = (high - low).max()
    torch.testing.assert_close(small.mesh.verts, shape.mesh.normalised().verts)
    for name in shape.attributes:
        motion = procedural.flow(shape, name, 0.2, shape.mesh.verts) / longest
        torch.testing.assert_close(procedural.flow(small, name, 0.2, small.mesh.verts), motion, atol=1e-5, rtol=1e-4)
        assert procedural.limits(small, name) == pytest.approx(procedural.limits(shape, name))


def test_the_lattice_moves_points_nearly_as_the_shape_moves():
    data, grid = packed(), VoxelGrid(torch.zeros(32, 32, 32), torch.zeros(3), 1.0)
    for place in places():
        k = int(data.velocities[place].norm(dim=2).mean(1).argmax())
        moved = deform_by_lattice(data.points[place], velocity_lattice(data.factors[place, k]), grid)
        error = (moved - data.points[place] - data.velocities[place, k]).norm(dim=1).mean()
        assert error < 0.03 * data.velocities[place, k].norm(dim=1).mean()


@pytest.mark.parametrize("place", [0, 4, 9])
def test_several_attributes_add_up_and_volumes_show_it(place):
    data = packed()
    shape = shape_of_key(data.keys[place])
    *origin, size = data.frames[place].tolist()
    grid = VoxelGrid(torch.zeros(32, 32, 32), torch.tensor(origin), size)
    for pose, volume in zip(data.poses[place], data.volumes[place], strict=True):
        assert 1 <= int((pose != 0).sum()) <= 3
        assert float(pose.abs().max()) <= 0.5
        moved = shape.mesh.verts.clone()
        for name, amount in zip(ATTRIBUTES[shape.family], pose.tolist(), strict=False):
            if amount:
                moved += procedural.flow(shape, name, amount, shape.mesh.verts)
        mesh = deform_exactly(shape, ATTRIBUTES[shape.family], pose)
        torch.testing.assert_close(mesh.verts, moved)
        again = voxelize_in(mesh, grid).values
        different = (unpack(volume[None])[0, 0].bool() != again).sum()
        assert int(different) <= 0.02 * int(again.sum())  # cells that a rounding of the frame decides


def test_whole_and_partial_grids():
    data = packed()
    whole, seen = data.grids(), data.partial_grids(0)
    assert whole.shape == seen.shape == (12, 1, 32, 32, 32)
    assert set(seen.unique().tolist()) == {0.0, 0.5, 1.0}
    for place in places():
        hit = seen[place] == 1
        assert float(whole[place][hit].mean()) > 0.9  # a scan's surface lies on the shape
        assert 0.02 < float(hit.sum() / whole[place].sum()) < 0.8  # and shows a part of it
        assert whole[place][seen[place] == 0.5].sum() > 0  # some of the shape is hidden


def test_blocks_lie_at_the_surface():
    data = packed()
    for place in places():
        grid = data.grids()[place, 0]
        voxels = block_voxels(data.near[place, None].long(), 32)[0].reshape(-1, 8)
        wide = torch.nn.functional.max_pool3d(grid[None, None], 5, 1, 2)[0, 0].reshape(-1)
        narrow = -torch.nn.functional.max_pool3d(-grid[None, None], 5, 1, 2)[0, 0].reshape(-1)
        assert bool((wide[voxels] > 0).all())
        assert bool((narrow[voxels] < 1).all())


def test_voxels_of_a_block_against_a_loop():
    blocks = torch.tensor([[0, 17, 63]])  # of 4^3 blocks in 8^3 voxels
    expected = []
    for block in blocks[0].tolist():
        x, y, z = block // 16, block // 4 % 4, block % 4
        expected += [((2 * x + i) * 8 + 2 * y + j) * 8 + 2 * z + k for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    assert block_voxels(blocks, 8)[0].tolist() == expected


class TestBatches:
    def test_velocities_belong_to_their_blocks(self):
        data = packed()
        for augment in (None, DeformationAugment(mirror=False, partial=1.0, blocks=5, anywhere=2)):
            (batch,) = Batches(data, 12, augment=augment, shuffle=False)
            lattice = velocity_lattice(data.factors).flatten(3)
            for place in places():
                voxels = block_voxels(batch.data.blocks[place, None], 32)[0].reshape(-1, 8)
                expected = lattice[place][:, :, voxels].permute(0, 2, 3, 1)
                torch.testing.assert_close(batch.data.velocities[place], expected)
            assert torch.equal(batch.data.rows, data.rows)
            assert torch.equal(batch.target, data.targets)

    def test_a_mirrored_shape_is_the_shape_of_a_mirrored_world(self):
        data = packed()
        drawn = data.draw(DeformationAugment(partial=0.5), torch.Generator().manual_seed(0))
        index, flip = torch.arange(12), torch.ones(12, dtype=torch.bool)
        plain = data.take(index, drawn._replace(mirror=~flip))
        mirrored = data.take(index, drawn._replace(mirror=flip))
        assert torch.equal(mirrored.grids, plain.grids.flip(2))
        assert torch.equal(mirrored.volumes, plain.volumes.flip(2))
        assert torch.equal(mirrored.intentions, plain.intentions)
        # the velocity at a voxel of the mirrored world is the mirrored velocity at the mirrored voxel
        lattice = velocity_lattice(data.factors).flip(3) * torch.tensor([-1.0, 1, 1]).view(3, 1, 1, 1)
        for place in places():
            voxels = block_voxels(mirrored.blocks[place, None], 32)[0].reshape(-1, 8)
            expected = lattice[place].flatten(2)[:, :, voxels].permute(0, 2, 3, 1)
            torch.testing.assert_close(mirrored.velocities[place], expected)

    def test_partial_shapes_are_drawn_as_often_as_asked(self):
        data = packed()
        many = data.select([0] * 400)
        for share in (0.0, 0.3, 1.0):
            drawn = many.draw(DeformationAugment(partial=share), torch.Generator().manual_seed(1))
            seen = (many.take(torch.arange(400), drawn).grids == 0.5).flatten(1).any(1)
            assert float(seen.float().mean()) == pytest.approx(share, abs=0.07)

    def test_the_volume_is_that_of_the_intention(self):
        data = packed()
        drawn = data.draw(DeformationAugment(mirror=False), torch.Generator().manual_seed(2))
        batch = data.take(torch.arange(12), drawn)
        for place in places():
            pose = int(drawn.pose[place] * 2)
            assert torch.equal(batch.intentions[place], data.poses[place, pose])
            assert torch.equal(batch.volumes[place], unpack(data.volumes[place, pose, None])[0])

    def test_without_poses_or_scans(self):
        data = replace(
            packed(), poses=packed().poses[:, :0], volumes=packed().volumes[:, :0], scans=packed().scans[:, :0]
        )
        drawn = data.draw(DeformationAugment(), torch.Generator().manual_seed(0))
        batch = data.take(torch.arange(12), drawn)
        assert batch.volumes.numel() == 0
        assert set(batch.grids.unique().tolist()) == {0.0, 1.0}
        assert bool(((batch.intentions != 0) <= data.known).all())


def test_intentions_stay_within_limits():
    generator = torch.Generator().manual_seed(0)
    known = torch.tensor([True, True, False, True]).expand(1000, 4)
    limits = torch.tensor([[-0.2, 1.0], [-0.5, 0.1], [0.0, 0.0], [-0.5, 0.5]]).expand(1000, 4, 2)
    scores, amounts = torch.rand(2, 1000, 4, generator=generator)
    drawn = spread_intentions(known, limits, scores, amounts, torch.randint(1, 4, (1000,), generator=generator))
    assert not drawn[:, 2].any()
    assert drawn.amin(0).tolist() == pytest.approx([-0.2, -0.5, 0.0, -0.5], abs=0.01)
    assert drawn.amax(0).tolist() == pytest.approx([0.5, 0.1, 0.0, 0.5], abs=0.01)
    active = (drawn != 0).sum(1)
    assert set(active.tolist()) == {1, 2, 3}
    assert float((active == 2).float().mean()) == pytest.approx(1 / 3, abs=0.06)


def test_mean_motion_is_over_the_shapes_that_have_the_attribute():
    data, names = packed(), attribute_names(FAMILIES)
    found = data.mean_motion(len(names))
    for row, name in enumerate(names):
        having = [(n, k) for n in places() for k in range(MOST) if data.rows[n, k] == row]
        motion = [float(data.velocities[n, k].norm(dim=1).mean()) for n, k in having]
        assert float(found[row]) == pytest.approx(sum(motion) / len(motion) if motion else 1.0, rel=1e-5), name


def test_attributes_follow_the_order_of_the_families():
    data = packed()
    turned = replace(data, classes=data.classes[::-1], targets=len(FAMILIES) - 1 - data.targets)
    for split in (data, turned):
        names = attribute_names(split.classes)
        for place in places():
            own = [names[row] for row in split.rows[place].tolist() if row >= 0]
            family = split.keys[place].rsplit("-", 3)[0]
            has = [name for k, name in enumerate(ATTRIBUTES[family]) if data.known[place, k]]
            assert own == [(family, name) for name in has]


def test_select():
    data = packed()
    chosen = data.select([7, 0])
    assert chosen.keys == (data.keys[7], data.keys[0])
    assert torch.equal(chosen.velocities, data.velocities[[7, 0]])
    assert torch.equal(chosen.targets, data.targets[[7, 0]])


def test_the_cache_gives_the_same(tmp_path):
    one = store(("mug",), 3, folder=tmp_path)
    part = replace(one, keys=one.keys[1:], targets=one.targets[1:])
    whole, again, some = (DeformableShapes(points=10, scans=1).pack(each) for each in (one, one, part))
    for field in fields(PackedDeformations):
        first, second = getattr(whole, field.name), getattr(again, field.name)
        assert torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    assert torch.equal(some.velocities, whole.velocities[1:])
    assert len(list(tmp_path.rglob("*.npz"))) == 1


def test_splits_share_no_shape():
    found = [shape_of_key(f"lamp-{split}-0-000006").mesh.verts for split in ("train", "val", "test")]
    assert not any(one.shape == other.shape and torch.equal(one, other) for one, other in itertools.pairwise(found))


def test_refusals():
    with pytest.raises(InvalidInputError, match="expected that of a procedural shape, such as chair-train-0-000005"):
        shape_of_key("0001")
    with pytest.raises(InvalidInputError, match="names no procedural shape; number 5 is 'chair-train-0-000005'"):
        shape_of_key("mug-train-0-000005")
    with pytest.raises(InvalidInputError, match="points >= 1"):
        DeformableShapes(points=0)
    with pytest.raises(InvalidInputError, match="more than twice the padding and at most 32"):
        DeformableShapes(resolution=64)
    with pytest.raises(InvalidInputError, match="expected a grid of 32 cells a side"):
        DeformableShapes()(VoxelGrid(torch.zeros(8, 8, 8)))
    with pytest.raises(InvalidInputError, match="a share `partial` and at least one block"):
        DeformationAugment(partial=1.5)
