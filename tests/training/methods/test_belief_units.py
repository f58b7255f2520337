"""What the layers of a belief network learn from: poses, balanced classes, and units that are computed once."""

from dataclasses import replace

import pytest
import torch
from small_collections import boxes

from geolearn.data import Batch, VoxelAugment, unpack
from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D
from geolearn.training.methods import belief_units
from geolearn.training.methods.belief_units import UnitsBelow, balance_classes, turn_to_poses

SPLIT = boxes(4, 0).resized(26)
QUARTERS = VoxelAugment(rotations=4, mirror=True, shift=0)


def test_every_pose_of_every_shape():
    turned = turn_to_poses(SPLIT, QUARTERS)
    assert turned.keys[:5] == ("0/0/0", "0/1/0", "0/2/0", "0/3/0", "0/0/1")
    assert turned.targets.tolist() == SPLIT.targets.tolist() * 8
    grids, before = unpack(turned.columns).view(8, 4, 26, 26, 26), unpack(SPLIT.columns)[:, 0]
    for quarters in range(4):
        expected = torch.rot90(before, quarters, (1, 2))
        assert torch.equal(grids[quarters], expected)
        assert torch.equal(grids[4 + quarters], expected.flip(1))


def test_left_and_right_of_what_looks_along_x_are_swapped_by_y():
    augment = VoxelAugment(rotations=1, mirror=True, mirror_axis="y", shift=0)
    grids = unpack(turn_to_poses(SPLIT, augment).columns).view(2, 4, 26, 26, 26)
    assert torch.equal(grids[1], grids[0].flip(2))


@pytest.mark.parametrize("change", [{"rotations": 0}, {"shift": 1}, {"scale": 0.1}, {"jitter_rad": 0.1}])
def test_what_has_no_list_of_poses_is_refused(change):
    with pytest.raises(InvalidInputError, match="augment: expected turns and mirrors alone"):
        turn_to_poses(SPLIT, replace(QUARTERS, **change))


def test_small_classes_come_again():
    index = balance_classes(torch.tensor([2, 0, 2, 2, 2, 2, 0]))
    assert sorted(index.tolist()) == [0, 1, 1, 1, 2, 3, 4, 5, 6, 6]


def net() -> ShapeNets3D:
    torch.manual_seed(0)
    return ShapeNets3D(2, resolution=26, channels=(3, 5, 7), hidden=9, top=11)


@pytest.mark.parametrize("kept_bytes", [1 << 30, 0])
def test_kept_or_not_they_are_those_of_the_way_up(kept_bytes, monkeypatch):
    monkeypatch.setattr(belief_units, "KEPT_BYTES", kept_bytes)
    belief, below, index = net(), UnitsBelow(SPLIT), torch.tensor([2, 0, 2])
    batch = Batch(SPLIT.take(index), SPLIT.targets[index], tuple(SPLIT.keys[n] for n in index.tolist()))
    with torch.no_grad():
        for layer, shape in enumerate([(1, 26, 26, 26), (3, 11, 11, 11), (5, 4, 4, 4), (7,), (9,)]):
            units = below.take(belief, batch, layer)
            assert units.shape == (3, *shape)
            torch.testing.assert_close(units.flatten(1), belief.up(batch.data, layer).flatten(1))


def test_they_are_computed_once_while_a_layer_learns_and_anew_for_the_next():
    belief, below = net(), UnitsBelow(SPLIT)
    batch = Batch(SPLIT.take(torch.tensor([1])), SPLIT.targets[:1], SPLIT.keys[1:2])
    with torch.no_grad():
        first = below.take(belief, batch, 3)
        belief.layers[0].hidden_bias += 1  # does not happen while layer 3 learns: it shows that nothing is computed
        assert torch.equal(below.take(belief, batch, 3), first)
        above = below.take(belief, batch, 4)
        torch.testing.assert_close(above, belief.up(batch.data, 4))
