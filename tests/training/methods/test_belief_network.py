"""Phases, rates and refusals of the belief network's method; that it learns, stops and goes on is in the contracts."""

from dataclasses import replace

import pytest
import torch
from small_collections import box_grids

from geolearn.data import ShapeCollection, Store, VoxelAugment
from geolearn.errors import InvalidInputError
from geolearn.training.method import Moment, Optimisers
from geolearn.training.methods.belief_network import LAYERS, BeliefNetwork
from geolearn.training.methods.belief_recipes import BeliefRecipe
from geolearn.training.recipes import RECIPES

TINY = BeliefRecipe(
    model={"channels": (3, 4, 5), "hidden": 6, "top": 7},
    augment=VoxelAugment(rotations=1, mirror=True, shift=0),
    layer_epochs=(4, 2, 2, 2, 4),
    learning_rates=(0.1, 0.2, 0.3, 0.4, 0.5),
    wake_sleep_epochs=2,
    batch_size=16,
)


def boxes(classes: tuple[str, ...] = ("slab", "column")) -> ShapeCollection:
    """48 boxes on 30 cells a side."""
    grids, labels = box_grids(48, 0)
    grids = [replace(grid, values=grid.values[1:31, 1:31, 1:31]) for grid in grids]
    store = Store.of_shapes(grids, labels % len(classes), classes=classes, keys=[str(n) for n in range(48)])
    return ShapeCollection({"train": store, "test": store}, "boxes")


@pytest.fixture
def started():
    method = BeliefNetwork(TINY, "shapenets3d")
    split = method.load(boxes(), "train", training=True)
    torch.manual_seed(0)
    net = method.build(split)
    batches = method.batches(method.prepare(net, split, training=True), training=True, seed=0)
    return method, net, batches, method.phases(net, len(batches))


class Apply(Optimisers):
    def __init__(self, phases):
        self.by_name = {name: descent for phase in phases for name, descent in phase.descents.items()}

    def apply(self, name=None):
        self.by_name[name].optimiser.step()

    def descend(self, loss, name=None):
        raise AssertionError("no step of a belief network has a loss")


def test_an_epoch_holds_every_shape_in_every_pose(started):
    _, _, batches, _ = started
    keys = [key for batch in batches for key in batch.keys]
    assert sorted(keys) == sorted(f"{n}/{pose}" for n in range(48) for pose in range(2))


def test_each_phase_moves_its_own_layer_alone(started):
    method, net, batches, phases = started
    machines = dict(zip(LAYERS, [*net.layers, net.top], strict=True))
    assert [phase.name for phase in phases] == [*LAYERS, "wake_sleep"]
    batch = next(iter(batches))
    for phase in phases[:-1]:
        before = {name: machine.weight.detach().clone() for name, machine in machines.items()}
        method.step(net, batch, Apply(phases), Moment(phase.name, 0, phase.epochs, 0))
        moved = [name for name, machine in machines.items() if not torch.equal(machine.weight, before[name])]
        assert moved == [phase.name]


def test_momentum_rises_after_a_quarter_and_the_rate_of_the_top_halves_after_three(started):
    method, net, _, phases = started
    first, top = (phase.descents[phase.name].optimiser.param_groups[0] for phase in (phases[0], phases[4]))
    seen = []
    for epoch in range(4):
        method.start_epoch(net, Moment("layer1", epoch, 4, epoch))
        method.start_epoch(net, Moment("top", epoch, 4, epoch))
        seen.append((first["momentum"], first["lr"], top["momentum"], top["lr"]))
    assert seen == [(0.5, 0.1, 0.5, 0.5)] + [(0.9, 0.1, 0.5, 0.5)] * 2 + [(0.9, 0.1, 0.5, 0.25)]


def test_wake_sleep_starts_from_the_way_up_and_from_where_the_chain_was(started):
    method, net, batches, phases = started
    method.step(net, next(iter(batches)), Apply(phases), Moment("top", 0, 4, 0))
    method.start_epoch(net, Moment("wake_sleep", 0, 2, 14))
    assert all(torch.equal(layer.down_weight, layer.weight) for layer in net.layers)
    assert torch.equal(net.asleep, net.chain.visible)
    assert net.asleep.any()
    method.step(net, next(iter(batches)), Apply(phases), Moment("wake_sleep", 0, 2, 14))
    assert not any(torch.equal(layer.down_weight, layer.weight) for layer in net.layers)
    method.finish(net)
    assert not any("chain" in name or "asleep" in name for name in net.state_dict())


def test_a_class_alone_is_learned_and_its_test_has_no_accuracy():
    method = BeliefNetwork(replace(TINY, wake_sleep_epochs=0), "shapenets3d")
    data = boxes(("box",))
    net = method.build(method.load(data, "train", training=True))
    method.finish(net)
    assert set(method.test(net, data, "test").figures) == {"reconstruction_iou"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer_epochs": (1, 1)}, r"layer_epochs: expected 5 numbers, got \(1, 1\)"),
        ({"sparsity_costs": (0.1,) * 5}, "sparsity_costs: expected 4 numbers"),
        ({"layer_epochs": (1, 1, 1, 0, 1)}, "layer_epochs: expected at least 1"),
    ],
)
def test_recipes_that_fit_no_network_are_refused(change, message):
    with pytest.raises(InvalidInputError, match=message):
        replace(TINY, **change)


def test_the_paper_s_recipe_and_what_the_fast_one_keeps():
    paper, fast = RECIPES["shapenets3d/paper"], RECIPES["shapenets3d/fast"]
    assert paper.layer_epochs == (15, 30, 50, 80, 150)
    assert paper.augment.rotations == 12
    assert paper.wake_sleep_epochs == 200
    assert fast.model == paper.model == {}
    assert sum(fast.layer_epochs) < sum(paper.layer_epochs) / 5
