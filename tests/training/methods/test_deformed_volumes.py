"""Volumes predicted directly: figures of networks whose volumes are known, and the loss by hand."""

import functools
import math

import pytest
import torch
from known_flows import FAMILIES, block

from geolearn.data import Batch, ShapeCollection, Store
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.packed import unpack
from geolearn.data.prepared.sources import procedural_entries
from geolearn.models import DeformedVolumeNet
from geolearn.training.method import Moment
from geolearn.training.methods.deformed_volumes import DeformedVolumes, VolumeRecipe
from geolearn.training.recipes import find_recipe

RECIPE = VolumeRecipe(model={"widths": (4, 8)}, resolution=16, padding=4, points=5, scans=0, poses=2)
METHOD = DeformedVolumes(RECIPE, "deformedvolumenet")


@functools.cache
def shapes() -> ShapeCollection:
    entries = procedural_entries("test", 6, 0, FAMILIES)
    keys, labels = [key for key, _ in entries], torch.tensor([label for _, label in entries])
    store = Store.of_shapes([shape_of_key(key).mesh for key in keys], labels, classes=FAMILIES, keys=keys)
    return ShapeCollection({"test": store})


class Known(DeformedVolumeNet):
    """Answers with the grid itself, with the true volume where something is asked, or with nothing."""

    def __init__(self, answer: str):
        super().__init__(14, 16, widths=(4, 8))
        self.answer = answer

    def forward(self, grid, intention):
        split = METHOD.load(shapes(), "test")
        found = grid.clone()
        if self.answer == "truth":
            for n in range(len(grid)):
                place = int((split.grids() - grid[n]).abs().flatten(1).sum(1).argmin())
                if intention[n].any():
                    found[n] = unpack(split.volumes[place, :1])[0]
        return 8.0 * found - 4.0 if self.answer != "nothing" else torch.full_like(grid, -4.0)


def test_a_network_that_changes_nothing_is_wrong_in_every_cell_that_changes():
    outcome = METHOD.test(Known("itself"), shapes(), "test")
    assert outcome.figures == {"volume_error": pytest.approx(100), "identity_error": 0}
    assert outcome.samples == 6


def test_a_network_that_knows_the_truth_is_right():
    assert METHOD.test(Known("truth"), shapes(), "test").figures == {"volume_error": 0, "identity_error": 0}


def test_a_network_that_answers_nothing_loses_every_cell():
    outcome = METHOD.test(Known("nothing"), shapes(), "test")
    assert outcome.figures["identity_error"] == pytest.approx(100)
    split = METHOD.load(shapes(), "test")
    truth, before = unpack(split.volumes[:, 0]) > 0.5, split.grids() > 0.5
    expected = 100 * float(truth.sum() / (truth != before).sum())
    assert outcome.figures["volume_error"] == pytest.approx(expected)


def test_the_loss_is_the_mean_cross_entropy_of_cells():
    split = METHOD.load(shapes(), "test")
    batch = Batch(split.take(torch.arange(6)), split.targets, list(split.keys))
    wrong = float((batch.data.volumes != batch.data.grids).float().mean())
    right, off = math.log1p(math.exp(-4)), math.log1p(math.exp(4))
    expected = (1 - wrong) * right + wrong * off
    assert float(METHOD.loss(Known("itself"), batch, Moment("", 0, 1, 0))) == pytest.approx(expected, rel=1e-4)


def test_amounts_reach_the_attribute_of_their_family():
    seen = []

    class Watching(Known):
        def forward(self, grid, intention):
            seen.append(intention)
            return super().forward(grid, intention)

    split = METHOD.load(shapes(), "test")
    batch = Batch(split.take(torch.arange(6)), split.targets, list(split.keys))
    METHOD.loss(Watching("itself"), batch, Moment("", 0, 1, 0))
    for n in range(6):
        own = split.rows[n] >= 0
        assert torch.equal(seen[0][n, split.rows[n][own]], split.poses[n, 0][own])
        assert float(seen[0][n].abs().sum()) == pytest.approx(float(split.poses[n, 0].abs().sum()))


def test_a_prediction_of_one_mesh():
    net = DeformedVolumeNet(14, 16, widths=(4, 8)).eval()
    with torch.no_grad():
        net.trunk.unet.end.weight.zero_()  # the grid comes back
    found = METHOD.predict(net, block(), FAMILIES)
    grid = DeformableShapes(16, 4)(block()).occupancy
    assert torch.equal(found.still > 0, grid)
    assert found.changed.shape == (14, 16, 16, 16)
    record = found.record()["changed_cells"]
    assert record["chair: seat height"] == 0
    assert len(record) == 14
    assert found.summary() == "14 volumes, an amount of 0.4 of one attribute each"


def test_the_recipe_is_as_long_as_that_of_flows():
    volume, flow = find_recipe("deformedvolumenet", "best"), find_recipe("deformationflownet", "best")
    assert (volume.epochs, volume.batch_size, volume.augment) == (flow.epochs, flow.batch_size, flow.augment)
    assert volume.poses > 0
