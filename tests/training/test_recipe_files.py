"""Recipes in files."""

import pytest

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.training.recipe_files import choose_recipe
from geolearn.training.recipes import RECIPES, change_fields
from geolearn.training.runs import make_run

TEXT = """
base = "turned"
learning_rate = 3e-4
vote_mirror = false
milestones = [10, 20]
schedule = "steps"
[augment]
shift = 3
[model]
dropout = 0.2
"""


def test_a_file_changes_the_fields_of_a_recipe(tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT)
    recipe, name = choose_recipe("voxresnet", str(tmp_path / "mine.toml"))
    assert name == "mine"
    assert recipe == change_fields(
        RECIPES["voxresnet/turned"],
        {
            "learning_rate": "3e-4", "vote_mirror": "no", "milestones": "10,20", "schedule": "steps",
            "augment.shift": "3", "model.dropout": "0.2",
        },
    )  # fmt: skip
    run = make_run("voxresnet", "procedural", str(tmp_path / "mine.toml"), epochs=2)
    assert run.recipe_name == "mine (2 epochs)"


def test_without_a_base_it_is_the_best(tmp_path):
    (tmp_path / "mine.toml").write_text("epochs = 3\n")
    assert choose_recipe("voxnet", str(tmp_path / "mine.toml"))[0].epochs == 3
    assert choose_recipe("voxnet", "paper") == (RECIPES["voxnet/paper"], "paper")


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("learning_rat = 1", UnknownNameError, "Did you mean 'learning_rate'"),
        ("base = 'bets'", UnknownNameError, "Did you mean 'best'"),
        ("epochs = 'many'", InvalidInputError, "epochs: expected int, got 'many'"),
        ("epochs 3", InvalidInputError, r"mine\.toml is no TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_said(text, error, message, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(error, match=message):
        choose_recipe("voxnet", str(tmp_path / "mine.toml"))


def test_a_file_that_is_not_there():
    with pytest.raises(InvalidInputError, match=r"recipe: nowhere\.toml cannot be read \(No such file"):
        choose_recipe("voxnet", "nowhere.toml")
