"""A way of learning, whole: what a network is fed, how it steps, how it is tested and drawn, what it says of one shape.

A method is one file in `geolearn/training/methods`, or in a package of your own: a recipe (a frozen dataclass that
derives from `Recipe`), a class that derives from `Method` or `GradientMethod`, and the lines that register both:

    @METHODS.register("face_labeling")
    class FaceLabeling(GradientMethod[LabelRecipe]): ...

    RECIPES.add("meshlabelnet/best", LabelRecipe(...))

Training, resuming, evaluation, benchmarks and reports know methods by these classes alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from torch import nn
from torchmetrics import Metric

from geolearn.data import Batch, Batches, Collection, Packed, Representation
from geolearn.errors import InvalidInputError
from geolearn.models import MODELS
from geolearn.registry import Registry
from geolearn.training.recipes import GradientRecipe, Recipe
from geolearn.typing import Float, Tensor

R = TypeVar("R", bound=Recipe)
G = TypeVar("G", bound=GradientRecipe)
METHODS: Registry[type["Method"]] = Registry("method", plugins=True)
Picture = tuple[Path, str]  # a PNG file and its caption


@dataclass(frozen=True)
class Figure:
    """A number that a test gives.

    Attributes:
        name: as in result files, such as "class_accuracy".
        title: as in tables, such as "class acc. %".
        better: which way is better, "higher" or "lower".
        always: every test gives it; otherwise only those that were asked to, or whose data allow it.

    >>> Figure("class_accuracy", "class acc. %").better
    'higher'
    """

    name: str
    title: str
    better: Literal["higher", "lower"] = "higher"
    always: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a test found.

    Attributes:
        figures: by name; those of the method's `figures` that always come, and some of the others.
        voting: how the network was asked, in words.
        samples: how many shapes were tested.
        tables: rows of equal keys, by name, such as "per_class".
        details: anything else for the result file that JSON can hold.
        predictions: what the network said of every shape, as the method keeps it.

    >>> Outcome({"class_accuracy": 91.5}, "asked once", samples=200).figures
    {'class_accuracy': 91.5}
    """

    figures: dict[str, float]
    voting: str
    samples: int
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    predictions: Any = None


