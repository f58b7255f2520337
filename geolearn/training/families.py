"""What the training and testing of voxel networks and of multi-view networks do not share, side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from geolearn.data import PackedViews, PackedVoxels
from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, MVCNN
from geolearn.models.weights import PretrainedModel
from geolearn.training.recipes import ViewRecipe, VoxelRecipe
from geolearn.training.task import ClassificationTask, ViewTask
from geolearn.training.view_data import ViewData, keep_activations, load_views_split, voting_activations, voting_views
from geolearn.training.voxel_data import VoxelData, load_voxels_split, voting_inputs
from geolearn.typing import Tensor


@dataclass(frozen=True)
class TestSet:
    """A split as a test sees it.

    Attributes:
        votes: each maps a slice of samples to their inputs as one vote sees them.
        voting: the votes in words.
        batch_size: shapes that are tested at once.
        views: how many views of each shape the votes see, for multi-view networks.
        start: the votes give what the network makes of its inputs up to this stage, instead of the inputs.
    """

    split: PackedVoxels | PackedViews
    votes: Sequence[Callable[[slice], Tensor]]
    voting: str
    batch_size: int
    views: int | None = None
    start: str | None = None


class Voxels:
    """Networks on occupancy grids."""

    def load(self, data: str, recipe: VoxelRecipe, *, seed: int, validation: float) -> VoxelData:
        return VoxelData.load(data, recipe, seed=seed, validation=validation)

    def task(self, name: str, classes: int, recipe: VoxelRecipe, weights: Tensor, *, seed: int) -> ClassificationTask:
        return ClassificationTask(MODELS[name](num_classes=classes), recipe, weights, seed=seed)

    def notes(self, recipe: VoxelRecipe) -> dict[str, Any]:
        """What a test has to know, kept with the weights."""
        return {name: getattr(recipe, name) for name in ("votes", "vote_mirror", "vote_shift", "vote_scale")}

    def test_set(
        self, data: str, split: str, record: Mapping[str, Any], views: int | None, model: PretrainedModel | None = None
    ) -> TestSet:
        if views is not None:
            raise InvalidInputError("views: the number of views is for multi-view networks; this one looks at voxels")
        voxels = load_voxels_split(data, split)
        votes, mirror = record.get("votes", 1), record.get("vote_mirror", False)
        shift, scale = record.get("vote_shift", 0), record.get("vote_scale", 0.0)
        inputs = list(voting_inputs(voxels, votes, mirror, shift, scale))
        kinds = {
            f"{votes} rotations": votes > 1,
            "mirror": mirror,
            f"shifts of {shift}": shift,
            f"sizes of {scale:+.0%}, {-scale:+.0%}": scale,
        }
        over = f" over {', '.join(kind for kind, used in kinds.items() if used)}" if len(inputs) > 1 else ""
        return TestSet(voxels, inputs, f"{len(inputs)} vote{'s'[: len(inputs) > 1]}{over}", 64)


class Views:
    """Networks on pictures from several cameras."""

    def load(self, data: str, recipe: ViewRecipe, *, seed: int, validation: float) -> ViewData:
        return ViewData.load(data, recipe, seed=seed, validation=validation)

    def task(self, name: str, classes: int, recipe: ViewRecipe, weights: Tensor, *, seed: int) -> ViewTask:
        return ViewTask(MODELS[name](num_classes=classes, **recipe.model), recipe, weights, seed=seed)  # type: ignore[arg-type]

    def notes(self, recipe: ViewRecipe) -> dict[str, Any]:
        return {name: getattr(recipe, name) for name in ("rig", "size", "fit", "vote_mirror", "freeze")}

    def test_set(
        self, data: str, split: str, record: Mapping[str, Any], views: int | None, model: PretrainedModel | None = None
    ) -> TestSet:
        """All views, or `views` of them: evenly spaced ready ones, or so many rendered (see `load_views_split`).

        Given the model, what its frozen stages make of the views is computed once and kept, as in training.
        """
        if views is not None and views < 1:
            raise InvalidInputError(f"views: expected at least 1 view of every shape, got {views}")
        rig, size, fit = record.get("rig", "mvcnn12"), record.get("size", 224), record.get("fit", "sphere")
        pictures = load_views_split(data, split, rig=rig, size=size, fit=fit, views=views)
        mirror = record.get("vote_mirror", False)
        chosen = None
        count = pictures.views
        if views is not None and views < count:
            chosen, count = torch.arange(views) * count // views, views
        voting = f"{count} view{'s' if count > 1 else ''}{' and their mirror images' if mirror else ''}"
        freeze = record.get("freeze")
        if freeze is None or not isinstance(model, MVCNN):
            return TestSet(pictures, list(voting_views(pictures, mirror, chosen)), voting, 16, count)
        kept = keep_activations(model, pictures, freeze, mirror=mirror)
        return TestSet(pictures, list(voting_activations(kept, mirror, chosen)), voting, 16, count, freeze)


def find_family(model: str) -> Any:
    """The `Voxels` or `Views` that a registered model belongs to.

    Raises:
        InvalidInputError: a decoder, which classifies nothing.
    """
    families = {"voxels": Voxels(), "views": Views()}
    inputs = MODELS[model].inputs
    if inputs not in families:
        raise InvalidInputError(f"{model}: expected a classifier, got a decoder; geolearn.fitting.fit_latent takes it")
    return families[inputs]
