"""A training that starts from trained weights: `geolearn train --from NAME_OR_RUN`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from torch import nn

from geolearn.errors import InvalidInputError, printable
from geolearn.models import MODELS, find_weights, load_model
from geolearn.models.transfer import copy_weights
from geolearn.models.weights import PretrainedModel, load_record
from geolearn.training.recipes import Recipe
from geolearn.typing import PathLike


def recipe_from(recipe: Recipe, model: str, start: PathLike) -> Recipe:
    """The recipe for a model with the layers of trained weights, whatever layers the recipe would give it.

    Raises:
        UnknownNameError: no such weights.
        InvalidInputError: weights of another model.
    """
    record = load_record(find_weights(start))
    if record["model"] != model:
        raise InvalidInputError(
            f"from: {printable(start)} holds a {printable(record['model'])}, not a {model}; train that, or start from "
            f"weights of a {model}"
        )
    outputs = MODELS[model].outputs  # as many as the data has classes
    arguments = {name: value for name, value in record["config"].items() if name != outputs}
    # JSON has no tuples; constructors take them.
    return replace(recipe, model={name: tuple(v) if isinstance(v, list) else v for name, v in arguments.items()})


def start_from(net: nn.Module, start: PathLike, classes: Sequence[str]) -> bool:
    """Copy trained weights into a new network; returns whether the last layer is theirs, too.

    It is where both know the same classes. Otherwise it starts anew.

    Raises:
        CheckpointError: layers of other sizes.
    """
    source, _ = load_model(find_weights(start))
    return copy_weights(source, cast(PretrainedModel, net), classes, printable(start))
