"""How a model is trained: every choice that changes the number, in one frozen record per recipe.

The recipes themselves stand with their methods, in `geolearn.training.methods`.
"""

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch import nn

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models import MODELS
from geolearn.registry import Registry


@dataclass(frozen=True)
class Recipe:
    """A complete training recipe; keys of `RECIPES` are "<model>/<recipe>".

    Attributes:
        method: the registered name of the way of learning; every kind of recipe belongs to one.
        source: where the recipe comes from, printed with every number.
        epochs, batch_size: length; `batch_size` is the total over all devices.
        augment: random changes to what the network is fed, drawn anew in every epoch.
        model: constructor arguments of the model, besides those that the data decides.
        ema_decay: of the running average of weights that is validated and saved; 0 switches it off.

    >>> Recipe(epochs=0)
    Traceback (most recent call last):
    geolearn.errors.InvalidInputError: epochs: expected at least 1, got 0
    """

    method: ClassVar[str]

    source: str = "own"
    epochs: int = 10
    batch_size: int = 32
    augment: Any = None
    model: dict[str, Any] = field(default_factory=dict)
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name}: expected at least 1, got {getattr(self, name)}")

    def at_resolution(self, resolution: int) -> "Recipe":
        """The same recipe for inputs of so many cells or pixels a side; lengths in cells grow with them.

        Raises:
            InvalidInputError: the method's inputs have no resolution to choose.
        """
        raise InvalidInputError(f"resolution: the inputs of {self.method} have none to choose, got {resolution}")


@dataclass(frozen=True)
class GradientRecipe(Recipe):
    """A recipe for one loss and one optimiser.

    Attributes:
        optimiser, learning_rate, weight_decay, momentum: `momentum` is SGD's.
        schedule: "one-cycle" (warm up over `warm_up`, then cosine to zero) or "steps" (divide by ten at each of
            `milestones`, counted in batches).
        gradient_clip: gradients longer than this are scaled down to it; 0: never.

    >>> recipe = GradientRecipe(epochs=5, learning_rate=1e-3)
    >>> optimiser, schedule = recipe.descent([(nn.Linear(2, 1), 1.0)], steps=100)
    >>> type(optimiser).__name__, len(optimiser.param_groups)  # weights, and biases that do not decay
    ('AdamW', 2)
    """

    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: Literal["one-cycle", "steps"] = "one-cycle"
    warm_up: float = 0.2
    milestones: tuple[int, ...] = ()
    ema_decay: float = 0.998
    gradient_clip: float = 5.0

    def descent(self, parts: Sequence[tuple[nn.Module, float]], steps: int) -> tuple[torch.optim.Optimizer, Any]:
        """The optimiser over the parts of a network, each with a factor on the learning rate, and its schedule."""
        # Biases and norms are not decayed: decay is a prior on directions, not on offsets.
        groups, rates = [], []
        for part, factor in parts:
            trained = [p for p in part.parameters() if p.requires_grad]
            groups.append({"params": [p for p in trained if p.ndim > 1], "weight_decay": self.weight_decay})
            groups.append({"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0})
            rates += [factor * self.learning_rate] * 2
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        if self.optimiser == "sgd":
            optimiser: torch.optim.Optimizer = torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum)
        else:
            optimiser = torch.optim.AdamW(groups, lr=self.learning_rate, betas=(0.9, 0.99), foreach=True)
        if self.schedule == "steps":
            return optimiser, torch.optim.lr_scheduler.MultiStepLR(optimiser, list(self.milestones))
        return optimiser, torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rates, total_steps=steps, pct_start=self.warm_up, cycle_momentum=False
        )


RECIPES: Registry[Recipe] = Registry("recipe", plugins=True)