class Prediction(ABC):
    """What a network says of one shape.

    >>> class Height(Prediction):
    ...     def __init__(self, value):
    ...         self.value = value
    ...     def record(self):
    ...         return {"height": self.value}
    ...     def summary(self):
    ...         return f"{self.value} m"
    >>> Height(1.8).summary()
    '1.8 m'
    """

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""

    @abstractmethod
    def summary(self) -> str:
        """The answer in a line."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary()})"


@dataclass(frozen=True)
class Descent:
    """An optimiser of a phase, with what belongs to each of its steps.

    Attributes:
        optimiser: over the parameters that it moves.
        schedule: advanced after every step; None keeps the rate.
        clip: gradients longer than this are scaled down to it; 0: never.
    """

    optimiser: torch.optim.Optimizer
    schedule: Any = None
    clip: float = 0.0


@dataclass(frozen=True)
class Phase:
    """A part of a training.

    Attributes:
        epochs: how long it lasts.
        descents: its optimisers by name; what has no gradient needs none.
        name: for steps that differ by phase.

    >>> Phase(5, {}, "warm up").epochs
    5
    """

    epochs: int
    descents: Mapping[str, Descent]
    name: str = ""


@dataclass(frozen=True)
class Moment:
    """Where a training is: its phase, the epoch in it (from 0) of how many, and the epoch of the whole training."""

    phase: str
    epoch: int
    epochs: int
    overall: int


class Optimisers(ABC):
    """The optimisers of the running phase, as a step uses them. Without a name the only one is meant."""

    @abstractmethod
    def descend(self, loss: Tensor, name: str | None = None) -> None:
        """Clear the gradients of an optimiser's parameters, take the loss's, clip, step, and advance the schedule."""

    @abstractmethod
    def apply(self, name: str | None = None) -> None:
        """The same with what a step has put into `.grad` itself, averaged over all processes."""


class Method(ABC, Generic[R]):
    """A way of learning, for a model of the registry by a recipe.

    Attributes:
        figures: what a test gives, in the order of tables; the first decides.
        inputs: the kind of models (`PretrainedModel.inputs`) whose weights it tests if they do not say how they were
            trained.

    >>> kind = METHODS["voxel_classification"]
    >>> kind.figures[0].title, kind.inputs
    ('class acc. %', 'voxels')
    """

    figures: ClassVar[tuple[Figure, ...]]
    inputs: ClassVar[str] = ""
    recipe_type: ClassVar[type[Recipe]]

    def __init__(self, recipe: R, model: str):
        self.recipe = recipe
        self.model = model

    # -- data

    @abstractmethod
    def representation(self) -> Representation | None:
        """What the network is fed; None: what the data holds, grids or pictures."""

    def target(self) -> Any:
        """What is to be predicted: a frozen dataclass called on a shape; None: its class."""
        return None

    def load(self, data: Collection, split: str, *, training: bool = False) -> Packed:
        """A split as the network is fed; `training`: to learn from."""
        return data.packed(split, self.representation(), self.target())

    def prepare(self, net: nn.Module, split: Packed, *, training: bool = False) -> Packed:
        """What is fed in its place once the network is there, such as the activations of frozen layers."""
        return split

    def batches(self, split: Packed, *, training: bool, seed: int, processes: int = 1, **options: Any) -> Batches:
        """Batches to learn from, or to validate on. The recipe's batch is shared by all processes."""
        if not training:
            return Batches(split, self.recipe.batch_size, shuffle=False, seed=seed, **options)
        size, whole = self.recipe.batch_size, len(split) >= self.recipe.batch_size
        return Batches(
            split, size // processes, augment=self.recipe.augment, seed=seed, drop_last=whole, **options
        )  # fmt: skip

    # -- learning

    def build(self, split: Packed) -> nn.Module:
        """A new network for a training split; what training needs to know of the split is noted here as well."""
        return MODELS[self.model](**self.recipe.model)

    @abstractmethod
    def phases(self, net: nn.Module, batches: int) -> Sequence[Phase]:
        """The parts of the training; an epoch has so many batches."""

    def start_epoch(self, net: nn.Module, moment: Moment) -> None:
        """Called before every epoch, with the network in training mode."""

    @abstractmethod
    def step(self, net: nn.Module, batch: Batch, optimisers: Optimisers, moment: Moment) -> dict[str, Tensor]:
        """Learn from a batch; returns what is logged, by name."""

    def finish(self, net: nn.Module) -> None:
        """Called once after the last epoch."""

    def meters(self) -> dict[str, Metric]:
        """What is measured on the validation split after every epoch, by name; the first is shown while it runs."""
        return {}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        """Update the meters with a batch of the validation split."""

    # -- testing

    @abstractmethod
    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False, **options: Any) -> Outcome:
        """Test a network on a split."""

    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        """Draw what a test found into a folder."""
        return []

    def describe(self, net: nn.Module, shapes: Sequence[Any]) -> Float[Tensor, "N D"]:
        """Descriptors of shapes of one kind, the same as in a test: the smaller the angle, the more alike.

        Raises:
            InvalidInputError: the method has none.
        """
        raise InvalidInputError(
            f"{self.recipe.method} has no descriptor of a whole shape, so none is nearest to another; take weights of "
            "a classifier or an autoencoder"
        )

    @abstractmethod
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> Prediction:
        """What the network says of one shape, the same as in a test.

        Args:
            shape: a `Mesh`, a `VoxelGrid` or pictures (V, C, H, W).
            names: of the classes or parts, from the weights.
        """


class GradientMethod(Method[G]):
    """One loss, one optimiser, one phase.

    >>> issubclass(METHODS["face_labeling"], GradientMethod)
    True
    """

    @abstractmethod
    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        """What is made small, averaged over the batch."""

    def trained_parts(self, net: nn.Module) -> list[tuple[nn.Module, float]]:
        """What is trained, and the factor on the learning rate of each part."""
        return [(net, 1.0)]

    def phases(self, net: nn.Module, batches: int) -> list[Phase]:
        recipe = self.recipe
        descent = recipe.descent(self.trained_parts(net), recipe.epochs * batches)
        return [Phase(recipe.epochs, {"main": Descent(*descent, recipe.gradient_clip)})]

    def step(self, net: nn.Module, batch: Batch, optimisers: Optimisers, moment: Moment) -> dict[str, Tensor]:
        loss = self.loss(net, batch, moment)
        optimisers.descend(loss)
        return {"loss": loss.detach()}
