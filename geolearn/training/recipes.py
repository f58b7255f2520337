"""How a model is trained: every choice that changes the number, in one frozen record per recipe."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from geolearn.data import RenderViews, ViewAugment, VoxelAugment
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
        vote_mirror: at test time, sum the log-probabilities of the sample and of its mirror image.
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
    vote_mirror: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name}: expected at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class VoxelRecipe(Recipe):
    """A recipe for voxel networks.

    Attributes:
        votes: rotations about the up axis whose log-probabilities are summed at test time.
        vote_shift, vote_scale: vote on the grid moved by so many cells and stretched by that share as well, see
            `geolearn.training.voxel_data.voting_inputs`.
    """

    augment: VoxelAugment = field(default_factory=VoxelAugment)
    votes: int = 12
    vote_shift: int = 0
    vote_scale: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.votes < 1:
            raise InvalidInputError(f"votes: expected at least 1, got {self.votes}")


@dataclass(frozen=True)
class MoreShapes:
    """Training shapes of another dataset with the same classes, rendered to look like the pictures they join.

    Those that the other dataset knows to occur in its own test split are left out.

    Attributes:
        repeat: in an epoch each of them comes once, and what they join so many times.
    """

    data: str
    render: RenderViews
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InvalidInputError(f"repeat: expected at least 1, got {self.repeat}")


@dataclass(frozen=True)
class ViewRecipe(Recipe):
    """A recipe for multi-view networks.

    Attributes:
        model: constructor arguments of the model besides the number of classes.
        rig, size, fit: how meshes are rendered, see `geolearn.data.RenderViews`; ready pictures are taken as they are.
        single_view_epochs: train so many of the first epochs on single views (the paper's first phase).
        freeze: keep the network as it is up to this stage; what it makes of the views is computed once.
        freeze_norms: keep the statistics of batch normalisation as they are.
        head_rate: factor on the learning rate of the classifier, which starts from nothing.
        more: learn from these shapes as well.
    """

    augment: ViewAugment = field(default_factory=ViewAugment)
    model: dict[str, Any] = field(default_factory=dict)
    rig: str = "mvcnn12"
    size: int = 224
    fit: Literal["cube", "sphere", "none"] = "sphere"
    single_view_epochs: int = 0
    freeze: str | None = None
    freeze_norms: bool = True
    head_rate: float = 1.0
    more: MoreShapes | None = None


RECIPES: Registry[Recipe] = Registry("recipe")

RECIPES.register("voxnet/paper")(
    VoxelRecipe(
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
# For shapes that face any way.
_TURNED = VoxelRecipe(
    source="own",
    epochs=40,
    class_balance=0.5,
    augment=VoxelAugment(rotations=0, mirror=True, shift=2, scale=0.12),
)
# ModelNet's shapes of a class all face the same way, which tells a network much: no turns, only a little jitter.
_ALIGNED = replace(
    _TURNED,
    source="own; what each ingredient brings is in benchmarks/results",
    epochs=60,
    augment=replace(_TURNED.augment, rotations=1, jitter_rad=0.1),
    votes=1,
    vote_shift=1,
    vote_scale=0.06,
)
RECIPES.register("voxnet/best")(_ALIGNED)
RECIPES.register("voxnet/turned")(_TURNED)
# A larger net has more to gain from shapes stretched and moved farther.
RECIPES.register("voxresnet/best")(replace(_ALIGNED, epochs=40, augment=replace(_ALIGNED.augment, scale=0.25, shift=3)))
RECIPES.register("voxresnet/turned")(replace(_TURNED, epochs=30))

_OFFLINE = {"pretrained": "offline", "pool_at": "descriptor", "dropout": 0.3}
_LITE0 = {"backbone": "tf_efficientnet_lite0", **_OFFLINE}
_LITE2 = {"backbone": "tf_efficientnet_lite2", **_OFFLINE}
_SIDE = 168  # pixels: ready pictures are scaled to it, meshes rendered at it
# For two cores: all of a pretrained network but its last stage is left as it is and computed once. What each choice
# brings on held-out training shapes is measured by benchmarks/accuracy/mvcnn_recipe.py. Train it in float32: on CPU the
# gradient of depthwise convolutions takes longer in bfloat16.
_LAST_STAGE = ViewRecipe(
    source="own; what each choice brings is in benchmarks/results",
    epochs=10,
    batch_size=16,
    learning_rate=1e-3,
    ema_decay=0.99,
    model={**_LITE2, "image_size": _SIDE},
    augment=ViewAugment(mirror=True, views=6),
    size=_SIDE,
    freeze="blocks.5",
)
RECIPES.register("mvcnn/best")(_LAST_STAGE)
# What pooling inside the network is compared with: learn from single views, average their descriptors afterwards.
RECIPES.register("mvcnn/single")(
    replace(_LAST_STAGE, single_view_epochs=_LAST_STAGE.epochs, model={**_LAST_STAGE.model, "pooling": "mean"})
)
# The smaller backbone: a third of the time.
RECIPES.register("mvcnn/small")(replace(_LAST_STAGE, size=112, model=_LITE0))
# The smaller backbone, from ModelNet10's training grids as well: nearly six times the shapes, if coarse ones.
_GRIDS = RenderViews("mvcnn12", 112, fit="sphere", ambient=0.2, background=1.0, antialias=2)
RECIPES.register("mvcnn/grids")(
    replace(
        _LAST_STAGE, epochs=4, class_balance=0.5, size=112, model=_LITE0,
        more=MoreShapes("modelnet10_voxels", _GRIDS, repeat=3),
    )
)  # fmt: skip
# For shapes without an up axis: some of 80 views from all around, rolled by quarter turns, others each time.
RECIPES.register("mvcnn/turned")(
    replace(
        _LAST_STAGE, epochs=30, size=112, model=_LITE2, rig="mvcnn80", augment=ViewAugment(mirror=False, views=12),
        vote_mirror=False,
    )
)  # fmt: skip
# Nothing but the classifier is trained: seconds, once the small pictures have been through the network.
RECIPES.register("mvcnn/frozen")(
    replace(_LAST_STAGE, size=64, model=_LITE0, freeze="conv", augment=ViewAugment(mirror=False), vote_mirror=False)
)
# For a GPU: the paper's two phases, all layers, 224 px; timm downloads the weights.
RECIPES.register("mvcnn/paper")(
    ViewRecipe(
        source="Su et al., ICCV 2015, section 4.1, with a ResNet-18 in place of VGG-M",
        epochs=30,
        batch_size=8,
        optimiser="sgd",
        learning_rate=1e-3,
        weight_decay=5e-4,
        label_smoothing=0.0,
        ema_decay=0.0,
        model={"backbone": "resnet18", "pretrained": True},
        augment=ViewAugment(mirror=True),
        single_view_epochs=15,
        freeze_norms=False,
        vote_mirror=False,
    )
)


def find_recipe(model: str, recipe: str) -> Recipe:
    """The recipe `recipe` ("paper", "best", "turned") of a model.

    Raises:
        UnknownNameError: no such recipe for this model; suggests the nearest.
    """
    return RECIPES[f"{model}/{recipe}"]
