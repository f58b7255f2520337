"""Names that somebody typed, checked before anything heavy is imported: a typo answers at once.

What is found here to be unknown would be refused later as well, seconds of imports later. What modules of one's own
register is only known once they are imported, so with `--use`, and where other packages bring methods along
(`geolearn.plugins`), models and recipes are left to that later check.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from geolearn import known_names, plugins
from geolearn.errors import InvalidInputError, unknown_name


def check_recipe(model: str, recipe: str | None = None, *, use: Sequence[str] = ()) -> None:
    """Refuse a model that does not exist, or a recipe that it does not have.

    Raises:
        UnknownNameError: suggests the nearest.
        InvalidInputError: a recipe's file that is not there.
    """
    if recipe is not None and recipe.endswith(".toml"):
        if not Path(recipe).is_file():
            raise InvalidInputError(f"--recipe: there is no file {recipe}")
        recipe = None
    if use or plugins.are_there_plugins():
        return
    recipes = [name.split("/", 1) for name in known_names.recipe_names()]
    models = {*known_names.model_names(), *(name for name, _ in recipes)}
    if model not in models:
        raise unknown_name("model", model, models)
    own = [name for owner, name in recipes if owner == model]
    if recipe is not None and own and recipe not in own:
        raise unknown_name(f"recipe of {model}", recipe, own)


def check_data(data: str) -> None:
    """Refuse what is neither the name of a dataset nor the path of something.

    Raises:
        UnknownNameError: suggests the nearest.
    """
    if not _more_datasets() and data not in known_names.dataset_names() and not Path(data).exists():
        raise unknown_name("dataset (no such name, nor a folder of that path)", data, known_names.dataset_names())


def _more_datasets() -> bool:
    return bool(os.environ.get("GEOLEARN_DATASETS")) or bool(plugins.plugin_folders())


def check_dataset(name: str) -> None:
    """Refuse what is not the name of a dataset.

    Raises:
        UnknownNameError: suggests the nearest.
    """
    if not _more_datasets() and name not in known_names.dataset_names():
        raise unknown_name("dataset", name, known_names.dataset_names())


def check_benchmark(name: str) -> None:
    """Refuse what is neither the name of a benchmark nor the path of one's own shapes.

    Raises:
        UnknownNameError: suggests the nearest.
    """
    if not _more_datasets() and name not in known_names.benchmark_names() and not Path(name).exists():
        raise unknown_name("benchmark", name, known_names.benchmark_names())


def check_weights(weights: str) -> None:
    """Refuse what is neither a run folder, nor a file, nor the name of weights.

    Raises:
        UnknownNameError: suggests the nearest.
    """
    if weights not in known_names.weights_names() and not Path(weights).exists():
        raise unknown_name("weights (no such file, nor weights of that name)", weights, known_names.weights_names())


def check_subject(subject: str, lists: Iterable[str]) -> None:
    """Refuse what is no list, no dataset, no weights, and no path.

    Raises:
        UnknownNameError: suggests the nearest.
    """
    known = [*lists, *known_names.weights_names(), *known_names.dataset_names()]
    is_path = Path(subject).exists() or bool(Path(subject).suffix)  # a missing file says so itself
    if subject not in known and not is_path and not _more_datasets():
        raise unknown_name("file, run, weights or dataset", subject, known)
