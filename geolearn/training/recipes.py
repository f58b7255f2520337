"""How a model is trained: every choice that changes the number, in one frozen record per recipe."""

from dataclasses import dataclass, field, replace
from typing import Literal

from geolearn.data.augment import VoxelAugment
from geolearn.errors import InvalidInputError
from geolearn.registry import Registry


@dataclass(frozen=True)
class Recipe:
    """A complete training recipe; `registry` keys are "<model>/<recipe>".

    Attributes:
        source: where the recipe comes from, printed with every number.
        epochs, batch_size: length; `batch_size` is the total over all devices.
        optimiser, learning_rate, weight_decay, momentum: `momentum` is SGD's.
        schedule: "one-cycle" (warm up over a fifth, then cosine to zero) or "steps" (divide by ten at each of
            `milestones`, counted in batches).
        label_smoothing: of the cross entropy.
        class_balance: classes weigh (1 / frequency) ** class_balance, 0 = equal samples, 1 = equal classes.
        ema_decay: of the running average of weights that is validated and saved; 0 switches it off.
        votes: rotations about the up axis whose log-probabilities are summed at test time.
        vote_mirror: vote on the mirrored grids as well.
    """

    source: str
    epochs: int
    batch_size: int = 32
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: Literal["one-cycle", "steps"] = "one-cycle"
    milestones: tuple[int, ...] = ()
    label_smoothing: float = 0.1
    class_balance: float = 0.0
    ema_decay: float = 0.998
    gradient_clip: float = 5.0
    augment: VoxelAugment = field(default_factory=VoxelAugment)
    votes: int = 12
    vote_mirror: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "votes"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name}: expected at least 1, got {getattr(self, name)}")


RECIPES: Registry[Recipe] = Registry("recipe")

RECIPES.register("voxnet/paper")(
    Recipe(
        source="Maturana & Scherer, IROS 2015, section III.C",
        epochs=962,  # 120k batches: the paper divides the rate every 40k and does not give the end
        optimiser="sgd",
        learning_rate=1e-3,
        weight_decay=1e-3,
        schedule="steps",
        milestones=(40_000, 80_000),
        label_smoothing=0.0,
        ema_decay=0.0,
        gradient_clip=0.0,
        augment=VoxelAugment(rotations=12, mirror=True, shift=2),
        votes=12,
        vote_mirror=False,
    )
)
_OWN = Recipe(
    source="own; what each ingredient brings is in benchmarks/results",
    epochs=40,
    class_balance=0.5,
    augment=VoxelAugment(rotations=0, mirror=True, shift=2, scale=0.12),
)
RECIPES.register("voxnet/best")(_OWN)
RECIPES.register("voxresnet/best")(replace(_OWN, epochs=30))


def find_recipe(model: str, recipe: str) -> Recipe:
    """The recipe `recipe` ("paper", "best") of a model.

    Raises:
        UnknownNameError: no such recipe for this model; suggests the nearest.
    """
    return RECIPES[f"{model}/{recipe}"]