def find_recipe(model: str, recipe: str) -> Recipe:
    """The recipe `recipe` ("paper", "best", "turned") of a model.

    Raises:
        UnknownNameError: no such model, or no such recipe for it; suggests the nearest.
        InvalidInputError: no recipe trains the model.
    """
    own = {name.split("/", 1)[1] for name in RECIPES if name.split("/", 1)[0] == model}
    if not own and model not in MODELS:
        raise unknown_name("model", model, MODELS)
    if not own:
        trained = ", ".join(dict.fromkeys(name.split("/")[0] for name in RECIPES))
        raise InvalidInputError(f"model: no recipe trains {model!r}; there are recipes for {trained}")
    if recipe not in own:
        raise unknown_name(f"recipe of {model}", recipe, sorted(own))
    return RECIPES[f"{model}/{recipe}"]


def read_record(kind: type, record: Mapping[str, Any]) -> Any:
    """A frozen dataclass from its fields as JSON or TOML hold them; what is not named keeps its default.

    Raises:
        UnknownNameError: a field that the dataclass does not have; suggests the nearest.
    """
    hints = get_type_hints(kind)
    names = [each.name for each in dataclasses.fields(kind)]
    for name in record:
        if name not in names:
            raise unknown_name(f"field of {kind.__name__}", name, names)
    return kind(**{name: _read_value(hints[name], value) for name, value in record.items()})


def _read_value(hint: Any, value: Any) -> Any:
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for choice in choices:
        if dataclasses.is_dataclass(choice) and isinstance(choice, type) and isinstance(value, Mapping):
            return read_record(choice, value)
        if get_origin(choice) is tuple and isinstance(value, list):
            return tuple(value)
        if get_origin(choice) is dict and isinstance(value, Mapping):  # JSON has no tuples; constructors take them
            return {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
    return value


def change_fields(record: Any, changes: Mapping[str, str]) -> Any:
    """The record with fields set from text, such as `{"learning_rate": "3e-4", "augment.shift": "3"}`.

    Raises:
        UnknownNameError: no such field; suggests the nearest.
        InvalidInputError: text that is no value of the field's type.
    """
    for path, text in changes.items():
        record = _changed(record, path.split("."), text, path)
    return record


def _changed(record: Any, path: Sequence[str], text: str, whole: str) -> Any:
    names = list(record) if isinstance(record, Mapping) else [each.name for each in dataclasses.fields(record)]
    name, rest = path[0], path[1:]
    if name not in names and not (isinstance(record, Mapping) and not rest):
        raise unknown_name(f"field (in {whole})", name, names)
    before = record.get(name) if isinstance(record, Mapping) else getattr(record, name)
    if rest and not (dataclasses.is_dataclass(before) or isinstance(before, Mapping)):
        raise InvalidInputError(f"{whole}: {name} is {before!r}, which has no fields")
    hint = Any if isinstance(record, Mapping) else get_type_hints(type(record))[name]
    value = _changed(before, rest, text, whole) if rest else _parse(text, hint, whole)
    return {**record, name: value} if isinstance(record, Mapping) else replace(record, **{name: value})


def _parse(text: str, hint: Any, name: str) -> Any:
    """Text as a value of a type: a number, yes or no, one of a list, words; None where the type allows it."""
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if type(None) in choices and text.lower() == "none":
        return None
    for choice in choices:
        if choice is bool and text.lower() in ("true", "false", "yes", "no"):
            return text.lower() in ("true", "yes")
        if choice is int and text.lstrip("+-").isdigit():
            return int(text)
        if choice is float:
            try:
                return float(text)
            except ValueError:
                continue
        if get_origin(choice) is Literal and text in get_args(choice):
            return text
        if get_origin(choice) is tuple:
            item = get_args(choice)[0]
            return tuple(_parse(part, item, name) for part in text.strip("()").split(",") if part.strip())
        if choice is str:
            return text
        if choice is Any:
            return next(
                (value for kind in (bool, int, float) if (value := _try(kind, text, name)) is not None), text
            )  # fmt: skip
    expected = " or ".join(str(getattr(choice, "__name__", choice)) for choice in choices)
    raise InvalidInputError(f"{name}: expected {expected}, got {text!r}")


def _try(kind: type, text: str, name: str) -> Any:
    try:
        return _parse(text, kind, name)
    except InvalidInputError:
        return None
