"""What a method may do that one loss and one optimiser do not show: phases, several optimisers, no gradient at all."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from small_collections import box_collection
from torch import nn

from geolearn.data import Voxelize
from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.training.learner import Learner
from geolearn.training.method import METHODS, Descent, Method, Phase
from geolearn.training.recipes import Recipe
from geolearn.training.runs import Run, train


class Two(PretrainedModel):
    """Two weights; what is done to each of them shows."""

    inputs = "nothing"

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.weight)


@dataclass(frozen=True)
class StepRecipe(Recipe):
    method: ClassVar[str] = "steps"
    names: tuple[str, str] = ("", "")


class Steps(Method[StepRecipe]):
    """Two epochs move the first weight by a loss, one epoch moves the second by a gradient that is no loss's."""

    figures = ()
    recipe_type = StepRecipe

    def representation(self):
        return Voxelize(32)

    def build(self, split):
        self.moments = []
        return Two()

    def phases(self, net, batches):
        first, second = (torch.optim.SGD(layer.parameters(), lr=1.0) for layer in (net.first, net.second))
        one, two = self.recipe.names
        return [Phase(2, {"main": Descent(first, clip=0.5)}, one), Phase(1, {"main": Descent(second)}, two)]

    def step(self, net, batch, optimisers, moment):
        self.moments.append((moment.epoch, moment.epochs, moment.overall))
        if moment.epochs == 2:
            optimisers.descend(-4 * net.first.weight.sum())
        else:
            net.second.weight.grad = torch.ones(1, 1)
            optimisers.apply()
        with pytest.raises(UnknownNameError, match="unknown optimiser 'mian'"):
            optimisers.apply("mian")
        return {}

    def test(self, net, data, split, *, progress=False):
        raise AssertionError("a training neither tests nor predicts")

    def predict(self, net, shape, names):
        raise AssertionError("a training neither tests nor predicts")


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(MODELS._entries, "two", Two)
    monkeypatch.setitem(METHODS._entries, "steps", Steps)


@pytest.mark.parametrize("names", [("one", "two"), ("", "")])
def test_every_phase_has_its_own_optimisers_whatever_its_name(names, registered, tmp_path, monkeypatch):
    made = []
    build = Steps.build
    monkeypatch.setattr(Steps, "build", lambda self, split: made.append((self, net := build(self, split))) or net)
    run = Run("two", "boxes", "test", StepRecipe(epochs=1, batch_size=16, names=names), accelerator="cpu")
    result = train(run, tmp_path, data=box_collection(), progress=False)
    ((method, net),) = made
    # 48 boxes are 3 batches: two epochs of a gradient -4 clipped to 0.5, one epoch of a gradient 1
    assert float(net.first.weight.detach()) == pytest.approx(3.0)
    assert float(net.second.weight.detach()) == -3.0
    assert method.moments[::3] == [(0, 2, 0), (1, 2, 1), (0, 1, 2)]
    assert result["epochs"] == 3


def test_a_training_of_no_phases_is_refused():
    way = Steps(StepRecipe(), "two")
    way.phases = lambda net, batches: []
    with pytest.raises(InvalidInputError, match="phases: expected at least one"):
        Learner(way, Two(), 1)
