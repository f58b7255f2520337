"""Recipes from text and back."""

import json
from dataclasses import asdict

import pytest

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.training.method import METHODS
from geolearn.training.recipes import RECIPES, change_fields, read_record


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_comes_back_from_json(name):
    recipe = RECIPES[name]
    assert read_record(type(recipe), json.loads(json.dumps(asdict(recipe)))) == recipe
    assert METHODS[recipe.method].recipe_type is type(recipe)


def test_fields_by_text():
    recipe = RECIPES["voxnet/best"]
    changed = change_fields(
        recipe,
        {
            "learning_rate": "1e-3", "epochs": "7", "vote_mirror": "no", "schedule": "steps", "milestones": "10,20",
            "augment.scale": "0.3", "model.dropout": "0.2",
        },
    )  # fmt: skip
    assert (changed.learning_rate, changed.epochs, changed.vote_mirror) == (1e-3, 7, False)
    assert (changed.schedule, changed.milestones, changed.augment.scale) == ("steps", (10, 20), 0.3)
    assert changed.model == {"dropout": 0.2}
    assert change_fields(RECIPES["mvcnn/best"], {"freeze": "none"}).freeze is None


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"learning_rat": "1"}, UnknownNameError, "Did you mean 'learning_rate'"),
        ({"augment.shft": "1"}, UnknownNameError, "Did you mean 'shift'"),
        ({"epochs": "many"}, InvalidInputError, "epochs: expected int, got 'many'"),
        ({"schedule": "stairs"}, InvalidInputError, "schedule: expected"),
        ({"epochs.x": "1"}, InvalidInputError, "epochs is 60, which has no fields"),
        ({"epochs": "0"}, InvalidInputError, "epochs: expected at least 1, got 0"),
    ],
)
def test_what_cannot_be_set(changes, error, message):
    with pytest.raises(error, match=message):
        change_fields(RECIPES["voxnet/best"], changes)
