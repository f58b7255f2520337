"""The method of deformation: its loss by hand, what it notes of known shapes, its tables and pictures."""

import functools

import pytest
import torch
from known_flows import FAMILIES, block, shift, shifting_net
from PIL import Image

from geolearn.data import Batch, ShapeCollection, Store
from geolearn.data.attribute_names import ATTRIBUTES, MOST
from geolearn.data.deformations import DeformableShapes, shape_of_key
from geolearn.data.packed.deformations import DeformationBatch
from geolearn.data.prepared.sources import procedural_entries
from geolearn.models import DeformationFlowNet
from geolearn.training.method import Moment
from geolearn.training.methods.deformation import SOFT, Deformation, DeformationRecipe
from geolearn.training.recipes import find_recipe

RECIPE = DeformationRecipe(
    model={"widths": (4, 8), "track_size": 4}, resolution=16, padding=4, points=20, scans=1, batch_size=2
)
METHOD = Deformation(RECIPE, "deformationflownet")
MOMENT = Moment("", 0, 1, 0)


@functools.cache
def shapes() -> ShapeCollection:
    entries = procedural_entries("test", 8, 0, FAMILIES)
    keys, labels = [key for key, _ in entries], torch.tensor([label for _, label in entries])
    store = Store.of_shapes([shape_of_key(key).mesh for key in keys], labels, classes=FAMILIES, keys=keys)
    return ShapeCollection({"train": store, "test": store})


def batch_of(truth: torch.Tensor, rows: torch.Tensor, intentions: torch.Tensor) -> Batch:
    """One shape, one block; every voxel of it has the same true velocity (M, 3)."""
    grids = torch.zeros(1, 1, 16, 16, 16)
    velocities = truth[None, :, None, None].expand(1, -1, 1, 8, 3)
    data = DeformationBatch(grids, rows[None], intentions[None], torch.zeros(1, 1).long(), velocities, grids[..., :0])
    return Batch(data, torch.zeros(1).long(), ["a"])


def test_the_loss_is_the_relative_distance_of_each_attribute_that_a_shape_has():
    net = shifting_net()  # its motion is 2 cells
    off = torch.tensor([[3.0, 0, 4.0], [0.0, 0.0, 0.0], [1e3, 0, 0]])
    truth = torch.stack([shift(2), shift(9), shift(0)]) + off
    batch = batch_of(truth, torch.tensor([2, 9, -1]), torch.zeros(3))
    # 5 cells are 2.5 mean motions; none is the softness; the third is not there
    expected = ((2.5**2 + SOFT**2) ** 0.5 + SOFT) / 2
    assert float(METHOD.loss(net, batch, MOMENT).detach()) == pytest.approx(expected, rel=1e-5)


def test_the_loss_with_the_intention_in_the_middle():
    net = DeformationFlowNet(8, 16, widths=(4, 8), mixing="middle").eval()
    with torch.no_grad():
        net.trunk.unet.end.weight.zero_()  # moves nothing
        net.motion.fill_(2.0)
    truth = torch.tensor([[3.0, 0, 4.0], [1.0, 0, 0], [9.0, 0, 0]])
    batch = batch_of(truth, torch.tensor([1, 4, -1]), torch.tensor([0.4, -0.2, 0.7]))
    # true motion 0.4 (3, 0, 4) - 0.2 (1, 0, 0) = (1, 0, 1.6); in units of (0.4 + 0.2) * 2
    expected = ((1.0 + 1.6**2) ** 0.5) / 1.2
    assert float(METHOD.loss(net, batch, MOMENT).detach()) == pytest.approx(expected, rel=1e-3)


def test_a_new_network_knows_how_far_shapes_move_and_after_training_what_they_are_like():
    split = METHOD.load(shapes(), "train", training=True)
    method = Deformation(RECIPE, "deformationflownet")
    net = method.build(split)
    assert net.num_attributes == len(ATTRIBUTES["chair"]) + len(ATTRIBUTES["table"])
    assert (net.resolution, net.padding, len(net.kind_means)) == (16, 4, 2)
    torch.testing.assert_close(net.motion, split.mean_motion(net.num_attributes))
    net.train()
    method.finish(net)
    assert net.training
    net.eval()
    chairs = split.select([n for n, label in enumerate(split.targets.tolist()) if label == 0])
    codes = net.code(chairs.grids())
    # the first, third, ... are what the mean is of, the others say how far is usual
    torch.testing.assert_close(net.kind_means[0], codes[::2].mean(0), atol=1e-5, rtol=1e-4)


def test_tables_and_pictures(tmp_path):
    net = shifting_net()
    outcome = METHOD.test(net, shapes(), "test")
    assert outcome.samples == 8
    assert {"endpoint_error", "endpoint_error_partial", "folded"} == set(outcome.figures)
    assert outcome.figures["folded"] == 0  # a shift folds nothing
    whole = outcome.predictions
    rows = outcome.tables["per_family"]
    assert [row["family"] for row in rows] == list(FAMILIES)
    assert [row["shapes"] for row in rows] == [4, 4]
    chairs = whole.errors[::2].sum() / whole.motions[::2].sum()
    assert rows[0]["error %"] == pytest.approx(100 * float(chairs), rel=1e-5)
    split = METHOD.load(shapes(), "test")
    by_name = {(row["family"], row["attribute"]): row for row in outcome.tables["per_attribute"]}
    for name in ("seat height", "seat width"):
        place = ATTRIBUTES["chair"].index(name)
        own = split.known[::2, place]
        off = split.velocities[::2, place][own] - shift(place)
        expected = off.norm(dim=2).mean(1).sum() / split.velocities[::2, place][own].norm(dim=2).mean(1).sum()
        assert by_name["chair", name]["error %"] == pytest.approx(100 * float(expected), rel=1e-3)
        assert by_name["chair", name]["shapes"] == int(own.sum())
    ((path, caption),) = METHOD.sheets(net, shapes(), "test", outcome, tmp_path)
    assert "one attribute of each" in caption
    with Image.open(path) as picture:
        assert picture.width > picture.height > 100  # five amounts, two families


def test_a_prediction_of_one_mesh():
    net, mesh = shifting_net(), block()
    with torch.no_grad():
        net.kind_means[1] += 1e7  # nothing is like a table
    found = METHOD.predict(net, mesh, FAMILIES)
    assert found.family == "chair"
    motions = found.motions()
    assert list(motions) == list(ATTRIBUTES["chair"])
    # of a box of 8 cells, centre to centre of the outermost: 7
    assert motions["seat width"] == pytest.approx(float(shift(1).norm()) / 7, rel=1e-4)
    assert found.summary().startswith(
        "nearest to the chairs; an amount of 1 moves it by, of its longest side: arm width"
    )
    assert found.record()["family"] == "chair"
    middle = DeformationFlowNet(14, 16, widths=(4, 8), mixing="middle", kinds=2).eval()
    single = METHOD.predict(middle, mesh, FAMILIES).velocities[3]
    intention = torch.eye(14)[3, None]
    expected = middle(DeformableShapes(16, 4)(mesh).values[None, None].float(), intention)[0]
    torch.testing.assert_close(single, expected)


def test_recipes():
    best, bare = (find_recipe("deformationflownet", name) for name in ("best", "no_skip"))
    assert (best.epochs, best.augment) == (bare.epochs, bare.augment)
    assert bare.model == {"skip": False}
    assert find_recipe("deformationflownet", "middle").model == {"mixing": "middle"}
    assert METHOD.representation().points == 20
    assert MOST == 8
