"""How belief networks are trained: the paper's recipe, a fast one, and one for a single class."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from geolearn.data import VoxelAugment
from geolearn.errors import InvalidInputError
from geolearn.training.recipes import RECIPES, Recipe


@dataclass(frozen=True)
class BeliefRecipe(Recipe):
    """A recipe for `ShapeNets3D`. The defaults are the paper's and its code's.

    Attributes:
        epochs: an upper bound on the epochs of every phase.
        augment: the poses that every shape takes in an epoch: turns and mirrors alone.
        resolution, padding: cells a side, and how many of them stay empty around a mesh.
        layer_epochs, learning_rates: of the four layers below the top, and of the top.
        sparsity_targets, sparsity_costs: of the four layers below the top (`CDSettings`).
        start_momentum, momentum: of these layers, in the first quarter of their epochs and after it; of the top the
            first one throughout. The top's rate is halved after three quarters.
        weight_decay: of all weights.
        samples: of the top's chain.
        wake_sleep_epochs, wake_sleep_rate: of wake-sleep learning; 0 leaves it out.
    """

    method: ClassVar[str] = "belief_network"

    source: str = "Wu et al., CVPR 2015, and the authors' code"
    epochs: int = 1000
    augment: VoxelAugment = field(default_factory=lambda: VoxelAugment(rotations=12, mirror=False, shift=0))
    resolution: int = 30
    padding: int = 3
    layer_epochs: tuple[int, ...] = (15, 30, 50, 80, 150)
    learning_rates: tuple[float, ...] = (0.01, 0.01, 0.01, 0.003, 0.003)
    sparsity_targets: tuple[float, ...] = (0.01, 0.02, 0.0, 0.0)
    sparsity_costs: tuple[float, ...] = (0.001, 0.002, 0.0, 0.0)
    start_momentum: float = 0.5
    momentum: float = 0.9
    weight_decay: float = 1e-5
    samples: int = 32
    wake_sleep_epochs: int = 0
    wake_sleep_rate: float = 3e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, count in (
            ("layer_epochs", 5), ("learning_rates", 5), ("sparsity_targets", 4), ("sparsity_costs", 4)
        ):  # fmt: skip
            if len(getattr(self, name)) != count:
                raise InvalidInputError(f"{name}: expected {count} numbers, got {getattr(self, name)}")
        if min(self.layer_epochs) < 1:
            raise InvalidInputError(f"layer_epochs: expected at least 1, got {self.layer_epochs}")


RECIPES.add("shapenets3d/paper", BeliefRecipe(wake_sleep_epochs=200))
# About two hours on two cores instead of days: shapes face the way they are stored, plain and mirrored, instead of
# twelve turns; larger rates (gradients of convolutions are means over places, so a layer bears them), fewer epochs.
_FAST = BeliefRecipe(
    source="own; the paper's network, aligned shapes, fewer and larger steps",
    augment=VoxelAugment(rotations=1, mirror=True, shift=0),
    layer_epochs=(1, 2, 4, 8, 20),
    learning_rates=(0.1, 0.03, 0.02, 0.03, 0.01),
)
RECIPES.add("shapenets3d/fast", _FAST)
# For one class whose shapes look along x (`shapenets_chairs`, protocol "aligned"): "y" swaps left and right. A smaller
# network, whose weights ship, for fewer shapes.
RECIPES.add(
    "shapenets3d/chairs",
    replace(
        _FAST, augment=replace(_FAST.augment, mirror_axis="y"), layer_epochs=(8, 15, 30, 60, 200),
        model={"channels": (48, 160, 256), "hidden": 800, "top": 2000},
    ),
)  # fmt: skip
