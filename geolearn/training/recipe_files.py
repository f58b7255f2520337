"""Recipes of one's own as TOML files: `geolearn train voxnet --recipe mine.toml`.

base = "best"               # a recipe of the model; "best" if it is left out
learning_rate = 3e-4        # any of its fields
milestones = [1000, 2000]

[augment]
shift = 3
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from geolearn.errors import InvalidInputError, printable
from geolearn.training.recipes import Recipe, change_fields, find_recipe


def choose_recipe(model: str, recipe: str) -> tuple[Recipe, str]:
    """A recipe of a model and its name: of the registry, or of a file that ends in .toml, whose name it then bears.

    Raises:
        UnknownNameError: no such recipe, or a field that it does not have; suggests the nearest.
        InvalidInputError: a file that is not there, no TOML, or a value of another type.
    """
    if not recipe.endswith(".toml"):
        return find_recipe(model, recipe), recipe
    path = Path(recipe)
    shown = printable(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"recipe: {shown} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"recipe: {shown} is no TOML: {printable(error)}") from error
    base = find_recipe(model, str(table.pop("base", "best")))
    return change_fields(base, dict(_flat(table))), path.stem


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Fields and values as `--set` takes them: `augment.shift` and "3"."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield f"{before}{name}", ",".join(map(str, value))
        else:
            yield f"{before}{name}", str(value)
