"""3D ShapeNets unrolled: a classifier that starts from a belief network and is fine-tuned by a gradient.

Wu et al., CVPR 2015, sections 4 and 5.1. Everything but the start is a classifier of occupancy grids like any other.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import nn

from geolearn.data import Packed, VoxelAugment
from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D, find_weights, load_model
from geolearn.training.method import METHODS
from geolearn.training.methods.voxel_classification import VoxelClassification, VoxelRecipe
from geolearn.training.recipes import RECIPES


@dataclass(frozen=True)
class UnrolledRecipe(VoxelRecipe):
    """A recipe for `ShapeNets3DClassifier`.

    Attributes:
        start: weights of a `ShapeNets3D` of the same classes to start from (a run folder, a file or a name); empty:
            from scratch.
    """

    method: ClassVar[str] = "unrolled_classification"

    resolution: int = 30
    padding: int = 3
    augment: VoxelAugment = field(default_factory=VoxelAugment)
    start: str = ""


@METHODS.register("unrolled_classification")
class UnrolledClassification(VoxelClassification):
    """A belief network's way up, fine-tuned."""

    inputs = ""
    recipe_type = UnrolledRecipe
    recipe: UnrolledRecipe

    def build(self, split: Packed) -> nn.Module:
        net = super().build(split)
        if not self.recipe.start:
            return net
        belief, record = load_model(find_weights(self.recipe.start))
        if not isinstance(belief, ShapeNets3D):
            raise InvalidInputError(f"start: expected weights of ShapeNets3D, got those of {record['model']}")
        if list(record.get("classes", split.classes)) != list(split.classes):
            raise InvalidInputError(
                f"start: expected a belief network of the classes {list(split.classes)}, got {record['classes']}"
            )
        unrolled = belief.unroll()
        if unrolled.config != net.config:  # type: ignore[union-attr]
            raise InvalidInputError(f"start: expected a network of {net.config}, got {unrolled.config}")  # type: ignore[union-attr]
        return unrolled.train()


_ALIGNED = UnrolledRecipe(
    epochs=40,
    class_balance=0.5,
    learning_rate=1e-3,
    augment=VoxelAugment(rotations=1, jitter_rad=0.1, mirror=True, shift=2, scale=0.12),
    votes=1,
    vote_shift=1,
    vote_scale=0.06,
)
RECIPES.add("shapenets3d_classifier/best", _ALIGNED)
# The paper's protocol turns every shape to twelve poses, in training and in the test, and votes over none of them.
RECIPES.add(
    "shapenets3d_classifier/paper",
    replace(
        _ALIGNED, source="Wu et al., CVPR 2015, and the authors' code", epochs=100, optimiser="sgd", learning_rate=0.1,
        weight_decay=5e-4, momentum=0.9, schedule="steps", label_smoothing=0.0, class_balance=1.0, ema_decay=0.0,
        gradient_clip=0.0, augment=VoxelAugment(rotations=12, mirror=False, shift=0), vote_mirror=False, vote_shift=0,
        vote_scale=0.0,
    ),
)  # fmt: skip
