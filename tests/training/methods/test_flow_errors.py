"""How far flows are from the truth: networks whose errors are known."""

import functools

import pytest
import torch

from geolearn.data import Store
from geolearn.data.attribute_names import MOST, attribute_names
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.packed.deformations import PackedDeformations
from geolearn.data.packed.velocities import velocity_lattice
from geolearn.data.prepared.sources import procedural_entries
from geolearn.models import DeformationFlowNet
from geolearn.ops import deform_by_lattice
from geolearn.structures import VoxelGrid
from geolearn.training.methods.flow_errors import FlowErrors, all_amounts, flow_errors

SETTINGS = DeformableShapes(resolution=16, padding=2, points=20, scans=1)
FAMILIES, COUNT = ("chair", "lamp", "mug"), 6
CELLS = VoxelGrid(torch.zeros(16, 16, 16), torch.zeros(3), 1.0)


@functools.cache
def shapes() -> PackedDeformations:
    entries = procedural_entries("test", COUNT, 0, FAMILIES)
    keys, labels = [key for key, _ in entries], torch.tensor([label for _, label in entries])
    return SETTINGS.pack(Store.of_shapes([shape_of_key(key).mesh for key in keys], labels, classes=FAMILIES, keys=keys))


class Knowing(DeformationFlowNet):
    """Knows the shapes by their grids, and moves them by `share` of the true velocities."""

    def __init__(self, share: float, mixing: str = "linear"):
        names = attribute_names(shapes().classes)
        super().__init__(len(names), 16, widths=(4, 4), mixing=mixing)
        self.share = share

    def velocities(self, grid):
        found = torch.zeros(len(grid), self.num_attributes, 3, 16, 16, 16)
        known = torch.cat([shapes().grids(), shapes().partial_grids(0)])
        for n, one in enumerate(grid):
            place = int((known - one).abs().flatten(1).sum(1).argmin()) % COUNT
            has = shapes().rows[place] >= 0
            found[n, shapes().rows[place, has]] = velocity_lattice(shapes().factors[place, has])
        return self.share * found

    def forward(self, grid, intention):
        return torch.einsum("bk,bkcxyz->bcxyz", intention, self.velocities(grid))


def test_a_network_that_moves_nothing_is_wrong_by_all_of_the_motion():
    errors = flow_errors(Knowing(0.0), shapes())
    assert errors.percent() == pytest.approx(100, abs=1e-3)
    assert torch.equal(errors.moved, errors.points[:, None].expand_as(errors.moved))
    torch.testing.assert_close(errors.errors, errors.motions)
    assert not errors.folded.any()


@pytest.mark.parametrize("mixing", ["linear", "middle"])
@pytest.mark.parametrize("view", [None, 0])
def test_a_network_that_knows_the_truth_is_right_but_for_the_lattice(mixing, view):
    errors = flow_errors(Knowing(1.0, mixing), shapes(), view=view)
    assert errors.percent() < 4
    half = flow_errors(Knowing(0.5, mixing), shapes(), view=view)
    assert half.percent() == pytest.approx(50, abs=3)


def test_errors_against_a_loop():
    errors, split = flow_errors(Knowing(0.5), shapes()), shapes()
    for n in range(COUNT):
        for t in range(errors.intentions.shape[1]):
            motion = sum(
                float(errors.intentions[n, t, k]) * split.velocities[n, k] for k in range(MOST) if split.known[n, k]
            )
            assert float(errors.motions[n, t]) == pytest.approx(float(motion.norm(dim=1).mean()), rel=1e-4)
            off = errors.moved[n, t] - errors.points[n] - motion
            assert float(errors.errors[n, t]) == pytest.approx(float(off.norm(dim=1).mean()), rel=1e-3, abs=1e-5)
        for k in range(MOST):
            motion = float(split.velocities[n, k].norm(dim=1).mean())
            assert float(errors.attribute_motions[n, k]) == pytest.approx(motion, rel=1e-4)
            moved = deform_by_lattice(split.points[n], velocity_lattice(split.factors[n, k]) / 2, CELLS)
            off = (moved - split.points[n] - split.velocities[n, k]).norm(dim=1).mean()
            assert float(errors.attribute_errors[n, k]) == pytest.approx(float(off), rel=1e-3, abs=1e-5)


def test_intentions_are_the_same_for_every_network_and_ask_for_what_a_shape_has():
    one, other = flow_errors(Knowing(0.0), shapes()), flow_errors(Knowing(1.0), shapes())
    assert torch.equal(one.intentions, other.intentions)
    assert not (one.intentions != 0)[~shapes().known[:, None].expand_as(one.intentions)].any()
    assert set((one.intentions != 0).sum(2).flatten().tolist()) <= {1, 2, 3}


def test_percent_by_hand():
    values = torch.zeros(2, 1, 1, 3)
    errors = FlowErrors(
        values[:, 0], values[..., 0], values, torch.tensor([[1.0], [3.0]]), torch.tensor([[10.0], [6.0]]),
        values[:, 0, :, 0], values[:, 0, :, 0], values[:, 0, :, 0],
    )  # fmt: skip
    assert errors.percent() == pytest.approx(25)
    assert errors.percent(torch.tensor([False, True])) == pytest.approx(50)


def test_amounts_of_all_attributes_by_hand():
    rows = torch.tensor([[3, -1, 0], [1, 2, -1]])
    found = all_amounts(torch.tensor([[0.5, 9.0, -0.2], [0.1, 0.3, 9.0]]), rows, 4)
    assert torch.equal(found, torch.tensor([[-0.2, 0, 0, 0.5], [0, 0.1, 0.3, 0]]))
